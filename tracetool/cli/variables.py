"""`tracetool variables`: the UEFI variables in a flash, at a moment of a trace or in an image."""

from __future__ import annotations

from contextlib import closing
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import Choice, Text, command
from tracetool.errors import InputError, UsageError
from tracetool.paths import user_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.uefi.varstore import VariableStore

_MOST_IMAGE = 1 << 30
_HEAD_BYTES = 1 << 16
_SHOWN = 5


@command()
@options.traces
@click.option("--at", metavar="SEQ", help="The store just after this event of the last trace, also in hex.")
@click.option("--history", metavar="NAME", help="What was done to the variables of this name, step by step.")
@click.option("--changes", is_flag=True, help="What was done to the store and all its variables, step by step.")
@click.option("--deleted", is_flag=True, help="Deleted and superseded copies too.")
@click.option(
    "--against",
    type=Text("IMAGE", "file"),
    help="Only what differs from the store in this image.",
)
@click.option(
    "--format",
    "output_format",
    type=Choice(["table", "json", "csv", "jsonl", "parquet"]),
    default="table",
    help="How to write them; json is the form of QEMU's uefi-vars, which virt-fw-vars reads too.",
)
@options.output
@options.reading_options
@options.device_options
def variables(
    *,
    traces: list[str],
    at: str | None,
    history: str | None,
    changes: bool,
    deleted: bool,
    against: str | None,
    output_format: str,
    output: str | None,
    reading: common.Reading,
    devices: options.DeviceOptions,
) -> None:
    """List the UEFI variables: name, state, where they are and what they say.

    TRACE may also be the image of a flash. Of a trace it is the store that the guest left, or had --at an event.
    """
    from tracetool.analysis.variables import device_store
    from tracetool.cli.output import write_frame
    from tracetool.ingest.inputs import keep_inputs
    from tracetool.uefi.varstore import variables_frame

    common.check_table_format(output_format, output)
    steps = changes or history is not None
    if output_format == "json" and (steps or deleted or against):
        raise UsageError("--format json holds the variables that the firmware finds; give --format jsonl")
    if against is not None and (steps or deleted):
        raise UsageError("--against compares what the firmware finds; leave out --history, --changes and --deleted")
    inputs = [user_path(against)] if against else []
    store = _as_image(traces)
    if store is not None and (steps or at is not None):
        raise UsageError(f"{traces[0]} is an image; --at, --history and --changes need the trace")
    if store is None:
        with common.opened(traces, reading, devices.given(), outputs=[output], inputs=inputs) as trace:
            replayed = trace.replay(at=at, keep_operations=steps, journal=steps)
            trace.warn_of_doubts(replayed)
        device = _device_with_store(replayed)
        if steps:
            write_frame(_steps(device, history), "variable changes", output_format, output, several=len(traces) > 1)
            return
        store = device_store(device)
    else:
        keep_inputs([output], [*traces, *inputs])
    if store is None:
        raise InputError("the flash holds no variable store at this moment; --changes says what became of it")
    if against is not None:
        table = _differences(_store_in(user_path(against)), store)
        write_frame(table, "variable differences", output_format, output, several=False)
    elif output_format == "json":
        _write_json(store, output)
    else:
        write_frame(variables_frame(store, deleted=deleted), "variables", output_format, output, several=False)


# --- where the store is ------------------------------------------------------------------------------------------


def _as_image(traces: Sequence[str]) -> VariableStore | None:
    """The store of the one input, where that is a flash image and no trace.

    Raises:
        InputError: it is binary, of no format of traces, and holds no store.
    """
    from tracetool.ingest.formats import FORMATS, recognise
    from tracetool.ingest.formats.text import may_be_an_event
    from tracetool.ingest.source import open_source

    path = user_path(traces[0])
    if len(traces) > 1 or traces[0] == common.STANDARD_OUTPUT or not path.is_file():
        return None
    with closing(open_source(str(path))) as source:
        head = source.read_fully(_HEAD_BYTES)
    if recognise(head) is not FORMATS["text"] or may_be_an_event(head) or not {0, 0xFF} & set(head):
        return None
    return _store_in(path)


def _store_in(path: Path) -> VariableStore:
    from tracetool.images import load_image
    from tracetool.uefi.varstore import find_variable_store

    store = find_variable_store(load_image(path, limit=_MOST_IMAGE))
    if store is None:
        raise InputError(f"{path}: no UEFI variable store in it; give the image or the trace of the variables' flash")
    return store


def _device_with_store(replayed: Replayed) -> Device:
    """The one device that has or had a variable store."""
    from tracetool.analysis.variables import has_store

    found = [device for device in replayed.devices.values() if has_store(device)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(device.name for device in found)
    if names:
        raise UsageError(f"several devices have a variable store: {names}; choose one with --device")
    raise InputError(
        f"no UEFI variable store in {', '.join(replayed.devices)}; where the trace does not show its beginning, "
        "give the image before the trace with --image"
    )


# --- what is written ---------------------------------------------------------------------------------------------


def _steps(device: Device, name: str | None) -> pl.DataFrame:
    """The steps in the life of the store, or of the variables of one name."""
    import polars as pl

    from tracetool.analysis.variables import changes_frame, device_timeline

    timeline = device_timeline(device)
    if timeline is None:
        raise InputError(f"{device.name}: its variable store cannot be followed from its beginning; give --image")
    steps = changes_frame(timeline, pl.concat(device.operations))
    if name is None:
        return steps
    found = steps.filter(pl.col("variable") == name)
    if found.is_empty() and name not in {copy.name for copy in timeline.copies}:
        known = sorted({copy.name for copy in timeline.copies if copy.name})
        close = get_close_matches(name, known) or known[:_SHOWN]
        raise UsageError(f"no variable {name!r} in the store at any time; there is {', '.join(close) or 'none'}")
    return found


def _differences(before: VariableStore, after: VariableStore) -> pl.DataFrame:
    """The variables that differ, a row each: added, removed or changed, with both contents."""
    import polars as pl

    from tracetool.uefi.varstore import variables_frame

    key, told = ["variable", "guid"], ["attributes", "value"]
    old, new = (variables_frame(store).select(*key, *told) for store in (before, after))
    both = old.join(new, on=key, how="full", coalesce=True, suffix="_after")
    change = (
        pl.when(pl.col("attributes").is_null())
        .then(pl.lit("added"))
        .when(pl.col("attributes_after").is_null())
        .then(pl.lit("removed"))
        .otherwise(pl.lit("changed"))
    )
    same = (pl.col("value") == pl.col("value_after")) & (pl.col("attributes") == pl.col("attributes_after"))
    return (
        both.filter(~same.fill_null(value=False)).select(*key, change.alias("change"), "value", "value_after").sort(key)
    )


def _write_json(store: VariableStore, output: str | None) -> None:
    from tracetool.cli.output import open_output
    from tracetool.report.formats.json import document_text
    from tracetool.uefi.varstore import qemu_document

    with open_output(output) as file:
        file.write(document_text(qemu_document(store)).encode())

"""`tracetool variables`: the UEFI variables in a flash, at a moment of a trace or in an image."""

from __future__ import annotations

from contextlib import closing
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

    from tracetool.library.trace import Trace
    from tracetool.uefi.varstore import VariableStore

_MOST_IMAGE = 1 << 30
_HEAD_BYTES = 1 << 16


@command()
@options.traces
@click.option("--at", metavar="SEQ", help="The store just after this event of the last trace, also in hex.")
@click.option("--history", metavar="NAME", help="What was done to the variables of this name, step by step.")
@click.option("--changes", is_flag=True, help="What was done to the store and all its variables, step by step.")
@click.option("--deleted", is_flag=True, help="Deleted and superseded copies too.")
@click.option("--against", type=Text("IMAGE", "file"), help="Only what differs from the store in this image.")
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

    TRACE may also be the image of a flash. Of a trace it is the store that the guest left, or had --at an event. Where
    there is no UEFI store, the entries of U-Boot's environment are listed.
    """
    import polars as pl

    from tracetool.cli.output import write_frame

    common.check_table_format(output_format, output)
    steps = changes or history is not None
    _check_choice(steps=steps, at=at, deleted=deleted, against=against, output_format=output_format)
    others = [user_path(against)] if against is not None else []
    store = _store_in_image(traces, [output], others)
    if store is not None:
        given = [*devices.described(), *(name for name in ("device", "process", "boot") if getattr(devices, name))]
        if steps or at is not None or given or reading.strict or reading.input_format:
            raise UsageError(f"{traces[0]} is an image; moments, history and options about a machine need its trace")
    else:
        with common.opened(traces, reading, devices.given(), outputs=[output], inputs=others) as trace:
            if steps:
                table = trace.variable_changes(history)
            else:
                store = _store_of(trace, at)
    if store is None:
        write_frame(table, "variable changes", output_format, output, several=len(trace.paths) > 1)
    elif isinstance(store, pl.DataFrame):
        if others or output_format == "json":
            raise UsageError("the flash holds U-Boot's environment; --against and --format json are for UEFI variables")
        write_frame(store, "environment", output_format, output, several=False)
    else:
        _write_store(store, others, output_format, output, deleted=deleted)


def _check_choice(*, steps: bool, at: str | None, deleted: bool, against: str | None, output_format: str) -> None:
    """UsageError for options that contradict each other."""
    if output_format == "json" and (steps or deleted or against is not None):
        raise UsageError("--format json holds the variables that the firmware finds; give --format jsonl")
    if steps and (at is not None or deleted or against is not None):
        raise UsageError("--history and --changes tell the whole life; leave out --at, --deleted and --against")
    if against is not None and deleted:
        raise UsageError("--against compares what the firmware finds; leave out --deleted")
    if against == "":
        raise UsageError("--against has no value")


def _store_of(trace: Trace, at: str | None) -> VariableStore | pl.DataFrame:
    """The UEFI store, or where there is none U-Boot's environment."""
    try:
        return trace.variable_store(at=at)
    except InputError:
        environment = trace.environment(at=at)
        if environment.is_empty():
            raise
        return environment


def _store_in_image(
    traces: Sequence[str], outputs: Sequence[str | None], inputs: Sequence[Path]
) -> VariableStore | pl.DataFrame | None:
    """The store, or U-Boot's environment, in the one input, if that is a flash image; None: it is read as a trace.

    Raises:
        InputError: it is binary, of no format of traces, and holds no store.
    """
    from tracetool.images import load_image
    from tracetool.ingest.formats import FORMATS, recognise
    from tracetool.ingest.formats.text import may_be_an_event
    from tracetool.ingest.inputs import keep_inputs
    from tracetool.ingest.source import open_source
    from tracetool.uboot import environment_frame, find_environments
    from tracetool.uefi.varstore import find_variable_store, why_no_store

    path = user_path(traces[0])
    if len(traces) > 1 or traces[0] == common.STANDARD_OUTPUT or not path.is_file():
        return None
    with closing(open_source(str(path))) as source:
        head = source.read_fully(_HEAD_BYTES)
    if recognise(head) is not FORMATS["text"] or may_be_an_event(head) or not {0, 0xFF} & set(head):
        return None
    keep_inputs(outputs, [path, *inputs])
    image = load_image(path, limit=_MOST_IMAGE)
    store = find_variable_store(image)
    if store is not None:
        return store
    environment = environment_frame(find_environments(image))
    if environment.is_empty():
        raise InputError(f"{path}: no UEFI variable store in it: {why_no_store(image)}")
    return environment


def _store_before(path: Path) -> VariableStore | None:
    """The store in the image that another is compared with; None where that is blank."""
    from tracetool.images import load_image
    from tracetool.uefi.varstore import find_variable_store, is_blank, why_no_store

    image = load_image(path, limit=_MOST_IMAGE)
    store = find_variable_store(image)
    if store is None and not is_blank(image):
        raise InputError(f"{path}: no UEFI variable store in it: {why_no_store(image)}")
    return store


def _write_store(
    store: VariableStore, others: Sequence[Path], output_format: str, output: str | None, *, deleted: bool
) -> None:
    from tracetool.cli.output import open_output, write_frame
    from tracetool.report.formats.json import document_text
    from tracetool.uefi.varstore import qemu_document, remarks, store_differences, variables_frame

    for remark in remarks(store):
        common.say(f"the store at {store.start:#x}: {remark}")
    if output_format == "json":
        with open_output(output) as file:
            file.write(document_text(qemu_document(store)).encode())
        return
    if others:
        name, table = "variable differences", store_differences(_store_before(others[0]), store)
    else:
        name, table = "variables", variables_frame(store, deleted=deleted)
    write_frame(table, name, output_format, output, several=False)
    if table.is_empty():
        common.say("the variables are the same" if others else "the store holds no variable")

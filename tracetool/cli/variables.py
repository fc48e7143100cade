"""`tracetool variables`: the UEFI variables in a flash, at a moment of a trace or in an image."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from tracetool.cli import common, options
from tracetool.cli.command import Text, command
from tracetool.errors import InputError, UsageError
from tracetool.library.images import MOST_IMAGE
from tracetool.library.inputs import STANDARD_INPUT
from tracetool.paths import user_path
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from tracetool.library.trace import Trace
    from tracetool.uefi.varstore import VariableStore

    _Table = tuple[str, pl.DataFrame]
    """A table, and its name among those of `tracetool.report.tables`."""

_HEAD_BYTES = 1 << 16


@command()
@options.traces
@click.option("--at", metavar="SEQ", help="The store just after this event of the last trace, also in hex.")
@click.option("--history", metavar="NAME", help="What was done to the variables of this name, step by step.")
@click.option("--changes", is_flag=True, help="What was done to the store and all its variables, step by step.")
@click.option("--deleted", is_flag=True, help="Deleted and superseded copies too.")
@click.option("--against", type=Text("IMAGE", "file"), help="Only what differs from the store in this image.")
@options.report_format(
    ["table", "json", "csv", "jsonl", "parquet"],
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

    TRACE may also be the image of a flash, or - for one on standard input. Of a trace it is the store that the guest
    left, or had --at an event. Where there is no UEFI store, the entries of U-Boot's environment are listed, with
    --changes its saves; and of a guest whose variables QEMU's uefi-vars device keeps, the requests to that.
    """
    from tracetool.cli.output import write_frame

    common.check_table_format(output_format, output)
    steps = changes or history is not None
    _check_choice(steps=steps, at=at, deleted=deleted, against=against, output_format=output_format)
    others = [user_path(against)] if against is not None else []
    store, several = _store_in_image(traces, [output], others), False
    if store is not None:
        given = [*devices.described(), *(name for name in ("device", "process", "boot") if getattr(devices, name))]
        if steps or at is not None or given or reading.strict or reading.input_format:
            raise UsageError(f"{traces[0]} is an image; moments, history and options about a machine need its trace")
    else:
        with common.opened(traces, reading, devices.given(), outputs=[output], inputs=others) as trace:
            several = len(trace.paths) > 1
            store = _steps_of(trace, history) if steps else _store_of(trace, at)
    if isinstance(store, tuple):
        name, table = store
        if others or output_format == "json":
            raise UsageError(f"there is no UEFI store but {name}; --against and --format json are for UEFI variables")
        write_frame(table, name, output_format, output, several=several)
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


def _store_of(trace: Trace, at: str | None) -> VariableStore | _Table:
    """The UEFI store; without one what was asked of uefi-vars, else U-Boot's environment."""
    from tracetool.ingest.uefi_vars import request_totals

    try:
        if not _is_uefi_vars(trace):
            return trace.variable_store(at=at)
    except InputError:
        if (requests := _requests(trace)).is_empty():
            environment = trace.environment(at=at)
            if environment.is_empty():
                raise
            return "environment", environment
    else:
        requests = trace.uefi_requests()
    if at is not None:
        raise UsageError("--at: uefi-vars does not trace its data, so there is no store to show")
    return "uefi-vars variables", request_totals(requests)


def _steps_of(trace: Trace, name: str | None) -> _Table:
    """What was done to the UEFI store; without one the requests to uefi-vars, else the saves of an environment."""
    from tracetool.ingest.uefi_vars import CHANGING

    try:
        if not _is_uefi_vars(trace):
            return "variable changes", trace.variable_changes(name)
    except InputError:
        if (requests := _requests(trace)).is_empty():
            saves = trace.environment_changes(name)
            if saves.is_empty():
                raise
            return "environment saves", saves
    else:
        requests = trace.uefi_requests()
    wanted = requests["operation"].is_in(CHANGING) if name is None else requests["variable"].eq_missing(name)
    if name is not None and not wanted.any():
        raise UsageError(f"no request to uefi-vars is about a variable {name!r}")
    return "uefi-vars requests", requests.filter(wanted)


def _is_uefi_vars(trace: Trace) -> bool:
    """True where `--device` asks for QEMU's uefi-vars device."""
    from tracetool.ingest.uefi_vars import DEVICE

    return trace.options.device == DEVICE


def _requests(trace: Trace) -> pl.DataFrame:
    """The requests to uefi-vars in traces that can be read once more."""
    from tracetool.ingest.uefi_vars import REQUESTS_SCHEMA

    rereadable = all(reader.rereadable for reader in trace.readers)
    return trace.uefi_requests() if rereadable else REQUESTS_SCHEMA.to_frame()


def _store_in_image(
    traces: Sequence[str], outputs: Sequence[str | None], inputs: Sequence[Path]
) -> VariableStore | _Table | None:
    """The store, or U-Boot's environment, in the one input, if that is a flash image; None: it is read as a trace.

    Raises:
        InputError: it is binary, of no format of traces, and holds no store.
    """
    from tracetool.images import load_image
    from tracetool.ingest.formats import FORMATS, recognise
    from tracetool.ingest.formats.text import may_be_an_event
    from tracetool.ingest.inputs import keep_inputs
    from tracetool.ingest.source import open_source, peek_standard_input
    from tracetool.uboot import environment_frame, find_environments
    from tracetool.uefi.varstore import find_variable_store, why_no_store

    path = user_path(traces[0])
    piped = traces[0] == STANDARD_INPUT
    if len(traces) > 1 or not (piped or path.is_file()):
        return None
    if piped:
        head = peek_standard_input(_HEAD_BYTES)
    else:
        with closing(open_source(str(path))) as source:
            head = source.read_fully(_HEAD_BYTES)
    # No log has zeros or erased bytes, nor such a long first line.
    binary = bool({0, 0xFF} & set(head)) or (len(head) == _HEAD_BYTES and b"\n" not in head)
    if recognise(head) is not FORMATS["text"] or may_be_an_event(head) or not binary:
        return None
    keep_inputs(outputs, [traces[0] if piped else path, *inputs])
    image = _piped_image() if piped else load_image(path, limit=MOST_IMAGE)
    store = find_variable_store(image)
    if store is not None:
        return store
    environment = environment_frame(find_environments(image))
    if environment.is_empty():
        name = "standard input" if piped else path
        raise InputError(f"{name}: no UEFI variable store in it: {why_no_store(image)}")
    return "environment", environment


def _piped_image() -> NDArray[np.uint8]:
    """The image that comes through standard input, raw or compressed."""
    import numpy as np

    from tracetool.ingest.source import open_source

    source = open_source(STANDARD_INPUT)
    source.most_unpacked = MOST_IMAGE
    contents = source.read_fully(MOST_IMAGE + 1)
    if len(contents) > MOST_IMAGE:
        raise InputError(f"standard input: no flash is longer than {format_size(MOST_IMAGE)}")
    if source.truncated is not None:
        raise InputError(f"standard input: {source.truncated}")
    return np.frombuffer(contents, np.uint8)


def _store_before(path: Path) -> VariableStore | None:
    """The store in the image that another is compared with; None where that is blank."""
    from tracetool.images import load_image
    from tracetool.uefi.varstore import find_variable_store, is_blank, why_no_store

    image = load_image(path, limit=MOST_IMAGE)
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

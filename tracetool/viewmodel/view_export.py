"""Export of the rows shown, and the command line that prints the same."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.analysis.boots import LAST
from tracetool.errors import UsageError
from tracetool.events import ACCESSES
from tracetool.report.frames import write_frames
from tracetool.report.tables import write_table

if TYPE_CHECKING:
    from typing import BinaryIO

    from tracetool.analysis.options import Options
    from tracetool.viewmodel.cached_trace import CachedTrace
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["EXPORT_FORMATS", "command_line", "export_format", "write_shown"]

EXPORT_FORMATS = (".csv", ".jsonl", ".parquet")
"""The formats, as a file's name asks for them."""


def export_format(path: str) -> str:
    """Format by the suffix of a path; UsageError lists the formats."""
    suffix = Path(path).suffix.lower()
    if suffix not in EXPORT_FORMATS:
        raise UsageError(f"{path!r}: name a file that ends in {', '.join(EXPORT_FORMATS)}")
    return suffix.removeprefix(".")


def write_shown(timeline: Timeline, output_format: str, file: BinaryIO) -> int:
    """Write the rows that match the filter, with all columns of their table; return their number.

    The bytes are those that the command line writes.
    """
    if timeline.level.of_operations:
        rows = timeline.tables.operations[timeline.items]
        write_table(rows, "operations", output_format, file)
        return len(rows)
    return write_frames([timeline.tables.gather_events(timeline.items)], output_format, file)


# --- the same from the command line ------------------------------------------------------------------------------


def command_line(timeline: Timeline) -> str:
    """Command line that prints what is shown."""
    query = timeline.filter.active
    where = [] if query is None else ["--where", query.text]
    paths = [_given(trace) for trace in timeline.session.traces]
    options = timeline.session.settings.options
    if timeline.level.of_operations:
        return shlex.join(["tracetool", "operations", *where, *_device_options(options), *paths])
    if timeline.level.of_accesses:
        accesses = f"event in ({', '.join(ACCESSES)})"
        where = ["--where", accesses if query is None else f"({query.text}) and {accesses}"]
    return shlex.join(["tracetool", "events", *where, *_selection(options), *paths])


def _given(trace: CachedTrace) -> str:
    """Path by which a trace was given."""
    return trace.meta.path if trace.meta.run is None else trace.meta.run.path


def _device_options(options: Options) -> list[str]:
    words: list[str] = []
    for option, values in (
        ("--image", options.images),
        ("--extent", options.extents),
        ("--geometry", options.geometries),
    ):
        for device, value in values.items():
            words += [option, f"{device}={value}" if device else str(value)]
    words += [] if options.board is None else ["--board", options.board]
    for option, devices in (("--read-only", options.read_only), ("--writable", options.writable)):
        for device in sorted(devices):
            words += [option, device]
    words += ["--qemu", options.behaviour.label] if options.behaviour else []
    return words + _selection(options)


def _selection(options: Options) -> list[str]:
    words = [word for process in sorted(options.processes) for word in ("--process", str(process))]
    if options.boot is not None:
        words += ["--boot", "last" if options.boot == LAST else str(options.boot)]
    return words + ([] if options.device is None else ["--device", options.device])

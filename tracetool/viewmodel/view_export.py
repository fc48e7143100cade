"""Export of the rows shown, and the command line that prints the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.analysis.boots import LAST
from tracetool.errors import UsageError
from tracetool.events import ACCESSES
from tracetool.report.frames import ROW_GROUP, write_frames
from tracetool.report.tables import write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from tracetool.analysis.options import Options
    from tracetool.viewmodel.cached_trace import CachedTrace
    from tracetool.viewmodel.tables import Tables
    from tracetool.viewmodel.timeline import Timeline

    Report = Callable[[int, int | None], None]

__all__ = ["EXPORT_FORMATS", "Export", "command_line", "export_format", "rows_export", "table_export"]

EXPORT_FORMATS = (".csv", ".jsonl", ".parquet")
"""The formats, as a file's name asks for them."""


def export_format(path: str) -> str:
    """Format by the suffix of a path; UsageError lists the formats."""
    suffix = Path(path).suffix.lower()
    if suffix not in EXPORT_FORMATS:
        raise UsageError(f"{path!r}: name a file that ends in {', '.join(EXPORT_FORMATS)}")
    return suffix.removeprefix(".")


@dataclass(frozen=True)
class Export:
    """Rows to write: their table's name, their number, and the function that writes them in a format to a file.

    `command` is the command of the program that prints the table.

    The function reports how many rows are done, and may be run in a thread: the rows are those of the moment at which
    the export was made. The bytes are those that the command line writes.
    """

    table: str
    rows: int
    write: Callable[[str, BinaryIO, Report], None]
    command: str


def rows_export(timeline: Timeline) -> Export:
    """The rows of the timeline that match the filter, with all columns of their table."""
    tables, items = timeline.tables, timeline.items
    if timeline.level.of_operations:
        return table_export(tables.operations[items], "operations")

    def write(output_format: str, file: BinaryIO, report: Report) -> None:
        write_frames(_pieces(tables, items, report), output_format, file)

    return Export(timeline.level.value, len(items), write, timeline.level.value)


def _pieces(tables: Tables, items: NDArray[np.int64], report: Report) -> Iterator[pl.DataFrame]:
    for start in range(0, len(items), ROW_GROUP):
        report(start, len(items))
        yield tables.gather_events(items[start : start + ROW_GROUP])


def table_export(frame: pl.DataFrame, table: str, *, command: str = "") -> Export:
    """A whole table, printed by the command of its name or another one."""

    def write(output_format: str, file: BinaryIO, report: Report) -> None:
        report(0, len(frame))
        write_table(frame, table, output_format, file)

    return Export(table, len(frame), write, command or table)


# --- the same from the command line ------------------------------------------------------------------------------


def command_line(timeline: Timeline, command: str = "") -> str:
    """Command line that prints the rows of the timeline, or the table of another view; only `who` is filtered."""
    chips, of_events = (timeline.filter.text(events=events) for events in (False, True))
    where = ["--where", chips] if chips else []
    paths = [_given(trace) for trace in timeline.session.traces]
    options = timeline.session.settings.options
    if command:
        filtered = where if command == "who" else []
        return shlex.join(["tracetool", command, *filtered, *_device_options(options), *paths])
    if timeline.level.of_operations:
        return shlex.join(["tracetool", "operations", *where, *_device_options(options), *paths])
    accesses = f"event in ({', '.join(ACCESSES)})" if timeline.level.of_accesses else ""
    query = f"({of_events}) and {accesses}" if of_events and accesses else of_events or accesses
    where = ["--where", query] if query else []
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
    words += [] if options.who_log is None else ["--who-log", str(options.who_log)]
    return words + _selection(options)


def _selection(options: Options) -> list[str]:
    words = [word for process in sorted(options.processes) for word in ("--process", str(process))]
    if options.boot is not None:
        words += ["--boot", "last" if options.boot == LAST else str(options.boot)]
    return words + ([] if options.device is None else ["--device", options.device])

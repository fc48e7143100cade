"""Bookmarks with the time, the operation and the place of their events, as lines of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tracetool.report.frames import seconds
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.viewmodel.state_file import Bookmark
    from tracetool.viewmodel.tables import Tables

__all__ = ["BookmarkLine", "bookmark_lines"]


class BookmarkLine(NamedTuple):
    """A bookmark in words: its event, and when and where which operation was."""

    event: str
    about: str
    note: str


def bookmark_lines(tables: Tables, bookmarks: Sequence[Bookmark]) -> list[BookmarkLine]:
    """A line a bookmark; those of events that the traces do not have say nothing about them."""
    several = len(tables.session.traces) > 1
    events = [f"{f'trace {mark.trace}, ' if several else ''}event {mark.seq:,}" for mark in bookmarks]
    about = [_about(tables, mark.trace, mark.seq) for mark in bookmarks]
    widths = [max((len(parts[at]) for parts in about), default=0) for at in range(3)]
    widest = max(map(len, events), default=0)
    return [
        BookmarkLine(
            event.ljust(widest),
            f"{parts[0]:>{widths[0]}}  {parts[1]:<{widths[1]}}  {parts[2]:<{widths[2]}}",
            sanitize(mark.note),
        )
        for event, parts, mark in zip(events, about, bookmarks, strict=True)
    ]


def _about(tables: Tables, trace: int, seq: int) -> tuple[str, str, str]:
    """Time, operation and place."""
    traces = tables.session.traces
    if trace >= len(traces) or seq >= traces[trace].events:
        return "", "", ""
    row = tables.event(tables.number(trace, seq))
    start = tables.session.starts[trace]
    time = "" if start is None or row["time_ns"] is None else f"{seconds(row['time_ns'] - start)} s"
    operation = tables.operation_at(trace, seq, str(row["device"]))
    if operation is None:
        return time, str(row["event"]), "" if row["offset"] is None else format_offset(row["offset"])
    found = tables.operations.row(operation, named=True)
    place = "" if found["offset"] is None else format_offset(found["offset"])
    length = "" if found["length"] is None else f", {format_size(found['length'])}"
    return time, str(found["kind"]), f"{place}{length}"

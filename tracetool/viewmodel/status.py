"""Status lines of the app: rows, selection, progress, title."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.findings.phrases import count_of
from tracetool.sanitize import sanitize
from tracetool.viewmodel.cells import TimeMode
from tracetool.viewmodel.range_stats import statistics
from tracetool.viewmodel.tables import Level
from tracetool.viewmodel.what_if import settings_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from tracetool.viewmodel.audit_session import AuditSession, Progress
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["progress_words", "range_words", "timeline_status", "title"]

_ONE = {Level.OPERATIONS: "operation", Level.ACCESSES: "access", Level.EVENTS: "event"}


def timeline_status(timeline: Timeline, search: str = "") -> str:
    """Rows and hidden rows; the search, and the time format unless it is the default."""
    parts = [_rows(timeline)]
    if timeline.filter.chips and not timeline.filter.on:
        parts.append("filter off, F: on")
    if search:
        parts.append(search)
    if timeline.mode is not TimeMode.START:
        parts.append(timeline.mode.words)
    return " │ ".join(parts)


def _rows(timeline: Timeline) -> str:
    if not timeline.filtered:
        return _counted(timeline.total, timeline.level) + ("" if timeline.session.complete else " so far")
    left = timeline.total - timeline.hidden
    return f"{left:,} of {_counted(timeline.total, timeline.level)}, {timeline.hidden:,} hidden"


def _counted(count: int, level: Level) -> str:
    return count_of(count, _ONE[level], level.value)


def range_words(timeline: Timeline, rows: Sequence[int]) -> str:
    """Counts, bytes and gaps of the operations of these rows; empty where there are none."""
    if not rows or not len(timeline):
        return ""
    chosen = _shown_by(timeline, rows)
    return "" if chosen is None else f"selected: {', '.join(statistics(chosen).words())}"


def _shown_by(timeline: Timeline, rows: Sequence[int]) -> pl.DataFrame | None:
    """Operations of the rows; at other levels, those from the first row's to the last row's."""
    operations = timeline.tables.operations
    if timeline.level.of_operations and isinstance(rows, range):
        first, last = timeline.item_of_row(rows[0]), timeline.item_of_row(rows[-1])
        items = timeline.items
        return operations[items[(items >= first) & (items <= last)]]
    if timeline.level.of_operations:  # sorted by a column
        return operations[sorted({timeline.item_of_row(row) for row in rows})]
    begin, end = timeline.operation(rows[0]), timeline.operation(rows[-1])
    return None if begin is None or end is None else operations[begin : end + 1]


def progress_words(progress: Progress) -> str:
    """Progress of the loading, or what it waits for."""
    if progress.held:
        return f"not audited yet: {sanitize(progress.held)}"
    share = progress.share
    return "reading …" if share is None else f"reading {share:4.0%}"


def title(session: AuditSession) -> str:
    """Changed settings, which must not be cut off, then traces and number of events."""
    changed = settings_words(session.settings)
    events = sum(trace.events for trace in session.traces)
    words = f"{sanitize(_base(session.name))}, {count_of(events, 'event')}"
    words = f"{changed}, {words}" if changed else words
    return f"{words}, following" if session.growing else words


def _base(name: str) -> str:
    return name.rpartition("/")[2] or name

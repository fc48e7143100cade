"""What a range of rows of the timeline comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.browse.statistics import statistics

if TYPE_CHECKING:
    import polars as pl

    from tracetool.browse.timeline import Timeline

__all__ = ["range_words"]


def range_words(timeline: Timeline, rows: range) -> str:
    """Counts, bytes and gaps of the operations of these rows; empty where there are none."""
    if not rows or not len(timeline):
        return ""
    chosen = _operations(timeline, rows)
    return "" if chosen is None else f"selected: {', '.join(statistics(chosen).words())}"


def _operations(timeline: Timeline, rows: range) -> pl.DataFrame | None:
    """The operations that the rows show; where they show something else, those from the first row's to the last's."""
    operations = timeline.tables.operations
    if timeline.level.of_operations:
        first, last = timeline.item_of_row(rows[0]), timeline.item_of_row(rows[-1])
        items = timeline.items
        return operations[items[(items >= first) & (items <= last)]]
    begin, end = timeline.operation(rows[0]), timeline.operation(rows[-1])
    return None if begin is None or end is None else operations[begin : end + 1]

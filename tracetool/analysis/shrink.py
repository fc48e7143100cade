"""The smallest part of a trace that still has a finding: delta debugging over operations.

Ref: A. Zeller and R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tracetool.analysis.selection import Remembered, SelectedEvents, spans_of
from tracetool.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.ingest import TraceReader

    StillThere = Callable[[TraceReader], bool]

__all__ = ["Shrunk", "shrink"]


class Shrunk(NamedTuple):
    """A part of a trace, and the operations that it has of the whole."""

    reader: TraceReader
    kept: int
    whole: int


def shrink(
    reader: TraceReader,
    operations: pl.DataFrame,
    cases: pl.DataFrame,
    still_there: StillThere,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Shrunk:
    """Leave out operations as long as the finding is still there; none of those left can be left out alone.

    Args:
        reader: the trace; its events are kept in memory.
        operations: of all of it (`selection.with_ends`).
        cases: those of them that the finding is about.
        still_there: True for a part that has the finding.
        progress: told of the parts that were looked at, and about how many there will be.
    """
    whole = Remembered(reader)
    looked = 0

    def holds(rows: pl.DataFrame) -> bool:
        nonlocal looked
        looked += 1
        progress(looked, looked + 2 * len(rows))
        try:
            return still_there(SelectedEvents(whole, spans_of(rows.sort("first_seq"))))
        except (InputError, UsageError):
            return False  # no trace of a flash any more, or one that contradicts the options

    kept = operations
    last = cases["last_seq"].max()
    for candidate in (cases, operations.filter(pl.col("first_seq") <= last)):
        if len(candidate) and holds(candidate):
            kept = candidate
            break
    kept = _minimal(kept.sort("first_seq"), holds)
    return Shrunk(SelectedEvents(whole, spans_of(kept)), len(kept), len(operations))


def _minimal(rows: pl.DataFrame, holds: Callable[[pl.DataFrame], bool]) -> pl.DataFrame:
    """Remove chunks, halves first, until no single row can be removed."""
    size = len(rows) // 2
    while size:
        start, removed = len(rows), False
        while start > 0:
            begin = max(start - size, 0)
            rest = pl.concat([rows[:begin], rows[start:]])
            if len(rest) and holds(rest):
                rows, removed = rest, True
            start = begin
        # Once more with the same size where something went, as that may have held something else.
        size = min(size, len(rows) // 2 or 1) if removed and size == 1 else size // 2
        if len(rows) == 1:
            break
    return rows

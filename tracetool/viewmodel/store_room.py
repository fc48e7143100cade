"""Free space of a variable store over time: levels of a lane, and the way from a column to a moment."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import polars as pl

from tracetool.analysis.free_space import free_space
from tracetool.timeline.operations import with_times

if TYPE_CHECKING:
    from tracetool.analysis.history import History
    from tracetool.uefi.store_timeline import StoreTimeline

__all__ = ["LEVELS", "StoreRoom"]

LEVELS = " ▁▂▃▄▅▆▇█"
"""Characters by free space; the first is for no store, the last for an empty one."""


class StoreRoom:
    """The room of a store, on an axis of time, or of changes where several clocks made the times, or none.

    Args:
        timeline: the life of the store.
        history: of its device.
        operations: the device's (`OPERATIONS_SCHEMA`).
    """

    def __init__(self, timeline: StoreTimeline, history: History, operations: pl.DataFrame) -> None:
        self._history = history
        self._operations = operations
        times = operations["time_ns"]
        self.timed = operations["trace"].n_unique() == 1 and not times.null_count() and times.is_sorted()
        rooms = free_space(timeline, operations)
        self._sizes: list[tuple[int, int]] = rooms.select("free_bytes", "store_bytes").rows()
        if self.timed:
            ends = times + operations["duration_ns"].fill_null(0)
            self._start, self._end = int(times[0]), int(ends.to_frame().max().item()) + 1
            self._places = rooms["time_ns"].fill_null(self._start).to_list()
        else:
            self._start, self._end = 0, len(history) + 1
            self._places = [history.position(*event) for event in rooms.select("trace", "seq").rows()]

    @property
    def words(self) -> str:
        """The most and the least that is free, of all."""
        if not self._sizes:
            return "no store"
        free = [size for size, _ in self._sizes]
        most, least = max(free), min(free)
        span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        return f"{span} of {self._sizes[-1][1]:,} B"

    def _bound(self, column: int, width: int) -> int:
        """Where a column begins on the axis."""
        return self._start + (self._end - self._start) * column // width

    def levels(self, width: int) -> list[int]:
        """Indexes in `LEVELS` of each column: the free space at its end, against the whole store."""
        found = []
        for column in range(width):
            at = bisect_left(self._places, self._bound(column + 1, width)) - 1
            free, size = self._sizes[at] if at >= 0 else (0, 0)
            found.append(1 + (len(LEVELS) - 2) * free // size if size else 0)
        return found

    def column(self, event: tuple[int, int] | None, width: int) -> int:
        """The column of the moment after an event; the first for none."""
        place = self._place(event)
        return min(max((place - self._start) * width // (self._end - self._start), 0), width - 1)

    def _place(self, event: tuple[int, int] | None) -> int:
        if event is None:
            return self._start
        if not self.timed:
            return self._history.position(*event)
        moment = pl.DataFrame([event], {"trace": pl.UInt16, "seq": pl.Int64}, orient="row")
        time = with_times(moment, "seq", self._operations)["time_ns"][0]
        return self._start if time is None else int(time)

    def position_in(self, column: int, width: int) -> int:
        """Position in the history of the last change in a column, or before it."""
        end = self._bound(column + 1, width)
        if not self.timed:
            return min(max(end - 1, 0), len(self._history))
        at = bisect_right(self._operations["time_ns"], end - 1) - 1
        row = self._operations.row(max(at, 0), named=True)
        return self._history.position(row["trace"], row["last_seq"])

"""Cells of a flash against time: how much was done in each cell in each stretch of the trace."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.report.frames import seconds
from tracetool.timeline.operations import COUNTED
from tracetool.viewmodel.bins import ORDER, Cells, Heat, Metric, heat, order_of
from tracetool.viewmodel.flash_map import fill, levels
from tracetool.viewmodel.heatmap import cell_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.viewmodel.flash_map import MapRow, Room, Shape
    from tracetool.viewmodel.heatmap import Subject

__all__ = ["METRICS", "TimeAxis", "TimePicture", "draw_times"]

METRICS = (Metric.ERASES, Metric.PROGRAMS, Metric.CHANGED, Metric.REFUSED)
"""Metrics that can be counted in stretches of the trace."""

_MOST_VALUES = 1 << 24


class TimeAxis:
    """The operations of a device laid out in `columns`, by time or one after the other.

    By time where all have times that never go back, over all traces.
    """

    def __init__(self, subject: Subject, columns: int, *, by_time: bool = True) -> None:
        operations = subject.operations
        self.columns = max(columns, 1)
        self.order = operations.select(ORDER).to_series().to_numpy()
        self._operations = operations
        times = operations["time_ns"]
        self.has_times = len(times) > 0 and not times.null_count() and bool((times.diff().drop_nulls() >= 0).all())
        self.by_time = by_time and self.has_times
        if self.by_time:
            self._first = int(times[0])
            self._span = max(int(times[-1]) - self._first, 0) + 1
            into = times.to_numpy() - self._first
            # In floats, as a long trace in ns times columns exceeds an int64.
            self.column = np.minimum((into * (self.columns / self._span)).astype(np.int64), self.columns - 1)
        else:
            self.column = np.arange(len(times)) * self.columns // max(len(times), 1)
        self._several = len(subject.starts) > 1
        self._start = None if self._several else subject.starts[0]

    def at(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """The column of each event, given as `order_of`."""
        rows = np.maximum(np.searchsorted(self.order, order, side="right") - 1, 0)
        return self.column[rows] if len(self.column) else np.zeros(len(order), np.int64)

    def column_of(self, event: tuple[int, int], start: int, end: int) -> int | None:
        """The column of an event (trace, seq); None where its operation does not touch bytes `start` to `end`."""
        row = int(np.searchsorted(self.order, order_of(*event), side="right")) - 1
        if row < 0:
            return None
        found = self._operations.row(row, named=True)
        inside = found["trace"] == event[0] and event[1] <= found["last_seq"]
        offset, length = found["offset"], found["length"] or 1  # a log can lack the size of an access
        touches = offset is not None and offset < end and start < offset + length
        return int(self.column[row]) if inside and touches else None

    def between(self, first: int, last: int) -> tuple[int, int]:
        """The events of columns `first` to `last`, as `order_of`, the end exclusive."""
        if not len(self.order):
            return 0, 0
        low, high = np.searchsorted(self.column, [first, last + 1]).tolist()
        end = int(self.order[high]) if high < len(self.order) else int(self.order[-1]) + 1
        return (int(self.order[low]) if low < len(self.order) else end), end

    def time(self, column: int) -> int | None:
        """Time at which a column begins, ns since the first event of the only trace; None where there is none."""
        if not self.by_time or self._start is None:
            return None
        return self._first - self._start + -(-column * self._span // self.columns)

    def label(self, column: int) -> str:
        """A column's begin in words: its time, or the event that it begins with.

        Milliseconds tell labels apart that are some columns from each other, unless the columns are short.
        """
        time = self.time(column)
        if time is not None:
            short = self._span < self.columns * _SHORT_NS
            return f"{seconds(time) if short else seconds(time)[:-3]}s"
        return f"#{self.between(column, column)[0] & ((1 << 40) - 1):,}"

    def words(self, first: int, last: int) -> str:
        """Columns `first` to `last` in words."""
        start, end = self.time(first), self.time(last + 1)
        if start is not None and end is not None:
            return f"{seconds(start)} to {seconds(end)} s"
        low, high = self.between(first, last)
        mask = (1 << 40) - 1
        traces = f", traces {low >> 40} to {high >> 40}" if self._several else ""
        return f"events {low & mask:,} to {high & mask:,}{traces}"

    def query(self, first: int, last: int) -> str:
        """The query that selects what was done in columns `first` to `last`."""
        start, end = self.time(first), self.time(last + 1)
        if start is not None and end is not None:
            return f"t in {start}ns..{end}ns"
        low, high = self.between(first, last)
        if low == high:
            return "seq < 0"  # nothing was done then
        mask = (1 << 40) - 1
        if low >> 40 == high >> 40:
            trace = f"trace == {low >> 40} and " if self._several else ""
            return f"{trace}seq in {low & mask}..{high & mask}"
        begun = f"(trace > {low >> 40} or trace == {low >> 40} and seq >= {low & mask})"
        return f"{begun} and (trace < {high >> 40} or trace == {high >> 40} and seq < {high & mask})"


_SHORT_NS = 200_000
"""Length of a column below which labels of milliseconds could be the same."""


@dataclass(frozen=True)
class TimePicture:
    """What was done in cells, a line each or half of one, against time.

    Attributes:
        values: int64, a row a shown cell (`index` has its number, -1 for a folded one), a column a stretch of time.
        levels: of the same shape, of the ramp.
        touched: bool, a cell each.
    """

    subject: Subject
    metric: Metric
    axis: TimeAxis
    cells: Cells
    rows: tuple[MapRow, ...]
    shape: Shape
    index: NDArray[np.int64]
    values: NDArray[np.int64]
    levels: NDArray[np.int64]
    touched: NDArray[np.bool_]
    most: int

    def row_of(self, cell: int) -> int:
        """The first line that a cell is in, or the fold that hides it."""
        return min(bisect_right(self._lasts, cell), len(self.rows) - 1)

    @cached_property
    def _lasts(self) -> list[int]:
        return [row.last for row in self.rows]

    def first_use(self, cell: int) -> tuple[int, int]:
        """A cell and the first column in which it counts something, or the first column."""
        shown = int(self.index[cell])
        used = [] if shown < 0 else np.flatnonzero(self.values[shown]).tolist()
        return cell, used[0] if used else 0

    @property
    def words(self) -> str:
        """Cell size, greatest value and axis."""
        found = Heat(self.metric, self.cells, np.array([self.most]), self.touched)
        return f"{cell_words(self.cells.cell_bytes, found)} │ against {'time' if self.axis.by_time else 'operations'}"

    def query(self, cells: tuple[int, int], columns: tuple[int, int], *, several: bool) -> str:
        """The query that selects what was done in cells in stretches, first to last."""
        start, end = self.cells.span(cells[0])[0], self.cells.span(cells[1])[1]
        return f"{self.subject.query(start, end, several=several)} and {self.axis.query(*columns)}"

    def within(self, columns: tuple[int, int]) -> Subject:
        """The device with what was done in stretches, first to last."""
        return self.subject.between(*self.axis.between(*columns))


def draw_times(subject: Subject, cell_bytes: int, metric: Metric, room: Room, *, by_time: bool) -> TimePicture:
    """Count the operations of a device in cells and stretches of time, as many as a room has columns.

    Cells are at least of `cell_bytes`, and larger where there would be too many of them.
    """
    metric = metric if metric in METRICS else Metric.PROGRAMS
    axis = TimeAxis(subject, room.columns, by_time=by_time)
    for size in reversed([zoom for zoom in subject.zooms if zoom >= cell_bytes]):
        cells = Cells(subject.region_bytes, size, subject.extent_bytes)
        touched = heat(subject.operations, cells, Metric.PROGRAMS).touched
        shape, rows = fill(cells, touched, room, subject.regions)
        shown = np.zeros(cells.count, np.bool_)
        for row in rows:
            shown[row.first : row.last] = row.kind == "cells"
        if int(shown.sum()) * axis.columns <= _MOST_VALUES:
            break
    index = np.where(shown, np.cumsum(shown) - 1, -1)
    values = _counts(subject, metric, axis, cells, index, int(shown.sum()))
    most = int(values.max(initial=0))
    found = levels(Heat(metric, cells, values.ravel(), touched), most).reshape(values.shape)
    return TimePicture(subject, metric, axis, cells, tuple(rows), shape, index, values, found, touched, most)


def _counts(
    subject: Subject, metric: Metric, axis: TimeAxis, cells: Cells, index: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Values of a metric (int64) by shown cell and column; what is counted is in cells that are shown."""
    columns = axis.columns
    if metric == Metric.CHANGED:
        places = index[cells.of(subject.changes.start)] * columns + axis.at(subject.changes.order)
        return np.bincount(places, subject.changes.amount, count * columns).astype(np.int64).reshape(count, columns)
    chosen = (COUNTED[_COUNTS[metric]] & pl.col("offset").is_not_null()).fill_null(value=False)
    found = subject.operations.with_columns(pl.Series("column", axis.column)).filter(chosen)
    offsets = found["offset"].to_numpy()
    ends = offsets + np.maximum(found["length"].fill_null(1).to_numpy(), 1)
    low, high = index[cells.of(offsets)], index[cells.of(ends - 1)]
    column = found["column"].to_numpy()
    steps = np.bincount(low * columns + column, minlength=(count + 1) * columns)
    steps -= np.bincount((high + 1) * columns + column, minlength=(count + 1) * columns)
    return steps.reshape(count + 1, columns).cumsum(axis=0)[:count]


_COUNTS = {Metric.ERASES: "erases", Metric.PROGRAMS: "programs", Metric.REFUSED: "refused"}

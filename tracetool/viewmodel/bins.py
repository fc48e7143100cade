"""Operations binned into cells of the flash, for each metric of the map.

With cells as large as blocks these are the counts of `BLOCKS_SCHEMA`, of which all other drawings of the flash are
made. Smaller cells need the single operations, and so a session that keeps them.

An operation is two steps of a prefix sum over cells, so the time does not depend on how many cells it spans.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.timeline.operations import COUNTED, WRITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tracetool.analysis.history import History

__all__ = ["ORDER", "Cells", "Changes", "Heat", "Metric", "changes_of", "heat", "modules_of", "order_of"]

SMALLEST_CELL = 128
"""Bytes: the buffer of a buffered program on the boards of QEMU."""

PIECE = 1 << 20
"""Rows counted at a time, so that memory is reused, which is faster than to allocate it."""


class Metric(StrEnum):
    """Metric shown by the colour of a cell."""

    ERASES = "erases"
    PROGRAMS = "programs"
    CHANGED = "changed bytes"
    REFUSED = "refused"
    LAST = "last touched"
    MODULE = "by module"


_CHOSEN = {
    Metric.ERASES: COUNTED["erases"],
    Metric.PROGRAMS: COUNTED["programs"],
    Metric.REFUSED: COUNTED["refused"],
    Metric.LAST: pl.col("kind").is_in(WRITING),
}


@dataclass(frozen=True)
class Cells:
    """A flash cut into cells of `cell_bytes`; one that the extent would cut in two is two. Sizes in bytes."""

    region_bytes: int
    cell_bytes: int
    extent_bytes: int | None = None

    @property
    def inside(self) -> int:
        """Cells inside the extent; all of them where none is known."""
        if self.extent_bytes is None:
            return self.count
        return -(-min(self.extent_bytes, self.region_bytes) // self.cell_bytes)

    @property
    def count(self) -> int:
        """Number of cells."""
        return self._shift + -(-self.region_bytes // self.cell_bytes)

    @property
    def _shift(self) -> int:
        """1 where the extent cuts a cell in two."""
        if self.extent_bytes is None or self.extent_bytes >= self.region_bytes:
            return 0
        return int(self.extent_bytes % self.cell_bytes != 0)

    def of(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cell of each offset."""
        cells = offsets // self.cell_bytes
        if self._shift and self.extent_bytes is not None:
            cells = cells + (offsets >= self.extent_bytes)
        return np.minimum(cells, self.count - 1)

    def at(self, offset: int) -> int:
        """The cell of one offset."""
        return int(self.of(np.array([offset], np.int64))[0])

    def span(self, cell: int) -> tuple[int, int]:
        """The bytes of a cell, the end exclusive."""
        if self._shift and self.extent_bytes is not None and cell >= self.inside:
            start = max((cell - 1) * self.cell_bytes, self.extent_bytes)
            return start, min(cell * self.cell_bytes, self.region_bytes)
        end = min((cell + 1) * self.cell_bytes, self.region_bytes)
        if self.extent_bytes is not None and cell < self.inside:
            end = min(end, self.extent_bytes)
        return cell * self.cell_bytes, end


ORDER = pl.col("trace").cast(pl.Int64) * (1 << 40) + pl.col("first_seq")
"""Order of an operation's first event among those of all traces, as `order_of`."""


def order_of(trace: int, seq: int) -> int:
    """Order of an event among those of all traces."""
    return (trace << 40) + seq


@dataclass(frozen=True)
class Changes:
    """Bytes of storage that operations altered, as the journal has them, in the order they were made.

    Attributes:
        order: int64, `order_of` the event of each entry.
        start: int64, the offset of its cell of `SMALLEST_CELL` bytes; one that the extent would cut in two is two.
        amount: int64, bytes altered there.
    """

    order: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    start: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    amount: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def slice(self, start: int, end: int) -> Changes:
        """The changes made from event `start` on and before event `end`, as `order_of`."""
        low, high = np.searchsorted(self.order, [start, end]).tolist()
        return Changes(self.order[low:high], self.start[low:high], self.amount[low:high])

    def of(self, operations: pl.DataFrame) -> Changes:
        """The changes that operations (`OPERATIONS_SCHEMA`, of the device, in their order) made."""
        begins = operations.select(ORDER)[:, 0].to_numpy()
        ends = begins + (operations["last_seq"] - operations["first_seq"]).to_numpy()
        at = np.searchsorted(begins, self.order, side="right") - 1
        mine = at >= 0
        mine[mine] = self.order[mine] <= ends[at[mine]]
        return Changes(self.order[mine], self.start[mine], self.amount[mine])

    def bytes_in(self, start: int, end: int) -> int:
        """Bytes altered from offset `start` to `end`, which are ends of cells."""
        return int(self.amount[(self.start >= start) & (self.start < end)].sum())


def changes_of(history: History, extent: int | None) -> Changes:
    """The changes of a device whose extent is that (bytes)."""

    def start_of(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        starts = offsets // SMALLEST_CELL * SMALLEST_CELL
        return starts if extent is None else np.where(offsets >= extent, np.maximum(starts, extent), starts)

    found = history.changed_bytes(start_of)
    by_change = np.argsort(found.change, kind="stable")
    traces, seqs = history.events(found.change[by_change])
    return Changes((traces << 40) + seqs, found.bin[by_change], found.amount[by_change])


@dataclass(frozen=True)
class Heat:
    """The values of a metric, int64, one a cell; 0 where there was nothing. `touched`: any command went there.

    For `Metric.LAST` a value is 1 + the row, in the operations given, of the last write or refused write; for
    `Metric.MODULE` 1 + the place, in the modules given, of that which asked for most writes, 0 where code that is not
    known did.
    """

    metric: Metric
    cells: Cells
    values: NDArray[np.int64]
    touched: NDArray[np.bool_]

    @property
    def most(self) -> int:
        """The largest value."""
        return int(self.values.max(initial=0))


def heat(
    operations: pl.DataFrame,
    cells: Cells,
    metric: Metric,
    changes: Changes | None = None,
    modules: Sequence[str] = (),
    *,
    piece: int = PIECE,
) -> Heat:
    """Count operations (columns of `OPERATIONS_SCHEMA`) of one device into cells, `piece` rows at a time.

    `changes` are what `Metric.CHANGED` counts, `modules` those that `Metric.MODULE` tells apart.
    """
    if metric == Metric.MODULE:
        touched = heat(operations, cells, Metric.PROGRAMS, piece=piece).touched
        return Heat(metric, cells, _busiest(operations, cells, modules), touched)
    if metric == Metric.CHANGED:
        touched = heat(operations, cells, Metric.PROGRAMS, piece=piece).touched
        made = Changes() if changes is None else changes
        altered = np.bincount(cells.of(made.start), made.amount, cells.count)
        return Heat(metric, cells, altered.astype(np.int64), touched)
    placed = pl.col("offset").is_not_null()
    chosen = _CHOSEN[metric] & placed
    touches, values = np.zeros((2, cells.count + 1), np.int64)
    rows = operations.select("kind", "outcome", "offset", "length").with_row_index("row", offset=1)
    for part in rows.iter_slices(piece):
        low, high, _ = _ends(part, placed, cells)
        _add_spans(touches, low, high)
        low, high, found = _ends(part, chosen, cells)
        if metric == Metric.LAST:
            latest = _latest(low, high, found["row"].cast(pl.Int64).to_numpy(), len(values))
            np.maximum(values, latest, out=values)
        else:
            _add_spans(values, low, high)
    counted = values if metric == Metric.LAST else _summed(values)
    return Heat(metric, cells, counted[: cells.count], _summed(touches)[: cells.count] > 0)


def modules_of(operations: pl.DataFrame) -> tuple[str, ...]:
    """The modules that asked for writes (columns of `OPERATIONS_SCHEMA`), those of the most first."""
    asked = operations.filter(pl.col("kind").is_in(WRITING)).group_by("by").len().drop_nulls("by")
    return tuple(asked.sort("len", "by", descending=[True, False])["by"])


def _busiest(operations: pl.DataFrame, cells: Cells, modules: Sequence[str]) -> NDArray[np.int64]:
    """1 + the place of the module that asked for most writes to each cell; 0 for none, or code that is not known."""
    writing = operations.filter(pl.col("kind").is_in(WRITING)).select("offset", "length", "by")
    most, busiest = np.zeros(cells.count, np.int64), np.zeros(cells.count, np.int64)
    for rank, module in [*enumerate(modules, 1), (0, None)]:
        low, high, _ = _ends(writing, pl.col("offset").is_not_null() & pl.col("by").eq_missing(module), cells)
        steps = np.zeros(cells.count + 1, np.int64)
        _add_spans(steps, low, high)
        asked = _summed(steps)[: cells.count]
        more = asked > most
        most[more], busiest[more] = asked[more], rank
    return busiest


def _ends(
    placed: pl.DataFrame, chosen: pl.Expr, cells: Cells
) -> tuple[NDArray[np.int64], NDArray[np.int64], pl.DataFrame]:
    """First and last cell of each chosen operation, and these operations."""
    found = placed.filter(chosen)
    offsets = found["offset"].to_numpy()
    ends = offsets + np.maximum(found["length"].fill_null(1).to_numpy(), 1)
    return cells.of(offsets), cells.of(ends - 1), found


def _add_spans(steps: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
    """Add one to the cells of each operation, as steps of a prefix sum.

    Only cells from the first to the last that an operation is in are touched: most of a large flash has none.
    """
    if not len(low):
        return
    first, end = int(low.min()), int(high.max()) + 2
    steps[first:end] += np.bincount(low - first, minlength=end - first)
    steps[first:end] -= np.bincount(high + 1 - first, minlength=end - first)


def _summed(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """The prefix sums of steps that end at 0."""
    sums, places = np.zeros_like(steps), np.flatnonzero(steps)
    if len(places):
        span = slice(int(places[0]), int(places[-1]))
        np.cumsum(steps[span], out=sums[span])
    return sums


def _latest(low: NDArray[np.int64], high: NDArray[np.int64], rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The largest row over each cell. Rows rise, so of assignments to one place the last stands.

    A span is covered by two of the next smaller power of two; these are pushed down level by level.
    """
    found, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    found[low], ends[high] = rows, rows
    np.maximum(found, ends, out=found)
    wide = np.flatnonzero(high - low > 1)
    if len(wide):
        np.maximum(found, _latest_wide(low[wide], high[wide], rows[wide], count), out=found)
    return found


def _latest_wide(
    low: NDArray[np.int64], high: NDArray[np.int64], rows: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """`_latest` of operations that span more than two cells."""
    levels = np.frexp((high - low + 1).astype(np.float64))[1] - 1
    above = np.zeros(count, np.int64)
    for level in range(int(levels.max()), -1, -1):
        width, these = 1 << level, levels == level
        here = above.copy()
        if 2 * width <= count:
            np.maximum(here[width:], above[:-width], out=here[width:])
        for starts in (low[these], high[these] - width + 1):
            found = np.zeros(count, np.int64)
            found[starts] = rows[these]
            np.maximum(here, found, out=here)
        above = here
    return above

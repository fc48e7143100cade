"""Operations binned into cells of the flash, for each metric of the map.

With cells as large as blocks these are the counts of `BLOCKS_SCHEMA`, of which all other drawings of the flash are
made. Smaller cells need the single operations, and so a session that keeps them.

An operation is two steps of a prefix sum over cells, so the time does not depend on how many cells it spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.timeline.operations import COUNTED, WRITING

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cells", "Heat", "Metric", "heat"]

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


_CHOSEN = {
    Metric.ERASES: COUNTED["erases"],
    Metric.PROGRAMS: COUNTED["programs"],
    Metric.REFUSED: COUNTED["refused"],
    Metric.CHANGED: pl.col("bytes_changed") > 0,
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


@dataclass(frozen=True)
class Heat:
    """The values of a metric, int64, one a cell; 0 where there was nothing. `touched`: any command went there.

    Bytes changed by an operation over several cells are spread evenly over them. For `Metric.LAST` a value is 1 + the
    row, in the operations given, of the last write or refused write.
    """

    metric: Metric
    cells: Cells
    values: NDArray[np.int64]
    touched: NDArray[np.bool_]

    @property
    def most(self) -> int:
        """The largest value."""
        return int(self.values.max(initial=0))


def heat(operations: pl.DataFrame, cells: Cells, metric: Metric, *, piece: int = PIECE) -> Heat:
    """Count operations (columns of `OPERATIONS_SCHEMA`) of one device into cells, `piece` rows at a time."""
    placed = pl.col("offset").is_not_null()
    chosen = _CHOSEN[metric] & placed
    touches, values = np.zeros(cells.count + 1), np.zeros(cells.count + 1)
    rows = operations.select("kind", "outcome", "offset", "length", "bytes_changed").with_row_index("row", offset=1)
    for part in rows.iter_slices(piece):
        low, high, _ = _ends(part, placed, cells)
        _add_spans(touches, low, high)
        low, high, found = _ends(part, chosen, cells)
        if metric == Metric.LAST:
            latest = _latest(low, high, found["row"].cast(pl.Int64).to_numpy(), len(values))
            np.maximum(values, latest, out=values)
        elif metric == Metric.CHANGED:
            _add_amounts(values, low, high, found["bytes_changed"].fill_null(0).to_numpy())
        else:
            _add_spans(values, low, high)
    sums = values if metric == Metric.LAST else np.cumsum(values)
    counted = sums[: cells.count].round().astype(np.int64)
    return Heat(metric, cells, counted, np.cumsum(touches)[: cells.count] > 0)


def _ends(
    placed: pl.DataFrame, chosen: pl.Expr, cells: Cells
) -> tuple[NDArray[np.int64], NDArray[np.int64], pl.DataFrame]:
    """First and last cell of each chosen operation, and these operations."""
    found = placed.filter(chosen)
    offsets = found["offset"].to_numpy()
    ends = offsets + np.maximum(found["length"].fill_null(1).to_numpy(), 1)
    return cells.of(offsets), cells.of(ends - 1), found


def _add_spans(steps: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
    """Add one to the cells of each operation, as steps of a prefix sum."""
    steps += np.bincount(low, minlength=len(steps))
    steps -= np.bincount(high + 1, minlength=len(steps))


def _add_amounts(
    steps: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64], amounts: NDArray[np.int64]
) -> None:
    """Add amounts, spread evenly over the cells of an operation; steps as above."""
    shares = amounts / (high - low + 1)
    steps += np.bincount(low, shares, len(steps))
    steps -= np.bincount(high + 1, shares, len(steps))


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

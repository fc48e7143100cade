"""Layout of the flash map: rows of cells, heat levels, the line of the extent, names of regions, folds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np

from tracetool.sizes import about, format_offset, format_size
from tracetool.viewmodel.bins import SMALLEST_CELL, Cells, Heat, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from tracetool.uefi.regions import Region

__all__ = ["GLYPHS", "LEVELS", "MapRow", "Shape", "bounds", "cell_sizes", "glyph", "lay_out", "levels"]

LEVELS = 5
"""Steps of the colour ramp; level 0 has none."""

GLYPHS = "▪░▒▓█"
"""Glyph beside each colour, by level from 1 on."""

UNTOUCHED, COMMANDED = " ", "-"
"""Glyphs of an untouched cell, and of one with operations that the metric does not count."""

SHORTEST_FOLD = 2
"""Least rows of untouched padding that are folded."""

SHORTEST_FOLD_INSIDE = 8
"""The same inside the extent, where each block has an owner."""

_STEP = 4


@dataclass(frozen=True)
class Shape:
    """Cells of a line of the screen: `columns` beside each other, in `deep` rows."""

    columns: int
    deep: int = 1

    @property
    def cells(self) -> int:
        """The most cells of a line."""
        return self.columns * self.deep


@dataclass(frozen=True)
class MapRow:
    """Line of the map: cells `first` to `last` (exclusive), a fold of such rows, or the end of the extent.

    `start` and `end` are bytes; `words` is the text of a fold or of the extent, or the regions that begin in the row.
    """

    kind: Literal["cells", "fold", "extent"]
    first: int
    last: int
    start: int
    end: int
    inside: bool
    words: str = ""


def cell_sizes(block_bytes: int) -> list[int]:
    """Bytes of a cell at each zoom, from a block down to the smallest buffer."""
    sizes = [block_bytes]
    while sizes[-1] > SMALLEST_CELL:
        sizes.append(max(sizes[-1] // _STEP, SMALLEST_CELL))
    return sizes


def levels(heat: Heat, most: int | None = None) -> NDArray[np.int64]:
    """Compute the level of every cell: times on a linear scale, amounts on a logarithmic one.

    `most` is the value of the highest level, by default the largest value.
    """
    return _levels_of(heat.values, heat.most if most is None else most, heat.metric)


def _levels_of(values: NDArray[np.int64], most: int, metric: Metric) -> NDArray[np.int64]:
    if not most:
        return np.zeros(len(values), np.int64)
    scaled = values.astype(np.float64)
    share = scaled / most if metric == Metric.LAST else np.log1p(scaled) / np.log1p(most)
    steps = np.minimum(1 + (LEVELS * share * 0.999).astype(np.int64), LEVELS)
    found: NDArray[np.int64] = np.where(values > 0, steps, 0)
    return found


def bounds(most: int, metric: Metric) -> dict[int, tuple[int, int]]:
    """Find the first and last value of each level, where the largest is `most`; empty levels are left out."""
    ends = [0]
    for level in range(1, LEVELS + 1):
        low, high = ends[-1], most  # the last value of the level lies here: levels rise with values
        while low < high:
            middle = (low + high + 1) // 2
            below = int(_levels_of(np.array([middle], np.int64), most, metric)[0]) <= level
            low, high = (middle, high) if below else (low, middle - 1)
        ends.append(low)
    return {
        level: (ends[level - 1] + 1, ends[level]) for level in range(1, LEVELS + 1) if ends[level - 1] < ends[level]
    }


def glyph(level_of_cell: int, *, touched: bool) -> str:
    """Glyph of a cell."""
    if level_of_cell:
        return GLYPHS[level_of_cell - 1]
    return COMMANDED if touched else UNTOUCHED


# --- rows --------------------------------------------------------------------------------------------------------


def lay_out(cells: Cells, touched: NDArray[np.bool_], columns: int, regions: Iterable[Region] = ()) -> list[MapRow]:
    """Lay out a map that is `columns` cells wide.

    A row never holds cells of both sides of the extent, whose line stands between them as a row of its own. Rows of
    padding that nothing touched are folded into one; rows inside only where they are many.
    """
    columns, named = max(columns, 1), list(regions)
    inside = list(_rows(cells, 0, cells.inside, columns, inside=True))
    rows = list(_folded(inside, touched, SHORTEST_FOLD_INSIDE, "untouched", named))
    if cells.extent_bytes is not None and cells.extent_bytes <= cells.region_bytes:
        rows.append(_line(cells))
    beyond = list(_rows(cells, cells.inside, cells.count, columns, inside=False))
    rows += _folded(beyond, touched, SHORTEST_FOLD, "of padding, untouched", named)
    return rows


def _rows(cells: Cells, first: int, last: int, columns: int, *, inside: bool) -> Iterator[MapRow]:
    for at in range(first, last, columns):
        end = min(at + columns, last)
        yield MapRow("cells", at, end, cells.span(at)[0], cells.span(end - 1)[1], inside)


def _line(cells: Cells) -> MapRow:
    extent = cells.extent_bytes or 0
    words = f"end of the extent, {format_size(extent)} ({format_offset(extent)})"
    return MapRow("extent", cells.inside, cells.inside, extent, extent, inside=True, words=words)


def _folded(
    rows: Sequence[MapRow], touched: NDArray[np.bool_], shortest: int, what: str, regions: Sequence[Region]
) -> Iterator[MapRow]:
    """Fold runs of untouched rows in which no region begins."""
    named = [replace(row, words=" · ".join(r.name for r in regions if row.start <= r.start < row.end)) for row in rows]
    for quiet, alike in groupby(named, lambda row: not row.words and not touched[row.first : row.last].any()):
        run = list(alike)
        yield from _fold(run, shortest, what) if quiet else run


def _fold(run: list[MapRow], shortest: int, what: str) -> Iterator[MapRow]:
    if len(run) < shortest:
        yield from run
        return
    first, last = run[0], run[-1]
    words = f"{about(last.end - first.start)} {what}"
    yield MapRow("fold", first.first, last.last, first.start, last.end, first.inside, words)

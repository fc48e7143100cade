"""Layout of the flash map: rows of cells, heat levels, the line of the extent, names of regions, folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from tracetool.sizes import about, format_offset, format_size
from tracetool.viewmodel.bins import SMALLEST_CELL, Cells, Heat, Metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tracetool.uefi.regions import Region

__all__ = [
    "GLYPHS",
    "LEVELS",
    "MapRow",
    "Room",
    "Shape",
    "bounds",
    "cell_sizes",
    "fill",
    "glyph",
    "lay_out",
    "levels",
]

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
    """Cells of a line of the screen: `columns` beside each other, in `deep` rows, each at least one.

    A cell is `width` characters wide and, where a line holds one row of cells, `tall` lines high.
    """

    columns: int
    deep: int = 1
    width: int = 1
    tall: int = 1

    @property
    def cells(self) -> int:
        """The most cells of a line."""
        return self.columns * self.deep


_FEWEST, _TALLEST = 8, 8
"""Fewest columns of cells, and most lines of a cell, to which cells grow."""


class Room(NamedTuple):
    """Room for cells: columns and lines of characters, and the shape of the most and smallest cells in it."""

    columns: int
    lines: int
    shape: Shape

    def shapes(self) -> Iterator[Shape]:
        """Shapes that fill the width, those of the most columns first."""
        fewest = min(self.shape.columns, _FEWEST)
        for shift in range(self.shape.columns.bit_length()):
            count = self.shape.columns >> shift
            if count >= fewest:
                width = max(self.columns // count, self.shape.width)
                for deep, tall in ((self.shape.deep, 1), *((1, tall) for tall in range(1, _TALLEST + 1))):
                    yield Shape(count, deep, width, tall)


@dataclass(frozen=True)
class MapRow:
    """Line of the map: cells `first` to `last` (exclusive), a fold of such rows, or the end of the extent.

    `start` and `end` are bytes; `words` is the text of a fold or of the extent, or the regions that begin in the row.
    Cells that are several lines high are as many rows, numbered by `part`.
    """

    kind: Literal["cells", "fold", "extent"]
    first: int
    last: int
    start: int
    end: int
    inside: bool
    words: str = ""
    part: int = 0


def cell_sizes(block_bytes: int) -> list[int]:
    """Bytes of a cell at each zoom, from a block down to the smallest buffer."""
    sizes = [block_bytes]
    while sizes[-1] > SMALLEST_CELL:
        sizes.append(max(sizes[-1] // _STEP, SMALLEST_CELL))
    return sizes


def levels(heat: Heat, most: int | None = None) -> NDArray[np.int64]:
    """Compute the level of every cell: times on a linear scale, amounts on a logarithmic one, modules by their place.

    `most` is the value of the highest level, by default the largest value.
    """
    return _levels_of(heat.values, heat.most if most is None else most, heat.metric)


def _levels_of(values: NDArray[np.int64], most: int, metric: Metric) -> NDArray[np.int64]:
    if not most:
        return np.zeros(len(values), np.int64)
    if metric == Metric.MODULE:
        return np.minimum(values, LEVELS)
    found, hot = np.zeros(len(values), np.int64), np.flatnonzero(values > 0)
    scaled = values[hot].astype(np.float64)
    share = scaled / most if metric == Metric.LAST else np.log1p(scaled) / np.log1p(most)
    found[hot] = np.minimum(1 + (LEVELS * share * 0.999).astype(np.int64), LEVELS)
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


def fill(
    cells: Cells, touched: NDArray[np.bool_], room: Room, regions: Sequence[Region] = ()
) -> tuple[Shape, list[MapRow]]:
    """Lay out a map in cells that grow until they fill a room; in the smallest ones where not all fit."""
    hot, smallest = np.flatnonzero(touched), next(room.shapes())
    # Nothing is folded inside where all of it fits; rows of one cell each are, if that fills more of the room.
    for open_inside in (True, False):
        best, most = None, 0
        for shape in room.shapes():
            used = shape.columns * shape.width
            if used * room.lines <= most:  # even if it filled all lines
                continue
            lines = sum(_lines_of(run, shape) for run in _runs(cells, hot, shape, regions, open_inside=open_inside))
            if lines <= room.lines and used * lines > most:
                best, most = shape, used * lines
            elif lines > room.lines and (shape.deep, shape.tall) == (smallest.deep, 1):
                break  # nor do rows of fewer columns fit
        narrow = room.shape.columns == 1 and open_inside and 3 * most < 2 * room.columns * room.lines
        if best is not None and not narrow:
            return best, lay_out(cells, touched, best, regions, open_inside=open_inside)
    return smallest, lay_out(cells, touched, smallest, regions)


def lay_out(
    cells: Cells, touched: NDArray[np.bool_], shape: Shape, regions: Sequence[Region] = (), *, open_inside: bool = False
) -> list[MapRow]:
    """Lay out a map in lines of cells of a shape.

    A row never holds cells of both sides of the extent, whose line stands between them as a row of its own. Rows of
    padding that nothing touched are folded into one; rows inside only where they are many, and not if `open_inside`.
    """
    runs = _runs(cells, np.flatnonzero(touched), shape, regions, open_inside=open_inside)
    return [row for run in runs for row in _rows(run, cells, shape, regions)]


class _Run(NamedTuple):
    """Cells of alike rows; both ends equal for the line of the extent."""

    kind: Literal["cells", "fold", "extent"]
    first: int
    last: int
    inside: bool


def _runs(
    cells: Cells, hot: NDArray[np.int64], shape: Shape, regions: Sequence[Region], *, open_inside: bool
) -> Iterator[_Run]:
    """Runs of rows in their order; `hot` are the touched cells, ascending."""
    least = cells.count + 1 if open_inside else SHORTEST_FOLD_INSIDE
    named = sorted(region.start for region in regions if region.start < cells.region_bytes)
    starts = cells.of(np.array(named, np.int64))
    kept = np.union1d(hot, starts)
    yield from _folded(kept, 0, cells.inside, shape.cells, least)
    if cells.extent_bytes is not None and cells.extent_bytes <= cells.region_bytes:
        yield _Run("extent", cells.inside, cells.inside, inside=True)
    yield from _folded(kept, cells.inside, cells.count, shape.cells, SHORTEST_FOLD, inside=False)


def _folded(
    kept: NDArray[np.int64], first: int, last: int, columns: int, least: int, *, inside: bool = True
) -> Iterator[_Run]:
    """Runs of the rows of cells `first` to `last`: folded where at least `least` rows hold no cell of `kept`."""
    mine = kept[(kept >= first) & (kept < last)]
    rows, count = np.unique((mine - first) // columns), -(-(last - first) // columns)
    bounds = np.concatenate([[-1], rows, [count]])
    at = 0
    for gap in np.flatnonzero(np.diff(bounds) > least).tolist():
        low, high = int(bounds[gap]) + 1, int(bounds[gap + 1])
        if at < low:
            yield _Run("cells", first + at * columns, first + low * columns, inside)
        yield _Run("fold", first + low * columns, min(first + high * columns, last), inside)
        at = high
    if at < count:
        yield _Run("cells", first + at * columns, last, inside)


def _lines_of(run: _Run, shape: Shape) -> int:
    return shape.tall * -(-(run.last - run.first) // shape.cells) if run.kind == "cells" else 1


def _rows(run: _Run, cells: Cells, shape: Shape, regions: Sequence[Region]) -> Iterator[MapRow]:
    """The lines of a run."""
    if run.kind == "extent":
        extent = cells.extent_bytes or 0
        words = f"end of the extent, {format_size(extent)} ({format_offset(extent)})"
        yield MapRow("extent", run.first, run.last, extent, extent, inside=True, words=words)
        return
    if run.kind == "fold":
        start, end = cells.span(run.first)[0], cells.span(run.last - 1)[1]
        words = f"{about(end - start)} {'untouched' if run.inside else 'of padding, untouched'}"
        yield MapRow("fold", run.first, run.last, start, end, run.inside, words)
        return
    for at in range(run.first, run.last, shape.cells):
        last = min(at + shape.cells, run.last)
        start, end = cells.span(at)[0], cells.span(last - 1)[1]
        names = " · ".join(region.name for region in regions if start <= region.start < end)
        for part in range(shape.tall):
            yield MapRow("cells", at, last, start, end, run.inside, "" if part else names, part)

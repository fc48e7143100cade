"""Cells as halves of characters, coloured: four times as many in the same room as shaded ones."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from rich.color import Color, blend_rgb
from rich.segment import Segment
from rich.style import Style

from tracetool.viewmodel.flash_map import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tracetool.tui.map.look import Colours, Marks, Swatches
    from tracetool.viewmodel.flash_map import MapRow
    from tracetool.viewmodel.heatmap import Drawing

__all__ = ["Halves"]

# A cell is a number: untouched, touched otherwise, a level from 1 on, or one of the last ones; then those selected.
_TOUCHED = 1
_OUTSIDE = _TOUCHED + LEVELS + 1
_SELECTED = _OUTSIDE + 1
_NOW, _CURSOR, _NOTHING = 2 * _SELECTED, 2 * _SELECTED + 1, 2 * _SELECTED + 2
_TINT = 0.5
"""How much of a selected cell's colour is that of the cursor."""


class Halves:
    """Two rows of cells in a line, each a column wide."""

    name = "halves"
    cell_columns = 1
    deep = 2
    blinks = True

    def __init__(self) -> None:
        self._inks: tuple[Colours, list[Color | None]] | None = None

    def paint(self, drawing: Drawing, row: MapRow, marks: Marks, colours: Colours) -> list[Segment]:
        """A segment for each run of cells of the same colours."""
        columns = drawing.shape.columns
        numbers = _numbers(drawing, row, marks)
        upper, lower = numbers[:columns].tolist(), numbers[columns:].tolist()
        lower += [_NOTHING] * (len(upper) - len(lower))
        inks = self._inks_of(colours)
        return [
            _segment(inks[over], inks[under], sum(1 for _ in run), empty=over == under and over in (0, _NOTHING))
            for (over, under), run in groupby(zip(upper, lower, strict=True))
        ]

    def _inks_of(self, colours: Colours) -> list[Color | None]:
        if self._inks is None or self._inks[0] != colours:
            self._inks = colours, list(_mixed(colours))
        return self._inks[1]

    def line_mark(self, drawing: Drawing, row: MapRow, marks: Marks) -> str:
        """What the colours say of single cells: beyond the extent, being played, under the cursor."""
        outside = not row.inside and drawing.heat.touched[row.first : row.last].any()
        now = marks.now is not None and marks.now[0] < row.last and row.first <= marks.now[1]
        here = row.first <= marks.cursor < row.last
        first, second = "✖" if outside else "◆" if now else " ", "▸" if here else "◆" if outside and now else " "
        return first + second

    def swatches(self, colours: Colours) -> Swatches:
        """The colours, as halves of lines."""
        levels = [("▀▄", Style(color=colour)) for colour in colours.levels]
        others = [
            ("▀▄", Style(color=colours.commanded), "other uses"),
            ("▀▄", Style(color=colours.ground.bgcolor), "untouched"),
            ("✖▀▄", Style(color=colours.outside.color), "beyond"),
            ("◆▀▄", Style(color=colours.now.color), "moment"),
            ("▸▀▄", Style(color=colours.cursor.bgcolor), "cursor"),
        ]
        return levels, others


def _numbers(drawing: Drawing, row: MapRow, marks: Marks) -> NDArray[np.int64]:
    """What each cell of a line is."""
    cells = slice(row.first, row.last)
    level, touched = drawing.levels[cells], drawing.heat.touched[cells]
    numbers = np.where(level > 0, level + _TOUCHED, touched.astype(np.int64))
    if marks.now is not None:
        numbers[max(marks.now[0] - row.first, 0) : max(marks.now[1] + 1 - row.first, 0)] = _NOW
    if not row.inside:  # whatever is counted, and wherever it is played, a touch beyond the extent stands out
        numbers[touched] = _OUTSIDE
    if marks.first < marks.last:
        chosen = numbers[max(marks.first - row.first, 0) : max(marks.last + 1 - row.first, 0)]
        chosen[chosen < _SELECTED] += _SELECTED
    if row.first <= marks.cursor < row.last and not marks.blinked:
        numbers[marks.cursor - row.first] = _CURSOR
    return numbers


def _mixed(colours: Colours) -> Iterator[Color | None]:
    """The colour of each number."""
    ramp = map(Color.parse, (colours.commanded, *colours.levels))
    plain = [colours.ground.bgcolor, *ramp, colours.outside.color]
    yield from plain
    for colour in plain:
        yield _tinted(colour, colours.cursor.bgcolor)
    yield from (colours.now.color, colours.cursor.bgcolor, colours.plain.bgcolor)


def _tinted(colour: Color | None, tint: Color | None) -> Color | None:
    if colour is None or tint is None:
        return tint
    return Color.from_triplet(blend_rgb(colour.get_truecolor(), tint.get_truecolor(), _TINT))


def _segment(over: Color | None, under: Color | None, count: int, *, empty: bool) -> Segment:
    if empty:
        return Segment(" " * count, Style(bgcolor=over))
    if over == under:
        return Segment("█" * count, Style(color=over, bgcolor=under))
    return Segment("▀" * count, Style(color=over, bgcolor=under))

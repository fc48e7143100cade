"""Looks of the map: how cells are drawn, as coloured half blocks or as shades, and the legend of their values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np
from rich.color import Color, blend_rgb
from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from tracetool.sanitize import sanitize
from tracetool.tui.drawing import Drawn
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.flash_map import COMMANDED, GLYPHS, LEVELS, Shape, bounds, glyph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from tracetool.viewmodel.flash_map import MapRow
    from tracetool.viewmodel.heatmap import Drawing

__all__ = [
    "LOOKS",
    "Colours",
    "Legend",
    "Look",
    "Marks",
    "Swatches",
    "commanded",
    "half_blocks",
    "hues",
    "ramp",
    "shape_in",
]

Swatches = tuple[list[tuple[str, Style]], list[tuple[str, Style, str]]]
"""Swatches of a legend: shape and style of each level from 1 on, and of the other marks with their names."""


@dataclass(frozen=True)
class Marks:
    """Marks among the cells: cursor, selected cells, and cells of the played moment."""

    cursor: int
    first: int
    last: int
    now: tuple[int, int] | None = None
    """Cells, the last inclusive."""
    blinked: bool = False
    """The blinking cursor is off."""

    def is_now(self, cell: int) -> bool:
        """True for a cell of the played moment."""
        return self.now is not None and self.now[0] <= cell <= self.now[1]


@dataclass(frozen=True)
class Colours:
    """Styles of the parts of the map; `commanded` and `levels`, that of level 1 first, are colours."""

    plain: Style
    ground: Style
    cursor: Style
    range: Style
    outside: Style
    now: Style
    commanded: str
    levels: tuple[str, ...]


class Look(Protocol):
    """Look of the cells."""

    name: str
    cell_columns: int
    """Fewest columns of a cell."""
    deep: int
    """Rows of cells in a line."""
    blinks: bool
    """True where the cursor is told by colour alone, so that it blinks."""

    def paint(self, drawing: Drawing, row: MapRow, marks: Marks, colours: Colours) -> list[Segment]:
        """The cells of a line."""

    def line_mark(self, drawing: Drawing, row: MapRow, marks: Marks) -> str:
        """Two characters before the cells, with the marks that are colours alone among them."""

    def swatches(self, colours: Colours) -> Swatches:
        """Swatches of the legend."""


def shape_in(look: Look, room: int) -> Shape:
    """Shape of the smallest cells in a width; columns are a power of two, so that lines begin at round offsets."""
    fitting = max(room // look.cell_columns, 1)
    return Shape(1 << (fitting.bit_length() - 1), look.deep, look.cell_columns)


# --- colours ---------------------------------------------------------------------------------------------------

# Ref: the end and middle colours of "cividis" (Nuñez, Anderton and Renslow 2018), made for deuteranomaly.
_DARK = ("#2c4a7c", "#5a6478", "#8a8779", "#c2ac62", "#fde945")
_LIGHT = ("#c9b96a", "#a1966f", "#757577", "#465374", "#00224e")


def ramp(*, dark: bool) -> tuple[str, ...]:
    """The colour of each level from 1 on."""
    return _DARK if dark else _LIGHT


# Ref: the colours of Okabe and Ito ("Color Universal Design", 2008), as far as they are none of the map's marks.
_MODULES_DARK = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#f0e442")
_MODULES_LIGHT = ("#b87f00", "#0072b2", "#007a59", "#a8497f", "#8a8000")


def hues(*, dark: bool) -> tuple[str, ...]:
    """The colour of each module, and the last one that of all others."""
    return _MODULES_DARK if dark else _MODULES_LIGHT


def commanded(*, dark: bool) -> str:
    """Colour of cells with operations that the metric does not count: between background and level 1."""
    return "#434956" if dark else "#d0d1cb"


# --- shades ------------------------------------------------------------------------------------------------------


class Shades:
    """One row of cells in a line, each at least two columns wide, which is as high as it is wide."""

    name = "shades"
    cell_columns = 2
    deep = 1
    blinks = False

    def paint(self, drawing: Drawing, row: MapRow, marks: Marks, colours: Colours) -> list[Segment]:
        """A segment for each cell."""
        return [self._cell(drawing, cell, marks, colours, row) for cell in range(row.first, row.last)]

    def _cell(self, drawing: Drawing, cell: int, marks: Marks, colours: Colours, row: MapRow) -> Segment:
        level, width = int(drawing.levels[cell]), drawing.shape.width
        shape = glyph(level, touched=bool(drawing.heat.touched[cell]))
        style = colours.plain + (Style(color=colours.levels[level - 1]) if level else Style(dim=True))
        text = shape * width if shape != " " else ("·" if row.inside and not row.part else " ").ljust(width)
        if not row.inside and shape != " ":  # whatever is counted, a touch beyond the extent stands out
            text, style = f"✖{shape * (width - 1)}", style + colours.outside
        if cell == marks.cursor:
            return Segment(f"[{text[0].strip() or ' '}{text[2:]}", colours.cursor)
        if marks.first < marks.last and marks.first <= cell <= marks.last:
            return Segment(text, style + Style(bgcolor=colours.range.bgcolor))
        if marks.is_now(cell):
            return Segment(f"◆{text[1:]}" if row.inside else text, style + Style(reverse=True))
        return Segment(text, style)

    def line_mark(self, drawing: Drawing, row: MapRow, marks: Marks) -> str:  # noqa: ARG002
        """Two spaces: the cells have shapes."""
        return "  "

    def swatches(self, colours: Colours) -> Swatches:
        """The shapes."""
        levels = [(shape * 2, Style(color=colour)) for shape, colour in zip(GLYPHS, colours.levels, strict=True)]
        return levels, [(COMMANDED * 2, Style(dim=True), "other uses"), ("✖", colours.outside, "beyond")]


# --- half blocks -------------------------------------------------------------------------------------------------

# A cell is a number: untouched, touched otherwise, a level from 1 on, or one of the last ones; then those selected.
_TOUCHED = 1
_OUTSIDE = _TOUCHED + LEVELS + 1
_SELECTED = _OUTSIDE + 1
_NOW, _CURSOR, _NOTHING = 2 * _SELECTED, 2 * _SELECTED + 1, 2 * _SELECTED + 2
_TINT = 0.5
"""Share of the cursor's colour in a selected cell."""


class Halves:
    """Two rows of cells in a line, each half as high as it; or one row of cells as high as lines."""

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
        lower = upper if drawing.shape.deep == 1 else lower + [_NOTHING] * (len(upper) - len(lower))
        inks, width = self._inks_of(colours), drawing.shape.width
        return [
            half_blocks(
                inks[over], inks[under], width * sum(1 for _ in run), empty=over == under and over in (0, _NOTHING)
            )
            for (over, under), run in groupby(zip(upper, lower, strict=True))
        ]

    def _inks_of(self, colours: Colours) -> list[Color | None]:
        if self._inks is None or self._inks[0] != colours:
            self._inks = colours, list(_mixed(colours))
        return self._inks[1]

    def line_mark(self, drawing: Drawing, row: MapRow, marks: Marks) -> str:
        """Marks of the line: beyond the extent, played, under the cursor."""
        outside = not row.inside and drawing.heat.touched[row.first : row.last].any()
        now = marks.now is not None and marks.now[0] < row.last and row.first <= marks.now[1]
        here = row.first <= marks.cursor < row.last and not row.part
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
    """Index of each cell's colour."""
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
    """Colour of each index."""
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


def half_blocks(over: Color | None, under: Color | None, count: int, *, empty: bool) -> Segment:
    """Characters of two colours, one above the other; a space where there is nothing."""
    if empty:
        return Segment(" " * count, Style(bgcolor=over))
    if over == under:
        return Segment("█" * count, Style(color=over, bgcolor=under))
    return Segment("▀" * count, Style(color=over, bgcolor=under))


LOOKS: tuple[Look, ...] = (Halves(), Shades())
"""Looks in the order of their key; the last needs no colours."""


# --- legend ------------------------------------------------------------------------------------------------------


class Legend(Drawn):
    """Legend: the values that each level stands for."""

    DEFAULT_CSS = "Legend { padding: 0 1; background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self._bounds: dict[int, tuple[int, int]] = {}
        self._metric = Metric.PROGRAMS
        self._modules: Sequence[str] = ()
        self._swatches: Callable[[], Swatches] | None = None

    def explain(self, most: int, metric: Metric, swatches: Callable[[], Swatches], modules: Sequence[str] = ()) -> None:
        """Explain a metric whose largest value is `most`; `swatches` are asked for anew, as colours change.

        `modules` are those that `Metric.MODULE` tells apart.
        """
        self._bounds, self._metric, self._swatches, self._modules = bounds(most, metric), metric, swatches, modules
        self.redraw()

    def lines(self, width: int) -> Iterator[Content]:
        """Swatches with values, then the other marks."""
        if self._swatches is None:  # as high as it will be, so that cells have the same room from the beginning
            yield from (Content(""), Content(""))
            return
        levels, others = self._swatches()
        values = [
            Content.assemble(_drawn(*levels[level - 1]), f" {self._words(*ends, level)}")
            for level, ends in self._bounds.items()
        ]
        rest = [Content.assemble(_drawn(shape, style), f" {words}") for shape, style, words in others]
        for parts in (values or [Content("nothing of that kind")], rest):
            yield Content("  ").join(parts).truncate(width, ellipsis=True)

    def _words(self, first: int, last: int, level: int) -> str:
        """The values of a level."""
        if self._metric != Metric.MODULE:
            return _range(first, last, self._metric, level)
        return sanitize(self._modules[first - 1], _NAME) if first == last else f"{last - first + 1} others"


_NAME = 26
"""Most columns of a module's name."""


def _drawn(shape: str, style: Style) -> Content:
    """A shape in a colour, without dim and bold."""
    colour = style.color
    return Content.styled(shape, "" if colour is None or colour.triplet is None else colour.triplet.hex)


_WHEN = {1: "first fifth of the trace", 2: "second", 3: "third", 4: "fourth", 5: "last"}


def _range(first: int, last: int, metric: Metric, level: int) -> str:
    if metric == Metric.LAST:
        return _WHEN[level]
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"

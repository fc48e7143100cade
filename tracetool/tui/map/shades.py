"""Cells as shaded squares, which say everything without a colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from tracetool.viewmodel.flash_map import COMMANDED, GLYPHS, glyph

if TYPE_CHECKING:
    from tracetool.tui.map.look import Colours, Marks, Swatches
    from tracetool.viewmodel.flash_map import MapRow
    from tracetool.viewmodel.heatmap import Drawing

__all__ = ["Shades"]


class Shades:
    """One row of cells in a line, each two columns wide, which is as high as it is wide."""

    name = "shades"
    cell_columns = 2
    deep = 1
    blinks = False

    def paint(self, drawing: Drawing, row: MapRow, marks: Marks, colours: Colours) -> list[Segment]:
        """A segment for each cell."""
        return [self._cell(drawing, cell, marks, colours, inside=row.inside) for cell in range(row.first, row.last)]

    def _cell(self, drawing: Drawing, cell: int, marks: Marks, colours: Colours, *, inside: bool) -> Segment:
        level = int(drawing.levels[cell])
        shape = glyph(level, touched=bool(drawing.heat.touched[cell]))
        style = colours.plain + (Style(color=colours.levels[level - 1]) if level else Style(dim=True))
        text = shape * self.cell_columns if shape != " " else ("· " if inside else "  ")
        if not inside and shape != " ":  # whatever is counted, a touch beyond the extent stands out
            text, style = f"✖{shape}", style + colours.outside
        if cell == marks.cursor:
            return Segment(f"[{text[0].strip() or ' '}", colours.cursor)
        if marks.first < marks.last and marks.first <= cell <= marks.last:
            return Segment(text, style + Style(bgcolor=colours.range.bgcolor))
        if marks.is_now(cell):
            return Segment(f"◆{text[1]}" if inside else text, style + Style(reverse=True))
        return Segment(text, style)

    def line_mark(self, drawing: Drawing, row: MapRow, marks: Marks) -> str:  # noqa: ARG002
        """Nothing: the cells have shapes."""
        return "  "

    def swatches(self, colours: Colours) -> Swatches:
        """The shapes."""
        levels = [(shape * 2, Style(color=colour)) for shape, colour in zip(GLYPHS, colours.levels, strict=True)]
        return levels, [(COMMANDED * 2, Style(dim=True), "other uses"), ("✖", colours.outside, "beyond")]

"""A row of cells as a strip of a terminal's line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.style import Style

    from tracetool.viewmodel.cells import Cell, Column

__all__ = ["Layout", "fit"]

_READABLE = 24
"""Columns that the last column is to have before others are set further apart."""


def fit(text: str, width: int, *, right: bool) -> str:
    """The text in so many columns of a terminal, cut where it is longer."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, max(width - 1, 0)) + "…" if width else ""
    return " " * (width - length) + text if right else text + " " * (width - length)


_STUMP = 10
"""Columns below which nothing can be read of the last column."""


class Layout:
    """How wide the columns of a grid are, given the room that there is."""

    def __init__(self, columns: Sequence[Column], room: int) -> None:
        self.columns = columns
        fixed = sum(column.width for column in columns[:-1])
        self._gap = 2 if fixed + 2 * (len(columns) - 1) + _READABLE <= room else 1
        self._last = fixed + self._gap * (len(columns) - 1)
        self.width = fixed + self._gap * (len(columns) - 1) + (columns[-1].width if columns else 0)

    def strip(self, cells: Sequence[Cell], style: Style, of: Callable[[str], Style]) -> Strip:
        """The row; `of` gives the style of each kind of cell."""
        segments = []
        space = Segment(" " * self._gap, style)
        for column, cell in zip(self.columns, cells, strict=True):
            segments.append(Segment(fit(cell.text, column.width, right=column.right), of(cell.style)))
            segments.append(space)
        return Strip(segments[:-1], self.width)

    def window(self, strip: Strip, x: int, width: int, style: Style) -> Strip:
        """What is seen of a row from column x on; a mark where it goes on, and no stump of the last column."""
        whole = self._last - self._gap
        if x == 0 and whole <= width < min(self._last + _STUMP, self.width):
            return strip.crop(0, whole).adjust_cell_length(width, style)
        cut = strip.crop_extend(x, x + width, style)
        if strip.crop(x + width - 1, strip.cell_length).text[1:].strip():
            cut = Strip.join([cut.crop(0, width - 1), Strip([Segment("…", style)])])
        return cut.adjust_cell_length(width, style)

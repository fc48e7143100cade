"""What a look of the map's cells is: how many stand where, and how a line of them is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rich.style import Style

from tracetool.viewmodel.flash_map import Shape

if TYPE_CHECKING:
    from rich.segment import Segment

    from tracetool.viewmodel.flash_map import MapRow
    from tracetool.viewmodel.heatmap import Drawing

__all__ = ["Colours", "Look", "Marks", "Swatches", "commanded", "ramp", "shape_in"]

Swatches = tuple[list[tuple[str, Style]], list[tuple[str, Style, str]]]
"""Shapes with their styles: of each level from 1 on, and of what else there is, with words."""


@dataclass(frozen=True)
class Marks:
    """What is marked among the cells: the cursor, the cells `first` to `last` selected, and where it is played."""

    cursor: int
    first: int
    last: int
    now: tuple[int, int] | None = None
    """Cells, the last inclusive."""
    blinked: bool = False
    """The cursor is not seen at this moment."""

    def is_now(self, cell: int) -> bool:
        """Whether it is played there."""
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
    """A way to paint cells."""

    name: str
    cell_columns: int
    """Columns of the screen that a cell takes."""
    deep: int
    """Rows of cells in a line of the screen."""
    blinks: bool
    """Whether only a colour tells where the cursor is."""

    def paint(self, drawing: Drawing, row: MapRow, marks: Marks, colours: Colours) -> list[Segment]:
        """The cells of a line."""

    def line_mark(self, drawing: Drawing, row: MapRow, marks: Marks) -> str:
        """Two characters before the cells, that say in shapes what is only a colour among them."""

    def swatches(self, colours: Colours) -> Swatches:
        """For the legend: what each level looks like, and what else there is, with words."""


def shape_in(look: Look, room: int) -> Shape:
    """The cells that there is room for: a power of two beside each other, so that lines begin at round offsets."""
    fitting = max(room // look.cell_columns, 1)
    return Shape(1 << (fitting.bit_length() - 1), look.deep)


# --- colours ---------------------------------------------------------------------------------------------------

# Ref: the end and middle colours of "cividis" (Nuñez, Anderton and Renslow 2018), made for deuteranomaly.
_DARK = ("#2c4a7c", "#5a6478", "#8a8779", "#c2ac62", "#fde945")
_LIGHT = ("#c9b96a", "#a1966f", "#757577", "#465374", "#00224e")


def ramp(*, dark: bool) -> tuple[str, ...]:
    """The colour of each level from 1 on."""
    return _DARK if dark else _LIGHT


def commanded(*, dark: bool) -> str:
    """The colour of what is not counted: between that of the background and that of level 1."""
    return "#434956" if dark else "#d0d1cb"

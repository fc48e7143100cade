"""Grid of the cells of a flash against time, with a cursor and a selected rectangle."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tracetool.sizes import format_offset
from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import once_shown
from tracetool.tui.map.grid import LABEL, MapGrid
from tracetool.tui.map.looks import LOOKS, half_blocks, ramp
from tracetool.tui.part_styles import PartStyles
from tracetool.viewmodel.flash_map import glyph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from textual import events

    from tracetool.tui.map.looks import Look
    from tracetool.viewmodel.block_times import TimePicture
    from tracetool.viewmodel.flash_map import MapRow

__all__ = ["TimeGrid"]

_LABEL_EVERY = 14
"""Columns between the labels of the axis."""


class TimeGrid(PartStyles):
    """Grid of a `TimePicture`, below its axis."""

    BINDINGS = bindings_of("map-cells")
    COMPONENT_CLASSES: ClassVar[set[str]] = MapGrid.COMPONENT_CLASSES

    @dataclass
    class Moved(Message):
        """The cursor or the rectangle is elsewhere; `chosen` by the user, `picked` with a click."""

        chosen: bool
        picked: bool

    class Opened(Message):
        """The rectangle was double-clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.picture: TimePicture | None = None
        self.look: Look = LOOKS[0]
        self.cursor = (0, 0)
        """Cell and column."""
        self._anchor: tuple[int, int] | None = None

    def show(self, picture: TimePicture, look: Look, offset: int | None = None) -> None:
        """Show a picture, drawn in a look; the cursor goes to the first thing done at an offset, or stays."""
        before, self.picture, self.look = self.picture, picture, look
        self.virtual_size = Size(self.size.width, len(picture.rows) + 1)
        if offset is not None:
            self._anchor, self.cursor = None, picture.first_use(picture.cells.at(offset))
        elif before is not None and (before.cells != picture.cells or before.axis.columns != picture.axis.columns):
            share = self.cursor[1] / before.axis.columns
            offset = min(before.cells.span(self.cursor[0])[0], picture.cells.region_bytes - 1)
            self._anchor, self.cursor = None, (picture.cells.at(offset), int(share * picture.axis.columns))
        self._put(*self.cursor)

    @property
    def selected(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Cells and columns, first and last, of the rectangle."""
        anchor = self.cursor if self._anchor is None else self._anchor
        (cell, column), (other, opposite) = self.cursor, anchor
        return (min(cell, other), max(cell, other)), (min(column, opposite), max(column, opposite))

    @property
    def range(self) -> tuple[int, int]:
        """Bytes of the rectangle, the end exclusive."""
        if self.picture is None:
            return 0, 0
        first, last = self.selected[0]
        return self.picture.cells.span(first)[0], self.picture.cells.span(last)[1]

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        if self.picture is not None:
            self.virtual_size = Size(self.size.width, len(self.picture.rows) + 1)

    # --- lines ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """The axis, or one line of the picture."""
        width, picture = self.size.width, self.picture
        if picture is None:
            return Strip.blank(width, self.part(""))
        at = self.scroll_offset.y + y - 1
        if y == 0:
            segments = [Segment(self._axis(picture), self.part("map--quiet"))]
        elif at >= len(picture.rows):
            segments = []
        else:
            row = picture.rows[at]
            segments = list(self._cells(picture, row)) if row.kind == "cells" else [self._line(picture, row, width)]
        return Strip(segments).adjust_cell_length(width, self.part(""))

    def _axis(self, picture: TimePicture) -> str:
        labels = (picture.axis.label(column) for column in range(0, picture.axis.columns, _LABEL_EVERY))
        return " " * LABEL + "".join(f"╷{label}"[:_LABEL_EVERY].ljust(_LABEL_EVERY) for label in labels)

    def _line(self, picture: TimePicture, row: MapRow, width: int) -> Segment:
        """The line of the extent, or a fold."""
        if row.kind == "extent":
            return Segment(f"━━━━━━━━━ ▲ {row.words} ".ljust(width, "━"), self.part("map--extent"))
        here = picture.row_of(self.cursor[0]) == picture.row_of(row.first)
        return Segment(
            f"{format_offset(row.start):>{LABEL - 2}}  ⋯ {row.words} ⋯",
            self.part(f"map--{'cursor' if here else 'quiet'}"),
        )

    def _cells(self, picture: TimePicture, row: MapRow) -> Iterator[Segment]:
        cells = list(range(row.first, row.last))
        outside = not row.inside and picture.touched[row.first : row.last].any()
        label = "" if row.part else format_offset(row.start)
        here = self.cursor[0] in cells and not row.part
        mark = f"{'✖' if outside else ' '}{'▸' if here else ' '}"
        yield Segment(f"{label:>{LABEL - 2}}{mark}", self.part("map--quiet" if row.inside else "map--outside"))
        numbers = [self._inks(picture, cell, inside=row.inside) for cell in cells]
        upper = numbers[0].tolist()
        if self.look.cell_columns > 1:
            yield from self._shades(upper)
        else:
            lower = numbers[-1].tolist() if len(cells) > 1 or picture.shape.deep == 1 else [_NOTHING] * len(upper)
            inks = self._colours()
            for (over, under), run in groupby(zip(upper, lower, strict=True)):
                empty = over == under and over in (0, _NOTHING)
                yield half_blocks(inks[over], inks[under], sum(1 for _ in run), empty=empty)
        if row.words and picture.axis.columns + LABEL < self.size.width:
            yield Segment(f" {row.words}", self.part("map--quiet"))

    def _inks(self, picture: TimePicture, cell: int, *, inside: bool) -> NDArray[np.int64]:
        """Index of each column's colour: a level, outside, selected or under the cursor."""
        found: NDArray[np.int64] = picture.levels[picture.index[cell]].copy()
        if not inside:
            found[found > 0] = _OUTSIDE
        (first, last), (left, right) = self.selected
        if self._anchor is not None and first <= cell <= last:
            found[left : right + 1] = np.where(found[left : right + 1] > 0, found[left : right + 1], _RANGE)
        if cell == self.cursor[0]:
            found[self.cursor[1]] = _CURSOR
        return found

    def _colours(self) -> list[Color | None]:
        styles = [self.part(f"map--{name}") for name in ("outside", "range", "cursor")]
        levels = [Color.parse(colour) for colour in ramp(dark=self.app.current_theme.dark)]
        ground = self.part("map--ground").bgcolor
        return [ground, *levels, styles[0].color, styles[1].bgcolor, styles[2].bgcolor, self.part("").bgcolor]

    def _shades(self, numbers: list[int]) -> Iterator[Segment]:
        plain, colours = self.part(""), ramp(dark=self.app.current_theme.dark)
        for number, run in groupby(numbers):
            count = sum(1 for _ in run)
            if number == _CURSOR:
                yield Segment("◊" * count, self.part("map--cursor"))
            elif number == _OUTSIDE:
                yield Segment("✖" * count, self.part("map--outside"))
            elif number == _RANGE:
                yield Segment("·" * count, self.part("map--range"))
            else:
                style = plain + Style(color=colours[number - 1]) if number else plain
                yield Segment(glyph(number, touched=False) * count, style)

    # --- the cursor ----------------------------------------------------------------------------------------------

    def _go(self, cell: int, column: int, *, extend: bool = False, picked: bool = False) -> None:
        """Go to a cell and a column, as the user does."""
        if extend and self._anchor is None:
            self._anchor = self.cursor
        elif not extend:
            self._anchor = None
        self._put(cell, column, chosen=True, picked=picked)

    def _put(self, cell: int, column: int, *, chosen: bool = False, picked: bool = False) -> None:
        picture = self.picture
        if picture is None:
            return
        self.cursor = min(max(cell, 0), picture.cells.count - 1), min(max(column, 0), picture.axis.columns - 1)
        row, height, top = picture.row_of(self.cursor[0]), max(self.lines_seen - 1, 1), self.scroll_offset.y
        if not top <= row < top + height:
            self.scroll_to(y=row if row < top else row - height + 1, animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved(chosen, picked))

    def drop_range(self) -> None:
        """Select the cell under the cursor alone."""
        self._go(*self.cursor)

    def select(self, start: int, end: int, event: tuple[int, int] | None = None) -> None:
        """Select the cells of bytes, in the column of the event that touched them, else in that of the cursor."""
        if self.picture is None:
            return
        cells, most = self.picture.cells, self.picture.cells.region_bytes - 1
        first, last = cells.at(min(start, most)), cells.at(min(max(end - 1, start), most))
        column = None if event is None else self.picture.axis.column_of(event, start, end)
        column = self.cursor[1] if column is None else column
        there, columns = self.selected
        if (first, last) != there or not columns[0] <= column <= columns[1]:
            self._anchor = (last, column) if last != first else None
            self._put(first, column)

    def go_to_byte(self, offset: int) -> None:
        """Move the cursor to the cell of a byte, as the user does."""
        if self.picture is not None:
            self._go(self.picture.cells.at(offset), self.cursor[1])

    @once_shown
    def action_cell(self, cells: int, extend: bool = False) -> None:
        """Move along the time."""
        self._go(self.cursor[0], self.cursor[1] + cells, extend=extend)

    @once_shown
    def action_row(self, rows: int, extend: bool = False) -> None:
        """Move to the cell below or above; a fold is one step."""
        picture = self.picture
        if picture is None:
            return
        cell = self.cursor[0]
        for _ in range(abs(rows)):
            row = picture.rows[picture.row_of(cell)]
            step = cell + (1 if rows > 0 else -1)
            if row.kind == "fold":
                step = row.last if rows > 0 else row.first - 1
            if not 0 <= step < picture.cells.count:
                break
            there = picture.rows[picture.row_of(step)]
            cell = there.first if there.kind == "fold" else step
        self._go(cell, self.cursor[1], extend=extend)

    @once_shown
    def action_edge(self, last: bool) -> None:
        """Go to the beginning or the end of the trace."""
        self._go(self.cursor[0], (1 << 60) if last else 0)

    @once_shown
    def action_page(self, pages: int) -> None:
        """Move by visible pages."""
        self.action_row(pages * max(self.lines_seen - 1, 1))

    # --- the mouse -----------------------------------------------------------------------------------------------

    def _place_at(self, event: events.MouseEvent) -> tuple[int, int] | None:
        picture = self.picture
        at = self.scroll_offset.y + event.y - 1
        if picture is None or event.y < 1 or at >= len(picture.rows) or picture.rows[at].kind == "extent":
            return None
        row, column = picture.rows[at], min(max(event.x - LABEL, 0), picture.axis.columns - 1)
        cells = range(row.first, row.last) if row.kind == "cells" else range(row.first, row.first + 1)
        if row.kind != "cells":
            return row.first, column
        return max(cells, key=lambda cell: int(picture.levels[picture.index[cell], column])), column

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Move the cursor; with shift, select up to it."""
        place = self._place_at(event)
        if place is not None:
            self.capture_mouse()
            self._go(*place, extend=event.shift, picked=True)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select while the button is down."""
        if event.button and self.app.mouse_captured is self:
            place = self._place_at(event)
            if place is not None and place != self.cursor:
                self._go(*place, extend=True)

    def on_mouse_up(self) -> None:
        """End the selection."""
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Show the operations of the rectangle on a double click."""
        if event.chain == 2:  # noqa: PLR2004
            self.post_message(self.Opened())


_OUTSIDE, _RANGE, _CURSOR, _NOTHING = 6, 7, 8, 9
"""Indexes of colours after those of the levels."""

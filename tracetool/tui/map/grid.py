"""Grid of the map's cells, with a cursor and a selected range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tracetool.sizes import format_offset
from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import once_shown
from tracetool.tui.map.looks import LOOKS, Colours, Look, Marks, commanded, hues, ramp
from tracetool.tui.part_styles import PartStyles
from tracetool.tui.theme import FEW_COLOURS
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.heatmap import cell_under, sideways, up_or_down

if TYPE_CHECKING:
    from textual import events

    from tracetool.viewmodel.flash_map import MapRow, Shape
    from tracetool.viewmodel.heatmap import Drawing

__all__ = ["MapGrid"]

LABEL = 11
"""Columns of the offset before a row."""

NAMES = 20
"""Columns for the names of regions behind a row, where there is room."""

_BLINK = 0.5
"""Seconds."""


class MapGrid(PartStyles):
    """Grid of a `Drawing`."""

    BINDINGS = bindings_of("map-cells")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"map--{part}" for part in ("cursor", "range", "extent", "quiet", "outside", "ground", "now")
    }

    @dataclass
    class Moved(Message):
        """The cursor or the range is at bytes `start` to `end`; `chosen` by the user, `picked` with a click."""

        start: int
        end: int
        chosen: bool = False
        picked: bool = False

    class Opened(Message):
        """The range was double-clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.drawing: Drawing | None = None
        self.cursor = 0
        self.named = True
        """Regions have their names behind the cells."""
        self.look = LOOKS[0]
        self._drawn_in = self.look
        self._anchor: int | None = None
        self._followed: tuple[int, int] | None = None
        self._blinked = False

    def on_mount(self) -> None:
        """Choose a look that the terminal can show; blink the cursor where animations are on."""
        if self.app.no_color or self.app.console.color_system in FEW_COLOURS:
            self.look = LOOKS[-1]
        if self.app.animation_level != "none":
            self.set_interval(_BLINK, self._blink)

    def _blink(self) -> None:
        blinked = self._drawn_in.blinks and self.has_focus and not self._blinked
        if blinked != self._blinked and self.drawing is not None:
            self._blinked = blinked
            row = self.drawing.row_of(self.cursor)
            for line in range(self.drawing.shape.tall):
                self.refresh_line(row + line)

    # --- contents ----------------------------------------------------------------------------------------------

    def room_in(self, width: int) -> int:
        """Columns for cells in a width."""
        return max(width - self._furniture, 1)

    def width_of(self, shape: Shape) -> int:
        """Columns that cells of a shape take, with labels and names."""
        return shape.columns * shape.width + self._furniture

    @property
    def _furniture(self) -> int:
        return LABEL + (NAMES if self.named else 0) + 1

    def show(self, drawing: Drawing, look: Look, offset: int | None = None) -> None:
        """Show a drawing, made for a look, with the cursor on the cell of an offset; without one it stays in place.

        A range stays selected where the cells are the same, as they are while a trace is played.
        """
        before, start = self.drawing, self.range[0]
        self.drawing, self._drawn_in = drawing, look
        self.virtual_size = Size(self.size.width, len(drawing.rows))
        if offset is None and before is not None and before.cells == drawing.cells and before.rows == drawing.rows:
            self.refresh()
            self.post_message(self.Moved(*self.range))
            return
        if offset is not None or before is None or before.cells != drawing.cells:
            self._anchor = None
            self.cursor = drawing.cells.at(min(start if offset is None else offset, drawing.cells.region_bytes - 1))
        self._moved()

    def select(self, start: int, end: int) -> None:
        """Select the cells of bytes, with the cursor on the first of them."""
        if self.drawing is None:
            return
        cells, most = self.drawing.cells, self.drawing.cells.region_bytes - 1
        first, last = cells.at(min(start, most)), cells.at(min(max(end - 1, start), most))
        if (first, last) != self._selected:
            self.cursor, self._anchor = first, last if last != first else None
            self._moved()

    def follow(self, start: int, end: int) -> None:
        """Mark the bytes that the image's moment changed."""
        self._followed = (start, end)
        self.refresh()

    @property
    def range(self) -> tuple[int, int]:
        """Bytes of the selected cells, the end exclusive."""
        if self.drawing is None:
            return 0, 0
        first, last = self._selected
        return self.drawing.cells.span(first)[0], self.drawing.cells.span(last)[1]

    @property
    def _selected(self) -> tuple[int, int]:
        anchor = self.cursor if self._anchor is None else self._anchor
        return min(anchor, self.cursor), max(anchor, self.cursor)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        if self.drawing is not None:
            self.virtual_size = Size(self.size.width, len(self.drawing.rows))

    # --- lines ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the map."""
        at, width = self.scroll_offset.y + y, self.size.width
        if self.drawing is None or at >= len(self.drawing.rows):
            return Strip.blank(width, self.part(""))
        row = self.drawing.rows[at]
        segments = self._cells(self.drawing, row) if row.kind == "cells" else self._line(row, width)
        return Strip(segments).adjust_cell_length(width, self.part(""))

    def _line(self, row: MapRow, width: int) -> list[Segment]:
        """The line of the extent, or a fold."""
        if row.kind == "extent":
            style = self.part("map--extent")
            return [Segment(f"━━━━━━━━━ ▲ {row.words} ".ljust(width, "━"), style)]
        selected = row.first <= self.cursor < row.last
        style = self.part("map--cursor" if selected else "map--quiet")
        return [Segment(f"{format_offset(row.start):>{LABEL - 2}}  ⋯ {row.words} ⋯", style)]

    def _cells(self, drawing: Drawing, row: MapRow) -> list[Segment]:
        quiet, marks = self.part("map--quiet"), self._marks(drawing)
        label = quiet if row.inside else self.part("map--outside")
        before = self._drawn_in.line_mark(drawing, row, marks)
        offset = "" if row.part else format_offset(row.start)
        segments = [Segment(f"{offset:>{LABEL - 2}}{before}", label)]
        segments += self._drawn_in.paint(drawing, row, marks, self.colours)
        if row.words and self.named:
            used = LABEL + drawing.shape.width * min(row.last - row.first, drawing.shape.columns)
            segments.append(Segment(f" {row.words}"[: max(self.size.width - used, 0)], quiet))
        return segments

    def _marks(self, drawing: Drawing) -> Marks:
        now = None
        if self._followed is not None and self._followed[0] < self._followed[1]:
            now = (drawing.cells.at(self._followed[0]), drawing.cells.at(self._followed[1] - 1))
        return Marks(self.cursor, *self._selected, now, self._blinked)

    @property
    def colours(self) -> Colours:
        """The colours of what is drawn."""
        return self.colours_of(Metric.PROGRAMS if self.drawing is None else self.drawing.heat.metric)

    def colours_of(self, metric: Metric) -> Colours:
        """The theme's colours of a metric."""
        dark = self.app.current_theme.dark
        styles = {name: self.part(f"map--{name}") for name in ("ground", "cursor", "range", "outside", "now")}
        levels = hues(dark=dark) if metric == Metric.MODULE else ramp(dark=dark)
        return Colours(plain=self.part(""), **styles, commanded=commanded(dark=dark), levels=levels)

    # --- the cursor ----------------------------------------------------------------------------------------------

    def _go(self, cell: int, *, extend: bool = False, picked: bool = False) -> None:
        if self.drawing is None:
            return
        if extend and self._anchor is None:
            self._anchor = self.cursor
        elif not extend:
            self._anchor = None
        self.cursor = min(max(cell, 0), self.drawing.cells.count - 1)
        self._moved(chosen=True, picked=picked)

    def _moved(self, *, chosen: bool = False, picked: bool = False) -> None:
        if self.drawing is None:
            return
        self._blinked = False
        row, height = self.drawing.row_of(self.cursor), self.lines_seen
        top, last = self.scroll_offset.y, row + self.drawing.shape.tall - 1
        if not top <= row <= last < top + height:
            self.scroll_to(y=row if row < top else last - height + 1, animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved(*self.range, chosen, picked))

    def go_to_byte(self, offset: int) -> None:
        """Move the cursor to the cell of a byte, as the user does."""
        if self.drawing is not None:
            self._go(self.drawing.cells.at(offset))

    def drop_range(self) -> None:
        """Select the cell under the cursor alone."""
        self._go(self.cursor)

    @once_shown
    def action_cell(self, cells: int, extend: bool = False) -> None:
        """Move along a row."""
        if self.drawing is not None:
            self._go(sideways(self.drawing, self.cursor, cells), extend=extend)

    @once_shown
    def action_row(self, rows: int, extend: bool = False) -> None:
        """Move to the row above or below, over lines that hold no cells."""
        if self.drawing is not None:
            self._go(up_or_down(self.drawing, self.cursor, rows), extend=extend)

    @once_shown
    def action_edge(self, last: bool) -> None:
        """Move to the first or the last cell."""
        self._go((1 << 60) if last else 0)

    @once_shown
    def action_page(self, pages: int) -> None:
        """Move by visible pages."""
        if self.drawing is not None:
            shape = self.drawing.shape
            self.action_row(pages * max((self.lines_seen - 1) * shape.deep // shape.tall, 1))

    # --- the mouse -----------------------------------------------------------------------------------------------

    def _cell_at(self, event: events.MouseEvent) -> int | None:
        if self.drawing is None:
            return None
        # Where the terminal tells of pixels, the pointer is somewhere within the character.
        depth = event.pointer_y % 1 if self.app.supports_smooth_scrolling else None
        column = (event.x - LABEL) // self.drawing.shape.width
        return cell_under(self.drawing, self.scroll_offset.y + event.y, column, depth)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Move the cursor to a cell; with shift, select up to it."""
        cell = self._cell_at(event)
        if cell is not None:
            self.capture_mouse()
            self._go(cell, extend=event.shift, picked=True)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select while the button is down."""
        if event.button and self.app.mouse_captured is self:
            cell = self._cell_at(event)
            if cell is not None and cell != self.cursor:
                self._go(cell, extend=True)

    def on_mouse_up(self) -> None:
        """End the selection."""
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Show the operations of the range on a double click."""
        if event.chain == 2:  # noqa: PLR2004
            self.post_message(self.Opened())

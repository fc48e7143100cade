"""The cells of the map, a cursor among them, and a range of the flash."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tracetool.browse.flash_map import glyph
from tracetool.sizes import format_offset
from tracetool.tui.actions import bindings_of
from tracetool.tui.map.ramp import ramp
from tracetool.tui.part_styles import PartStyles

if TYPE_CHECKING:
    from textual import events

    from tracetool.browse.flash_map import MapRow
    from tracetool.browse.mapping import Drawing

__all__ = ["MapGrid", "columns_in"]

LABEL = 11
"""Columns of the offset before a row."""

NAMES = 26
"""Columns for the names of regions behind a row, where there is room."""

CELL = 2
"""Columns of a cell: as high as it is wide."""

_ROOMY = 60


def columns_in(width: int) -> int:
    """Cells in a row: a power of two, so that rows begin at round offsets."""
    room = width - LABEL - (NAMES if width >= _ROOMY else 0) - 1
    return 1 << max((room // CELL).bit_length() - 1, 0) if room >= CELL else 1


class MapGrid(PartStyles):
    """Shows a `Drawing`."""

    BINDINGS = bindings_of("map")  # type: ignore[assignment]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"map--cursor", "map--range", "map--extent", "map--quiet", "map--outside"}
    DEFAULT_CSS = """
    MapGrid {
        background: $surface; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1;
        & > .map--cursor { background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold; }
        & > .map--range { background: $secondary-muted; }
        & > .map--extent { background: $error; color: $background; text-style: bold; }
        & > .map--quiet { color: $foreground-muted; }
        & > .map--outside { color: $text-error; text-style: bold; }
    }
    """

    class Moved(Message):
        """The cursor or the range is another: bytes `start` to `end`; `picked` where somebody chose it."""

        def __init__(self, start: int, end: int, *, picked: bool) -> None:
            super().__init__()
            self.start = start
            self.end = end
            self.picked = picked

    class Opened(Message):
        """Somebody wants to see the operations of the range."""

    class Changed(Message):
        """Something else is to be shown: the next `metric`, `zoom` or `device`, or the one before."""

        def __init__(self, what: str, steps: int) -> None:
            super().__init__()
            self.what = what
            self.steps = steps

    def __init__(self) -> None:
        super().__init__(id="cells")
        self.drawing: Drawing | None = None
        self.cursor = 0
        self._anchor: int | None = None
        self._followed: tuple[int, int] | None = None

    # --- what is shown -------------------------------------------------------------------------------------------

    def show(self, drawing: Drawing, offset: int) -> None:
        """Show a drawing with the cursor on the cell of an offset."""
        self.drawing, self._anchor = drawing, None
        self.virtual_size = Size(self.size.width, len(drawing.rows))
        self.cursor = drawing.cells.at(offset)
        self._moved(picked=False)

    def follow(self, start: int, end: int) -> None:
        """Mark where something is happening."""
        self._followed = (start, end)
        self.refresh()

    @property
    def range(self) -> tuple[int, int]:
        """The bytes of the cells selected, the end exclusive."""
        if self.drawing is None:
            return 0, 0
        first, last = self._selected
        return self.drawing.cells.span(first)[0], self.drawing.cells.span(last)[1]

    @property
    def _selected(self) -> tuple[int, int]:
        anchor = self.cursor if self._anchor is None else self._anchor
        return min(anchor, self.cursor), max(anchor, self.cursor)

    def on_resize(self) -> None:
        """The lines are as wide as the room."""
        if self.drawing is not None:
            self.virtual_size = Size(self.size.width, len(self.drawing.rows))

    # --- lines ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One row of the map."""
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
        quiet = self.part("map--quiet")
        label = quiet if row.inside else self.part("map--outside")
        segments = [Segment(f"{format_offset(row.start):>{LABEL - 2}}  ", label)]
        styles = ramp(dark=self.app.current_theme.dark)
        segments += [self._cell(drawing, cell, styles, inside=row.inside) for cell in range(row.first, row.last)]
        if row.words and self.size.width >= _ROOMY:
            used = LABEL + CELL * (row.last - row.first)
            segments.append(Segment(f" {row.words}"[: max(self.size.width - used, 0)], quiet))
        return segments

    def _cell(self, drawing: Drawing, cell: int, styles: tuple[Style, ...], *, inside: bool) -> Segment:
        shape = glyph(int(drawing.levels[cell]), touched=bool(drawing.heat.touched[cell]))
        style = self.part("") + styles[int(drawing.levels[cell])]
        text = shape * CELL if shape != " " else ("· " if inside else "  ")
        if not inside and shape != " ":  # whatever is counted, a touch beyond the image file stands out
            text, style = f"✖{shape}", style + self.part("map--outside")
        first, last = self._selected
        if cell == self.cursor:
            return Segment(f"[{text[0].strip() or ' '}", self.part("map--cursor"))
        if self._anchor is not None and first <= cell <= last:
            return Segment(text, style + Style(bgcolor=self.part("map--range").bgcolor))
        if self._followed is not None and self._touches(drawing, cell):
            return Segment(f"◆{text[1]}" if inside else text, style + Style(reverse=True))
        return Segment(text, style)

    def _touches(self, drawing: Drawing, cell: int) -> bool:
        start, end = drawing.cells.span(cell)
        return self._followed is not None and start < self._followed[1] and self._followed[0] < end

    # --- the cursor ----------------------------------------------------------------------------------------------

    def _go(self, cell: int, *, extend: bool = False, picked: bool = False) -> None:
        if self.drawing is None:
            return
        if extend and self._anchor is None:
            self._anchor = self.cursor
        elif not extend:
            self._anchor = None
        self.cursor = min(max(cell, 0), self.drawing.cells.count - 1)
        self._moved(picked=picked)

    def _moved(self, *, picked: bool) -> None:
        if self.drawing is None:
            return
        row, height = self.drawing.row_of(self.cursor), max(self.size.height, 1)
        top = self.scroll_offset.y
        if not top <= row < top + height:
            self.scroll_to(y=row if row < top else row - height + 1, animate=False, force=True)
        self.refresh()
        self.post_message(self.Moved(*self.range, picked=picked))

    def drop_range(self) -> None:
        """Select the cell under the cursor alone."""
        self._go(self.cursor)

    def action_cell(self, cells: int, extend: bool = False) -> None:
        """Move along a row."""
        self._go(self._past_folds(self.cursor + cells, forward=cells > 0), extend=extend)

    def _past_folds(self, cell: int, *, forward: bool) -> int:
        """A fold is one step."""
        drawing = self.drawing
        if drawing is None or not 0 <= cell < drawing.cells.count:
            return cell
        row, before = drawing.rows[drawing.row_of(cell)], drawing.row_of(self.cursor)
        if row.kind != "fold":
            return cell
        if drawing.rows[before] is row:
            return row.last if forward else row.first - 1
        return row.first

    def action_row(self, rows: int, extend: bool = False) -> None:
        """Move to the row above or below, over lines that hold no cells."""
        drawing = self.drawing
        if drawing is None:
            return
        at = drawing.row_of(self.cursor)
        column = self.cursor - drawing.rows[at].first if drawing.rows[at].kind == "cells" else 0
        at += rows
        while 0 <= at < len(drawing.rows) and drawing.rows[at].kind == "extent":
            at += rows
        if 0 <= at < len(drawing.rows):
            row = drawing.rows[at]
            self._go(row.first if row.kind == "fold" else min(row.first + column, row.last - 1), extend=extend)

    def action_edge(self, last: bool) -> None:
        """Move to the first or the last cell."""
        self._go((1 << 60) if last else 0)

    def action_open(self) -> None:
        """Show the operations of the range."""
        self.post_message(self.Opened())

    def action_page(self, pages: int) -> None:
        """Move by as many rows as are seen."""
        for _ in range(max(self.size.height - 1, 1)):
            self.action_row(pages)

    def action_change(self, what: str, steps: int) -> None:
        """Show something else."""
        self.post_message(self.Changed(what, steps))

    # --- the mouse -----------------------------------------------------------------------------------------------

    def _cell_at(self, x: int, y: int) -> int | None:
        at = self.scroll_offset.y + y
        if self.drawing is None or not 0 <= at < len(self.drawing.rows):
            return None
        row = self.drawing.rows[at]
        if row.kind == "extent":
            return None
        cell = row.first + max(x - LABEL, 0) // CELL
        return row.first if row.kind == "fold" else min(cell, row.last - 1)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Put the cursor there; with shift, select up to there."""
        cell = self._cell_at(event.x, event.y)
        if cell is not None:
            self.capture_mouse()
            self._go(cell, extend=event.shift, picked=True)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select while the button is down."""
        if event.button and self.app.mouse_captured is self:
            cell = self._cell_at(event.x, event.y)
            if cell is not None and cell != self.cursor:
                self._go(cell, extend=True)

    def on_mouse_up(self) -> None:
        """The range is chosen."""
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """A double click shows the operations."""
        if event.chain == 2:  # noqa: PLR2004
            self.action_open()

"""A table of any number of rows: made a page at a time, with a cursor and a range of selected rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tracetool.tui.actions import bindings_of
from tracetool.viewmodel.cells import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events

    from tracetool.viewmodel.cells import Column

__all__ = ["Layout", "LineGrid", "RowSource", "fit"]

PAGE = 128
"""Rows read at a time."""

KEPT = 8
"""Pages in the cache."""

_KINDS = ("bad", "warn", "note", "good", "quiet", "strong", "header", "cursor", "range")


class RowSource(Protocol):
    """Rows of a table, by number."""

    def __len__(self) -> int:
        """Number of rows."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns; the last one takes what room is left."""

    def lines(self, start: int, count: int) -> Sequence[Sequence[Cell]]:
        """The cells of rows `start` to `start + count`, as far as there are any."""


_READABLE = 24
"""Columns of the last column from which all are set further apart."""


def fit(text: str, width: int, *, right: bool) -> str:
    """Pad or cut a text to `width` columns of a terminal."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, max(width - 1, 0)) + "…" if width else ""
    return " " * (width - length) + text if right else text + " " * (width - length)


_STUMP = 10
"""Least width of the last column."""


class Layout:
    """Widths of the columns of a grid in a given room."""

    def __init__(self, columns: Sequence[Column], room: int) -> None:
        self.columns = columns
        fixed = sum(column.width for column in columns[:-1])
        self._gap = 2 if fixed + 2 * (len(columns) - 1) + _READABLE <= room else 1
        self._last = fixed + self._gap * (len(columns) - 1)
        self.width = fixed + self._gap * (len(columns) - 1) + (columns[-1].width if columns else 0)

    def strip(self, cells: Sequence[Cell], style: Style, of: Callable[[str], Style]) -> Strip:
        """A row as a strip; `of` returns the style of a kind of cell."""
        segments = []
        space = Segment(" " * self._gap, style)
        for column, cell in zip(self.columns, cells, strict=True):
            segments.append(Segment(fit(cell.text, column.width, right=column.right), of(cell.style)))
            segments.append(space)
        return Strip(segments[:-1], self.width)

    def window(self, strip: Strip, x: int, width: int, style: Style) -> Strip:
        """The visible part of a row from column x on, with a mark if it goes on; no last column that is too narrow."""
        whole = self._last - self._gap
        if x == 0 and whole <= width < min(self._last + _STUMP, self.width):
            return strip.crop(0, whole).adjust_cell_length(width, style)
        cut = strip.crop_extend(x, x + width, style)
        if strip.crop(x + width - 1, strip.cell_length).text[1:].strip():
            cut = Strip.join([cut.crop(0, width - 1), Strip([Segment("…", style)])])
        return cut.adjust_cell_length(width, style)


class LineGrid(ScrollView, can_focus=True, inherit_bindings=False):
    """Table of a `RowSource` with a fixed header."""

    BINDINGS = bindings_of("table")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"grid--{kind}" for kind in _KINDS}

    cursor: reactive[int] = reactive(0)
    """The row that the cursor is on."""

    @dataclass
    class CursorMoved(Message):
        """The cursor is on another row."""

        grid: LineGrid
        row: int

        @property
        def control(self) -> LineGrid:
            """The grid."""
            return self.grid

    @dataclass
    class Opened(Message):
        """A row was double-clicked."""

        grid: LineGrid
        row: int

        @property
        def control(self) -> LineGrid:
            """The grid."""
            return self.grid

    def __init__(self, empty: str = "") -> None:
        super().__init__()
        self._empty = empty
        self._source: RowSource | None = None
        self._page: Callable[[int], Sequence[Sequence[Cell]]] = lambda _: ()
        self._layout: Layout | None = None
        self._anchor: int | None = None
        self._to_middle = False  # until the cursor is moved: a view that comes in front is laid out in steps
        self._styles: dict[tuple[str, str], Style] = {}

    # --- contents ----------------------------------------------------------------------------------------------

    def show(self, source: RowSource, cursor: int = 0, empty: str = "") -> None:
        """Show the rows of a source, with the cursor on one of them."""
        self._take(source)
        self._anchor = None
        self._empty = empty or self._empty
        self._lay_out()
        self.go(cursor)
        self.refresh()
        # The room there is, and the room to scroll in, are known once the new size was taken in.
        self.call_after_refresh(self._settle)

    def renew(self) -> None:
        """Read the cells of the source again."""
        if self._source is not None:
            self._take(self._source)
            self.refresh()

    def _take(self, source: RowSource) -> None:
        self._source = source
        self._page = lru_cache(KEPT)(lambda number: source.lines(number * PAGE, PAGE))

    def _line(self, row: int) -> Sequence[Cell]:
        number, at = divmod(row, PAGE)
        return self._page(number)[at]

    @property
    def count(self) -> int:
        """Number of rows."""
        return 0 if self._source is None else len(self._source)

    @property
    def selected(self) -> range:
        """Selected rows: the range, or the row under the cursor."""
        if not self.count:
            return range(0)
        anchor = self.cursor if self._anchor is None else self._anchor
        return range(min(anchor, self.cursor), max(anchor, self.cursor) + 1)

    @property
    def has_range(self) -> bool:
        """True if a range of rows is selected."""
        return self._anchor is not None

    def drop_range(self) -> None:
        """Select the row under the cursor alone."""
        self._anchor = None
        self.refresh()

    @property
    def _room(self) -> int:
        """Visible columns."""
        return self.scrollable_content_region.width

    def _lay_out(self) -> None:
        if self._source is None:
            return
        self._layout = Layout(self._source.columns, self._room)
        self.virtual_size = Size(self._layout.width, self.count + 1)

    def on_resize(self) -> None:
        """Lay the columns out in the room there is now."""
        self._settle()
        self.call_after_refresh(self._settle)

    def notify_style_update(self) -> None:
        """Drop the cache, as colours may differ."""
        super().notify_style_update()
        self._styles.clear()

    # --- lines ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the window: the header, or the row at this place."""
        x, top = self.scroll_offset
        width = self._room
        row = top + y - 1
        if y == 0 and self._layout is not None:
            strip, style = self._header(self._layout), self._style("header")
        elif row < self.count and self._layout is not None:
            strip, style = self._row(row, self._layout), self._style("", self._state(row))
        else:
            text = self._empty if y == 1 and not self.count else ""
            return Strip([Segment(text, self.rich_style)]).adjust_cell_length(width, self.rich_style)
        return self._layout.window(strip, x, width, style)

    def _header(self, layout: Layout) -> Strip:
        titles = [Cell(column.title) for column in layout.columns]
        return layout.strip(titles, self._style("header"), lambda _: self._style("header"))

    def _row(self, row: int, layout: Layout) -> Strip:
        state = self._state(row)
        return layout.strip(self._line(row), self._style("", state), lambda kind: self._style(kind, state))

    def _state(self, row: int) -> str:
        if row == self.cursor:
            return "cursor"
        return "range" if self._anchor is not None and row in self.selected else ""

    def _style(self, kind: str, state: str = "") -> Style:
        """The style of a kind of cell in a row that is under the cursor or in the range."""
        key = (kind, f"{state}{self.has_focus}")
        found = self._styles.get(key)
        if found is None:
            found = self._styles[key] = self._made_style(kind, state)
        return found

    def _made_style(self, kind: str, state: str) -> Style:
        base = self.rich_style if not state else self.get_component_rich_style(f"grid--{state}")
        if not kind:
            return base
        own = self.get_component_rich_style(f"grid--{kind}")
        if kind == "header":
            return own
        if state == "cursor" and self.has_focus:
            return base + Style(bold=own.bold)
        return base + Style(color=own.color, bold=own.bold)

    # --- the cursor ----------------------------------------------------------------------------------------------

    def go(self, row: int, *, middle: bool = False) -> None:
        """Move the cursor to a row and scroll it into view, to the middle on request if it is out of view."""
        row = min(max(row, 0), max(self.count - 1, 0))
        height = max(self.size.height - 1, 1)
        top = self.scroll_offset.y
        self._to_middle = middle and not self.size.height
        if middle and not top <= row < top + height:
            self._center(row)
        self.cursor = row
        self._keep_in_sight(row)

    def _center(self, row: int) -> None:
        self.scroll_to(y=max(row - (self.size.height - 1) // 2, 0), animate=False)

    def keep_in_sight_below(self, rows: int) -> None:
        """Scroll until `rows` rows below the cursor are visible, or the cursor is at the top."""
        height = max(self.size.height - 1, 1)
        self._keep_in_sight(min(self.cursor + min(rows, height - 1), self.count - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Redraw both rows and post `CursorMoved`."""
        if self.has_range:
            self.refresh()
        self.refresh_line(old + 1)
        self.refresh_line(new + 1)
        self.post_message(self.CursorMoved(self, new))

    def _settle(self) -> None:
        self._lay_out()
        if self._to_middle and self.size.height:
            self._center(self.cursor)
        self._keep_in_sight(self.cursor)

    def _keep_in_sight(self, row: int) -> None:
        height = max(self.size.height - 1, 1)
        top = self.scroll_offset.y
        if row < top:
            self.scroll_to(y=row, animate=False)
        elif row >= top + height:
            self.scroll_to(y=row - height + 1, animate=False)

    def _move(self, row: int) -> None:
        self._anchor = None
        self._to_middle = False
        self.go(row)
        self.refresh()

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        self._move(self.cursor + rows)

    def action_move_pages(self, halves: int) -> None:
        """Move the cursor by half pages."""
        self._move(self.cursor + halves * max(self.size.height - 1, 2) // 2)

    def action_edge(self, last: bool) -> None:
        """Move to the first or the last row."""
        self._move(self.count - 1 if last else 0)

    def action_extend(self, rows: int) -> None:
        """Extend the selection by rows."""
        if self._anchor is None:
            self._anchor = self.cursor
        self.go(self.cursor + rows)
        self.refresh()

    def action_sideways(self, columns: int) -> None:
        """Scroll sideways."""
        self.scroll_to(x=self.scroll_offset.x + columns, animate=False)

    # --- the mouse -----------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row; with shift, select up to it; open it on a double click."""
        row = self.scroll_offset.y + event.y - 1
        if event.y < 1 or row >= self.count:
            return
        if event.shift:
            self.action_extend(row - self.cursor)
            return
        self._move(row)
        if event.chain == 2:  # noqa: PLR2004
            self.post_message(self.Opened(self, row))

    # --- copies --------------------------------------------------------------------------------------------------

    def text_of(self, rows: range) -> str:
        """Rows as text, cells separated by tabs."""
        return "\n".join("\t".join(cell.text.strip() for cell in self._line(row)) for row in rows)

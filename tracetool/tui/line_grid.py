"""A table of any number of rows: made a page at a time, with a cursor and a range of selected rows."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tracetool.tui.actions import bindings_of
from tracetool.tui.columns import ColumnsScreen
from tracetool.viewmodel.cells import Cell
from tracetool.viewmodel.table_look import TableLook, order_of_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from textual import events

    from tracetool.viewmodel.cells import Column

__all__ = ["Layout", "LineGrid", "RowSource", "SortableSource", "fit", "tabbed"]

PAGE = 128
"""Rows read at a time."""

KEPT = 8
"""Pages in the cache."""

MOST_SORTED = 20_000
"""Rows up to which a source that does not sort itself is sorted by its texts."""

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


@runtime_checkable
class SortableSource(RowSource, Protocol):
    """Rows that are too many to be sorted by their texts."""

    def order(self, column: str, *, descending: bool) -> NDArray[np.int64] | None:
        """Rows, int64, sorted by a column; None for the order of the source."""

    def gather(self, rows: Sequence[int]) -> Sequence[Sequence[Cell]]:
        """The cells of these rows."""


_READABLE = 24
"""Columns of the last column from which all are set further apart."""


def fit(text: str, width: int, *, right: bool) -> str:
    """Pad or cut a text to `width` columns of a terminal."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, max(width - 1, 0)) + "…" if width else ""
    return " " * (width - length) + text if right else text + " " * (width - length)


def tabbed(cells: Sequence[Cell]) -> str:
    """The cells of a row as text, separated by tabs."""
    return "\t".join(cell.text.strip() for cell in cells)


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
        self._ends = list(accumulate((column.width + self._gap for column in columns), initial=0))[1:]

    def column_at(self, x: int) -> int:
        """Index of the column at a place; the gap behind a column belongs to it."""
        return min(bisect_right(self._ends, x), len(self.columns) - 1)

    def edge_at(self, x: int) -> int | None:
        """Index of the column whose right edge, the gap behind it, is at a place; None elsewhere."""
        if not self.columns:
            return None
        at = self.column_at(x)
        return at if x >= self._ends[at] - self._gap and at < len(self.columns) - 1 else None

    def start_of(self, index: int) -> int:
        """Where a column begins."""
        return self._ends[index - 1] if index else 0

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
    """Table of a `RowSource` with a fixed header.

    Rows are numbered as in the source, wherever sorting puts them; `table` is the name under which its look is saved.
    """

    BINDINGS = bindings_of("table")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"grid--{kind}" for kind in _KINDS}

    cursor: reactive[int] = reactive(0, init=False)
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

    @dataclass
    class Looked(Message):
        """The table has another look."""

        grid: LineGrid

    def __init__(self, empty: str = "", table: str = "") -> None:
        super().__init__()
        self.table = table
        self.table_look = TableLook()
        self._order: NDArray[np.int64] | None = None  # row of each place, and place of each row, where it is sorted
        self._places: NDArray[np.int64] | None = None
        self._shown: list[int] = []
        self._sized: int | None = None
        self._empty = empty
        self._source: RowSource | None = None
        self._page: Callable[[int], Sequence[Sequence[Cell]]] = lambda _: ()
        self._layout: Layout | None = None
        self._anchor: int | None = None
        self._to_middle = False  # until the cursor is moved: a view that comes in front is laid out in steps
        self.between = False
        """True where no row is highlighted, as what is selected lies before the row of the cursor and is hidden."""
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

    def grow(self, source: RowSource, cursor: int, *, to_end: bool) -> None:
        """Show a source that has more rows, with the cursor on the row that it was on, or on the last one.

        The rows in sight stay where they are, unless the cursor goes to the end.
        """
        place, row = self.place_of(self.cursor), self.cursor
        self._take(source)
        self._lay_out()
        if self._anchor is not None:
            self._anchor = min(max(self._anchor + cursor - row, 0), max(self.count - 1, 0))
        if to_end:
            self.go(self.row_at(max(self.count - 1, 0)))
            self.call_after_refresh(self._settle)
        else:
            self.cursor = cursor
            self.scroll_to(y=self.scroll_offset.y + self.place_of(cursor) - place, animate=False)
        self.refresh()

    @property
    def at_end(self) -> bool:
        """True where the last row is under the cursor, alone, in the order of the source."""
        return self._order is None and not self.between and not self.has_range and self.cursor >= self.count - 1

    def renew(self) -> None:
        """Read the cells of the source again."""
        if self._source is not None:
            self._take(self._source)
            self.refresh()

    def _take(self, source: RowSource) -> None:
        self._source = source
        self._shown = self.table_look.shown(source.columns)
        order = self._order = self._sorted(source)
        if order is None:
            self._places = None
            self._page = lru_cache(KEPT)(lambda number: source.lines(number * PAGE, PAGE))
            return
        self._places = np.empty_like(order)
        self._places[order] = np.arange(len(order))
        gather = source.gather if isinstance(source, SortableSource) else partial(_gathered, source)
        self._page = lru_cache(KEPT)(lambda number: gather(order[number * PAGE : (number + 1) * PAGE].tolist()))

    def _sorted(self, source: RowSource) -> NDArray[np.int64] | None:
        """Rows in the order in which they are shown; None for that of the source."""
        look = self.table_look
        at = next((at for at, column in enumerate(source.columns) if column.id == look.sorted_by), None)
        if at is None:
            return None
        if isinstance(source, SortableSource):
            return source.order(look.sorted_by, descending=look.descending)
        if len(source) > MOST_SORTED:
            return None
        return order_of_texts((line[at].text for line in source.lines(0, len(source))), descending=look.descending)

    def _line(self, place: int) -> Sequence[Cell]:
        """Cells of the shown columns at a place."""
        number, at = divmod(place, PAGE)
        line = self._page(number)[at]
        return [line[column] for column in self._shown]

    def row_at(self, place: int) -> int:
        """Row of the source that is shown at a place, counted from the top."""
        return place if self._order is None or not len(self._order) else int(self._order[place])

    def place_of(self, row: int) -> int:
        """Place at which a row of the source is shown."""
        return row if self._places is None or not len(self._places) else int(self._places[row])

    # --- the look ------------------------------------------------------------------------------------------------

    def set_look(self, look: TableLook) -> None:
        """Sort, hide and resize columns; the cursor stays on its row."""
        self.table_look = look
        if self._source is None:
            return
        self._take(self._source)
        self._anchor = None
        self._lay_out()
        self._keep_in_sight(self.cursor)
        self.refresh()

    def _change_look(self, look: TableLook) -> None:
        if look != self.table_look:
            self.set_look(look)
            self.post_message(self.Looked(self))

    def action_columns(self) -> None:
        """List the columns: sort, hide, resize."""
        if self._source is not None:
            self.app.push_screen(ColumnsScreen(self._source.columns, self.table_look, self._change_look))

    @property
    def source(self) -> RowSource | None:
        """The rows that are shown."""
        return self._source

    @property
    def count(self) -> int:
        """Number of rows."""
        return 0 if self._source is None else len(self._source)

    @property
    def selected(self) -> Sequence[int]:
        """Selected rows, as they are shown: the range, or the highlighted row under the cursor."""
        places = self._selected_places
        if self._order is None or not len(self._order):
            return places
        found: list[int] = self._order[places.start : places.stop].tolist()
        return found

    @property
    def _selected_places(self) -> range:
        if not self.count or self.between:
            return range(0)
        here = self.place_of(self.cursor)
        anchor = here if self._anchor is None else self.place_of(self._anchor)
        return range(min(anchor, here), max(anchor, here) + 1)

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
        self._layout = Layout(self.table_look.laid_out(self._source.columns), self._room)
        size = Size(self._layout.width, self.count + 1)
        if self.is_on_screen:
            self.virtual_size = size
        else:  # which would lay out all of the screen; that is done when this is shown
            self.set_reactive(LineGrid.virtual_size, size)

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
        place = top + y - 1
        if y == 0 and self._layout is not None:
            strip, style = self._header(self._layout), self._style("header")
        elif place < self.count and self._layout is not None:
            strip, style = self._row(place, self._layout), self._style("", self._state(place))
        else:
            text = self._empty if y == 1 and not self.count else ""
            return Strip([Segment(text, self.rich_style)]).adjust_cell_length(width, self.rich_style)
        return self._layout.window(strip, x, width, style)

    def _header(self, layout: Layout) -> Strip:
        titles = [Cell(column.title) for column in layout.columns]
        return layout.strip(titles, self._style("header"), lambda _: self._style("header"))

    def _row(self, place: int, layout: Layout) -> Strip:
        state = self._state(place)
        return layout.strip(self._line(place), self._style("", state), lambda kind: self._style(kind, state))

    def _state(self, place: int) -> str:
        if place == self.place_of(self.cursor) and not self.between:
            return "cursor"
        return "range" if self._anchor is not None and place in self._selected_places else ""

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
        if middle and not top <= self.place_of(row) < top + height:
            self._center(row)
        self.cursor = row
        self._keep_in_sight(row)

    def _center(self, row: int) -> None:
        self.scroll_to(y=max(self.place_of(row) - (self.size.height - 1) // 2, 0), animate=False)

    def keep_in_sight_below(self, rows: int) -> None:
        """Scroll until `rows` rows below the cursor are visible, or the cursor is at the top."""
        height = max(self.size.height - 1, 1)
        last = min(self.place_of(self.cursor) + min(rows, height - 1), self.count - 1)
        self._keep_in_sight(self.row_at(last))

    def watch_cursor(self, old: int, new: int) -> None:
        """Redraw both rows and post `CursorMoved`."""
        if self.has_range:
            self.refresh()
        for row in (old, new):
            if row < self.count:
                self.refresh_line(self.place_of(row) + 1)
        self.post_message(self.CursorMoved(self, new))

    def _settle(self) -> None:
        self._lay_out()
        if self._to_middle and self.size.height:
            self._center(self.cursor)
        self._keep_in_sight(self.cursor)

    def _keep_in_sight(self, row: int) -> None:
        if not self.count:
            return
        height = max(self.size.height - 1, 1)
        top, place = self.scroll_offset.y, self.place_of(min(row, self.count - 1))
        if place < top:
            self.scroll_to(y=place, animate=False)
        elif place >= top + height:
            self.scroll_to(y=place - height + 1, animate=False)

    def _move(self, place: int) -> None:
        """Put the cursor on a place, within the rows, without a range."""
        self._anchor = None
        self._go_and_tell(place)

    def _go_and_tell(self, place: int) -> None:
        """Go to the row at a place, and post `CursorMoved` even from the gap before it to the row itself."""
        self._to_middle = False
        between, self.between = self.between, False
        before = self.cursor
        if self.count:
            self.go(self.row_at(min(max(place, 0), self.count - 1)))
        self.refresh()
        if between and self.cursor == before:
            self.post_message(self.CursorMoved(self, self.cursor))

    def _move_by(self, places: int) -> None:
        if self.count:
            self._move(self.place_of(self.cursor) + places)

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        self._move_by(rows - (self.between and rows > 0))

    def action_move_pages(self, halves: int) -> None:
        """Move the cursor by half pages."""
        self._move_by(halves * max(self.size.height - 1, 2) // 2)

    def action_edge(self, last: bool) -> None:
        """Move to the first or the last row."""
        self._move(self.count - 1 if last else 0)

    def action_extend(self, rows: int) -> None:
        """Extend the selection by rows."""
        if self._anchor is None:
            self._anchor = self.cursor
        if self.count:
            self._go_and_tell(self.place_of(self.cursor) + rows)

    def action_sideways(self, columns: int) -> None:
        """Scroll sideways."""
        self.scroll_to(x=self.scroll_offset.x + columns, animate=False)

    # --- the mouse -----------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row; with shift, select up to it; open it on a double click; sort by a header."""
        if event.y < 1:
            self._click_header(self.scroll_offset.x + event.x)
            return
        place = self.scroll_offset.y + event.y - 1
        if place >= self.count:
            return
        if event.shift:
            self.action_extend(place - self.place_of(self.cursor))
            return
        before = self.cursor
        self._move(place)
        if self.row_at(place) == before:  # chosen anyway
            self.post_message(self.CursorMoved(self, before))
        if event.chain == 2:  # noqa: PLR2004
            self.post_message(self.Opened(self, self.row_at(place)))

    def _click_header(self, x: int) -> None:
        if self._layout is not None and self._layout.columns and self._layout.edge_at(x) is None:
            self._change_look(self.table_look.sorted_next(self._layout.columns[self._layout.column_at(x)].id))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to resize the column whose right edge, in the header, is under the pointer."""
        if event.y < 1 and self._layout is not None:
            self._sized = self._layout.edge_at(self.scroll_offset.x + event.x)
            if self._sized is not None:
                self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Resize the column while the button is down."""
        if self._sized is not None and self._layout is not None and event.button:
            width = self.scroll_offset.x + event.x - self._layout.start_of(self._sized)
            self._change_look(self.table_look.resized(self._layout.columns[self._sized].id, width))

    def on_mouse_up(self) -> None:
        """End resizing."""
        if self._sized is not None:
            self._sized = None
            self.release_mouse()

    # --- copies --------------------------------------------------------------------------------------------------

    def text_of(self, rows: Sequence[int], *, titled: bool = False) -> str:
        """Rows as text, cells separated by tabs; `titled`: below the titles of the columns."""
        if self._source is None:
            return ""
        lines = [tabbed(self._line(self.place_of(row))) for row in rows]
        if titled:
            titles = (self._source.columns[at] for at in self._shown)
            lines.insert(0, "\t".join(column.title or column.id for column in titles))
        return "\n".join(lines)


def _gathered(source: RowSource, rows: Sequence[int]) -> Sequence[Sequence[Cell]]:
    return [source.lines(row, 1)[0] for row in rows]

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rich.cells import cell_len
from textual.app import App
from textual.events import MouseDown, MouseMove

from tracetool.tui.app import TraceApp
from tracetool.tui.line_grid import LineGrid, fit
from tracetool.viewmodel.cells import Cell, Column
from tracetool.viewmodel.table_look import ColumnWidth, TableLook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from numpy.typing import NDArray
    from textual.app import ComposeResult
    from textual.pilot import Pilot

ROWS = 12_000_000


class Numbers:
    """Rows that are made when they are asked for."""

    columns = (Column("number", "number", 10, right=True), Column("word", "word", 30))

    def __init__(self, count: int = ROWS) -> None:
        self.count = count
        self.made = 0

    def __len__(self) -> int:
        return self.count

    def lines(self, start: int, count: int) -> list[list[Cell]]:
        """The rows of a window."""
        rows = range(start, min(start + count, self.count))
        self.made += len(rows)
        return [[Cell(str(row)), Cell(f"row {row}")] for row in rows]


class Frame(App[None]):
    """A grid alone."""

    CSS = TraceApp.CSS

    def __init__(self, source: Numbers) -> None:
        super().__init__()
        self.source = source
        self.moves: list[int] = []

    def compose(self) -> ComposeResult:
        """The grid."""
        yield LineGrid()

    def on_mount(self) -> None:
        """Show the rows."""
        self.query_one(LineGrid).show(self.source)
        self.query_one(LineGrid).focus()

    def on_line_grid_cursor_moved(self, message: LineGrid.CursorMoved) -> None:
        """Note it."""
        self.moves.append(message.row)


def run(script: Callable[[Frame, LineGrid, Pilot[None]], Awaitable[Any]], source: Numbers | None = None) -> None:
    async def go() -> None:
        app = Frame(Numbers() if source is None else source)
        async with app.run_test(size=(30, 11)) as pilot:
            await pilot.pause()
            await script(app, app.query_one(LineGrid), pilot)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        ("j j k", 1),
        ("down down up", 1),
        ("G", ROWS - 1),
        ("G g g", 0),
        ("end home down", 1),
        ("ctrl+d", 5),
        ("ctrl+d ctrl+d ctrl+u", 5),
        ("pagedown", 10),
        ("ctrl+f ctrl+f ctrl+b", 10),
        ("k", 0),
    ],
)
def test_keys_move_the_cursor_and_it_stays_in_sight(keys: str, row: int) -> None:
    async def script(app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        await pilot.press(*keys.split())
        await pilot.pause()
        assert grid.cursor == row
        assert grid.scroll_offset.y <= row < grid.scroll_offset.y + 10
        assert app.moves[-1:] in ([row], [])

    run(script)


def test_only_rows_near_those_seen_are_made() -> None:
    source = Numbers()

    async def script(_app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        await pilot.press("G")
        await pilot.pause()
        assert f"row {ROWS - 1}" in str(grid.render_line(10).text)
        assert source.made < 1000

    run(script, source)


def test_a_range_is_selected_and_dropped() -> None:
    async def script(_app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        await pilot.press("j", "shift+down", "J")
        assert grid.selected == range(1, 4)
        assert grid.text_of(grid.selected) == "1\trow 1\n2\trow 2\n3\trow 3"
        assert grid.text_of(range(1), titled=True) == "number\tword\n0\trow 0"
        await pilot.press("K")
        assert grid.selected == range(1, 3)
        await pilot.press("j")
        assert grid.selected == range(3, 4)

    run(script)


def test_the_mouse_does_the_same() -> None:
    async def script(_app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        await pilot.click(LineGrid, offset=(3, 5))
        assert grid.cursor == 4
        await pilot.click(LineGrid, offset=(3, 8), shift=True)
        assert grid.selected == range(4, 8)
        await pilot.click(LineGrid, offset=(3, 0))
        assert grid.cursor == 7

    run(script)


def test_columns_out_of_sight_are_scrolled_to() -> None:
    async def script(_app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        assert grid.render_line(1).text.startswith("         0 row 0")
        await pilot.press("greater_than_sign")
        await pilot.pause()
        assert grid.render_line(1).text.startswith(" 0 row 0")
        await pilot.press("less_than_sign")
        await pilot.pause()
        assert grid.scroll_offset.x == 0

    run(script)


def test_a_grid_without_rows() -> None:
    async def script(_app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        await pilot.press("j", "G", "g", "J", "pagedown")
        assert (grid.cursor, grid.selected, grid.count) == (0, range(0), 0)

    run(script, Numbers(0))


@pytest.mark.parametrize("text", ["", "short", "much too long a text", "断電断電断電断電", "a断b電c断d電e断"])
@pytest.mark.parametrize("width", [1, 2, 7, 8])
@pytest.mark.parametrize("right", [True, False])
def test_a_text_takes_just_its_columns(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right=right)) == width


# --- the look ----------------------------------------------------------------------------------------------------


def test_a_click_on_a_title_sorts_and_rows_keep_their_numbers() -> None:
    async def script(app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        await pilot.press("j", "j")
        await pilot.click(LineGrid, offset=(13, 0))
        assert grid.render_line(0).text.split() == ["number", "word▲"]
        await pilot.click(LineGrid, offset=(13, 0))
        assert grid.cursor == 2
        assert [grid.row_at(place) for place in range(4)] == [99, 98, 97, 96]
        assert grid.scroll_offset.y <= grid.place_of(2) < grid.scroll_offset.y + 10
        await pilot.press("k")
        assert app.moves[-1] == grid.cursor == 3
        await pilot.press("J", "J")
        assert grid.selected == [3, 2, 1]
        assert grid.text_of(grid.selected).split() == ["3", "row", "3", "2", "row", "2", "1", "row", "1"]
        await pilot.press("g")
        assert grid.cursor == 99
        await pilot.click(LineGrid, offset=(13, 0))
        assert grid.cursor == grid.place_of(99) == 99

    class Words(Numbers):
        """As above, the words as long as their numbers."""

        def lines(self, start: int, count: int) -> list[list[Cell]]:
            return [[line[0], Cell(f"row {line[0].text}".ljust(9))] for line in super().lines(start, count)]

    class Sorted(Words):
        """Sorted by the number in the word."""

        def order(self, column: str, *, descending: bool) -> NDArray[np.int64] | None:
            """By number."""
            rows = np.arange(len(self))
            return (rows[::-1] if descending else rows) if column == "word" else None

        def gather(self, rows: Sequence[int]) -> list[list[Cell]]:
            """Some rows."""
            return [self.lines(row, 1)[0] for row in rows]

    run(script, Sorted(100))


def test_a_source_that_does_not_sort_is_sorted_by_its_texts_unless_it_is_long() -> None:
    async def script(_app: Frame, grid: LineGrid, _pilot: Pilot[None]) -> None:
        grid.set_look(TableLook("number", descending=True))
        assert [grid.row_at(0), grid.row_at(29)] == [29, 0]
        assert grid.render_line(10).text.split() == ["0", "row", "0"]
        grid.show(Numbers(), 5)
        assert grid.row_at(0) == 0

    run(script, Numbers(30))


def test_an_edge_is_dragged() -> None:
    async def script(_app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        await pilot._post_mouse_events([MouseDown], grid, (10, 0), button=1)  # noqa: SLF001  no button moves with hover
        await pilot._post_mouse_events([MouseMove], grid, (14, 0), button=1)  # noqa: SLF001
        await pilot.mouse_up(grid, offset=(14, 0))
        assert grid.table_look == TableLook(widths=(ColumnWidth("number", 14),))
        assert grid.render_line(1).text.startswith(" " * 13 + "0 row 0")
        await pilot.click(LineGrid, offset=(14, 0))
        assert grid.table_look.sorted_by == ""

    run(script)


def test_columns_are_hidden_resized_and_sorted_by_keys() -> None:
    async def script(app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        await pilot.press("s", "plus", "plus", "minus", "enter")
        assert grid.table_look == TableLook("number", widths=(ColumnWidth("number", 11),))
        await pilot.press("down", "space")
        assert grid.table_look.hidden == ("word",)
        assert grid.render_line(1).text.split() == ["0"]
        await pilot.press("r")
        assert grid.table_look == TableLook()
        await pilot.press("escape")
        assert len(app.screen_stack) == 1
        assert grid.render_line(1).text.split() == ["0", "row", "0"]

    run(script, Numbers(30))


def test_an_empty_table_is_sorted_without_harm() -> None:
    async def script(_app: Frame, grid: LineGrid, pilot: Pilot[None]) -> None:
        grid.set_look(TableLook("number"))
        await pilot.press("j", "G", "J", "ctrl+d")
        assert (grid.cursor, list(grid.selected)) == (0, [])

    run(script, Numbers(0))

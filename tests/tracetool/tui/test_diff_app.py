"""The app over two runs."""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import TYPE_CHECKING

import polars as pl
import pytest
from textual.widgets import Input

from tests.captures import ROOT
from tests.patience import PATIENCE_S
from tests.terminal import PROGRAM
from tests.test_docs import generated
from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tests.tracetool.tui.driving import NO_KEYS
from tests.tracetool.tui.screens import GOLDEN, SETTLE_S, screen
from tests.tracetool.viewmodel.test_side_by_side import samples
from tracetool.analysis.options import Options
from tracetool.errors import InputError
from tracetool.ingest import open_trace
from tracetool.tui.actions import ACTIONS, DIFFERENCE_ACTIONS
from tracetool.tui.diff_app import Chosen, DiffApp
from tracetool.tui.theme import LIGHT
from tracetool.tui.timeline.inspector import Inspector
from tracetool.viewmodel.audit_session import Progress
from tracetool.viewmodel.difference_session import DifferenceSession, Run, load_difference

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from textual.pilot import Pilot

    from tests.terminal import Terminal


class Driver:
    """The app and its pilot."""

    def __init__(self, app: DiffApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    async def press(self, *keys: str) -> None:
        """Press keys and wait for their effect."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Answer the prompt."""
        self.app.query_one(Input).value = text
        await self.press("enter")

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition that a thread brings about."""
        end = monotonic() + PATIENCE_S
        while not condition():
            assert monotonic() < end, f"the condition did not become true; the screen is:\n{self.text}"
            await self.pilot.pause(0.01)

    async def matches(self, name: str) -> None:
        """Wait until the screen equals its golden file; `UPDATE_GOLDEN=1` writes the file first."""
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("UPDATE_GOLDEN") == "1":
            await self.pilot.pause(0.5)
            path.write_text(screen(self.app), newline="\n")
        end = monotonic() + SETTLE_S
        while screen(self.app) != path.read_text() and monotonic() < end:
            await self.pilot.pause(0.05)
        assert screen(self.app) == path.read_text(), name

    @property
    def text(self) -> str:
        """The screen."""
        return screen(self.app)

    @property
    def status(self) -> str:
        """The line above the table."""
        return str(self.app.query_one("#status").render())


def named() -> DifferenceSession:
    """The samples under names that are the same on every machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        runs = [Run([open_trace(str(path.relative_to(ROOT)))], Options()) for path in (FIRST_BOOT, PADDING)]
        return load_difference(runs[0], runs[1], Progress())


def drive(
    script: Callable[[Driver], Awaitable[None]],
    size: tuple[int, int] = (160, 40),
    load: Callable[[], DifferenceSession] = samples,
    row: int | None = None,
) -> DiffApp:
    """Run a script in the app."""

    async def running() -> DiffApp:
        app = DiffApp(load, Progress(), row=row, keys=NO_KEYS)
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            await driver.until(lambda: app.session is not None)
            await driver.until(lambda: "difference" in driver.status)
            await script(driver)
        return app

    return asyncio.run(running())


@pytest.mark.slow
def test_it_begins_at_the_first_difference_and_goes_from_one_to_the_next() -> None:
    async def script(driver: Driver) -> None:
        grid = driver.app.grid
        assert (grid.cursor, driver.status.startswith("difference 1 of ")) == (2, True)
        await driver.press("right_square_bracket", "n")
        assert driver.status.startswith("difference 3 of ")
        await driver.press("N", "left_square_bracket", "left_square_bracket")
        assert driver.status.startswith("difference 1 of ")
        assert any("no difference before this" in told.message for told in driver.app._notifications)  # noqa: SLF001

    drive(script)


def test_places_of_either_run_are_gone_to() -> None:
    async def script(driver: Driver) -> None:
        rows = driver.app.rows
        assert rows is not None
        await driver.press("2", "colon")
        await driver.type("b#4370")
        assert rows.event(driver.app.grid.cursor, 1) == (0, 4370)
        assert driver.app.grid.has_focus
        await driver.press("colon")
        await driver.type("#4370")
        assert rows.event(driver.app.grid.cursor, 0) is not None
        await driver.press("colon")
        await driver.type("nowhere")
        assert "'nowhere' is no place: 0x40000 offset, block:3, #1234 event of A, b#1234 of B" in driver.text

    drive(script)


@pytest.mark.slow
def test_rows_are_exported_and_no_input_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"

    async def script(driver: Driver) -> None:
        rows = driver.app.rows
        assert rows is not None
        await driver.press("d", "x")
        assert f"{len(rows):,} rows of differences" in driver.text
        await driver.type(str(path))
        await driver.until(path.exists)
        frame = pl.read_csv(path)
        assert len(frame) == len(rows)
        assert frame["change"].to_list() == rows.frame()["change"].to_list()
        await driver.press("x")
        await driver.type(str(PADDING))
        assert "is read by this command" in driver.text

    drive(script)


@pytest.mark.slow
def test_a_search_goes_to_rows_of_either_run_and_escape_forgets_it() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("slash")
        await driver.type("0x100000")
        assert driver.app.rows is not None
        assert driver.app.rows.event(driver.app.grid.cursor, 1) == (0, 4370)
        assert driver.status.startswith("/0x100000  ")
        await driver.press("n")
        assert driver.app.rows.event(driver.app.grid.cursor, 1) == (0, 4373)
        await driver.press("slash")
        await driver.type("no such thing")
        assert "no row has 'no such thing'" in driver.text
        await driver.press("escape", "escape", "n")
        assert "difference" in driver.status[:12]

    drive(script)


@pytest.mark.slow
def test_details_explain_the_operation_of_a_beside_that_of_b() -> None:
    async def script(driver: Driver) -> None:
        one, other = driver.app.query(Inspector)
        await driver.press("g", "enter")
        await driver.until(lambda: driver.text.count("stray") >= 4)
        assert one.region.y == other.region.y
        await driver.press("slash")
        await driver.type("offset == 1M and kind == program")
        await driver.until(lambda: "The word is stored." in "".join(line.plain for line in other.lines(60)))
        assert not list(one.lines(60))
        await driver.press("escape")
        assert not driver.app.query_one("#details").display

    drive(script)


@pytest.mark.slow
def test_what_is_the_same_is_hidden_and_a_filter_has_its_errors_shown() -> None:
    async def script(driver: Driver) -> None:
        count = driver.app.grid.count
        await driver.press("d")
        assert driver.app.grid.count < count
        await driver.press("f")
        await driver.type("offset >>")
        assert "where a size is expected" in driver.text
        await driver.type("offset >= 768K")
        assert driver.app.grid.count == 5
        assert driver.status.startswith("5 of ")
        await driver.press("f")
        await driver.type("")
        await driver.press("d")
        assert driver.app.grid.count == count

    drive(script)


@pytest.mark.slow
def test_enter_on_a_finding_goes_to_its_operation() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "down", "enter")
        assert driver.app.rows is not None
        assert driver.app.rows.event(driver.app.grid.cursor, 1) == (0, 4370)
        assert driver.app.grid.has_focus
        await driver.press("2", "home", "enter")  # a verdict is about no single one
        assert any("no single operation" in told.message for told in driver.app._notifications)  # noqa: SLF001

    drive(script)


def test_rows_are_copied_and_a_run_is_asked_for_alone() -> None:
    async def script(driver: Driver) -> None:
        copied: list[str] = []
        driver.app.copy_to_clipboard = copied.append  # type: ignore[method-assign,assignment]
        await driver.press("y", "J", "Y")
        assert copied[0].startswith("flash1\t6\tidentify\t0x0008")
        assert copied[1].startswith("device\tA seq\toperation")
        assert len(copied[1].splitlines()) == 3
        await driver.press("b")

    app = drive(script)
    assert app.chosen == Chosen(1, (0, 4), 3)
    assert app.return_code == 0


def test_a_run_that_cannot_be_read_ends_the_app() -> None:
    def load() -> DifferenceSession:
        raise InputError("a.log: cannot be read")

    async def running() -> None:
        app = DiffApp(load, Progress(), keys=NO_KEYS)
        async with app.run_test():
            await asyncio.sleep(0.2)
        assert str(app.failure) == "a.log: cannot be read"

    asyncio.run(running())


@pytest.mark.slow
def test_every_key_is_in_the_help_and_means_one_thing() -> None:
    keys = [key for action in DIFFERENCE_ACTIONS for key in action.keys.split(",")]
    keys += [key for action in ACTIONS if action.where == "table" for key in action.keys.split(",")]
    assert sorted(keys) == sorted(set(keys))
    assert not {action.id for action in DIFFERENCE_ACTIONS} & {action.id for action in ACTIONS}

    async def script(driver: Driver) -> None:
        await driver.press("question_mark")
        assert all(action.title in driver.text for action in DIFFERENCE_ACTIONS)

    drive(script, size=(160, 60))


PAGE = ROOT / "docs" / "tui.md"
BEGIN, END = "<!-- difference: begin -->\n", "<!-- difference: end -->\n"


def test_every_key_is_documented() -> None:
    lines = ["| keys | action | id | what it does |", "|---|---|---|---|"]
    for action in DIFFERENCE_ACTIONS:
        keys = " ".join(f"`{key}`" for key in action.shown_keys.split())
        lines.append(f"| {keys} | {action.title} | `{action.id}` | {action.help} |")
    before, begin, rest = PAGE.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert (begin, end) == (BEGIN, END)
    expected = "\n".join([before + BEGIN.strip(), *lines, END.strip()]) + "\n" + after
    assert generated(PAGE, expected) == expected


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=["80x24", "160x50"])
@pytest.mark.slow
def test_how_it_looks(size: tuple[int, int]) -> None:
    ending = f"{size[0]}x{size[1]}"

    async def script(driver: Driver) -> None:
        await driver.press("slash")
        await driver.type("offset == 1M and kind == program")
        await driver.press("enter")
        await driver.until(lambda: "The word" in driver.text)
        await driver.matches(f"diff-operations-{ending}")
        await driver.press("2", "down")
        await driver.matches(f"diff-figures-{ending}")
        await driver.press("3", "ctrl+t")
        await driver.matches(f"diff-contents-{ending}")

    assert drive(script, size=size, load=named).theme == LIGHT.name


@pytest.mark.slow
def test_in_a_terminal_a_run_alone_is_left_for_both(terminal: Terminal) -> None:
    terminal.run(f"{PROGRAM} diff --view {FIRST_BOOT} {PADDING}", (160, 40))
    terminal.wait("difference 1 of ")
    terminal.send("/")
    terminal.wait("Search")
    terminal.write("0x100000")
    terminal.send("Enter")
    terminal.wait("/0x100000")
    terminal.send("b")
    terminal.wait("224 operations", "The word is stored.")
    terminal.send("q")
    terminal.wait("difference ", "A seq")
    terminal.send("q")
    assert "Traceback" not in terminal.wait("ended with 0", "keys are echoed")

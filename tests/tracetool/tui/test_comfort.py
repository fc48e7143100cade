"""What users know from other programs: jumps undone, letters on parts, dividers, columns and findings that sort."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from textual.events import MouseDown, MouseMove
from textual.widgets import DataTable

from tests.tracetool.tui.driving import NO_KEYS, Driver, Stage, drive
from tests.tracetool.viewmodel.samples import padding
from tracetool.tui.actions import ACTIONS
from tracetool.tui.app import TraceApp
from tracetool.tui.findings import FindingsView
from tracetool.tui.map import MapView
from tracetool.viewmodel.audit_session import Job, Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


def kept(script: Callable[[Driver], Awaitable[Any]], folder: Path, size: tuple[int, int]) -> None:
    """Run the app; what it remembers lies in `folder`."""

    async def run() -> None:
        app = TraceApp(Job(padding, Progress()).start(), keys=NO_KEYS, remembers_in=folder)
        async with app.run_test(size=size) as pilot:
            driver = Driver(app, pilot)
            await driver.until(lambda: app.job is None and app.timeline_view.timeline is not None)
            await pilot.pause()
            await script(driver)

    asyncio.run(run())


@pytest.mark.slow
def test_the_last_jump_is_undone_and_done_again(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "g", "b", "b")
        second = driver.seq
        await driver.press("j", "j", "o")
        assert driver.seq == 4370
        await driver.press("ctrl+o")
        moved = driver.seq
        assert second < moved < 4370
        await driver.press("ctrl+o")
        first = driver.seq
        assert first < second
        await driver.press("alt+right", "alt+right")
        assert driver.seq == 4370
        await driver.press("4", "enter")
        assert driver.app.current_view == "timeline"
        await driver.press("alt+left")
        assert driver.app.current_view == "findings"

    stage.play(script)


@pytest.mark.slow
def test_without_jumps_it_says_so() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("ctrl+o", "alt+right")
        assert driver.told[-2:] == ["no jump was made", "no jump was undone"]

    drive(script)


@pytest.mark.slow
def test_a_letter_goes_to_its_part_and_a_digit_to_its_view(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "ctrl+l")
        assert len(driver.app.screen_stack) == 2
        assert "224 operations" in driver.text  # the parts are seen behind their letters
        await driver.press("b")
        await driver.pilot.pause()
        assert driver.view.inspector.has_focus
        await driver.press("ctrl+l", "a")
        await driver.pilot.pause()
        assert driver.view.grid.has_focus
        await driver.press("ctrl+l", "3")
        await driver.pilot.pause()
        assert driver.app.current_view == "map"
        await driver.press("2", "ctrl+l", "z", "escape")
        assert len(driver.app.screen_stack) == 1

    stage.play(script, size=(160, 40))


@pytest.mark.slow
def test_dividers_move_by_mouse_and_keys_and_are_remembered(tmp_path: Path) -> None:
    async def move(driver: Driver) -> None:
        await driver.press("2")
        inspector = driver.view.inspector
        before = inspector.outer_size.width
        await driver.pilot._post_mouse_events([MouseDown], inspector, (0, 5), button=1)  # noqa: SLF001  no button moves with hover
        await driver.pilot._post_mouse_events([MouseMove], inspector, (-12, 5), button=1)  # noqa: SLF001
        await driver.pilot.mouse_up(inspector, offset=(0, 5))
        await driver.pilot.pause()
        assert inspector.outer_size.width == before + 12
        await driver.press("ctrl+shift+right")
        assert inspector.outer_size.width == before + 11
        await driver.press("2", "s", "down", "space", "escape")
        assert driver.view.grid.table_look.hidden
        await driver.press("3")
        await driver.until(lambda: driver.app.query_one(MapView).grid.drawing is not None)
        side = driver.app.query_one(MapView).side
        wide = side.outer_size.width
        await driver.press("ctrl+shift+left", "ctrl+shift+left")
        await driver.until(lambda: side.outer_size.width == wide + 2)
        await driver.press("1", "ctrl+shift+left", "q")
        assert driver.told[-1] == "nothing stands side by side here"

    async def again(driver: Driver) -> None:
        await driver.press("2")
        await driver.pilot.pause()
        assert driver.view.inspector.outer_size.width == 69 + 11
        assert driver.view.grid.table_look.hidden == ("seq",)
        assert "seq" not in driver.text.splitlines()[2]
        await driver.pilot.resize_terminal(100, 40)
        await driver.pilot.pause()
        assert driver.view.inspector.outer_size.width == 100

    kept(move, tmp_path, (180, 40))
    kept(again, tmp_path, (180, 40))


@pytest.mark.slow
def test_findings_are_wrapped_and_sorted(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("4")
        view = driver.app.query_one(FindingsView)
        table = view.query_one(DataTable)
        rules = [row.rule for row in view._rows]  # noqa: SLF001
        await driver.press("s", "s")
        assert [row.rule for row in view._rows] == sorted(rules)  # noqa: SLF001
        assert "rule▲" in driver.text
        await driver.press("S")
        assert [row.rule for row in view._rows] == sorted(rules, reverse=True)  # noqa: SLF001
        await driver.pilot.click(table, offset=(4, 0))
        await driver.pilot.pause()
        assert "severity▲" in driver.text
        await driver.press(*["s"] * 6)
        assert [row.rule for row in view._rows] == rules  # noqa: SLF001
        assert all(table.get_row_at(at)[-1].plain.split()[-1] in driver.text for at in range(2))

    stage.play(script, size=(100, 40))


@pytest.mark.slow
def test_the_timeline_sorts_by_a_title_and_opens_rows_there(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "g")
        grid, timeline = driver.view.grid, driver.view.timeline
        assert timeline is not None
        await driver.press("s", *["down"] * 7, "enter", "enter", "escape")
        assert grid.table_look.sorted_by == "changed"
        await driver.press("g")
        largest = [int(driver.cells(grid.row_at(place))["changed"].replace(",", "") or 0) for place in range(3)]
        assert largest == sorted(largest, reverse=True)
        await driver.press("enter", "down")
        assert driver.cells(grid.cursor)["operation"] == "io_write"
        assert grid.place_of(grid.cursor) == 1
        await driver.press("left", "s", "r", "escape")
        assert grid.table_look.sorted_by == ""

    stage.play(script, size=(160, 40))


def test_every_action_says_what_it_does_by_itself() -> None:
    for action in ACTIONS:
        assert action.help.endswith("."), action.id
        for word in ("previous one", "likewise", "same, ", "backwards", "as above"):
            assert word not in action.help, action.id

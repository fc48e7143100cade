"""The who view."""

from __future__ import annotations

import pytest

from tests.tracetool.tui.driving import Driver, drive
from tests.tracetool.tui.screens import matches
from tests.tracetool.viewmodel.samples import first_boot, with_code
from tracetool.tui.who import WhoView


async def shown(driver: Driver) -> WhoView:
    await driver.press("8")
    view = driver.app.query_one(WhoView)
    await driver.until(lambda: view.model is not None)
    await driver.pilot.pause()
    return view


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=["80x24", "160x50"])
@pytest.mark.slow
def test_the_modules(size: tuple[int, int]) -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        assert view.grid.count == 6
        await matches(driver, f"who-modules-{size[0]}x{size[1]}")

    drive(script, size=size, session=with_code())


@pytest.mark.slow
def test_enter_filters_by_the_module_and_another_one_takes_its_place() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        await driver.press("g", "down", "enter")
        assert driver.app.current_view == "timeline"
        assert [chip.text for chip in driver.app.filtering.filter.chips] == ["by == VariableRuntimeDxe"]
        assert "85 of 1,020 operations" in driver.status
        await driver.press("8")
        await driver.until(lambda: "1 module asked for 85 of 1,020 operations" in driver.text)
        await driver.press("F")
        await driver.until(lambda: view.grid.count == 6)
        await driver.press("g", "enter")
        assert [chip.text for chip in driver.app.filtering.filter.chips] == ["by == BdsDxe"]

    drive(script, session=with_code())


@pytest.mark.slow
def test_the_cursor_follows_the_selected_operation() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        await driver.press("2", "g", "down", "8")
        await driver.until(lambda: view.grid.cursor == 5)
        assert driver.app.current_view == "who"

    drive(script, session=with_code())


@pytest.mark.slow
def test_the_row_and_the_command_are_copied() -> None:
    async def script(driver: Driver) -> None:
        await shown(driver)
        await driver.press("g", "y")
        assert driver.app.clipboard.startswith("BdsDxe\t801\t187\t23,936")
        await driver.press("enter", "8", "C")
        command = driver.app.clipboard
        assert command.startswith("tracetool who --where 'by == BdsDxe' --image")
        assert "--who-log" in command

    drive(script, session=with_code())


@pytest.mark.slow
def test_without_a_log_of_the_code_it_says_how_to_record_one() -> None:
    async def script(driver: Driver) -> None:
        await shown(driver)
        assert "tracetool record --who" in driver.text
        await driver.press("enter", "x")
        assert driver.app.current_view == "who"

    drive(script, session=first_boot())

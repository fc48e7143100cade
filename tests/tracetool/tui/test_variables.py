from __future__ import annotations

import pytest

from tests.tracetool.cli.program import PADDING
from tests.tracetool.tui.driving import Driver, drive
from tests.tracetool.viewmodel.samples import finished, job
from tracetool.analysis.options import Options
from tracetool.tui.drawing import Heading
from tracetool.tui.image import ImageView
from tracetool.tui.variables import VariablesView
from tracetool.tui.variables.room import RoomLane
from tracetool.viewmodel.audit_session import Settings


async def shown(driver: Driver) -> VariablesView:
    """Show the variables."""
    await driver.press("6")
    view = driver.app.query_one(VariablesView)
    await driver.until(lambda: view.shown and view.rows)
    await driver.pilot.pause()
    return view


def test_a_step_of_a_variable_leads_to_its_operation() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        await driver.press("d", "G", "right", "G", "enter")
        assert view.rows is not None
        assert view.rows.key(view.grid.cursor) == ("Hello", "11111111-2222-3333-4444-555555555555")
        assert driver.app.current_view == "timeline"
        assert driver.seq == 4356

    drive(script)


@pytest.mark.slow
def test_the_store_is_that_of_the_selected_moment() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "colon")
        await driver.type("#4266")
        view = await shown(driver)
        assert "Hello" in driver.text
        assert "event 4,266" in driver.text
        await driver.press(*["right_square_bracket"] * 5)
        assert view.model is not None
        assert view.model.position == len(view.model.history)
        await driver.press("5")
        image = driver.app.query_one(ImageView)
        await driver.until(lambda: image.model is not None and image.model.position == len(image.model.history))

    drive(script)


@pytest.mark.slow
def test_changes_are_stepped_through_both_ways() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        assert view.model is not None
        last = view.model.position
        await driver.press("left_square_bracket", "left_square_bracket")
        assert (view.model.position, view.model.event) == (last - 2, (0, 4266))
        assert driver.seq == 4266
        await driver.press("left_curly_bracket")
        assert "no variable at this moment" in driver.text
        await driver.press("left_square_bracket")
        assert driver.told[-1] == "nothing was changed before this"

    drive(script)


@pytest.mark.slow
def test_a_trace_without_a_store_says_so() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("6")
        heading = driver.app.query_one(VariablesView).query_one(Heading)
        await driver.until(lambda: any("no UEFI variable store" in line.plain for line in heading.lines(100)))
        await driver.press("enter", "right", "d", "right_square_bracket")
        assert driver.app.query_one(VariablesView).model is None
        assert driver.app.current_view == "variables"

    drive(script, session=finished(job(PADDING, settings=Settings(Options(device="virt.flash0")))))


@pytest.mark.slow
def test_free_space_is_a_lane_on_which_moments_are_chosen() -> None:
    async def script(driver: Driver) -> None:
        view = await shown(driver)
        assert view.model is not None
        line = next(line for line in driver.text.split("\n") if line.startswith(" free "))
        assert line.rstrip().endswith("of 262,044 B")
        before = view.model.position
        await driver.pilot.click(RoomLane, offset=(10, 0))
        await driver.pilot.pause()
        assert view.model.position < before
        assert driver.app.selection.event == view.model.event

    drive(script)


@pytest.mark.slow
def test_a_narrow_screen_says_what_is_free_in_words() -> None:
    async def script(driver: Driver) -> None:
        await shown(driver)
        assert " free " in driver.text

    drive(script, size=(40, 24))


def test_the_variable_under_the_cursor_is_shown_in_full_where_there_is_room() -> None:
    async def script(driver: Driver) -> None:
        await shown(driver)
        await driver.press("slash")
        await driver.type("ConIn")
        end = "VenMsg(dfa66065-b419-11d3-9a2d-0090273fc14d)"
        assert end in driver.text
        assert "03 0f 0b 00 ff ff" in driver.text
        await driver.press("down")
        assert "ConOut  8be4df61-93ca-11d2-aa0d-00e098032b8c" in driver.text
        await driver.pilot.resize_terminal(120, 24)
        await driver.pilot.pause()
        assert end not in driver.text
        assert "ConOut" in driver.text

    drive(script, size=(200, 60))

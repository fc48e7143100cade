"""What users open the app for, and how few keys it takes: each task begins in the overview."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from textual.events import MouseDown, MouseMove, MouseUp

from tests.tracetool.tui.driving import drive
from tests.tracetool.viewmodel.samples import OUTSIDE, first_boot
from tracetool.tui.map import MapView
from tracetool.tui.time_lane import LaneBar

if TYPE_CHECKING:
    from tests.tracetool.tui.driving import Driver, Stage

SIZE = (120, 40)


async def press(driver: Driver, keys: list[str], most: int) -> None:
    """Press the keys of a task, at most so many."""
    assert driver.app.current_view == "overview"
    assert len(keys) <= most
    await driver.press(*keys)


@pytest.mark.slow
def test_the_block_erased_most_and_when_takes_three_keys() -> None:
    async def script(driver: Driver) -> None:
        await press(driver, ["3", "c", "e"], 4)
        view = driver.app.query_one(MapView)
        await driver.until(lambda: view.grid.drawing is not None and "1 op == erase" in driver.text)
        await driver.until(lambda: view.range_grid.count == 15)
        await driver.pilot.pause()
        found = re.findall(r"▏ +(\d+) [\w ]+?(\d+) █*", driver.text)
        assert max((int(erases), int(block)) for block, erases in found) == (15, 0)
        assert len(re.findall(r"\d+\.\d{6} erase", driver.text)) == 15

    drive(script, size=SIZE, session=first_boot())


@pytest.mark.slow
def test_all_that_touches_the_offset_of_a_finding_takes_three_keys(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await press(driver, ["e", "c", "a"], 6)
        assert "5 of 224 operations" in driver.status
        assert {driver.cells(row)["offset"] for row in range(5)} == {"0x100000"}
        assert driver.seq == OUTSIDE

    stage.play(script, size=SIZE)


@pytest.mark.slow
def test_what_happened_in_a_stretch_of_time_takes_twelve_keys_or_a_drag(stage: Stage) -> None:
    async def typed(driver: Driver) -> None:
        await press(
            driver, ["colon", *"1", "full_stop", *"2s", *["full_stop"] * 2, *"1", "full_stop", *"5s", "enter"], 12
        )
        assert driver.app.filtering.filter.text(events=False) == "t in 1.2s..1.5s"

    async def dragged(driver: Driver) -> None:
        lane = driver.app.query_one(LaneBar)
        for kind, column in ((MouseDown, 20), (MouseMove, 30), (MouseUp, 30)):
            lane.post_message(kind(lane, column, 0, 0, 0, 1, shift=False, meta=False, ctrl=False))
        await driver.pilot.pause()
        assert driver.app.filtering.filter.text(events=False).startswith("t in ")

    stage.play(typed, size=SIZE)
    stage.play(dragged, size=SIZE)


@pytest.mark.slow
def test_discard_and_the_other_policies_are_compared_by_one_key_and_shown_by_a_second(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await press(driver, ["P"], 2)
        await driver.until(lambda: "without EXT001 EXT003 EXT005" in driver.text)
        assert "policy discard" in driver.text
        await driver.press("5")
        await driver.until(lambda: driver.app.job is None and "WHAT IF: " in driver.text)
        await driver.press("backspace")
        await driver.until(lambda: driver.app.job is None and "WHAT IF" not in driver.text)

    stage.play(script, size=SIZE)

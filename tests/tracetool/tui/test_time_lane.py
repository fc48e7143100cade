from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.events import MouseDown, MouseMove, MouseUp

from tests.tracetool.viewmodel.samples import OUTSIDE
from tracetool.tui.time_lane import LaneBar

if TYPE_CHECKING:
    from textual.events import MouseEvent

    from tests.tracetool.tui.driving import Driver, Stage


@pytest.mark.slow
def test_a_burst_is_two_keys_away_in_every_view(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        lane = driver.app.query_one(LaneBar)
        assert lane.model is not None
        bursts = lane.model.bursts(lane.window)
        for view in "2134567":
            await driver.press(view)
            for number in (2, 1):
                await driver.press("semicolon", str(number))
                assert driver.app.event == lane.model.event_at(bursts[number - 1].start)
                assert not lane.has_focus

    stage.play(script)


@pytest.mark.slow
def test_a_range_is_brushed_by_keys_and_is_a_chip_of_all_views(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "3", "semicolon", "shift+left", "shift+left", "enter")
        assert driver.app.filtering.filter.text(events=False).startswith("t in 1")
        assert driver.app.current_view == "map"
        await driver.press("semicolon", "shift+right", "escape", "f", "escape")
        assert len(driver.app.filtering.filter.chips) == 1
        await driver.press("colon")
        await driver.type("14s..15s")
        assert driver.app.filtering.filter.text(events=False) == "t in 14s..15s"

    stage.play(script)


@pytest.mark.slow
def test_keys_go_to_the_next_write_and_zoom(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        lane = driver.app.query_one(LaneBar)
        await driver.press("2", "semicolon", "1", "semicolon", "right", "plus", "plus")
        first = driver.seq
        assert lane.model is not None
        assert lane.window.span == lane.model.whole.span // 4
        await driver.press("right")
        assert driver.seq > first
        await driver.press("left", "left", "0", "escape")
        assert lane.window == lane.model.whole

    stage.play(script)


@pytest.mark.slow
def test_the_mouse_brushes_clicks_and_zooms(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        lane = driver.app.query_one(LaneBar)
        assert lane.model is not None
        position = lane.model.position(0, OUTSIDE)
        assert position is not None
        column = lane.window.column(position, lane._room)  # noqa: SLF001
        assert column is not None

        def mouse(kind: type[MouseEvent], x: int) -> MouseEvent:
            return kind(lane, x, 0, 0, 0, 1, shift=False, meta=False, ctrl=False)

        lane.post_message(mouse(MouseDown, column + 1))
        lane.post_message(mouse(MouseMove, column + 4))
        lane.post_message(mouse(MouseUp, column + 4))
        await driver.pilot.pause()
        assert driver.app.filtering.filter.text(events=False).startswith("t in 14.")
        await driver.press("c", "0")
        lane.post_message(mouse(MouseDown, column + 1))
        lane.post_message(mouse(MouseUp, column + 1))
        await driver.pilot.pause()
        assert driver.seq == OUTSIDE

    stage.play(script)

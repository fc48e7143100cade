"""One filter for all views: chips, ready ones and those of values, and what the views count."""

from __future__ import annotations

import pytest

from tests.tracetool.tui.driving import Driver, Stage, drive
from tests.tracetool.viewmodel.samples import OUTSIDE
from tracetool.tui.map import MapView


@pytest.mark.slow
def test_a_ready_chip_filters_every_view_and_is_switched_by_its_number(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        for key in "24135":
            await driver.press(key)
            await driver.press("c", "e")
            assert " 1 op == erase " in driver.text
            assert "2 of 224 operations" in driver.text
            await driver.press("c", "1")
            assert " 1 off: op == erase" in driver.text
            await driver.press("c", "0")
            assert "op == erase" not in driver.text

    stage.play(script)


@pytest.mark.slow
def test_the_opposite_of_a_value_and_a_chip_of_the_selected_bytes(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "c", "K")
        assert driver.app.filtering.filter.text(events=False) == "not (op == program)"
        assert f"event {OUTSIDE:,} is filtered out" in driver.status
        await driver.press("c", "0", "c", "a")
        assert driver.app.filtering.filter.text(events=False) == "device == virt.flash1 and touches 0x100000..0x100004"
        assert "5 of 224 operations, 219 hidden" in driver.status

    stage.play(script)


def test_a_long_chip_of_the_list_is_wrapped_under_its_own_beginning(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "c")
        first, second = (next(line for line in driver.text.splitlines() if words in line) for words in _WRAPPED)
        assert first.index("device") == second.index("0x100000..")
        await driver.press("escape")

    stage.play(script, size=(80, 24))


_WRAPPED = ("the selected bytes", "0x100000..0x100004")


@pytest.mark.slow
def test_map_findings_and_overview_count_what_passes() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("3")
        view = driver.app.query_one(MapView)
        await driver.until(lambda: view.grid.drawing is not None)
        await driver.press("f")
        await driver.type("touches 0x100000")
        await driver.until(lambda: view.grid.drawing is not None and int(view.grid.drawing.heat.values.sum()) == 1)
        await driver.press("4")
        assert "those of operations that pass the filter" in driver.text
        assert "WEAR" not in driver.text
        await driver.press("1")
        await driver.until(lambda: "the filter: 5 operations, 1 program" in driver.text)
        await driver.press("F")
        await driver.until(lambda: "the filter: " not in driver.text)
        await driver.press("4")
        assert "those of operations that pass the filter" not in driver.text

    drive(script, size=(120, 50))


@pytest.mark.slow
def test_a_filter_typed_among_events_is_one_of_events(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "z", "f")
        await driver.type("event == io_write")
        assert "(events)" in driver.text
        assert "hidden" in driver.status
        await driver.press("c", "e")
        assert driver.status.startswith("4 of 2,118 accesses")
        await driver.press("c", "0", "z", "z")
        assert driver.status == "224 operations"

    stage.play(script)

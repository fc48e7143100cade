from __future__ import annotations

import pytest

from tests.tracetool.tui.driving import Driver, drive

pytestmark = pytest.mark.slow


def test_policies_are_side_by_side_and_one_of_them_is_shown_until_backspace() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("3", "P")
        await driver.until(lambda: "without EXT001 EXT003 EXT005" in driver.text)
        assert "● policy discard" in driver.text
        await driver.press("5")
        await driver.until(lambda: driver.app.job is None and "WHAT IF: extent virt.flash1=1.25 MiB" in driver.text)
        assert driver.app.current_view == "map"
        await driver.press("1")
        await driver.until(lambda: "WITHIN-EXTENT" in driver.text)
        await driver.press("backspace")
        await driver.until(lambda: driver.app.job is None and "WHAT IF" not in driver.text)
        await driver.until(lambda: "OUTSIDE-EXTENT" in driver.text)
        await driver.press("backspace")
        assert driver.told[-1] == "these are the settings given; P compares others"

    drive(script, size=(120, 40))


def test_a_comparison_that_is_closed_stops_and_one_is_typed() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("P", "escape", "P", "P")
        await driver.type("policy volatile")
        await driver.until(lambda: driver.app.job is None and "WHAT IF: policy volatile" in driver.text)
        assert driver.app.sessions.differs

    drive(script)

"""Terminals and data that nobody should have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.tracetool.cli.program import PADDING
from tests.tracetool.tui.driving import Driver, Stage, drive
from tests.tracetool.tui.views import HOSTILE
from tests.tracetool.viewmodel.samples import finished, job, padding
from tracetool.ingest import open_trace
from tracetool.tui.who import WhoView
from tracetool.viewmodel.audit_session import AuditSession, Settings, load
from tracetool.viewmodel.cached_trace import CachedTrace

if TYPE_CHECKING:
    from tracetool.ingest.trace_reader import Health

pytestmark = pytest.mark.slow

EVERY_KEY = ("2", "e", "enter", "down", "enter", "z", "4", "1", "2", "t", "question_mark", "escape", "f", "escape")


class _Renamed:
    """A trace whose flashes have the worst of names."""

    def __init__(self) -> None:
        self._reader = open_trace(str(PADDING))
        self.meta = replace(self._reader.meta, name=HOSTILE, path=HOSTILE)
        self.rereadable = True

    @property
    def health(self) -> Health:
        """That of the reader, which begins anew with each pass."""
        return self._reader.health

    def chunks(self, trace: int = 0) -> list[pl.DataFrame]:
        """Frames with other names in them."""
        named = pl.col("device").cast(pl.String) + HOSTILE
        return [
            frame.with_columns(named.cast(pl.Categorical()).alias("device")) for frame in self._reader.chunks(trace)
        ]


def hostile() -> AuditSession:
    trace = CachedTrace(_Renamed())  # type: ignore[arg-type]
    return load([trace], Settings())


def test_hostile_names_are_shown_harmless() -> None:
    async def script(driver: Driver) -> None:
        for key in EVERY_KEY:
            await driver.press(key)
            text = driver.text
            assert "\x1b" not in text
            assert "\u202e" not in text
            assert "\u05d0" not in text
        await driver.press("2", "C")
        assert any("[bold]" in words for words in driver.told)
        assert all("\x1b" not in words for words in driver.told)

    drive(script, session=hostile())


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (3, 2), (40, 10)])
def test_small_terminals_show_something_and_do_not_crash(size: tuple[int, int]) -> None:
    async def script(driver: Driver) -> None:
        await driver.press(*EVERY_KEY)
        assert driver.app.is_running

    drive(script, size=size)


@pytest.mark.parametrize(
    "keys", [("1",), ("c",), ("P",), ("ctrl+p",)], ids=["overview", "filters", "what if", "palette"]
)
def test_lists_outlive_a_terminal_of_a_few_columns(keys: tuple[str, ...]) -> None:
    async def script(driver: Driver) -> None:
        await driver.press(*keys)
        for width in range(1, 9):
            await driver.pilot.resize_terminal(width, 50)
            await driver.pilot.pause(0.02)
        assert driver.app.is_running

    drive(script)


def test_a_click_on_the_titles_of_an_empty_table_does_nothing(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("8")
        grid = driver.app.query_one(WhoView).grid
        await driver.until(lambda: "no log of the guest's code" in driver.text)
        for x in (0, 30):
            await driver.pilot.click(grid, offset=(x, 0))
        assert driver.app.is_running

    stage.play(script)


def test_a_storm_of_sizes() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "enter")
        for width, height in ((80, 24), (20, 5), (200, 60), (1, 1), (119, 13), (121, 15), (80, 24)):
            await driver.pilot.resize_terminal(width, height)
        await driver.pilot.pause()
        assert "✖▾" in driver.text

    drive(script)


def test_without_colours_the_cursor_is_still_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def script(driver: Driver) -> None:
        await driver.press("e")
        strips = driver.app.screen._compositor.render_strips()  # noqa: SLF001
        styles = [segment.style for strip in strips for segment in strip if "program" in segment.text]
        assert driver.app.no_color
        assert len({style.bgcolor for style in styles if style is not None}) > 1

    drive(script)


def test_a_trace_of_one_event() -> None:
    lonely = finished(job(PADDING))
    short = replace(lonely, audit=replace(lonely.audit, operations=lonely.operations.head(0)))

    async def script(driver: Driver) -> None:
        await driver.press(*EVERY_KEY, "G", "y", "n", "b", "T", "C")
        assert driver.app.is_running

    drive(script, session=short)
    assert len(padding().operations)

"""The app on a trace that is still written."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import PADDING
from tests.tracetool.tui.driving import NO_KEYS, Driver
from tracetool.compression import zstd
from tracetool.ingest.following import Following, open_followed
from tracetool.tui import renewal
from tracetool.tui.app import TraceApp
from tracetool.tui.image import ImageView
from tracetool.tui.map import MapView
from tracetool.tui.variables import VariablesView
from tracetool.viewmodel.audit_session import Settings
from tracetool.viewmodel.growing_trace import GrowingTrace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tracetool.viewmodel.hex_model import HexModel

BEGIN = 3000
"""Events that are there at first; the write into the padding comes later."""

OUTSIDE = 4374
"""Events up to which the guest has written into the padding."""


pytestmark = pytest.mark.usefixtures("hurried")


@pytest.fixture(autouse=True)
def hurried_app() -> Iterator[None]:
    """The app does not wait either."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("_LOOK_S", 0.02), ("_LEAST_S", 0.0), ("_SHARE", 0.0)):
            patch.setattr(renewal, name, value)
        yield


class Guest:
    """Writes the padding sample to a file, and waits for the app to show it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = zstd.decompress(PADDING.read_bytes()).splitlines(keepends=True)
        self._at = 0

    def write(self, until: int | None = None) -> int:
        """Write up to this line; returns the number of lines written."""
        with self.path.open("ab") as file:
            file.writelines(self._lines[self._at : until])
        self._at = len(self._lines) if until is None else until
        return self._at


class Followed(Driver):
    """The app over what a guest writes."""

    guest: Guest

    async def write(self, until: int | None = None) -> None:
        """Let the guest write, and wait until it is shown."""
        lines = self.guest.write(until)
        await self.shown(lines)

    async def shown(self, lines: int) -> None:
        """Wait until the views show so many events."""
        timeline = self.view
        await self.until(lambda: timeline.timeline is not None and timeline.timeline.tables.events == lines)
        await self.until(lambda: self.app.renewal is not None and not self.app.renewal.busy)
        await self.pilot.pause()

    @property
    def rows(self) -> int:
        """Rows of the timeline."""
        return self.view.grid.count


def follow(
    path: Path, script: Callable[[Followed], Awaitable[None]], size: tuple[int, int] = (120, 30), begin: int = BEGIN
) -> None:
    """Run a script in the app on a trace that has begun."""
    guest = Guest(path)
    guest.write(begin)

    async def running() -> None:
        control = Following()
        growing = GrowingTrace(open_followed(str(path), control), control).start()
        app = TraceApp(growing.job(Settings()), keys=NO_KEYS, growing=growing)
        try:
            async with app.run_test(size=size) as pilot:
                driver = Followed(app, pilot)
                driver.guest = guest
                await driver.until(lambda: app.session is not None)
                await driver.shown(begin)
                await script(driver)
        finally:
            growing.stop()

    asyncio.run(running())


@pytest.mark.slow
def test_the_cursor_at_the_end_stays_there_and_one_moved_up_stays_where_it_is(tmp_path: Path) -> None:
    async def script(driver: Followed) -> None:
        await driver.press("2")
        before = driver.rows
        assert driver.view.grid.cursor == before - 1
        assert "following" in driver.text
        await driver.write(BEGIN + 300)
        assert driver.rows > before
        assert driver.view.grid.cursor == driver.rows - 1
        await driver.press("k", "k")
        seq, top, line = driver.seq, driver.view.grid.scroll_offset.y, driver.rows
        assert "new below" not in driver.status
        await driver.write(BEGIN + 700)
        assert driver.seq == seq
        assert driver.view.grid.scroll_offset.y == top
        assert f"{driver.rows - line:,} new below, G: there" in driver.status
        await driver.press("G")
        assert "new below" not in driver.status
        assert driver.view.grid.cursor == driver.rows - 1
        await driver.write()
        assert driver.view.grid.cursor == driver.rows - 1 == 221  # two operations go on

    follow(tmp_path / "guest.log", script)


@pytest.mark.slow
def test_rows_that_came_while_another_view_was_in_front_are_there_when_the_timeline_is(tmp_path: Path) -> None:
    async def script(driver: Followed) -> None:
        await driver.press("2", "k", "k")
        seq, rows = driver.seq, driver.rows
        await driver.press("1")
        for lines in (BEGIN + 300, BEGIN + 700):
            await driver.write(lines)
        await driver.press("2")
        assert driver.seq == seq
        assert driver.rows > rows
        assert f"{driver.rows - rows:,} new below, G: there" in driver.status
        await driver.press("G", "1")
        await driver.write()
        await driver.press("2")
        assert driver.view.grid.cursor == driver.rows - 1 == 221
        assert driver.app.selection.event == driver.view.event

    follow(tmp_path / "guest.log", script)


@pytest.mark.slow
def test_a_finding_is_announced_once_and_the_focus_stays(tmp_path: Path) -> None:
    async def script(driver: Followed) -> None:
        await driver.press("2")
        focused = driver.app.focused
        assert not [said for said in driver.told if "EXT001" in said]
        await driver.write(OUTSIDE)
        announced = [said for said in driver.told if "error EXT001 virt.flash1: 1 program of 4 B" in said]
        assert len(announced) == 1
        assert driver.app.focused is focused
        assert driver.app.current_view == "timeline"
        await driver.write()
        assert len([said for said in driver.told if "EXT001" in said]) == 1
        await driver.press("1")
        await driver.until(lambda: "OUTSIDE-EXTENT" in driver.text)
        await driver.press("4")
        await driver.until(lambda: "EXT001" in driver.text)

    follow(tmp_path / "guest.log", script)


@pytest.mark.slow
def test_the_image_follows_the_newest_moment_until_another_is_chosen(tmp_path: Path) -> None:
    async def script(driver: Followed) -> None:
        image = driver.app.query_one(ImageView)

        def moment() -> tuple[int, int]:
            assert image.model is not None
            return image.model.position, len(image.model.history)

        await driver.press("5")
        await driver.until(lambda: image.model is not None)
        first = moment()
        assert first[0] == first[1]
        await driver.write(OUTSIDE)
        await driver.until(lambda: moment()[1] > first[1])
        assert moment()[0] == moment()[1]
        assert "00100000*" in driver.text
        await driver.press("left_square_bracket", "left_square_bracket")
        chosen, cursor, before = moment(), image.grid.cursor, image.model
        await driver.write()
        await driver.until(lambda: image.model is not before)
        await driver.pilot.pause()
        assert moment() == (chosen[0], 55)
        assert image.grid.cursor == cursor
        await driver.press("2")
        assert "new below" in driver.status

    follow(tmp_path / "guest.log", script)


@pytest.mark.slow
def test_the_end_that_was_gone_back_to_in_the_image_is_followed_too(tmp_path: Path) -> None:
    async def script(driver: Followed) -> None:
        image = driver.app.query_one(ImageView)

        def is_other(model: HexModel) -> bool:
            return image.model is not model

        await driver.press("5")
        await driver.until(lambda: image.model is not None)
        await driver.press("left_square_bracket", "right_curly_bracket")
        for lines in (BEGIN + 400, BEGIN + 800, OUTSIDE):
            before = image.model
            assert before is not None
            assert before.at_end
            await driver.write(lines)
            await driver.until(partial(is_other, before))
            await driver.pilot.pause()
        assert image.model is not None
        assert image.model.at_end
        await driver.press("2", "g", "5")
        await driver.until(lambda: image.model is not None and image.model.position == 0)

    follow(tmp_path / "guest.log", script)


@pytest.mark.slow
def test_the_map_and_the_variables_show_what_has_come(tmp_path: Path) -> None:
    async def script(driver: Followed) -> None:
        shown = driver.app.query_one(MapView)

        def beyond() -> bool:
            return any("0x100000" in line and "✖" in line for line in driver.text.splitlines())

        await driver.press("3")
        await driver.until(lambda: shown.grid.drawing is not None)
        assert not beyond()
        await driver.write(OUTSIDE)
        await driver.until(beyond)
        variables = driver.app.query_one(VariablesView)
        await driver.press("6")
        await driver.until(lambda: variables.model is not None)
        before = variables.model
        await driver.write()
        await driver.until(lambda: variables.model is not before)
        assert variables.model is not None
        assert variables.model.at_end

    follow(tmp_path / "guest.log", script)


@pytest.mark.slow
def test_open_rows_a_filter_and_a_question_outlast_what_comes(tmp_path: Path) -> None:
    async def script(driver: Followed) -> None:
        await driver.press("2", "g", "g", "j", "j", "enter")
        opened = driver.seq
        assert driver.view.timeline is not None
        assert driver.view.timeline.is_open(driver.view.grid.cursor)
        await driver.write(BEGIN + 200)
        assert driver.seq == opened
        assert driver.view.timeline.is_open(driver.view.grid.cursor)
        await driver.press("f")
        lines = driver.guest.write(OUTSIDE)
        await driver.type("offset >= 768K")
        await driver.shown(lines)
        assert " of 2" in driver.status
        await driver.press("G", "k")
        await driver.write()
        assert "4 of 222 operations, 218 hidden" in driver.status

    follow(tmp_path / "guest.log", script)


def test_the_end_of_a_trace_and_the_change_of_its_file_are_said(tmp_path: Path) -> None:
    async def script(driver: Followed) -> None:
        driver.guest.path.unlink()
        await driver.until(lambda: any("was removed" in said for said in driver.told))
        await driver.until(lambda: any("the trace has ended" in said for said in driver.told))
        assert "following" not in driver.text
        assert driver.app.session is not None
        assert not driver.app.session.growing

    follow(tmp_path / "guest.log", script)

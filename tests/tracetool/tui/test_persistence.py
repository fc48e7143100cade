from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from tests.tracetool.tui.driving import NO_KEYS, Driver
from tests.tracetool.viewmodel.samples import padding
from tracetool.tui import persistence
from tracetool.tui.app import TraceApp
from tracetool.tui.map import MapView
from tracetool.viewmodel.audit_session import Job, Progress
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.state_file import Bookmark, SavedState, remember

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


def drive(script: Callable[[Driver], Awaitable[None]], folder: Path | None) -> None:
    """Run the app over the padding sample; what it remembers lies in `folder`."""

    async def run() -> None:
        app = TraceApp(Job(padding, Progress()).start(), keys=NO_KEYS, remembers_in=folder)
        async with app.run_test(size=(100, 30)) as pilot:
            driver = Driver(app, pilot)
            await driver.until(lambda: app.job is None and app.timeline_view.timeline is not None)
            await pilot.pause()
            await script(driver)

    asyncio.run(run())


async def bookmark(driver: Driver, note: str) -> None:
    await driver.press("m")
    driver.app.query_one(Input).value = note
    await driver.press("enter")


@pytest.mark.slow
def test_bookmarks_are_there_again_and_lead_to_their_event(tmp_path: Path) -> None:
    async def make(driver: Driver) -> None:
        await driver.press("2", "e")
        assert "◆" not in driver.text
        await bookmark(driver, "[bold]the write\x1b[2J")
        assert "✖◆" in driver.text
        await driver.press("g", "q")

    async def use(driver: Driver) -> None:
        await driver.press("2", "e")
        assert "✖◆" in driver.text
        await driver.press("g", "apostrophe")
        assert "event 4,370  14.643204 s  program  0x100000, 4 B  [bold]the write\\x1b[2J" in driver.text
        await driver.press("enter")
        await driver.until(lambda: driver.seq == 4370)
        await driver.press("apostrophe", "delete", "escape", "apostrophe")
        assert any("there is no bookmark" in told for told in driver.told)
        assert "◆" not in driver.text

    drive(make, tmp_path)
    drive(use, tmp_path)


@pytest.mark.slow
def test_the_app_comes_back_to_where_it_was(tmp_path: Path) -> None:
    async def leave(driver: Driver) -> None:
        await driver.press("2", "f")
        await driver.type("op == erase")
        await driver.press("down", "ctrl+t", "4", "q")

    async def come_back(driver: Driver) -> None:
        assert driver.app.current_view == "findings"
        assert driver.app.theme == "tracetool-light"
        assert " 1 op == erase " in driver.text
        assert driver.view.grid.cursor == 1

    drive(leave, tmp_path)
    drive(come_back, tmp_path)


@pytest.mark.slow
def test_the_map_is_shown_as_it_was(tmp_path: Path) -> None:
    async def leave(driver: Driver) -> None:
        await driver.press("3", "plus", "v", "s", "q")

    async def come_back(driver: Driver) -> None:
        assert driver.app.current_view == "map"
        grid = driver.app.query_one(MapView).grid
        await driver.until(lambda: grid.drawing is not None and grid.drawing.heat.metric == Metric.CHANGED)
        assert grid.drawing is not None
        assert grid.drawing.cells.cell_bytes == 256
        assert grid.look.name == "shades"

    drive(leave, tmp_path)
    drive(come_back, tmp_path)


def test_a_memory_of_a_map_that_is_not_known_shows_the_usual_one(tmp_path: Path) -> None:
    async def leave(driver: Driver) -> None:
        await driver.press("3", "q")

    async def come_back(driver: Driver) -> None:
        view = driver.app.query_one(MapView)
        await driver.until(lambda: view.grid.drawing is not None)
        assert view.metric == Metric.PROGRAMS
        assert view.grid.look.name == "halves"
        assert view.grid.drawing is not None
        assert view.grid.drawing.cells.cell_bytes == 256 << 10

    drive(leave, tmp_path)
    (file,) = (tmp_path / "traces").iterdir()
    document = json.loads(file.read_text()) | {"metric": "joy", "look": "gold", "cell_bytes": 1 << 62}
    file.write_text(json.dumps(document))
    drive(come_back, tmp_path)


@pytest.mark.slow
def test_the_place_is_kept_while_the_app_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "SAVE_INTERVAL", 0.02)

    async def look(driver: Driver) -> None:
        await driver.press("2", "e")
        await driver.until(lambda: [seq for _, seq in kept()] == [4370])
        written = kept()
        await asyncio.sleep(0.2)
        assert kept() == written

    def kept() -> list[tuple[int, int | None]]:
        files = list(tmp_path.rglob("*.json"))
        return [(file.stat().st_mtime_ns, json.loads(file.read_text())["seq"]) for file in files]

    drive(look, tmp_path)


@pytest.mark.slow
def test_what_cannot_be_kept_is_said_once_while_the_place_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persistence, "SAVE_INTERVAL", 0.02)
    (tmp_path / "traces").touch()

    async def look(driver: Driver) -> None:
        for key in "123412":
            await driver.press(key)
            await asyncio.sleep(0.05)
        await driver.until(lambda: driver.app.persistence.unsaved is not None)
        told = [words for words in driver.told if "nothing of this trace will be remembered" in words]
        assert len(told) == 1
        (tmp_path / "traces").unlink()
        await driver.press("4")
        await driver.until(lambda: driver.app.persistence.unsaved is None)

    drive(look, tmp_path)


@pytest.mark.slow
def test_bookmarks_of_two_apps_over_one_trace_are_kept(tmp_path: Path) -> None:
    async def first(driver: Driver) -> None:
        file = driver.app.persistence._file  # noqa: SLF001  what the other app writes
        assert file is not None
        assert remember(SavedState(bookmarks=(Bookmark(0, 3, "theirs"),)), file) is None
        await driver.press("2", "e")
        await bookmark(driver, "ours")
        assert [mark.note for mark in driver.app.persistence.state.bookmarks] == ["theirs", "ours"]
        await driver.press("q")

    async def look(driver: Driver) -> None:
        assert [mark.note for mark in driver.app.persistence.state.bookmarks] == ["theirs", "ours"]

    drive(first, tmp_path)
    drive(look, tmp_path)


@pytest.mark.slow
def test_a_damaged_memory_is_reported_and_not_used(tmp_path: Path) -> None:
    async def leave(driver: Driver) -> None:
        await driver.press("4", "q")

    async def come_back(driver: Driver) -> None:
        assert driver.app.current_view == "overview"
        assert any("cannot be read and is not used" in told for told in driver.told)

    drive(leave, tmp_path)
    (file,) = (tmp_path / "traces").iterdir()
    file.write_text("{")
    drive(come_back, tmp_path)
    assert file.with_suffix(".damaged.json").read_text() == "{"
    assert not file.exists()


@pytest.mark.slow
def test_what_cannot_be_kept_is_said_at_once_and_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "traces").touch()

    async def make(driver: Driver) -> None:
        await driver.press("2", "e")
        await bookmark(driver, "lost")
        assert not any("bookmarked event" in told for told in driver.told)
        assert any("nothing of this trace will be remembered" in told for told in driver.told)
        await driver.press("q")
        assert driver.app.persistence.unsaved is not None

    drive(make, tmp_path)


@pytest.mark.slow
def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("apostrophe", "2", "e")
        await bookmark(driver, "")
        await bookmark(driver, "again")
        assert [mark.note for mark in driver.app.persistence.state.bookmarks] == ["again"]
        await driver.press("q")

    drive(look, None)
    assert not list(tmp_path.iterdir())

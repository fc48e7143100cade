"""Keys that arrive together, as from a macro, a paste or a slow line: each goes where the one before has led."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input, Static

from tests.tracetool.tui.driving import Driver, Stage, drive
from tests.tracetool.viewmodel.samples import OUTSIDE
from tracetool.tui import key_queue
from tracetool.tui.image import ImageView
from tracetool.tui.key_queue import KeyQueue
from tracetool.tui.map import MapView
from tracetool.tui.prompt import Prompt
from tracetool.tui.screens import BookmarksScreen

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = {"\n": "enter", "\x1b": "escape"}


def burst(driver: Driver, *parts: str | events.Paste) -> None:
    """Send everything at once, characters as the terminal's driver reads them."""
    for part in parts:
        if isinstance(part, events.Paste):
            driver.app.post_message(part)
            continue
        for character in part:
            named = _NAMES.get(character)
            key = _character_to_key(character) if named is None else named
            driver.app.post_message(events.Key(key, character if named is None else None))


@pytest.mark.slow
def test_a_filter_typed_in_one_go_is_a_filter(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        burst(driver, "fseq == 4368\n")
        await driver.until(lambda: "1 seq == 4368" in driver.text)
        assert driver.app.is_running
        burst(driver, "f", events.Paste("seq == 90\nq\n"), "\n")
        await driver.until(lambda: "1 seq == 90" in driver.text)
        assert driver.app.is_running

    stage.play(script)


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "then"), [("2:0x100000\n", "y"), ("2/0x100000\n", "y"), ("1\x1b2:#4370\n", "n")])
def test_places_and_searches_typed_in_one_go(typed: str, then: str) -> None:
    async def script(driver: Driver) -> None:
        burst(driver, typed, then)
        await driver.until(lambda: driver.told)
        assert driver.seq in (OUTSIDE, 4368)
        assert not driver.app.screen_stack[0].query_one(Input).display or driver.app.focused is driver.view.grid

    drive(script)


@pytest.mark.slow
def test_a_bookmark_is_noted_listed_and_gone_to_in_one_go(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "e")
        burst(driver, "mquite quick\n", "g", "'", "\n")
        await driver.until(lambda: any("bookmarked" in words for words in driver.told))
        await driver.until(lambda: driver.seq == OUTSIDE)
        assert [mark.note for mark in driver.app.persistence.state.bookmarks] == ["quite quick"]
        burst(driver, "'", "\n\n")  # twice: the second opens the row
        await driver.until(lambda: driver.view.timeline is not None and len(driver.view.timeline) > 224)
        assert not isinstance(driver.app.screen, BookmarksScreen)

    stage.play(script)


@pytest.mark.slow
def test_bookmarks_chosen_twice_before_the_list_is_closed_are_gone_to_once(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "e", "m")
        await driver.type("here")
        await driver.press("apostrophe")
        chosen = driver.app.screen
        assert isinstance(chosen, BookmarksScreen)
        chosen.close(driver.app.persistence.state.bookmarks[0])
        chosen.close(driver.app.persistence.state.bookmarks[0])
        chosen.action_close()
        await driver.pilot.pause()
        assert len(driver.app.screen_stack) == 1

    stage.play(script)


@pytest.mark.slow
def test_an_export_and_a_what_if_typed_in_one_go(tmp_path: Path) -> None:
    target = tmp_path / "q x.csv"

    async def script(driver: Driver) -> None:
        await driver.press("2", "x")
        driver.app.query_one(Input).value = ""
        burst(driver, f"{target}\n", "PPextent 2M\n")
        await driver.until(lambda: driver.app.job is None and "extent virt.flash1=2 MiB" in driver.text)
        assert target.exists()

    drive(script)


@pytest.mark.slow
def test_keys_held_down_lose_nothing_and_never_go_back() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("5")
        image = driver.app.query_one(ImageView)
        await driver.until(lambda: image.model is not None)
        assert image.model is not None
        await driver.press("left_curly_bracket")
        seen: list[int] = []
        go = image.model.go

        def watched(position: int) -> None:
            seen.append(position)
            go(position)

        image.model.go = watched  # type: ignore[method-assign]
        burst(driver, "]" * 30)
        await driver.until(lambda: len(seen) >= 30)
        await driver.pilot.pause()
        assert seen == sorted(set(seen))
        assert image.model.position == 30
        burst(driver, "2ggjjjjjjjjjjjjjjjjjjjjkk")
        await driver.until(lambda: driver.view.grid.cursor == 18)
        burst(driver, "/identify\n" + "n" * 7 + "N")
        await driver.until(lambda: "/identify: 9 of" in driver.status)
        burst(driver, "g" + "b" * 2)
        await driver.until(lambda: "erase 2 of 2" in driver.status)
        burst(driver, "gjjj")
        await driver.until(lambda: driver.view.grid.cursor == 3)
        burst(driver, "." * 5)
        await driver.until(lambda: " 7 of " in driver.status)
        burst(driver, "," * 3)
        await driver.until(lambda: " 4 of " in driver.status)

    drive(script)


@pytest.mark.slow
def test_prompts_of_the_image_and_the_palette_take_what_follows() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("5")
        image = driver.app.query_one(ImageView)
        await driver.until(lambda: image.model is not None)
        burst(driver, ":block:2\n")
        await driver.until(lambda: image.grid.cursor == 2 * 0x40000)
        burst(driver, "/fv\n")
        await driver.until(lambda: not driver.app._held)  # noqa: SLF001
        await driver.press("ctrl+p")
        burst(driver, "timeline\n")
        await driver.until(lambda: driver.app.current_view == "timeline" and len(driver.app.screen_stack) == 1)
        burst(driver, "?q", "4", "?\x1b", "3")
        await driver.until(lambda: driver.app.current_view == "map")
        assert driver.app.query_one(MapView).display

    drive(script)


def test_an_answer_that_a_busy_app_is_late_to_take_hands_on_one_key() -> None:
    async def script(driver: Driver) -> None:
        app = driver.app
        await driver.press("2")
        app._asked = Static()  # noqa: SLF001  as after a dialog that was closed by its last key
        app._watch()  # noqa: SLF001
        app._held.extend([events.Key("colon", ":"), events.Key("5", "5")])  # noqa: SLF001
        app.call_later(asyncio.sleep, 3 * key_queue._PATIENCE)  # noqa: SLF001
        app.on_key_queue_settled(KeyQueue.Settled(app._ticket, 1))  # noqa: SLF001
        await driver.until(lambda: not app._held and app._asked is None)  # noqa: SLF001
        assert app.current_view == "timeline"
        assert app.query_one(Prompt).query_one(Input).value == "5"

    drive(script)


def test_work_of_a_view_is_cancelled_before_its_parts_go() -> None:
    parts = list[int]()

    async def script(driver: Driver) -> None:
        await driver.press("3")
        view = driver.app.query_one(MapView)
        await driver.until(lambda: view.grid.drawing is not None)

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                parts.append(len(view.query("*")))

        view.run_worker(work())
        await driver.pilot.pause()

    drive(script)
    assert parts
    assert parts[0] > 0

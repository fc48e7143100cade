"""Answers in prompts that nobody should give: each is a message in the app, and the app goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from tests.tracetool.tui.driving import Driver, Stage, drive
from tracetool.tui.image import ImageView
from tracetool.tui.prompt import Prompt

if TYPE_CHECKING:
    from pathlib import Path

HUGE = "9" * 40
PLACES = [HUGE, f"+{HUGE}T", f"-{HUGE}", f"block:{HUGE}", f"#{HUGE}", f"t={HUGE}s", f"{HUGE}%", "\u0663", "\0", "#-1"]
QUERIES = [f"offset >= {HUGE}", f"seq == {HUGE}", f"t > {HUGE}s", "device ~ '('", "(" * 500, "\0", "offset in 5..1"]
CHANGES = [f"extent {HUGE}G", "extent", "policy", "extent =", f"extent {HUGE}=1", "policy \0", "extent -1"]
PATHS = [
    "a" * 300 + ".csv",
    "a" * 246 + ".csv",
    "~nosuchuser/x.csv",
    "nul\0.csv",
    "/proc/nowhere/x.csv",
    "/dev/full.csv/x.csv",
    "folder.csv",
    "loop.csv",
    "file/x.csv",
    "\udc80.csv",
    "a" * 5000 + "/b.csv",
    "",
    "~",
]


async def _answer(driver: Driver, key: str, text: str) -> None:
    await driver.press(key, *["P"] * (key == "P"))  # from the comparison to the prompt
    driver.app.query_one(Input).value = text
    await driver.press("enter")
    assert driver.app.is_running
    if driver.app.query_one(Prompt).asking:
        assert driver.app.query_one("#said").render()
        await driver.press("escape")


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_no_path_ends_the_app(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    monkeypatch.chdir(tmp_path)

    async def script(driver: Driver) -> None:
        await driver.press("2")
        await _answer(driver, "x", path)
        await driver.press("j")
        assert driver.view.grid.cursor == 1

    stage.play(script)
    written = {file.name for file in tmp_path.iterdir()} - {"folder.csv", "file", "loop.csv"}
    assert written <= {path}


def test_a_path_that_is_too_long_says_why(tmp_path: Path, stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "x")
        await driver.type(f"{tmp_path}/{'a' * 300}.csv")
        assert "File name too long" in driver.text

    stage.play(script, size=(80, 24))


@pytest.mark.slow
def test_keys_are_offered_where_they_do_something_and_tab_stays_in_the_prompt(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        def offered() -> str:
            return driver.text.splitlines()[-1]

        await driver.press("2", "colon")
        assert "Tab complete" not in offered()
        await driver.press("tab", "shift+tab", *"0x0", "enter", "f", *"kin")
        assert "Tab complete" in offered()
        await driver.press("tab", *"==", "space", *"7")
        assert "Tab complete" not in offered()
        await driver.press("tab")
        assert driver.app.focused is driver.app.query_one(Input)

    stage.play(script)


@pytest.mark.slow
@pytest.mark.parametrize(("key", "texts"), [("colon", PLACES), ("f", QUERIES), ("slash", QUERIES), ("P", CHANGES)])
def test_no_answer_ends_the_app(key: str, texts: list[str], stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2")
        for text in texts:
            await _answer(driver, key, text)
            await driver.until(lambda: driver.app.job is None)
        assert driver.app.current_view == "timeline"

    stage.play(script)


@pytest.mark.slow
def test_no_place_in_the_image_ends_the_app() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("5")
        await driver.until(lambda: driver.app.query_one(ImageView).model is not None)
        for key, texts in (("colon", PLACES), ("slash", ["\udc80", "zz", "0", '"', "\0", "f" * 9000])):
            for text in texts:
                await _answer(driver, key, text)
        assert driver.app.current_view == "image"

    drive(script)

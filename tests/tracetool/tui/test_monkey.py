"""Somebody who presses any key, clicks anywhere and changes the size of the terminal: the app goes on."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from textual import events
from textual.geometry import Size

from tests.tracetool.tui.driving import Driver, drive
from tests.tracetool.viewmodel.samples import both
from tracetool.tui.views import ACTIONS

if TYPE_CHECKING:
    from pathlib import Path

STEPS = int(os.environ.get("MONKEY_STEPS", "300"))
SEEDS = [int(seed) for seed in os.environ.get("MONKEY_SEEDS", "1,2").split(",")]

_LEAVING = {"q", "ctrl+q", "ctrl+c", "ctrl+z"}
_KEYS = sorted({key for action in ACTIONS for key in action.keys.split(",")} - _LEAVING)
_PROMPT_KEYS = ["enter", "enter", "tab", "shift+tab", "escape", "backspace", "delete", "up", "down", "left", "home"]
_TEXTS = [*"09x#~%('ké中", "kind == erase", "offset > 4K", "block:1", "extent 1M"]
_PAUSES = 0.3
_SIZES = [(80, 24), (20, 5), (200, 60), (3, 2), (120, 40), (40, 12)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_no_keys_clicks_and_sizes_end_the_app(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # exports go somewhere
    chance = random.Random(seed)  # noqa: S311  the same steps again

    async def script(driver: Driver) -> None:
        for _ in range(STEPS):
            for event in _step(chance):
                driver.app.post_message(event)
            if chance.random() < _PAUSES:
                await driver.pilot.pause()
            assert driver.app.crash is None
        await driver.pilot.pause()
        await driver.press("escape", "escape", "escape")
        await driver.until(lambda: driver.app.job is None)
        assert driver.app.is_running

    drive(script, size=(80, 24), session=both())


def _step(chance: random.Random) -> list[events.Event]:
    kind = chance.random()
    if kind < 0.65:
        key = chance.choice(_KEYS)
        return [_key(key) for _ in range(chance.choice([1, 1, 1, 5]))]
    if kind < 0.8:
        return [_key(chance.choice(_PROMPT_KEYS))]
    if kind < 0.9:
        text = chance.choice(_TEXTS)
        return [events.Paste(text)] if chance.random() < 0.5 else [_key(character) for character in text]
    if kind < 0.97:
        x, y = chance.randrange(80), chance.randrange(24)
        return [_mouse(events.MouseDown, x, y), _mouse(events.MouseUp, x, y)]
    size = Size(*chance.choice(_SIZES))
    return [events.Resize(size, size)]


def _key(name: str) -> events.Key:
    return events.Key(name, name if len(name) == 1 else None)


def _mouse(kind: type[events.MouseEvent], x: int, y: int) -> events.MouseEvent:
    return kind(None, x, y, 0, 0, 1, shift=False, meta=False, ctrl=False, screen_x=x, screen_y=y)

r"""Somebody who presses any key: nothing is lost between prompt and view, and all views show one selection.

The proof is short. To search for faults, after a change of how views follow one another:

    WALK_KEYS=1000 WALK_SEEDS=0,1,2,3,4,5,6,7,8,9 WALK_TRACES=both,padding,first-boot,who,cfi02,reclaim \
        .venv/bin/python -m pytest tests/tracetool/tui/test_random_walk.py

A seed of a thousand keys takes a minute of processor time. One that fails fails again with the same keys, and with
fewer if that is before them; each fault it found has a test of its own beside the view.
"""

from __future__ import annotations

import os
import random
from functools import cache
from typing import TYPE_CHECKING

import pytest
from textual import events
from textual.widgets import Input

from tests.captures import capture_path
from tests.tracetool.tui.driving import Driver, drive
from tests.tracetool.viewmodel.samples import both, finished, first_boot, job, padding, with_code
from tracetool.tui.danger import DangerView
from tracetool.tui.image import ImageView
from tracetool.tui.map import MapView
from tracetool.tui.prompt import Prompt
from tracetool.tui.variables import VariablesView
from tracetool.tui.views import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.audit_session import AuditSession

KEYS = int(os.environ.get("WALK_KEYS", "300"))
SEEDS = [int(seed) for seed in os.environ.get("WALK_SEEDS", "1,2").split(",")]
TRACES = os.environ.get("WALK_TRACES", "both").split(",")
_SESSIONS: dict[str, Callable[[], AuditSession]] = {
    "both": both,
    "padding": padding,
    "first-boot": first_boot,
    "who": with_code,
    "cfi02": cache(lambda: finished(job(capture_path("cfi02/zynq-u-boot.log.zst")))),
    "reclaim": cache(lambda: finished(job(capture_path("aavmf-reclaim/trace.log.zst")))),
}

_LEAVING = {"q", "ctrl+q", "ctrl+c", "ctrl+z", "space"}
_LONG = {"P", "backspace", "x", "W"}
"""Keys that begin long work or write files; pressed in tests of their own."""
_KEYS = sorted({key for action in ACTIONS for key in action.keys.split(",")} - _LEAVING - _LONG)
_TEXTS = ("op == erase", "finding", "0x40000", "#1234", "t in 1s..2s", "[bold]", "é中", "\\", "block:1", "12%", "zz")
_PROMPTS = ("f", "colon", "slash")
"""Keys that open a prompt."""


@pytest.mark.slow
@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_keys_leave_one_selection_in_all_views(
    seed: int, trace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(seed)  # noqa: S311  the same steps again

    async def script(driver: Driver) -> None:
        pressed = 0
        while pressed < KEYS:
            if chance.random() < 0.1:
                pressed += await _prompt(driver, chance)
            else:
                count = chance.choice([1, 1, 1, 4])
                key = chance.choice(_KEYS)
                for _ in range(count):
                    driver.app.post_message(_key(key))
                pressed += count
            await driver.pilot.pause()
            if chance.random() < 0.2:
                driver.app.post_message(events.Paste(chance.choice(_TEXTS)))
                await driver.pilot.pause()
            assert driver.app.crash is None
            await _settled(driver)
            _check(driver.app)
        await driver.press("escape", "escape", "escape")
        assert driver.app.is_running

    drive(script, size=(120, 40), session=_SESSIONS[trace]())


async def _prompt(driver: Driver, chance: random.Random) -> int:
    """Open a prompt, type and leave it in one burst: the text is in the prompt, and the key behind it in the view."""
    await driver.press("escape", "escape", "escape", "2")
    key, text = chance.choice(_PROMPTS), chance.choice(_TEXTS)
    for event in (_key(key), *map(_key, text), _key("escape"), _key("4")):
        driver.app.post_message(event)
    await driver.until(lambda: driver.app.current_view == "findings")
    assert not driver.app.query_one(Prompt).asking
    value = driver.app.query_one(Prompt).query_one(Input).value
    assert value.endswith(text), (key, text, value)
    return len(text) + 3


async def _settled(driver: Driver) -> None:
    """Wait until the view in front has caught up."""
    app = driver.app
    await driver.until(lambda: app.job is None)
    await driver.until(lambda: not any(worker.is_running for worker in app.workers))
    await driver.pilot.pause()


def _check(app: TraceApp) -> None:
    """Every view was told of the selection, and the one in front shows it."""
    chosen, screen = app.selection, app.screen_stack[0]
    if chosen.event is None:
        return
    assert app.timeline_view.event == chosen.event
    image, map_view = screen.query_one(ImageView), screen.query_one(MapView)
    variables, danger = screen.query_one(VariablesView), screen.query_one(DangerView)
    for view in (image, map_view, variables, danger):
        assert view.selection.event == chosen.event, view
    front = app.current_view
    if front == "image" and image.model is not None and image.model.torn is None and image.subject is not None:
        assert image.model.position == image.model.history.position(*chosen.event)
        if chosen.device == image.subject.device and chosen.bytes is not None:
            assert chosen.bytes[0] <= image.grid.cursor < chosen.bytes[1]
    drawing = None if map_view.against_time or front != "map" else map_view.grid.drawing
    if drawing is not None and chosen.bytes is not None and chosen.device == drawing.subject.device:
        low, high = map_view.grid.range
        assert low <= chosen.bytes[0] < high
    if front == "variables" and variables.model is not None:
        assert variables.model.position == variables.model.history.position(*chosen.event)


def _key(name: str) -> events.Key:
    return events.Key(name, name if len(name) == 1 else None)

"""Every action: in palette, help and documentation, and with keys that do something."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from textual.command import CommandList
from textual.widgets import Input, OptionList

from tests.captures import ROOT
from tests.test_docs import generated
from tests.tracetool.tui.driving import Driver, Stage, drive
from tracetool.tui.actions import PLACES
from tracetool.tui.app import TraceApp
from tracetool.tui.danger import DangerView
from tracetool.tui.filtering import Filtering
from tracetool.tui.findings import FindingsView
from tracetool.tui.image import ImageView
from tracetool.tui.image.grid import ImageGrid
from tracetool.tui.keys import read_keys
from tracetool.tui.line_grid import LineGrid
from tracetool.tui.map import MapView
from tracetool.tui.map.grid import MapGrid
from tracetool.tui.navigation import Navigation
from tracetool.tui.persistence import Persistence
from tracetool.tui.prompts import Prompts
from tracetool.tui.screens import help_lines
from tracetool.tui.time_lane import LaneBar
from tracetool.tui.timeline import TimelineView
from tracetool.tui.variables import VariablesView
from tracetool.tui.views import ACTIONS
from tracetool.tui.who import WhoView

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "tui.md"
BEGIN, END = "<!-- actions: begin -->\n", "<!-- actions: end -->\n"


def table() -> str:
    lines = []
    for heading in dict.fromkeys(PLACES.values()):
        lines += [f"### {heading}", "", "| keys | action | id | what it does |", "|---|---|---|---|"]
        lines += [
            f"| {' '.join(f'`{key}`' for key in action.shown_keys.split())} | {action.title} | `{action.id}` "
            f"| {action.help} |"
            for action in ACTIONS
            if PLACES[action.where] == heading
        ]
        lines.append("")
    return "\n".join(lines)


def test_every_action_is_documented() -> None:
    before, begin, rest = PAGE.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert (begin, end) == (BEGIN, END)
    expected = before + BEGIN + table() + END + after
    assert generated(PAGE, expected) == expected


def test_ids_and_titles_are_used_once() -> None:
    for names in ([action.id for action in ACTIONS], [action.title for action in ACTIONS]):
        assert len(names) == len(set(names))


def test_no_key_means_two_things_in_one_place() -> None:
    for places in (("anywhere", "timeline", "table"), ("map", "map-cells"), ("image", "image-bytes")):
        keys = [key for action in ACTIONS if action.where in places for key in action.keys.split(",")]
        assert sorted(keys) == sorted(set(keys))


def test_every_action_is_in_the_help() -> None:
    text = "\n".join(line.plain for line in help_lines("timeline", {}, 300))
    assert all(action.title in text and action.help in text for action in ACTIONS)
    assert text.startswith(PLACES["timeline"])


def test_every_action_is_there_to_be_called() -> None:
    owners: dict[str, type[object]] = {
        "anywhere": TraceApp,
        "timeline": TimelineView,
        "table": LineGrid,
        "map": MapView,
        "map-cells": MapGrid,
        "image": ImageView,
        "image-bytes": ImageGrid,
        "findings": FindingsView,
        "variables": VariablesView,
        "danger": DangerView,
        "who": WhoView,
        "lane": LaneBar,
    }
    controllers = {"navigation": Navigation, "prompts": Prompts, "persistence": Persistence, "filtering": Filtering}
    for action in ACTIONS:
        namespace, _, name = action.call.partition("(")[0].rpartition(".")
        assert hasattr(controllers[namespace] if namespace else owners[action.where], f"action_{name}"), action.id


@pytest.mark.parametrize(
    ("view", "places"),
    [
        ("2", ["timeline", "table", "anywhere"]),
        ("3", ["map", "map-cells"]),
        ("5", ["image", "image-bytes"]),
        ("4", ["findings"]),
        ("6", ["variables"]),
        ("7", ["danger"]),
        ("8", ["who"]),
    ],
)
@pytest.mark.slow
def test_every_key_calls_its_action(view: str, places: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key is pressed in a view where it works; what it calls is noted instead of done."""
    called: list[str] = []

    async def note(action: str, *_arguments: object, **_options: object) -> bool:
        called.append(action)
        return True

    async def script(driver: Driver) -> None:
        await driver.press(view)
        monkeypatch.setattr(driver.app, "run_action", note)
        keys = [(key, action.call) for action in ACTIONS if action.where in places for key in action.keys.split(",")]
        await driver.press(*(key for key, _ in keys))
        assert called == [call for _, call in keys]

    drive(script)


@pytest.mark.slow
def test_the_palette_finds_every_action_and_does_it(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "ctrl+p")
        await driver.press(*"Next", "space", *"erase")
        await driver.until(lambda: "Next erase" in driver.text and "(b)" in driver.text)
        await driver.press("enter")
        await driver.until(lambda: "erase 1 of 2" in driver.status)
        assert driver.app.crash is None

    stage.play(script)


@pytest.mark.slow
def test_a_command_chosen_twice_in_the_palette_is_done_once(stage: Stage) -> None:
    """Two choices are queued before the palette closes: a double Enter, or Enter and a click."""

    async def script(driver: Driver) -> None:
        await driver.press("2", "ctrl+p", *"Next", "space", *"erase")
        palette = driver.app.screen
        await driver.until(lambda: palette.has_class("-ready") and "Next erase" in driver.text)
        commands, line = palette.query_one(CommandList), palette.query_one(Input)
        commands.highlighted = 0
        commands.action_select()
        line.post_message(Input.Submitted(line, line.value))
        commands.post_message(OptionList.OptionSelected(commands, commands.get_option_at_index(0), 0))
        await driver.until(lambda: "erase 1 of 2" in driver.status)
        await driver.pilot.pause()
        assert driver.app.crash is None
        assert "erase 1 of 2" in driver.status

    stage.play(script)


@pytest.mark.slow
def test_the_footer_has_keys_that_work(stage: Stage) -> None:
    async def script(driver: Driver) -> str:
        await driver.press("2")
        return driver.text.splitlines()[-1]

    footer = stage.play(script, size=(80, 24))
    for words in ("open", "e finding", "f filter", "/ search", "? help", "q quit"):
        assert words in footer


@pytest.mark.slow
def test_the_help_is_shown_and_left(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "question_mark")
        assert "Keys (Esc closes)" in driver.text
        await driver.press("escape")
        assert "Keys (Esc closes)" not in driver.text

    stage.play(script)


# --- keys of one's own -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_keys_can_be_others(tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text('[keys]\n"finding.next" = "ctrl+n"\nquit = "Q"\n')

    async def script(driver: Driver) -> int | None:
        await driver.press("2", "e", "q")
        assert driver.status == "224 operations"
        await driver.press("ctrl+n")
        assert "finding 1 of 5" in driver.status
        await driver.press("question_mark")
        assert re.search(r"Ctrl\+n +Next finding", driver.text)
        await driver.press("escape", "Q")
        return driver.app.return_code

    assert drive(script, keys=keys, size=(120, 200)) == 0


@pytest.mark.parametrize(
    ("text", "good", "wrong"),
    [
        ('[keys]\nquit = "Q"\n', {"quit": "Q"}, None),
        ("", {}, None),
        ("[keys", {}, "keys.toml is not used"),
        ("keys = 3", {}, r"\[keys\] is no table"),
        ('[keys]\nquit = 3\nfly = "f"\nfilter = "Z"\n', {"filter": "Z"}, "not understood: quit, fly"),
    ],
)
def test_a_damaged_file_of_keys_is_a_message(
    tmp_path: Path, text: str, good: dict[str, str], wrong: str | None
) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    found, said = read_keys(path)
    assert found == good
    assert said is None if wrong is None else re.search(wrong, said or "")


@pytest.mark.slow
def test_a_file_of_bytes_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    assert read_keys(path) == ({}, None)
    path.write_bytes(b"\xff\xfe")
    assert read_keys(path)[1] is not None

    async def script(driver: Driver) -> None:
        assert any("keys.toml is not used" in words for words in driver.told)

    drive(script, keys=path)

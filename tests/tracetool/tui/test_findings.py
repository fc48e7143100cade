from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.report.cases import CASES
from tests.tracetool.tui.views import HOSTILE, Frame, fits, screen_text
from tracetool.tui.findings import FindingsView
from tracetool.viewmodel.findings import FindingsModel, findings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot


def shown(
    model: FindingsModel, size: tuple[int, int], then: Callable[[Frame, Pilot[None]], Awaitable[None]] | None = None
) -> str:
    """The screen of the findings view, after `then`."""

    async def run() -> str:
        view = FindingsView()
        app = Frame(view)
        async with app.run_test(size=size) as pilot:
            view.show(model)
            await pilot.pause()
            if then is not None:
                await then(app, pilot)
            return screen_text(app)

    return asyncio.run(run())


PADDING = "padding"


def model(case: str = PADDING) -> FindingsModel:
    return findings(CASES[case]())


def test_findings_stand_by_severity_with_their_counts() -> None:
    lines = shown(model(), (200, 40)).splitlines()
    assert "3 errors, 2 warnings, 1 note" in lines[0]
    rules = "EXT001 EXT003 EXT005 RO001 SEQ001 NOR008"
    assert [line.split()[2] for line in lines[2:8]] == rules.split()
    assert lines[3].split()[3] == "4"


def test_below_stands_why_it_matters_and_what_to_do() -> None:
    screen = shown(model(), (120, 50))
    for words in ("program outside the extent", "why", "what to do", "evidence", "event 4370"):
        assert words in screen


def test_the_cursor_chooses_what_is_told_and_enter_jumps_there() -> None:
    jumps: list[tuple[int, int]] = []

    async def choose(app: Frame, pilot: Pilot[None]) -> None:
        await pilot.press("down", "enter")
        await pilot.pause()
        jumps.extend(app.jumps)

    screen = shown(model(), (120, 50), choose)
    assert "EXT003  command outside the extent" in screen
    assert jumps == [(4373, 0)]


def test_a_finding_about_the_trace_has_nowhere_to_jump() -> None:
    async def choose(app: Frame, pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await pilot.pause()
        assert app.jumps == []

    assert "as a whole" in shown(model("incomplete"), (120, 50), choose)


def test_without_findings_it_says_that_rules_looked() -> None:
    assert "found nothing" in shown(replace(model(), rows=(), words="every rule found nothing"), (80, 24))


def test_the_cursor_stays_on_its_finding_when_the_model_changes() -> None:
    async def change(app: Frame, pilot: Pilot[None]) -> None:
        await pilot.press("down", "down")
        before = model()
        app.query_one(FindingsView).show(replace(before, rows=before.rows[1:]))
        await pilot.pause()

    assert "error EXT005" in shown(model(), (120, 50), change)


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (300, 80)])
def test_it_fits_any_terminal(size: tuple[int, int]) -> None:
    assert fits(shown(model(), size), size)


def test_texts_that_mean_harm_are_shown_as_they_are() -> None:
    audit = CASES["outside"]()
    found = tuple(replace(found, device=HOSTILE, message=HOSTILE) for found in audit.findings)
    screen = shown(findings(replace(audit, findings=found)), (120, 50))
    assert "[bold]x[/]" in screen
    assert "\x1b" not in screen
    assert "\u202e" not in screen


def test_a_new_theme_colours_the_table_anew() -> None:
    async def paint(app: Frame, pilot: Pilot[None]) -> None:
        app.theme = "textual-light"
        await pilot.pause()

    assert "EXT001" in shown(model(), (80, 24), paint)

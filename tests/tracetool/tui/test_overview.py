from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual.events import Resize
from textual.geometry import Size
from textual.widgets import OptionList

from tests.tracetool.report.cases import CASES
from tests.tracetool.tui.views import HOSTILE, Frame, fits, screen_text
from tracetool.tui.overview import Overview
from tracetool.tui.overview.boot import draw_axis, draw_lane
from tracetool.tui.overview.card import Card
from tracetool.viewmodel.overview import overview

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from tracetool.audit import Audit


def shown(
    case: str | Audit, size: tuple[int, int], then: Callable[[Frame, Pilot[None]], Awaitable[None]] | None = None
) -> str:
    """The screen of the overview of an audit, after `then`."""

    async def run() -> str:
        view = Overview()
        app = Frame(view)
        async with app.run_test(size=size) as pilot:
            await view.show(overview(CASES[case]() if isinstance(case, str) else case))
            await pilot.pause()
            if then is not None:
                await then(app, pilot)
            return screen_text(app)

    return asyncio.run(run())


def test_the_first_screen_of_a_small_terminal_answers_the_question() -> None:
    screen = shown("padding", (80, 24))
    told = ("OUTSIDE-EXTENT", "0x100000", "smallest backing  1.25 MiB", "┃", "3 errors, 2 warnings", "EXT001")
    for words in told:
        assert words in screen


def test_a_large_terminal_shows_everything_at_once() -> None:
    screen = shown("boots", (200, 60))
    for words in ("virt.flash0", "region", "SEQ001", "erases", "programs", "seconds since the trace began"):
        assert words in screen
    lines = screen.splitlines()
    assert any("trace 0  " in line and "trace 1  " in line and "first-boot" in line for line in lines)


@pytest.mark.slow
def test_every_finding_is_listed_with_what_to_do_once_there_is_room() -> None:
    async def grow(_: Frame, pilot: Pilot[None]) -> None:
        await pilot.resize_terminal(200, 60)
        await pilot.pause()

    assert "1 more in the findings view" in shown("padding", (160, 39))
    screen = shown("padding", (160, 39), grow)
    for words in ("NOR008", "Unlock the block (0x60, 0xd0) before writing to it.", "3 errors, 2 warnings, 1 note"):
        assert words in screen
    assert "more in the findings view" not in screen


def test_lanes_and_axes_fit_any_width() -> None:
    for boot in overview(CASES["boots"]()).boots:
        for _, chart in boot.charts:
            for width in (1, 7, 60, 300):
                assert all(len(draw_lane(chart, lane, width)) == width for lane in chart.lanes)
                assert len(draw_axis(chart, width)) <= width
            assert all("█" in draw_lane(chart, lane, 40) for lane in chart.lanes)


def test_before_anything_is_known_it_says_so() -> None:
    async def run() -> str:
        view = Overview()
        app = Frame(view)
        async with app.run_test(size=(80, 24)) as pilot:
            view.wait_for("12 % read")
            await pilot.pause()
            return screen_text(app)

    assert "12 % read" in asyncio.run(run())


def test_enter_on_a_finding_jumps_to_its_event() -> None:
    jumps: list[tuple[int, int]] = []

    async def choose(app: Frame, pilot: Pilot[None]) -> None:
        app.query_one(OptionList).focus()
        await pilot.press("down", "enter")
        await pilot.pause()
        jumps.extend(app.jumps)

    shown("padding", (80, 24), choose)
    assert jumps == [(4370, 0)]


@pytest.mark.slow
def test_a_click_on_a_finding_jumps_too() -> None:
    jumps: list[tuple[int, int]] = []

    async def choose(app: Frame, pilot: Pilot[None]) -> None:
        await pilot.click(OptionList, offset=(4, 0))
        await pilot.pause()
        jumps.extend(app.jumps)

    shown("padding", (160, 50), choose)
    assert jumps == [(4370, 0)]


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (37, 11), (300, 80)])
@pytest.mark.first_quick
def test_it_fits_any_terminal(size: tuple[int, int]) -> None:
    async def others(app: Frame, pilot: Pilot[None]) -> None:
        for case in ("incomplete", "no-extent", "damaged"):
            await app.query_one(Overview).show(overview(CASES[case]()))
            await pilot.pause()

    assert fits(shown("boots", size, others), size)


@pytest.mark.slow
def test_it_survives_a_storm_of_resizes() -> None:
    async def storm(_: Frame, pilot: Pilot[None]) -> None:
        for size in ((20, 5), (200, 60), (1, 1), (81, 24), (149, 3), (150, 50)):
            await pilot.resize_terminal(*size)

    assert "OUTSIDE-EXTENT" in shown("padding", (80, 24), storm)


@pytest.mark.slow
def test_resizes_while_a_model_is_shown_leave_one_card_a_device() -> None:
    async def storm(app: Frame, pilot: Pilot[None]) -> None:
        view = app.query_one(Overview)
        await pilot.resize_terminal(200, 60)
        for columns in (80, 200) * 10:
            view.on_resize(Resize(Size(columns, 60), Size(columns, 60)))
        model = overview(CASES["padding"]())
        await asyncio.gather(view.show(model), view.show(model))
        await app.workers.wait_for_complete([worker for worker in app.workers if not worker.is_cancelled])
        await pilot.pause()
        assert len(view.query(Card)) == 2

    shown("padding", (80, 24), storm)


def test_names_that_mean_harm_are_shown_as_they_are() -> None:
    audit = CASES["outside"]()
    devices = tuple(replace(device, name=HOSTILE) for device in audit.devices)
    findings = tuple(replace(found, device=HOSTILE, message=HOSTILE) for found in audit.findings)
    screen = shown(replace(audit, devices=devices, findings=findings), (80, 60))
    assert "[bold]x[/]" in screen
    assert "\\x1b[2J" in screen
    assert "\x1b" not in screen
    assert "\u202e" not in screen


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_a_shape_stands_beside_each_colour(theme: str) -> None:
    async def paint(app: Frame, pilot: Pilot[None]) -> None:
        app.theme = theme
        await pilot.pause()

    screen = shown("padding", (160, 50), paint)
    assert all(sign in screen for sign in "✖▲–█┃")  # noqa: RUF001  a dash


def test_a_second_model_takes_the_place_of_the_first() -> None:
    async def again(app: Frame, pilot: Pilot[None]) -> None:
        await app.query_one(Overview).show(overview(CASES["within"]()))
        await pilot.pause()

    screen = shown("padding", (80, 24), again)
    assert "WITHIN-EXTENT" in screen
    assert "virt.flash0" not in screen

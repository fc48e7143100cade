from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from tests.tracetool.cli.program import PADDING
from tests.tracetool.tui.running import press, run, until
from tests.tracetool.tui.views import fits, screen_text
from tests.tracetool.viewmodel.samples import both, finished, first_boot, job, padding
from tracetool.analysis.options import Options
from tracetool.bundled import sample
from tracetool.tui.image import ImageView
from tracetool.tui.image.slider import Slider
from tracetool.tui.map import MapView
from tracetool.viewmodel.audit_session import Settings
from tracetool.viewmodel.heatmap import subjects
from tracetool.viewmodel.playback import AS_FAST_AS_DRAWN, SPEEDS

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject

PLACE = 0x100000


@cache
def known() -> AuditSession:
    """The padding sample, whose contents are known."""
    before = sample("aavmf-shell-padding/flash1-before.fd.zst")
    return finished(job(PADDING, settings=Settings(Options(images={"virt.flash1": before}))))


def image_of(app: TraceApp) -> ImageView:
    return app.query_one(ImageView)


def counted(app: TraceApp) -> int:
    """What the map counts in all its cells."""
    drawing = app.query_one(MapView).grid.drawing
    return 0 if drawing is None else int(drawing.heat.values.sum())


def words_of_the_map(app: TraceApp) -> str:
    drawing = app.query_one(MapView).grid.drawing
    return "" if drawing is None else drawing.words


async def typed(app: TraceApp, pilot: Pilot[int], key: str, text: str) -> None:
    await press(pilot, key)
    app.query_one(Input).value = text
    await press(pilot, "enter")


def test_the_write_to_the_padding_is_seen_and_taken_away() -> None:
    async def take_away(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5")
        assert image_of(app).grid.cursor == PLACE
        screen = screen_text(app)
        assert "00100000* 40 00 40 00 00" in screen
        assert "change 55 of 55: event 4,370 " in screen
        assert "0x100000: 40, 00 at the moment before" in screen
        await press(pilot, "left_square_bracket")

    screen = run(known(), take_away)
    assert "40 00 40 00" not in screen
    assert "000c0000! ⋯ 63.25 MiB zeros ⋯" in screen


@pytest.mark.slow
def test_no_bar_hides_the_line_of_the_cursor() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "home", "d")
        for _ in range(20):
            await press(pilot, "down")
            assert f"{image_of(app).grid.cursor:08x}" in screen_text(app)
        assert image_of(app).grid.show_horizontal_scrollbar

    run(first_boot(), look, size=(60, 20))


def test_keys_pressed_before_the_image_is_made_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(session: AuditSession) -> tuple[Subject, ...]:
        time.sleep(0.5)
        return subjects(session)

    monkeypatch.setattr("tracetool.tui.device_view.subjects", slowly)

    async def hurry(app: TraceApp, pilot: Pilot[int]) -> None:
        await pilot.press("5", "left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: image_of(app).model is not None)
        await pilot.app.workers.wait_for_complete()

    assert "change 53 of 55" in run(known(), hurry)


@pytest.mark.slow
def test_a_click_in_the_map_then_5_shows_the_bytes() -> None:
    async def click(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "left_curly_bracket", "3")
        grid = app.query_one(MapView).grid
        drawing = grid.drawing
        assert drawing is not None
        await pilot.click(grid, offset=(11, drawing.row_of(drawing.cells.at(PLACE))))
        await press(pilot, "5")

    assert "00100000* 40 00 40 00 00" in run(known(), click)


@pytest.mark.slow
def test_the_timeline_s_event_is_the_moment() -> None:
    async def choose(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "left_square_bracket")
        assert app.selection is not None
        assert app.selection.seq == 4356
        await press(pilot, "e")
        await press(pilot, "5")
        model = image_of(app).model
        assert model is not None
        assert model.history.event(model.position) == (0, 4370)

    run(padding(), choose)


@pytest.mark.slow
def test_bytes_and_text_are_found() -> None:
    async def find(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "home")
        await typed(app, pilot, "slash", "BootOrder")
        first = image_of(app).grid.cursor
        await press(pilot, "n")
        second = image_of(app).grid.cursor
        assert first < second
        await press(pilot, "N")
        assert image_of(app).grid.cursor == first
        await typed(app, pilot, "slash", "40 00 40 00")
        await press(pilot, "n")
        await typed(app, pilot, "slash", "nobody wrote this")

    run(known(), find)


@pytest.mark.slow
def test_places_can_be_gone_to() -> None:
    async def go(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5")
        grid = image_of(app).grid
        for text, offset in (("0x40000", 0x40000), ("+64K", 0x50000), ("block:3", 0xC0000)):
            await typed(app, pilot, "colon", text)
            assert grid.cursor == offset
        await typed(app, pilot, "colon", "64M")
        assert grid.cursor == 0xC0000
        await press(pilot, "escape")
        await typed(app, pilot, "colon", "#1")
        model = image_of(app).model
        assert model is not None
        assert model.position == 0
        await typed(app, pilot, "colon", "12%")
        await press(pilot, "escape")
        await typed(app, pilot, "colon", "nowhere")

    assert "is no place" in run(padding(), go)


@pytest.mark.slow
def test_moments_are_compared_with_others() -> None:
    async def compare(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "d")
        model = image_of(app).model
        assert model is not None
        assert model.difference().endswith("the beginning of the trace")
        await press(pilot, "M", "left_square_bracket", "full_stop", "comma", "right_curly_bracket", "D")

    assert "virt.flash0" in run(known(), compare)


@pytest.mark.slow
def test_the_cursor_moves_over_bytes_lines_and_folds() -> None:
    async def walk(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "home", "right", "right", "down")
        grid = image_of(app).grid
        assert grid.cursor == 18
        await press(pilot, "left", "up", "pagedown", "pageup")
        assert grid.cursor == 1
        await press(pilot, "end", "left", "right", "up", "down")
        assert grid.cursor > PLACE
        await pilot.click(grid, offset=(12, 2))
        await pilot.click(grid, offset=(62, 2))
        await pilot.pause()

    run(known(), walk)


@pytest.mark.slow
def test_the_slider_goes_to_any_moment() -> None:
    async def slide(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5")
        await pilot.click(Slider, offset=(2, 0))
        await pilot.pause()
        model = image_of(app).model
        assert model is not None
        assert model.position == 0
        await pilot.click(Slider, offset=(77, 0))
        await pilot.pause()
        assert model.position == len(model.history)

    run(padding(), slide)


@pytest.mark.slow
def test_the_first_boot_plays_to_its_end_with_the_map_following() -> None:
    async def play(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "minus")
        assert f"{image_of(app).clock.words} │ 0x" in screen_text(app)
        assert image_of(app).clock.words.endswith("  240 of 240")
        await press(pilot, "plus", "left_curly_bracket")
        view = image_of(app)
        await press(pilot, *["plus"] * len(SPEEDS))
        assert view.clock.speed == AS_FAST_AS_DRAWN
        assert f"{view.clock.words} │ 0x" in screen_text(app)
        model = view.model
        assert model is not None
        await pilot.press("space")
        await until(pilot, lambda: model.position > 3)
        await pilot.press("space")
        await pilot.pause()
        assert not view.clock.playing
        await press(pilot, "3")
        await until(pilot, lambda: counted(app) > 0)
        seen = [counted(app)]
        assert seen[0] < 217
        assert "played to event" in words_of_the_map(app)
        await press(pilot, "5", "space", "3")  # it plays on with the map in front
        while image_of(app).clock.playing:
            seen.append(counted(app))
            await pilot.pause(0.02)
        await until(pilot, lambda: counted(app) >= 217)
        assert seen == sorted(seen)
        assert len(set(seen)) > 5
        assert model.position == len(model.history)
        assert "played" not in words_of_the_map(app)

    run(first_boot(), play)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(20, 5), (1, 1), (37, 9), (250, 70)])
def test_it_fits_any_terminal(size: tuple[int, int]) -> None:
    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "left_square_bracket", "right", "end", "d")
        await pilot.resize_terminal(80, 24)
        await pilot.resize_terminal(*size)

    assert fits(run(padding(), look, size=size), size)


@pytest.mark.slow
def test_two_boots_are_one_line_of_moments() -> None:
    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5")

    screen = run(both(), look, size=(120, 30))
    assert "change 295 of 295: event 4,370, trace 1" in screen

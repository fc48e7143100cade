from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from replay.backing import Policy
from tests.tracetool.cli.program import PADDING
from tests.tracetool.tui.running import press, run, until
from tests.tracetool.tui.views import fits, screen_text
from tests.tracetool.viewmodel.samples import both, finished, first_boot, job, padding, with_code
from tracetool.analysis.options import Options
from tracetool.bundled import sample
from tracetool.tui.image import ImageView
from tracetool.tui.image.blame import BlameScreen
from tracetool.tui.image.grid import columns_in
from tracetool.tui.image.slider import Slider
from tracetool.tui.map import MapView
from tracetool.viewmodel.audit_session import Settings
from tracetool.viewmodel.heatmap import subjects
from tracetool.viewmodel.playback import AS_FAST_AS_DRAWN, SPEEDS

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_keys_pressed_before_the_image_is_made_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(session: AuditSession) -> tuple[Subject, ...]:
        time.sleep(0.5)
        return subjects(session)

    monkeypatch.setattr("tracetool.viewmodel.audit_session.AuditSession.subjects", property(slowly))

    async def hurry(app: TraceApp, pilot: Pilot[int]) -> None:
        await pilot.press("5", "left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "change 53 of 55" in screen_text(app))

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


# --- wide --------------------------------------------------------------------------------------------------------


def test_both_moments_and_the_structures_stand_beside_the_bytes() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5")
        assert "the moment before" in screen_text(app)
        before, now = screen_text(app).split("00100000* ")[1].split("\n")[0].split("  ", 2)[0], "40 00 40 00"
        assert before.startswith("00 00 00 00")
        assert now in screen_text(app)
        assert "change 55 of 55: event 4,370 at 14.6" in screen_text(app)
        await press(pilot, "colon", *"0x690", "enter")
        await until(pilot, lambda: "header of BootOrder" in screen_text(app))

    run(known(), look, size=(200, 60))


def test_from_140_columns_on_moments_are_side_by_side() -> None:
    for width, both_shown in ((140, True), (139, False)):
        side = columns_in(width - 1, structures=False)
        assert side.side_by_side == both_shown
        assert side.width <= width


@pytest.mark.slow
def test_a_click_on_either_side_goes_to_the_byte() -> None:
    async def click(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5")
        grid = image_of(app).grid
        model = image_of(app).model
        assert model is not None
        line, columns = 3, grid.columns
        for x in (10 + 3 * 9 + 1, columns.now + 3 * 9 + 1, columns.text + 9, (columns.before_text or 0) + 9):
            await press(pilot, "home")
            await pilot.click(grid, offset=(x, line))
            await press(pilot)
            assert grid.cursor % 16 == 9
        await pilot.click(grid, offset=(columns.now + 3 * 12 + 1, 3), shift=True)
        await press(pilot)
        assert grid.range[1] - grid.range[0] > 1

    run(known(), click, size=(200, 60))


@pytest.mark.slow
def test_the_changes_of_a_byte_and_of_a_range_are_gone_through() -> None:
    async def walk(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "colon", *"0x8e2", "enter")
        model = image_of(app).model
        assert model is not None
        await press(pilot, "left_parenthesis")
        first = model.position
        assert model.is_changed(0x8E2)
        await press(pilot, "left_parenthesis")
        assert model.position < first
        assert image_of(app).grid.cursor == 0x8E2
        await press(pilot, "right_parenthesis")
        assert model.position == first
        await press(pilot, "K", "J", "J", "H", "L")
        assert "17 bytes from 0x08e2" in screen_text(app)
        assert app.selection.bytes == (0x8E2, 0x8F3)
        await press(pilot, *["right_parenthesis"] * 3)
        assert any("this range does not change after this moment" in note.message for note in app._notifications)  # noqa: SLF001
        await press(pilot, "escape")
        assert "bytes from" not in screen_text(app)

    run(known(), walk, size=(120, 40))


@pytest.mark.slow
def test_the_flash_is_written_as_it_is_at_the_moment(tmp_path: Path) -> None:
    file = tmp_path / "then.fd"

    async def write(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "left_square_bracket")
        await typed(app, pilot, "W", str(file))
        data = file.read_bytes()
        assert (len(data), data[PLACE : PLACE + 4]) == (64 << 20, bytes(4))
        await press(pilot, "right_square_bracket")
        await typed(app, pilot, "W", str(file))
        assert file.read_bytes() == data
        await press(pilot, "enter")
        assert file.read_bytes()[PLACE : PLACE + 4] == b"\x40\x00\x40\x00"
        await typed(app, pilot, "W", str(tmp_path / "no" / "folder"))
        assert "No such file or directory; name another file" in screen_text(app)
        await press(pilot, "escape")

    run(known(), write)


@pytest.mark.slow
def test_what_is_not_known_is_not_written(tmp_path: Path) -> None:
    async def write(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5")
        await typed(app, pilot, "W", str(tmp_path / "file"))
        assert "bytes are not known, the first at 0x40000" in screen_text(app)
        await press(pilot, "escape")

    run(padding(), write, size=(140, 30))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("policy", "shown"), [(Policy.DISCARD, "00 00 00 00"), (Policy.VOLATILE, "40 00 40 00")])
@pytest.mark.slow
def test_it_shows_what_the_policy_asked_for_leaves(policy: Policy, shown: str) -> None:
    images = {"virt.flash1": sample("aavmf-shell-padding/flash1-before.fd.zst")}
    session = finished(job(PADDING, settings=Settings(Options(images=images, policy=policy))))

    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "right_curly_bracket", "colon", *"0x100000", "enter")
        model = image_of(app).model
        assert model is not None
        assert bytes.fromhex(shown) == model.snapshot.read(PLACE, 4).data.tobytes()
        assert f"under {policy.label}" in screen_text(app)

    run(session, look, size=(120, 30))


@pytest.mark.slow
def test_who_put_a_byte_there_and_enter_goes_to_the_operation() -> None:
    async def blame(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5")
        await typed(app, pilot, "colon", "0x1a8")
        await press(pilot, "B")
        await until(pilot, lambda: isinstance(app.screen, BlameScreen))
        await pilot.pause()
        panel = screen_text(app)
        assert "0x01a8 │ aa │ header of BootOrder" in panel
        assert "gave the value: buffered-program at 0.463724 s, event 2,907" in panel
        assert "asked for by BdsDxe, for: create" in panel
        assert "copied it here: buffered-program at 5.700869 s, event 17,443" in panel
        assert "--who" not in panel
        await press(pilot, "enter")

    screen = run(with_code(), blame)
    assert "event 2,907  io_write virt.flash1" in screen


@pytest.mark.slow
def test_what_is_not_known_of_a_byte_is_said() -> None:
    async def blame(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "left_curly_bracket", "B")
        await until(pilot, lambda: isinstance(app.screen, BlameScreen))
        await pilot.pause()
        panel = screen_text(app)
        assert "no operation: the bytes were there before the trace" in panel
        assert "record --who" in panel
        await press(pilot, "enter", "escape")

    assert "0x0796: not known" in run(first_boot(), blame)

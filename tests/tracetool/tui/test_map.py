from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from textual.events import MouseDown, MouseMove

from tests.tracetool.report.cases import within
from tests.tracetool.traces import reader
from tests.tracetool.tui.running import press, run, until
from tests.tracetool.tui.views import fits, screen_text
from tests.tracetool.viewmodel.samples import finished, first_boot, padding
from tracetool.tui.image import ImageView
from tracetool.tui.map import MapView
from tracetool.tui.timeline import TimelineView
from tracetool.viewmodel.audit_session import Settings, start
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.flash_map import cell_sizes
from tracetool.viewmodel.heatmap import subjects

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject

PLACE = 0x100000


def map_of(app: TraceApp) -> MapView:
    return app.query_one(MapView)


@pytest.mark.slow
@pytest.mark.parametrize("keys", ["", "s"], ids=["halves", "shades"])
def test_the_write_to_the_padding_stands_beyond_the_line_at_every_zoom(keys: str) -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", *keys, *["minus"] * 6)
        for cell_bytes in cell_sizes(256 << 10):
            drawing = map_of(app).grid.drawing
            assert drawing is not None
            assert drawing.cells.cell_bytes == cell_bytes
            rows = drawing.rows
            line = next(number for number, row in enumerate(rows) if row.kind == "extent")
            assert drawing.row_of(drawing.cells.at(PLACE)) > line
            await press(pilot, "G")
            seen = screen_text(app)
            assert "MiB of padding, untouched" in seen
            beyond = seen[seen.index("▲ end of the extent, 768 KiB") :]
            assert len(re.findall(r"^ *0x[0-9a-f]+ *✖", beyond, re.MULTILINE)) == 1
            await press(pilot, "plus")

    run(padding(), look)


def test_the_screen_says_what_is_where_and_what_the_shapes_mean() -> None:
    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")

    screen = run(first_boot(), look, size=(160, 40))
    for words in (
        "programs by 128 B",
        "variables",
        "FTW working",
        "FTW spare",
        "end of the extent, 768 KiB (0xc0000)",
    ):
        assert words in screen
    assert "63.25 MiB of padding, untouched" in screen
    assert "▀▄ 1 to 2  ▀▄ 3 to 5" in screen
    assert "✖▀▄ beyond  ◆▀▄ moment  ▸▀▄ cursor" in screen


def test_a_click_selects_in_the_timeline_what_was_done_there() -> None:
    async def click(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        grid = map_of(app).grid
        drawing = grid.drawing
        assert drawing is not None
        row = drawing.row_of(drawing.cells.at(PLACE))
        await pilot.click(grid, offset=(11, row))
        await pilot.pause()
        assert app.selection is not None
        assert app.selection.seq == 4370
        assert grid.range[0] == PLACE

    run(padding(), click)


def test_enter_filters_the_timeline_to_the_range() -> None:
    async def choose(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "shift+right", "shift+right", "enter")
        timeline = app.query_one(TimelineView).timeline
        assert app.current_view == "timeline"
        assert timeline is not None
        assert timeline.filter.query is not None
        assert timeline.filter.query.text == 'device == "virt.flash1" and offset < 0x300 and end > 0x0'
        assert 0 < timeline.total - timeline.hidden < timeline.total

    assert "hidden" in run(padding(), choose, size=(120, 40))


def test_every_metric_and_device_can_be_shown() -> None:
    async def go_round(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        seen = set()
        for _ in Metric:
            await press(pilot, "v")
            drawing = map_of(app).grid.drawing
            assert drawing is not None
            seen.add(drawing.heat.metric)
        assert seen == set(Metric)
        await press(pilot, "V", "D")
        subject = map_of(app).subject
        assert subject is not None
        assert subject.device == "virt.flash0"

    assert "virt.flash0" in run(padding(), go_round)


@pytest.mark.slow
def test_the_cursor_goes_over_folds_and_lines() -> None:
    async def walk(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        grid = map_of(app).grid
        drawing = grid.drawing
        assert drawing is not None
        await press(pilot, *["down"] * 30)
        assert grid.cursor == drawing.rows[-1].first
        await press(pilot, "left")
        assert grid.range[0] < drawing.rows[-1].start
        await press(pilot, "G")
        await press(pilot, "pageup", "home")
        assert grid.cursor == 0
        await press(pilot, "pagedown", "right", "shift+up", "shift+down")

    run(padding(), walk)


def test_dragging_selects_a_range_in_both_looks() -> None:
    async def drag(app: TraceApp, pilot: Pilot[int], cell_bytes: int, width: int) -> None:
        grid = map_of(app).grid
        assert grid.drawing is not None
        assert grid.drawing.cells.cell_bytes == cell_bytes
        await pilot._post_mouse_events([MouseDown], grid, (11, 0), button=1)  # noqa: SLF001  no button moves with hover
        await pilot._post_mouse_events([MouseMove], grid, (11 + 6 * width, 0), button=1)  # noqa: SLF001
        await pilot.mouse_up(grid, offset=(11 + 6 * width, 0))
        await pilot.pause()
        assert grid.range == (0, 7 * cell_bytes)
        assert f"0x0000 to {7 * cell_bytes:#06x}" in screen_text(app)

    async def halves_then_shades(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        await drag(app, pilot, 1024, width=1)
        await press(pilot, "s")
        await drag(app, pilot, 4096, width=2)

    run(padding(), halves_then_shades)


def test_a_look_without_colours_is_a_key_away_and_keeps_the_place() -> None:
    async def change(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "G", "up", "up")
        grid = map_of(app).grid
        place = grid.range[0]
        assert place == PLACE
        assert "✖▸" in screen_text(app)
        await press(pilot, "s")
        assert grid.range[0] == place
        assert "0x100000  [✖" in screen_text(app)
        await press(pilot, "s")
        assert "✖▸" in screen_text(app)

    run(padding(), change)


def test_shades_are_the_look_of_a_terminal_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")

    screen = run(padding(), look)
    assert "░░ 2 to 3" in screen
    assert "▀" not in screen


def test_a_terminal_that_tells_of_pixels_points_at_halves() -> None:
    async def click(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        grid = map_of(app).grid
        for depth, fine, offset in ((0.2, True, 0), (0.7, True, 0x8000), (0.7, False, 0)):
            await press(pilot, "home", "right")
            assert grid.range[0] == 1024
            app.supports_smooth_scrolling = fine
            grid.on_mouse_down(
                MouseDown(grid, x=11, y=depth, delta_x=0, delta_y=0, button=1, shift=False, meta=False, ctrl=False)
            )
            assert grid.range[0] == offset, (depth, fine)

    run(padding(), click)


@pytest.mark.slow
@pytest.mark.parametrize("height", [12, 13, 21, 22, 30])
def test_the_first_zoom_stays_when_something_else_is_counted(height: int) -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        view = map_of(app)
        assert view.grid.drawing is not None
        first = view.grid.drawing.cells
        await press(pilot, "v", "v")
        assert view.grid.drawing.heat.metric == Metric.REFUSED
        assert view.grid.drawing.cells == first

    run(padding(), look, size=(80, height))


def test_escape_drops_the_range() -> None:
    async def drop(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "shift+right", "shift+right")
        assert map_of(app).grid.range == (0, 0xC00)
        await press(pilot, "escape")
        assert map_of(app).grid.range == (0x800, 0xC00)

    run(padding(), drop)


@pytest.mark.slow
def test_another_event_lets_go_of_the_moment_that_was_played() -> None:
    async def choose(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "5", "left_curly_bracket", *["plus"] * 20)
        model = app.query_one(ImageView).model
        assert model is not None
        await pilot.press("space")
        await until(pilot, lambda: model.position > 3)
        await pilot.press("space")
        await press(pilot, "3")
        await until(pilot, lambda: "played to event" in map_of(app).grid.drawing.words)  # type: ignore[union-attr]
        await press(pilot, "2", "G", "3")
        await until(pilot, lambda: "played" not in map_of(app).grid.drawing.words)  # type: ignore[union-attr]

    run(first_boot(), choose)


def test_a_low_terminal_shows_cells() -> None:
    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")

    assert "0x0000" in run(padding(), look, size=(20, 6)).split("\n")[2]


def test_a_range_stays_selected_when_the_map_is_drawn_again() -> None:
    async def again(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "right", "shift+right", "shift+down")
        grid = map_of(app).grid
        chosen = grid.range
        assert chosen == (0x400, 0x8C00)
        await press(pilot, "v")
        assert grid.range == chosen
        await pilot.resize_terminal(70, 30)
        await press(pilot, "v")
        assert grid.range == chosen
        await press(pilot, "plus")
        assert grid.range == (0x400, 0x500)

    run(padding(), again)


def test_keys_pressed_before_the_map_is_drawn_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(session: AuditSession) -> tuple[Subject, ...]:
        time.sleep(0.5)
        return subjects(session)

    monkeypatch.setattr("tracetool.tui.device_view.subjects", slowly)

    async def hurry(app: TraceApp, pilot: Pilot[int]) -> None:
        await pilot.press("3", "v", "minus", "D")
        await until(pilot, lambda: map_of(app).grid.drawing is not None)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        drawing = map_of(app).grid.drawing
        assert drawing is not None
        assert drawing.heat.metric == Metric.CHANGED
        assert drawing.cells.cell_bytes == 4096
        assert drawing.subject.device == "virt.flash0"

    run(padding(), hurry)


def test_the_first_zoom_shows_all_that_the_file_backs() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        view = map_of(app)
        for size in ((80, 24), (160, 50)):
            await pilot.resize_terminal(*size)
            await pilot.app.workers.wait_for_complete()
            drawing = view.grid.drawing
            assert drawing is not None
            assert drawing.cells.cell_bytes == {80: 1024, 160: 128}[size[0]]
            line = next(number for number, row in enumerate(drawing.rows) if row.kind == "extent")
            assert line < view.grid.size.height
        await press(pilot, "minus")
        assert view.grid.drawing is not None
        assert view.grid.drawing.cells.cell_bytes == 256

    run(padding(), look)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(20, 5), (1, 1), (37, 9), (250, 70)])
def test_it_fits_any_terminal(size: tuple[int, int]) -> None:
    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "right", "plus", "G")
        await pilot.resize_terminal(80, 24)
        await pilot.resize_terminal(*size)

    assert fits(run(padding(), look, size=size), size)


def test_a_device_without_extent_has_no_line() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        drawing = map_of(app).grid.drawing
        assert drawing is not None
        assert not any(row.kind == "extent" for row in drawing.rows)

    run(finished(start([reader(within())], Settings())), look)

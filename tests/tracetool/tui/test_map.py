from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest
from textual.events import MouseDown, MouseMove

from tests.tracetool.report.cases import within
from tests.tracetool.traces import reader
from tests.tracetool.tui.running import press, run, until, work_done
from tests.tracetool.tui.views import fits, screen_text
from tests.tracetool.viewmodel.samples import both, finished, first_boot, padding, with_code
from tracetool.tui.image import ImageView
from tracetool.tui.map import MapView
from tracetool.tui.map.looks import hues
from tracetool.tui.map.tabs import MetricTabs
from tracetool.tui.timeline import TimelineView
from tracetool.viewmodel.audit_session import Settings, start
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.block_rows import blocks
from tracetool.viewmodel.block_times import METRICS, draw_times
from tracetool.viewmodel.flash_map import cell_sizes
from tracetool.viewmodel.heatmap import draw, subjects

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
    from textual.pilot import Pilot

    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.block_times import TimePicture
    from tracetool.viewmodel.heatmap import Subject

T = TypeVar("T")

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


@pytest.mark.slow
def test_the_screen_says_what_is_where_and_what_the_shapes_mean() -> None:
    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")

    screen = run(first_boot(), look, size=(160, 55))
    for words in (
        "erases  programs  changed bytes  refused  last touched  by 256 B, at most",
        "variables",
        "FTW working",
        "FTW spare",
        "end of the extent, 768 KiB (0xc0000)",
    ):
        assert words in screen
    assert "63.25 MiB of padding, untouched" in screen
    assert "▀▄ 1  ▀▄ 2 to 3  ▀▄ 4 to 8  ▀▄ 9 to 19  ▀▄ 20 to 42" in screen
    assert "✖▀▄ beyond  ◆▀▄ moment  ▸▀▄ cursor" in screen


@pytest.mark.slow
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


@pytest.mark.slow
def test_enter_filters_the_timeline_to_the_range() -> None:
    async def choose(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "shift+right", "shift+right", "enter")
        timeline = app.query_one(TimelineView).timeline
        assert app.current_view == "timeline"
        assert timeline is not None
        assert timeline.filter.text(events=False) == "device == virt.flash1 and touches 0x0000..0x0300"
        assert 0 < timeline.total - timeline.hidden < timeline.total

    assert "hidden" in run(padding(), choose, size=(120, 40))


@pytest.mark.slow
def test_every_metric_and_device_can_be_shown() -> None:
    async def go_round(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        seen = set()
        for _ in Metric:
            await press(pilot, "v")
            drawing = map_of(app).grid.drawing
            assert drawing is not None
            seen.add(drawing.heat.metric)
        assert seen == set(Metric) - {Metric.MODULE}  # of which nothing is known here
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


@pytest.mark.slow
def test_dragging_selects_a_range_in_both_looks() -> None:
    async def drag(app: TraceApp, pilot: Pilot[int], cell_bytes: int) -> None:
        grid = map_of(app).grid
        assert grid.drawing is not None
        width = grid.drawing.shape.width
        assert grid.drawing.cells.cell_bytes == cell_bytes
        await pilot._post_mouse_events([MouseDown], grid, (11, 0), button=1)  # noqa: SLF001  no button moves with hover
        await pilot._post_mouse_events([MouseMove], grid, (11 + 6 * width, 0), button=1)  # noqa: SLF001
        await pilot.mouse_up(grid, offset=(11 + 6 * width, 0))
        await pilot.pause()
        assert grid.range == (0, 7 * cell_bytes)
        assert f"0x0000 to {7 * cell_bytes:#06x}" in screen_text(app)

    async def halves_then_shades(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        await drag(app, pilot, 1024)
        await press(pilot, "s")
        await drag(app, pilot, 4096)

    run(padding(), halves_then_shades)


@pytest.mark.slow
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


@pytest.mark.slow
def test_shades_are_the_look_of_a_terminal_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")

    screen = run(padding(), look)
    assert "░░ 2 to 3" in screen
    assert "▀" not in screen


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_low_terminal_shows_cells() -> None:
    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")

    assert "0x0000" in run(padding(), look, size=(20, 6)).split("\n")[2]


@pytest.mark.slow
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
        assert grid.range == chosen

    run(padding(), again)


@pytest.mark.slow
def test_keys_pressed_before_the_map_is_drawn_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(session: AuditSession) -> tuple[Subject, ...]:
        time.sleep(0.5)
        return subjects(session)

    monkeypatch.setattr("tracetool.viewmodel.audit_session.AuditSession.subjects", property(slowly))

    async def hurry(app: TraceApp, pilot: Pilot[int]) -> None:
        await pilot.press("3", "v", "minus", "D")
        await until(pilot, lambda: shown(app) == (Metric.CHANGED, 4096, "virt.flash0"))
        await work_done(pilot)
        assert shown(app) == (Metric.CHANGED, 4096, "virt.flash0")

    def shown(app: TraceApp) -> tuple[Metric, int, str] | None:
        drawing = map_of(app).grid.drawing
        if drawing is None:
            return None
        return drawing.heat.metric, drawing.cells.cell_bytes, drawing.subject.device

    run(padding(), hurry)


@pytest.mark.parametrize(
    "keys", [["down", "right", "enter"], ["G"], ["m", "down", "right", "right"], ["m", "m", "down"]]
)
@pytest.mark.slow
def test_keys_typed_in_one_go_with_that_of_the_map_go_where_they_do_one_by_one(
    keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(function: Callable[..., T]) -> Callable[..., T]:
        def slow(*arguments: Any, **options: Any) -> T:  # noqa: ANN401  as `function`
            time.sleep(0.2)
            return function(*arguments, **options)

        return slow

    def place(app: TraceApp) -> tuple[object, ...]:
        return map_of(app).cells.range, map_of(app).cells.cursor, app.filtering.filter.text(events=False)

    async def typed(app: TraceApp, pilot: Pilot[int]) -> None:
        for key in ("e", "3", *keys):
            await press(pilot, key)
            await press(pilot)
        places.append(place(app))

    async def in_one_go(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "e")
        await pilot.press("3", *keys)
        await until(pilot, lambda: place(app) == places[0])
        await work_done(pilot)
        assert place(app) == places[0]

    places: list[tuple[object, ...]] = []
    run(padding(), typed)
    monkeypatch.setattr("tracetool.tui.map.view.draw", slowly(draw))
    monkeypatch.setattr("tracetool.tui.map.view.draw_times", slowly(draw_times))
    run(padding(), in_one_go)


@pytest.mark.slow
def test_the_first_zoom_shows_all_that_the_file_backs() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        view = map_of(app)
        for size in ((80, 24), (160, 56)):
            await pilot.resize_terminal(*size)
            await work_done(pilot)
            drawing = view.grid.drawing
            assert drawing is not None
            assert drawing.cells.cell_bytes == {80: 1024, 160: 256}[size[0]]
            line = next(number for number, row in enumerate(drawing.rows) if row.kind == "extent")
            assert line < view.grid.size.height
        await press(pilot, "minus")
        assert view.grid.drawing is not None
        assert view.grid.drawing.cells.cell_bytes == 1024

    run(padding(), look)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(20, 5), (1, 1), (37, 9), (250, 70)])
def test_it_fits_any_terminal(size: tuple[int, int]) -> None:
    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "right", "plus", "G")
        await pilot.resize_terminal(80, 24)
        await pilot.resize_terminal(*size)

    assert fits(run(padding(), look, size=size), size)


@pytest.mark.slow
def test_a_device_without_extent_has_no_line() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        drawing = map_of(app).grid.drawing
        assert drawing is not None
        assert not any(row.kind == "extent" for row in drawing.rows)

    run(finished(start([reader(within())], Settings())), look)


# --- beside the cells --------------------------------------------------------------------------------------------


def test_the_block_erased_most_and_when_is_seen_at_once_and_enter_filters_to_it() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "w")
        view = map_of(app)
        assert view.block_grid.has_focus
        assert view.block_grid.text_of([0]).startswith("0\tvariables\t2 ██████\t52 ██████\t")
        assert [line.split("\t")[0] for line in view.block_grid.text_of(range(2)).split("\n")] == ["0", "✖4"]
        await press(pilot, "down")
        assert view.grid.range == (0x100000, 0x140000)
        await press(pilot, "enter")
        timeline = app.query_one(TimelineView).timeline
        assert timeline is not None
        assert timeline.filter.text(events=False) == "device == virt.flash1 and touches 0x100000..0x140000"
        assert timeline.total - timeline.hidden == 5

    run(padding(), look, size=(200, 60))


@pytest.mark.slow
def test_what_wrote_to_the_range_is_listed_and_selected_in_all_views() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        view = map_of(app)
        row = view.grid.drawing.row_of(view.grid.drawing.cells.at(PLACE))  # type: ignore[union-attr]
        await pilot.click(view.grid, offset=(11, row))
        await press(pilot)
        assert view.range_grid.count == 1
        assert "program\t0x100000\t4 B\t?\tdone" in view.range_grid.text_of([0])
        view.range_grid.focus()
        await press(pilot, "enter")
        assert app.current_view == "timeline"
        assert app.selection is not None
        assert app.selection.seq == 4370

    run(padding(), look, size=(140, 40))


@pytest.mark.slow
def test_a_narrow_terminal_shows_the_blocks_instead_of_the_cells() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        assert not map_of(app).block_grid.is_on_screen
        await press(pilot, "w")
        assert map_of(app).block_grid.has_focus
        assert "FTW" in screen_text(app) or "variables" in screen_text(app)
        await press(pilot, "w")
        assert map_of(app).grid.has_focus
        assert not map_of(app).block_grid.is_on_screen

    run(padding(), look, size=(80, 24))


@pytest.mark.slow
def test_the_blocks_are_counted_once_for_all_zooms_and_anew_for_other_operations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[str] = []

    def noted(subject: Subject) -> pl.DataFrame:
        counted.append(subject.device)
        return blocks(subject)

    monkeypatch.setattr("tracetool.tui.map.view.blocks", noted)

    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        assert counted == ["virt.flash1"]
        map_of(app).grid.go_to_byte(PLACE)
        await press(pilot, "minus", "minus", "plus", "v")
        assert counted == ["virt.flash1"]
        grid = map_of(app).block_grid
        assert grid.text_of([grid.cursor]).split("\t")[0] == "✖4"
        await press(pilot, "D")
        assert counted == ["virt.flash1", "virt.flash0"]

    run(padding(), look, size=(140, 40))


@pytest.mark.slow
def test_a_click_on_a_metric_counts_it() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3")
        await pilot.click(MetricTabs, offset=(15, 0))
        await press(pilot)
        assert map_of(app).metric == Metric.ERASES

    assert "erases  programs" in run(padding(), look)


# --- against time ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_blocks_against_time_are_filtered_to_a_rectangle() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "m")
        view = map_of(app)
        picture = view.time_grid.picture
        assert picture is not None
        assert view.time_grid.has_focus
        place = picture.cells.at(PLACE)
        column = picture.first_use(place)[1]
        assert picture.values[picture.index[place], column] == 1
        view.time_grid.select(PLACE, PLACE + 1)
        await press(pilot, "home", *["right"] * column)
        assert view.range_grid.count == 1
        assert "✖▸" in screen_text(app)
        await press(pilot, "enter")
        timeline = app.query_one(TimelineView).timeline
        assert timeline is not None
        assert " and t in " in timeline.filter.text(events=False)
        assert timeline.total - timeline.hidden >= 1

    run(padding(), look, size=(160, 50))


@pytest.mark.slow
def test_the_cursor_of_the_time_picture_is_on_the_selected_event() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        def column(seq: int) -> int:
            picture = map_of(app).time_grid.picture
            assert picture is not None
            return int(picture.axis.at(np.array([seq], np.int64))[0])

        grid = map_of(app).time_grid
        await press(pilot, "e", "3", "m")
        assert grid.cursor[1] == column(4370)
        await press(pilot, "2", "g", "b", "b", "3")
        assert app.event is not None
        assert 0 < grid.cursor[1] == column(app.event[1]) < column(4370)
        erased = grid.cursor
        await press(pilot, "right", "right", "v")
        assert grid.cursor == (erased[0], erased[1] + 2)

    run(padding(), look, size=(160, 50))


@pytest.mark.slow
def test_the_time_picture_knows_metrics_axes_looks_and_zooms() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "t", "V", "m")
        view = map_of(app)
        assert "against time" in screen_text(app)
        for _ in METRICS:
            await press(pilot, "v")
        await press(pilot, "t")
        assert "against operations" in screen_text(app)
        await press(
            pilot, "minus", "plus", "plus", "shift+right", "shift+down", "escape", "G", "pagedown", "pageup", "k"
        )
        assert view.time_grid.range[0] < view.time_grid.range[1]
        await press(pilot, "s", "D")
        assert "▀" not in screen_text(app).partition("1 to")[0]
        await press(pilot, "m")
        assert view.grid.has_focus

    run(both(), look, size=(120, 40))


@pytest.mark.slow
def test_a_click_in_the_time_picture_selects_what_was_done_then_and_a_double_click_lists_it() -> None:
    async def look(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "m")
        grid = map_of(app).time_grid
        picture = grid.picture
        assert picture is not None
        place = picture.cells.at(PLACE)
        spot = (11 + picture.first_use(place)[1], picture.row_of(place) + 1)
        await pilot.click(grid, offset=spot)
        await press(pilot)
        assert app.selection is not None
        assert app.selection.seq == 4370
        await pilot._post_mouse_events([MouseDown], grid, spot, button=1)  # noqa: SLF001  no button moves with hover
        await pilot._post_mouse_events([MouseMove], grid, (spot[0] - 3, spot[1]), button=1)  # noqa: SLF001
        await pilot.mouse_up(grid, offset=(spot[0] - 3, spot[1]))
        assert grid.selected[1] == (spot[0] - 14, spot[0] - 11)
        await pilot.click(grid, offset=spot, times=2)
        await press(pilot)
        assert app.current_view == "timeline"

    run(padding(), look, size=(160, 50))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(20, 5), (1, 1), (37, 9), (250, 70)])
def test_the_time_picture_fits_any_terminal(size: tuple[int, int]) -> None:
    async def look(_: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "m", "right", "plus", "G", "w", "w")
        await pilot.resize_terminal(80, 24)
        await pilot.resize_terminal(*size)

    assert fits(run(padding(), look, size=size), size)


@pytest.mark.slow
def test_the_map_by_module_has_a_legend_and_names_the_modules_of_the_range() -> None:
    async def by_module(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "3", "V", "V")
        await until(pilot, lambda: map_of(app).grid.drawing is not None)
        drawing = map_of(app).grid.drawing
        assert drawing is not None
        assert drawing.heat.metric == Metric.MODULE
        assert drawing.subject.modules[0] == "BdsDxe"
        assert set(drawing.levels.tolist()) <= set(range(6))
        assert map_of(app).grid.colours.levels == hues(dark=True)
        await press(pilot, "g")

    screen = run(with_code(), by_module, size=(160, 45))
    legend = screen.split("\n")[-3]
    assert legend.index("BdsDxe") < legend.index("VariableRuntimeDxe")
    assert "by BdsDxe, " in screen


@pytest.mark.slow
def test_against_time_and_without_a_log_of_the_code_the_map_counts_programs() -> None:
    async def to_time(app: TraceApp, pilot: Pilot[int]) -> None:
        map_of(app).restore("MODULE", None, None)
        await press(pilot, "3", "m")
        await until(pilot, lambda: map_of(app).time_grid.picture is not None)
        picture = map_of(app).time_grid.picture
        assert picture is not None
        assert picture.metric == Metric.PROGRAMS
        await press(pilot, "m")
        await until(pilot, lambda: map_of(app).grid.drawing is not None)
        drawing = map_of(app).grid.drawing
        assert drawing is not None
        seen.append(drawing.heat.metric)

    seen: list[Metric] = []
    run(with_code(), to_time)
    run(padding(), to_time)
    assert seen == [Metric.MODULE, Metric.PROGRAMS]


@pytest.mark.slow
def test_the_map_and_time_and_the_map_again_in_one_go_stay_at_the_selected_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slowly(*arguments: Any, **options: Any) -> TimePicture:  # noqa: ANN401  as `draw_times`
        time.sleep(0.3)
        return draw_times(*arguments, **options)

    async def turn(app: TraceApp, pilot: Pilot[int]) -> None:
        await press(pilot, "e", "3")
        chosen = map_of(app).grid.range
        assert chosen[0] == 0x100000
        monkeypatch.setattr("tracetool.tui.map.view.draw_times", slowly)
        await press(pilot, "m")
        await press(pilot)
        await press(pilot, "pageup")
        assert map_of(app).time_grid.range[0] == 0
        await press(pilot, "m", "e")
        assert map_of(app).grid.range == chosen
        await pilot.press("m", "m")
        await press(pilot)
        assert map_of(app).grid.range == chosen
        await pilot.press("m", "b", "m")
        await press(pilot)
        assert map_of(app).grid.range[0] == app.selection.start

    run(padding(), turn)

from __future__ import annotations

import asyncio
import csv
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from tests.patience import PATIENCE_S
from tests.tracetool.cli.program import PADDING
from tests.tracetool.tui.driving import NO_KEYS, Driver, Stage, drive, drive_job
from tests.tracetool.viewmodel.samples import OUTSIDE, first_boot, job, padding, with_code
from tracetool.analysis.options import Options
from tracetool.tui.app import TraceApp
from tracetool.tui.bars import TopBar
from tracetool.tui.image import ImageView
from tracetool.viewmodel.audit_session import Job, Progress, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import App
from textual.widgets import ContentSwitcher


def test_from_the_verdict_to_the_exported_rows(tmp_path: Path) -> None:
    target = tmp_path / "outside.csv"

    async def script(driver: Driver) -> int | None:
        assert "OUTSIDE-EXTENT" in driver.text
        await driver.press("e")
        assert driver.seq == OUTSIDE
        assert driver.cells(driver.view.grid.cursor)["offset"] == "0x100000"
        await driver.explained()
        assert "It is the data of the program command. The word is stored." in driver.inspector
        assert "Under discard it would never have reached the chip" in driver.inspector
        assert "error EXT001" in driver.inspector
        await driver.press("f")
        await driver.type("offset >= 768K")
        assert "5 of 224 operations, 219 hidden" in driver.status
        await driver.press("x")
        await driver.type(str(target))
        await driver.press("q")
        return driver.app.return_code

    assert drive(script) == 0
    with target.open(newline="") as file:
        assert [row["offset"] for row in csv.DictReader(file)] == [str(0x100000)] * 5


@pytest.mark.slow
def test_the_cursor_is_in_sight_after_a_jump_from_the_overview(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e")
        await driver.pilot.pause()
        lines = [line for line in driver.text.splitlines() if line.startswith("✖")]
        assert len(lines) > 1

    stage.play(script, size=(80, 24))


# --- filter ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_filter_is_switched_off_and_on_without_losing_the_place(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "f")
        await driver.type("kind in (program, erase)")
        here = driver.seq
        assert driver.cells(driver.view.grid.cursor)["seq"] == "4368"
        await driver.press("F")
        assert driver.status.startswith("224 operations │ filter off, F: on")
        assert (driver.cells(driver.view.grid.cursor)["seq"], driver.seq) == ("4368", here)
        await driver.press("F")
        assert "hidden" in driver.status
        await driver.press("f")
        await driver.type("")
        assert driver.status == "224 operations"

    stage.play(script)


@pytest.mark.slow
def test_a_wrong_filter_is_said_with_its_place_and_not_taken(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "f", *"offset")
        await driver.press(*["space", "greater_than_sign", "space"], *"what", "enter")
        assert "^" in driver.text
        assert "'what'" in driver.text
        await driver.press("escape")
        assert driver.status == "224 operations"
        assert driver.app.focused is driver.view.grid

    stage.play(script)


@pytest.mark.slow
def test_words_are_offered_and_completed_and_old_filters_come_back(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "f", *"kin")
        assert "kind" in driver.text.splitlines()[-2], driver.text
        await driver.press("tab", *"==", "space", *"era", "tab", "enter")
        assert " 1 kind == erase " in driver.text
        await driver.press("f")
        await driver.type("")
        await driver.press("f", "up", "enter")
        assert "2 of 224 operations" in driver.status

    stage.play(script)


@pytest.mark.slow
def test_what_was_typed_comes_back_below_the_earlier_answers(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        line = driver.app.query_one(Input)
        await driver.press("slash", *"0x40", "up")
        assert line.value == "0x40"  # there is none earlier yet
        await driver.type("0x100000")
        await driver.press("slash", *"0x40", "up")
        assert line.value == "0x100000"
        await driver.press("down")
        assert line.value == "0x40"

    stage.play(script)


@pytest.mark.slow
def test_the_line_of_keys_has_those_of_the_prompt(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        def keys() -> str:
            return driver.text.splitlines()[-1].strip()

        await driver.press("f")
        assert keys().startswith("⏎ do it")
        assert keys().endswith("Esc close")
        await driver.press(*"kin")
        assert "Tab complete" in keys()
        await driver.press("escape")
        assert "q quit" in keys()

    stage.play(script)


@pytest.mark.slow
def test_an_event_that_the_filter_hides_is_said_and_no_row_is_highlighted(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "m")
        await driver.type("hidden soon")
        await driver.press("f")
        await driver.type("kind == erase")
        for keys in (("apostrophe", "enter"), ("F", "4", *["up"] * 9, "enter", "F")):
            await driver.press("2", "g")
            assert driver.seq == 112
            await driver.press("F", "4", "down", "up", "F", "2", *keys)
            await driver.until(lambda: "event 4,370 is filtered out: F shows it" in driver.status)
            assert (driver.seq, driver.view.grid.selected) == (OUTSIDE, range(0))
            await driver.until(lambda: "event 4,370 " in driver.inspector)
            await driver.press("y")
            assert driver.app.clipboard.split("\t")[1] == "4368"
            assert driver.told[-1] == "copied event 4,370, which the filter hides"
        await driver.press("up")
        assert (driver.seq, "hidden by" in driver.status) == (112, False)
        await driver.press("f")
        await driver.type("offset > 63M")
        assert "event 112 is filtered out" in driver.status
        assert "event 112 " in driver.inspector
        await driver.press("F")
        assert driver.cells(driver.view.grid.cursor)["seq"] == "112"

    stage.play(script)


@pytest.mark.slow
def test_the_image_stays_at_a_change_that_the_filter_hides(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        image = driver.app.query_one(ImageView)
        await driver.press("2", "b", "f")
        await driver.type("kind == erase")
        await driver.press("5")
        await driver.until(lambda: image.model is not None)
        await driver.press("right_curly_bracket", "left_square_bracket")
        hidden = driver.seq
        assert image.model is not None
        assert image.model.history.event(image.model.position) == (0, hidden)
        await driver.press("m")
        assert f"Bookmark event {hidden:,}" in driver.text
        await driver.press("escape", "2")
        assert driver.seq == hidden
        assert f"event {hidden:,} is filtered out" in driver.status

    stage.play(script)


@pytest.mark.slow
def test_a_filter_that_hides_all_says_so() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "f")
        await driver.type("offset > 63M")
        assert "the filter hides all rows" in driver.text
        await driver.press("enter", "left", "down", "G", "y", "e", "n", "T", "z", "t")
        assert driver.app.is_running

    drive(script)


# --- moving ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_search_goes_from_match_to_match_and_round(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "slash")
        await driver.type("erase")
        assert "/erase: 1 of 2" in driver.status
        first = driver.seq
        await driver.press("n")
        assert "/erase: 2 of 2" in driver.status
        await driver.press("n")
        assert driver.seq == first
        await driver.press("N")
        assert "/erase: 2 of 2" in driver.status
        await driver.press("slash")
        await driver.type("nonsense")
        assert "no row has 'nonsense'" in driver.text

    stage.play(script)


@pytest.mark.parametrize(("place", "seq"), [("0x100000", OUTSIDE), ("#19", 19), ("100%", 4380), ("t=14.6s", OUTSIDE)])
@pytest.mark.first_quick
def test_a_typed_place_is_gone_to(place: str, seq: int, stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "colon")
        await driver.type(place)
        assert driver.seq == seq

    stage.play(script)


@pytest.mark.slow
def test_a_place_that_is_none_is_said(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "colon")
        await driver.type("yonder")
        assert "'yonder' is no place: 0x40000 offset" in driver.text

    stage.play(script)


@pytest.mark.slow
def test_opened_rows_and_levels(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "enter", "right")
        assert driver.cells(driver.view.grid.cursor)["operation"] == "io_write"
        await driver.press("down", "right")
        assert driver.cells(driver.view.grid.cursor + 2)["operation"] == "data_write"
        await driver.press("left", "left")
        assert driver.cells(driver.view.grid.cursor)["operation"] == "program"
        await driver.press("z")
        assert driver.status == "2,118 accesses"
        assert driver.seq == OUTSIDE
        await driver.press("z", "B", "B")
        assert "4,383 events │ erase 1 of 2" in driver.status
        await driver.press("z")
        assert driver.status == "224 operations"

    stage.play(script)


@pytest.mark.slow
def test_times_go_round(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "t")
        assert driver.cells(driver.view.grid.cursor)["time"].startswith("+")
        await driver.press("T")
        assert driver.cells(driver.view.grid.cursor)["time"] == "+0.000000"
        await driver.press("t")
        assert ":" in driver.cells(driver.view.grid.cursor)["time"]
        await driver.press("t")
        assert driver.status == "224 operations"

    stage.play(script)


@pytest.mark.slow
def test_a_finding_leads_to_its_event(stage: Stage) -> None:
    async def script(driver: Driver) -> None:
        await driver.press("4", *["up"] * 9, "down", "down", "down", "enter")
        assert driver.app.current_view == "timeline"
        assert driver.seq == 2

    stage.play(script)


@pytest.mark.slow
def test_a_range_of_rows_is_added_up(stage: Stage) -> None:
    async def choose(driver: Driver) -> None:
        await driver.press("2", "g", "J", "J")
        assert "selected: 3 operations" in driver.status
        await driver.press("z", "g", "J")
        assert "selected: " in driver.status
        await driver.press("down")
        assert "selected" not in driver.status

    stage.play(choose)


# --- copies ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rows_and_the_command_are_copied() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "y")
        assert driver.app.clipboard.split("\t")[1:4] == ["4368", "14.643056", "flash1"]
        await driver.press("shift+down", "shift+down", "Y")
        titles, *rows = driver.app.clipboard.splitlines()
        assert (titles.split("\t")[:3], len(rows)) == (["mark", "seq", "time"], 3)
        await driver.press("f")
        await driver.type("kind == erase")
        await driver.press("C")
        assert driver.app.clipboard.startswith("tracetool operations --where 'kind == erase' ")

    drive(script)


@pytest.mark.slow
def test_the_trace_itself_is_not_written_over(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_bytes(PADDING.read_bytes())

    async def script(driver: Driver) -> None:
        await driver.press("2", "x")
        await driver.type(str(trace))
        assert "would be overwritten" in driver.text

    drive_job(script, job(trace), size=(160, 40))
    assert trace.read_bytes() == PADDING.read_bytes()


@pytest.mark.slow
def test_a_file_that_is_there_is_written_over_when_asked_twice(tmp_path: Path) -> None:
    target = tmp_path / "precious.csv"
    target.write_text("precious")

    async def script(driver: Driver) -> None:
        await driver.press("2", "x")
        await driver.type(str(target))
        assert "Enter once more writes over it" in driver.text
        assert target.read_text() == "precious"
        await driver.press("escape", "x")
        await driver.type(str(target))
        assert target.read_text() == "precious"
        await driver.press("enter")
        assert target.read_text().startswith("trace,")

    drive(script, size=(200, 40))


# --- loading -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_extent_is_asked_for_and_seen() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "P", "P")
        await driver.type("extent 2M")
        await driver.until(lambda: driver.app.job is None and "extent virt.flash1=2 MiB" in driver.text)
        await driver.press("1")
        await driver.until(lambda: "WITHIN-EXTENT" in driver.text)
        await driver.until(
            lambda: driver.view.timeline is not None and driver.view.timeline.session is driver.app.session
        )
        await driver.press("o")
        await driver.until(lambda: "no operation outside the extent" in driver.told)
        await driver.press("P", "P")
        await driver.type("extent plenty")
        assert "is not a size" in driver.text
        await driver.press("escape", "P", "P")
        await driver.type("extent nobody=1M")
        await driver.until(lambda: any("no device 'nobody'" in words for words in driver.told))
        await driver.press("1")
        assert "WITHIN-EXTENT" in driver.text

    drive(script)


@pytest.mark.slow
def test_the_skeleton_is_seen_and_works_while_the_trace_is_read() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("e", "f", "z", "2", "enter", "4", "1", "question_mark", "escape", "y", "slash")
        await driver.until(lambda: len(driver.told) == 5)
        assert set(driver.told) == {"the trace is still being read"}
        assert "reading" in driver.text

    waiting = Job(padding, Progress())

    async def run() -> None:
        app = TraceApp(waiting, keys=NO_KEYS)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            driver = Driver(app, pilot)
            await script(driver)
            waiting.start()
            await driver.until(lambda: "OUTSIDE-EXTENT" in driver.text)

    asyncio.run(run())


@pytest.mark.slow
def test_esc_does_not_end_the_first_load() -> None:
    waiting = Job(padding, Progress())

    async def run() -> None:
        app = TraceApp(waiting, keys=NO_KEYS)
        async with app.run_test(size=(100, 24)) as pilot:
            driver = Driver(app, pilot)
            await driver.press("escape", "2", "escape")
            assert set(driver.told) == {"the trace is still being read; q leaves"}
            assert "q leaves" in driver.text
            waiting.start()
            await driver.until(lambda: app.session is not None)

    asyncio.run(run())


@pytest.mark.parametrize("loading", [True, False])
@pytest.mark.first_quick
def test_q_ends_while_the_trace_is_read_and_while_it_is_taken(loading: bool) -> None:
    waiting = Job(padding, Progress())

    async def run() -> int | None:
        app = TraceApp(waiting, keys=NO_KEYS)
        async with app.run_test(size=(80, 24)) as pilot:
            if not loading:
                waiting.start()
                assert waiting.wait(PATIENCE_S)
            await pilot.press("q")
        assert app.crash is None
        return app.return_code

    assert asyncio.run(run()) == 0


@pytest.mark.slow
def test_progress_that_arrives_after_q_is_dropped() -> None:
    """A poll may be queued already when the views go; it neither looks for them nor changes the exit code."""

    async def script(driver: Driver) -> int | None:
        await driver.press("P", "P")
        await driver.type("extent 2M")
        driver.app.action_leave()
        await driver.app.query_one(TopBar).remove()
        driver.app.sessions.poll()  # the queued timer event
        return driver.app.return_value

    assert drive(script) == 0


@pytest.mark.slow
def test_a_prompt_that_closes_after_the_views_are_gone_is_passed_over() -> None:
    async def script(driver: Driver) -> None:
        await driver.app.query_one(ContentSwitcher).remove()
        driver.app.on_prompt_closed()
        assert driver.app.is_running

    drive(script)


@pytest.mark.slow
def test_a_first_load_that_fails_ends_the_app_with_its_reason() -> None:
    async def script(driver: Driver) -> App[int]:
        return driver.app

    failing = job(PADDING, settings=Settings(Options(extents={"nobody": 1 << 20})))
    app = drive_job(script, failing)
    assert "no device 'nobody'" in str(app.failure)


@pytest.mark.slow
def test_a_trace_without_errors_or_times_is_shown() -> None:
    async def script(driver: Driver) -> None:
        assert "WITHIN-EXTENT" in driver.text
        await driver.press("e")
        assert "finding 1 of 2" in driver.status

    drive(script, session=first_boot())


@pytest.mark.slow
def test_w_goes_to_the_next_operation_by_the_same_code() -> None:
    async def script(driver: Driver) -> None:
        await driver.press("2", "w")  # from the first row, where nobody moved the cursor yet
        assert "operation by the same code 2 of 2" in driver.status
        assert driver.seq == 4
        await driver.press("W")
        assert driver.seq == 2

    drive(script, session=with_code())

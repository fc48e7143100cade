from __future__ import annotations

import pytest

from tests.captures import capture_path
from tests.tracetool.viewmodel.samples import OUTSIDE, both, finished, first_boot, job, padding, padding_timeline
from tracetool.analysis.options import Options
from tracetool.viewmodel.audit_session import Settings, start
from tracetool.viewmodel.cells import TimeMode
from tracetool.viewmodel.filters import Chip, Filter, matching
from tracetool.viewmodel.places import parse_place, row_of_place
from tracetool.viewmodel.status import timeline_status, title
from tracetool.viewmodel.tables import Level
from tracetool.viewmodel.timeline import Timeline


def cells(timeline: Timeline, row: int) -> dict[str, str]:
    (line,) = timeline.lines(row, 1)
    return {column.id: cell.text.strip() for column, cell in zip(timeline.columns, line, strict=True)}


def filtered(timeline: Timeline, text: str) -> Timeline:
    timeline.set_filter(Filter((Chip(text, events=not timeline.level.of_operations),)))
    return timeline


def row_outside(timeline: Timeline) -> int:
    row = timeline.row_of_event(0, OUTSIDE)
    assert row is not None
    return row


def test_the_write_outside_is_marked_and_says_so() -> None:
    timeline = padding_timeline()
    shown = cells(timeline, row_outside(timeline))
    assert (shown["mark"], shown["operation"], shown["offset"]) == ("✖", "program", "0x100000")
    assert shown["detail"].startswith("outside the extent")


def test_rows_with_a_bookmark_are_marked() -> None:
    timeline = padding_timeline()
    outside = row_outside(timeline)
    timeline.set_bookmarks([(0, OUTSIDE), (0, 8), (0, 10**9), (7, 0)])
    assert cells(timeline, outside)["mark"] == "✖◆"
    plain_row = timeline.row_of_event(0, 8)
    assert plain_row is not None
    assert cells(timeline, plain_row)["mark"] == "◆"
    assert sum("◆" in line[0].text for line in timeline.lines(0, len(timeline))) == 2
    timeline.open(outside)
    assert cells(timeline, outside)["mark"] == "✖▾"
    assert [cells(timeline, outside + below)["mark"] for below in (1, 2)] == ["", "◆"]
    again = timeline.continued(timeline.session)
    assert cells(again, row_outside(again))["mark"] == "◆"
    timeline.set_bookmarks([])
    assert not any("◆" in line[0].text for line in timeline.lines(0, len(timeline)))


def test_a_row_is_about_its_worst_finding_else_about_its_last_write() -> None:
    timeline = padding_timeline()
    found = timeline.shown(row_outside(timeline))
    assert found is not None
    assert (found.seq, found.device) == (OUTSIDE, "virt.flash1")
    program = next(row for row in range(50) if cells(timeline, row)["operation"] == "buffered-program")
    shown = timeline.shown(program)
    assert shown is not None
    event = timeline.tables.event(shown.seq)
    assert (event["event"], hex(event["value"])) == ("io_write", "0xd000d0")
    erase = timeline.shown(filtered(timeline, "kind == erase").row_of_item(0))
    assert erase is not None
    assert hex(timeline.tables.event(erase.seq)["value"]) == "0x200020"


def test_an_operation_opens_into_accesses_and_those_into_events() -> None:
    timeline = padding_timeline()
    row, before = row_outside(timeline), len(timeline)
    timeline.open(row)
    assert [cells(timeline, row + at)["operation"] for at in (1, 2)] == ["io_write", "io_write"]
    timeline.open(row + 2)
    assert [cells(timeline, row + at)["operation"] for at in (3, 4)] == ["write", "data_write"]
    assert (len(timeline), timeline.is_open(row), timeline.is_open(row + 2)) == (before + 4, True, True)
    assert timeline.close(row + 4) == row + 2
    assert timeline.close(row + 1) == row
    assert len(timeline) == before


def test_the_inner_events_of_a_read_stand_under_it() -> None:
    timeline = padding_timeline()
    timeline.set_level(Level.ACCESSES)
    row = next(row for row in range(len(timeline)) if cells(timeline, row)["operation"] == "io_read")
    timeline.open(row)
    assert cells(timeline, row + 1)["operation"] not in ("io_read", "io_write")
    assert not timeline.opens(row + 1)


@pytest.mark.parametrize(("level", "rows"), [(Level.OPERATIONS, 224), (Level.ACCESSES, 2118), (Level.EVENTS, 4383)])
def test_every_level_shows_every_row(level: Level, rows: int) -> None:
    timeline = padding_timeline()
    timeline.set_level(level)
    assert (len(timeline), timeline.total, timeline.hidden) == (rows, rows, 0)
    assert len(timeline.lines(0, rows + 10)) == rows


def test_a_filter_hides_rows_and_counts_them() -> None:
    timeline = filtered(padding_timeline(), "offset >= 768K")
    assert [cells(timeline, row)["offset"] for row in range(len(timeline))] == ["0x100000"] * 5
    assert timeline_status(timeline) == "5 of 224 operations, 219 hidden"
    timeline.set_filter(Filter(timeline.filter.chips, on=False))
    assert len(timeline) == 224
    assert "filter off, F: on" in timeline_status(timeline)


def test_a_filter_that_hides_all_leaves_no_row() -> None:
    timeline = filtered(padding_timeline(), "offset > 63M")
    assert (len(timeline), timeline.lines(0, 10), timeline.shown(0)) == (0, [], None)
    assert timeline.row_of_event(0, 5) is None


def test_a_hidden_event_is_at_the_next_row_that_is_shown() -> None:
    timeline = filtered(padding_timeline(), "kind == erase")
    row = timeline.row_of_event(0, 0)
    assert row == 0


def test_a_filter_of_operations_leaves_their_events_and_one_of_events_leaves_all_operations() -> None:
    timeline = filtered(padding_timeline(), "kind == erase")
    spans = [(row["first_seq"], row["last_seq"]) for row in timeline.tables.operations[timeline.items].to_dicts()]
    timeline.set_level(Level.EVENTS)
    seqs = [int(cells(timeline, row)["seq"]) for row in range(len(timeline))]
    assert seqs == [seq for first, last in spans for seq in range(first, last + 1)]
    timeline.set_level(Level.ACCESSES)
    assert 0 < len(timeline) < len(seqs)
    timeline.set_filter(Filter((Chip("value == 0xd000d0", events=True),)))
    assert {cells(timeline, row)["outcome"] for row in range(len(timeline))} == {"0xd000d0"}
    timeline.set_level(Level.OPERATIONS)
    assert (len(timeline), timeline.hidden) == (224, 0)


def test_times_in_every_way() -> None:
    timeline = padding_timeline()
    row = row_outside(timeline)
    assert cells(timeline, row)["time"] == "14.643056"
    timeline.set_mode(TimeMode.DELTA)
    assert cells(timeline, row)["time"] == "+1.458471"
    timeline.set_mark(row)
    assert (timeline.mode, cells(timeline, row)["time"]) == (TimeMode.MARK, "+0.000000")
    assert cells(timeline, row - 1)["time"] == "-1.458471"
    timeline.set_mode(TimeMode.ABSOLUTE)
    assert cells(timeline, row)["time"].count(":") == 2
    assert "time as recorded" in timeline_status(timeline)


def test_lines_do_not_depend_on_the_window() -> None:
    timeline = padding_timeline()
    timeline.set_mode(TimeMode.DELTA)
    whole = timeline.lines(0, 224)
    assert [line for start in range(0, 224, 7) for line in timeline.lines(start, 7)] == whole


def test_times_of_each_trace_count_from_its_own_start() -> None:
    timeline = Timeline(both())
    second = timeline.row_of_event(1, 2)
    assert second is not None
    assert cells(timeline, second)["time"] < "1"
    for trace, row in enumerate((0, second)):
        there = cells(timeline, row_of_place(timeline, row, parse_place("t=5s")))
        assert (there["trace"], there["time"] >= "5.0") == (str(trace), True)


def test_several_traces_go_on_in_one_table() -> None:
    timeline = Timeline(both())
    assert len(timeline) == len(first_boot().operations) + 224
    row = timeline.row_of_event(1, OUTSIDE)
    assert row is not None
    shown = timeline.shown(row)
    assert shown is not None
    assert (shown.trace, shown.seq, cells(timeline, row)["trace"]) == (1, OUTSIDE, "1")
    timeline.set_level(Level.EVENTS)
    assert timeline.row_of_event(1, 0) == both().traces[0].events


def test_new_tables_are_shown_in_the_same_way() -> None:
    timeline = filtered(padding_timeline(), "offset >= 768K")
    timeline.set_mode(TimeMode.DELTA)
    timeline.open(0)
    session = finished(start(padding().traces, Settings(Options(extents={"virt.flash1": 2 << 20}))))
    again = timeline.continued(session)
    assert (len(again), again.mode, again.is_open(0)) == (7, TimeMode.DELTA, True)
    assert [column.title for column in again.columns if column.id == "time"] == [TimeMode.DELTA.value]
    assert cells(again, 0)["mark"] != "✖"
    assert title(session).startswith("extent virt.flash1=2 MiB, ")


@pytest.mark.parametrize(
    ("text", "count"),
    [("erase", 2), ("0x100000", 5), ("#4370", 1), ("kind == erase", 2), ("program flash1", 53), ("nonsense", 0)],
)
def test_a_search_finds_names_places_events_and_queries(text: str, count: int) -> None:
    timeline = padding_timeline()
    assert len(matching(timeline.tables, Level.OPERATIONS, text)) == count


def test_a_search_among_events() -> None:
    timeline = padding_timeline()
    assert len(matching(timeline.tables, Level.EVENTS, "write_block_erase")) == 2
    assert len(matching(timeline.tables, Level.ACCESSES, "0x100000")) == 6


def test_a_part_of_the_rows() -> None:
    timeline = padding_timeline()
    assert [timeline.share(share) for share in (0, 500_000, 1_000_000)] == [0, 111, 223]


@pytest.mark.slow
def test_an_access_beyond_a_short_file_is_named_a_read_or_a_write_in_its_row() -> None:
    timeline = Timeline(finished(job(capture_path("aavmf-rfc-v2/trace.log.zst"))))
    named = []
    for row in range(len(timeline)):
        kind = cells(timeline, row)["operation"]
        if kind.startswith("outside"):
            shown = timeline.shown(row)
            assert shown is not None
            event = timeline.tables.event(timeline.tables.number(shown.trace, shown.seq))["event"]
            named.append((kind, event))
    assert {kind for kind, _ in named} == {"outside read", "outside write"}
    assert all(kind.replace("outside ", "outer_") == event for kind, event in named)


@pytest.mark.slow
def test_the_code_that_asked_for_an_operation_is_a_column_where_it_is_known() -> None:
    log = capture_path("aavmf-who/who.log.zst")
    options = Options(who_log=log)
    timeline = Timeline(finished(job(capture_path("aavmf-who/trace.log.zst"), settings=Settings(options))))
    assert [column.id for column in timeline.columns][-2:] == ["by", "detail"]
    shown = {cells(timeline, row)["by"] for row in range(len(timeline))}
    assert {"BdsDxe", "VariableRuntimeDxe", "FaultTolerantWriteDxe"} <= shown
    filtered(timeline, "by == BdsDxe")
    assert {cells(timeline, row)["by"] for row in range(len(timeline))} == {"BdsDxe"}
    assert "by" not in [column.id for column in padding_timeline().columns]

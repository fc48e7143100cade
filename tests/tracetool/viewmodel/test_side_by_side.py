"""Two runs on level rows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tracetool.analysis.options import Options
from tracetool.difference.alignment import match_levels, moves
from tracetool.difference.operations import Matched
from tracetool.errors import UsageError
from tracetool.ingest import open_trace
from tracetool.timeline.query import QueryError
from tracetool.viewmodel.audit_session import Progress
from tracetool.viewmodel.difference_session import DifferenceSession, Run, load_difference
from tracetool.viewmodel.places import parse_place
from tracetool.viewmodel.side_by_side import CHANGE_NAMES, PairRows, SideBySide, levelled, pair_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

ITEMS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=14)
"""Operations as a place and its data: those of one place and other data are changed."""


@cache
def samples() -> DifferenceSession:
    """First boot and padding."""
    runs = [Run([open_trace(str(path))], Options()) for path in (FIRST_BOOT, PADDING)]
    return load_difference(runs[0], runs[1], Progress())


def side_by_side() -> SideBySide:
    session = samples()
    return SideBySide(session.a, session.b, session.found)


def matched(a: Sequence[tuple[int, int]], b: Sequence[tuple[int, int]]) -> Matched:
    exact = [np.array([3 * place + data for place, data in side], np.int64) for side in (a, b)]
    placed = [np.array([place for place, _ in side], np.int64) for side in (a, b)]
    same, coarse = match_levels([(exact[0], exact[1]), (placed[0], placed[1])])
    changed = [(run.a + at, run.b + at) for run in coarse for at in range(run.length)]
    known = [{run[side] + at for run in (*same, *coarse) for at in range(run.length)} for side in (0, 1)]
    only = [[at for at in range(len(side)) if at not in known[n]] for n, side in enumerate((a, b))]
    moved = moves(*([(at, int(keys[at])) for at in left] for left, keys in zip(only, exact, strict=True)))
    gone = [at for at in only[0] if at not in {i for i, _ in moved}]
    return Matched(same, changed, moved, gone, [at for at in only[1] if at not in {j for _, j in moved}])


@given(ITEMS, ITEMS)
def test_every_operation_has_one_row_in_order_and_those_that_are_one_another_share_it(
    a: list[tuple[int, int]], b: list[tuple[int, int]]
) -> None:
    found = matched(a, b)
    rows = levelled(found, len(a), len(b))
    for column, side in ((rows.a, a), (rows.b, b)):
        assert column[column >= 0].tolist() == list(range(len(side)))
    kinds = [CHANGE_NAMES[change] for change in rows.change]
    level = list(zip(rows.a.tolist(), rows.b.tolist(), kinds, strict=True))
    assert {(i, j) for i, j, kind in level if kind == "same"} == {
        (run.a + at, run.b + at) for run in found.same for at in range(run.length)
    }
    assert {(i, j) for i, j, kind in level if kind == "changed"} == {*found.changed}
    assert [i for i, j, kind in level if kind == "gone"] == sorted(found.gone)
    assert [j for i, j, kind in level if kind == "added"] == sorted(found.added)
    assert {max(i, j) for i, j, kind in level if kind == "moved" and j < 0} == {i for i, _ in found.moved}
    assert {max(i, j) for i, j, kind in level if kind == "moved" and i < 0} == {j for _, j in found.moved}
    assert all((i < 0) != (j < 0) for i, j, kind in level if kind in ("gone", "added", "moved"))


@pytest.mark.slow
def test_the_write_beyond_the_extent_stands_in_b_alone() -> None:
    rows = side_by_side()
    rows.lay_out(200)
    row = rows.next_match("offset == 1M and kind == program", 0, forward=True)
    assert row is not None
    assert (rows.operation(row, 0), rows.event(row, 1)) == (None, (0, 4370))
    cells = dict(zip((column.id for column in rows.columns), rows.lines(row, 1)[0], strict=True))
    assert (cells["change"].text, cells["offset-b"].text, cells["offset-b"].style) == ("+", "0x100000", "bad")
    assert (cells["offset-a"].text, cells["seq-a"].text) == ("", "")
    before = rows.event_by(row, 0)
    assert before is not None
    assert before[1] > 8000


def test_same_operations_are_the_same_in_the_columns_of_both() -> None:
    rows = side_by_side()
    rows.lay_out(300)
    for at, line in enumerate(rows.lines(0, len(rows))):
        cells = dict(zip((column.id for column in rows.columns), line, strict=True))
        if rows.rows.change[at] == 0:
            for name in ("operation", "offset", "length", "outcome"):
                assert cells[f"{name}-a"] == cells[f"{name}-b"]


def test_the_next_difference_is_a_stretch_of_rows_that_differ() -> None:
    rows = side_by_side()
    row, visited = -1, []
    while (found := rows.next_difference(row, forward=True)) is not None:
        visited.append(found)
        row = found
    kinds = rows.rows.change
    assert visited == [at for at in range(len(kinds)) if kinds[at] and (not at or not kinds[at - 1])]
    back = []
    while (found := rows.next_difference(row, forward=False)) is not None:
        back.append(found)
        row = found
    assert back == visited[-2::-1]
    assert rows.words(visited[2]).startswith(f"difference 3 of {len(visited)} · operations: ")


def test_what_is_the_same_can_be_hidden_and_a_filter_looks_at_both_runs() -> None:
    rows = side_by_side()
    count, differing = len(rows), int((rows.rows.change != 0).sum())
    starts = rows.place_of_difference(0)[1]
    row = rows.next_match("offset == 1M", 0, forward=True)
    assert row is not None
    now = rows.narrow(row, only=True, query="")
    assert (len(rows), rows.event(now, 1)) == (differing, (0, 4370))
    assert rows.place_of_difference(0)[1] == starts
    rows.narrow(now, only=True, query="offset >= 768K")
    assert [rows.operation(at, 0) for at in range(len(rows))] == [None] * 5
    assert rows.words(0).startswith(f"5 of {count:,} rows · difference 1 of ")
    rows.narrow(0, only=False, query="")
    assert len(rows) == count
    with pytest.raises(QueryError):
        rows.narrow(0, only=False, query="offset >")


@pytest.mark.parametrize("room", [0, 60, 79, 100, 159, 400])
def test_the_columns_fill_the_room_evenly(room: int) -> None:
    rows = side_by_side()
    rows.lay_out(room)
    sides = [[column.id[:-2] for column in rows.columns if column.id.endswith(f"-{side}")] for side in "ab"]
    assert sides[0] == sides[1]
    assert [name for name in sides[0] if name != "time"][:3] == ["seq", "operation", "offset"]
    assert ("time" in sides[0]) == (room == 400)
    if room >= 79:
        assert sum(column.width + 1 for column in rows.columns) <= room + 1


def test_what_else_differs_has_both_sides_and_the_event_of_a_finding() -> None:
    figures, contents = pair_rows(samples().found)
    by_name = {(row.what, row.name): row for row in figures}
    verdict = by_name["verdict", "virt.flash1"]
    assert (verdict.a, verdict.b) == ("within-extent", "outside-extent")
    finding = by_name["finding", "error EXT001 virt.flash1"]
    assert (finding.change, finding.a, finding.event) == ("added", "", (1, 4370))
    backing = by_name["figure", "virt.flash1 smallest backing"]
    assert (backing.a, backing.b) == ("768 KiB", "1.25 MiB")
    assert ("variable", "MTC", "1", "2") in {(row.what, row.name, row.a, row.b) for row in contents}
    rows = PairRows(figures)
    rows.lay_out(79)
    assert sum(column.width + 1 for column in rows.columns) <= 80


def test_a_run_that_cannot_be_read_raises() -> None:
    run = Run([open_trace(str(FIRST_BOOT))], Options(extents={"no.such": 4096}))
    with pytest.raises(UsageError):
        load_difference(run, run, Progress())


def test_places_are_found_in_either_run() -> None:
    rows = side_by_side()
    session = samples()
    padded = rows.row_of_place(0, parse_place("#4370"), 1)
    assert rows.event(padded, 1) == (0, 4370)
    assert rows.row_of_place(0, parse_place("1M"), 0) == padded
    assert rows.row_of_place(padded, parse_place("block:4"), 0) != padded  # the next one in that block
    assert rows.row_of_place(0, parse_place("100%"), 0) == len(rows) - 1
    start = session.a.starts[0]
    assert start is not None
    late = rows.row_of_place(0, parse_place("t=1s"), 0)
    times = session.a.audit.operations["time_ns"]
    assert rows.operation(late, 0) == (times - start >= 1_000_000_000).arg_max()
    last = rows.row_of_place(0, parse_place("t=1000s"), 0)
    assert rows.operation(last, 0) == len(times) - 1


@pytest.mark.parametrize(
    ("place", "side", "words"),
    [("#99999", 1, "no event 99,999 in B, which has events 0 to 4,382"), ("63M", 0, "no row touches 0x3f00000")],
)
def test_places_that_are_not_there(place: str, side: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        side_by_side().row_of_place(0, parse_place(place), side)


def test_a_place_of_no_row_is_an_error() -> None:
    rows = side_by_side()
    rows.narrow(0, only=False, query="offset == 60M")
    assert len(rows) == 0
    with pytest.raises(UsageError, match="no rows to go to"):
        rows.row_of_place(0, parse_place("50%"), 0)


def test_the_frame_has_what_is_shown_with_the_columns_of_both_runs() -> None:
    rows = side_by_side()
    rows.narrow(0, only=True, query="")
    frame = rows.frame()
    assert len(frame) == len(rows)
    assert {*frame["change"].unique()} <= {*CHANGE_NAMES} - {"same"}
    for at in (0, len(rows) // 2, len(rows) - 1):
        for side in (0, 1):
            number = rows.operation(at, side)
            own = frame.row(at, named=True)
            seq = None if number is None else rows.tables[side].operations["first_seq"][number]
            assert own["first_seq_" + "ab"[side]] == seq


def test_times_are_those_since_the_first_event_of_each_run() -> None:
    rows = side_by_side()
    rows.lay_out(199)
    places = [column.id for column in rows.columns]
    cells = rows.lines(0, 1)[0]
    for side, name in enumerate("ab"):
        number, session = rows.operation(0, side), rows.tables[side].session
        assert number is not None
        elapsed = rows.tables[side].operations["time_ns"][number] - session.starts[0]
        assert cells[places.index(f"time-{name}")].text == f"{elapsed / 1e9:.6f}"

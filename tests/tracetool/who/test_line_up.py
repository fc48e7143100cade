"""Rows of the plugin's log and bus accesses of the trace, one beside the other."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracetool.who.captures import callers_of
from tracetool.who.line_up import Accesses, find_base, line_up

Access = tuple[str, int, int]


def accesses(given_accesses: list[Access]) -> Accesses:
    store, offset, size = zip(*given_accesses, strict=True) if given_accesses else ((), (), ())
    return Accesses(
        np.array([kind == "w" for kind in store], bool), np.array(offset, np.int64), np.array(size, np.int64)
    )


@pytest.mark.parametrize(
    ("log", "trace", "devices"),
    [
        ("who.log.zst", "trace.log.zst", 8973),
        ("smm-who.log.zst", "smm-trace.log.zst", 31_537),
        ("widths-aarch64-who.log", "widths-aarch64-trace.log", 68),
        ("widths-x86-who.log", "widths-x86-trace.log", 54),
    ],
)
def test_every_access_of_a_recorded_run_has_its_row(log: str, trace: str, devices: int) -> None:
    found = callers_of(log, trace).attributed
    assert (found.accesses, found.matched, found.rows_over, found.contradictions) == (devices, devices, 0, 0)
    assert not found.rows["chain"].null_count()


@pytest.mark.parametrize(
    ("rows", "events", "expected"),
    [
        ([("w", 0, 8)], [("w", 0, 4), ("w", 4, 4)], [0, 0]),
        ([("w", 0, 8), ("w", 8, 8)], [("w", 0, 4), ("w", 4, 4), ("w", 8, 4), ("w", 12, 4)], [0, 0, 1, 1]),
        ([("w", 0, 16)], [("w", 0, 4), ("w", 4, 4), ("w", 8, 4), ("w", 12, 4)], [0, 0, 0, 0]),
        ([("w", 1, 2)], [("w", 1, 1), ("w", 2, 1)], [0, 0]),
        ([("r", 1, 2)], [("r", 0, 2), ("r", 2, 2)], [0, 0]),
        ([("r", 0x31, 8)], [("r", 0x30, 4), ("r", 0x34, 4), ("r", 0x38, 4), ("r", 0x3C, 4)], [0, 0, 0, 0]),
        ([("r", 0, 4), ("w", 0, 4)], [("r", 0, 4), ("w", 0, 4)], [0, 1]),
        ([("w", 0, 4), ("w", 0, 4)], [("w", 0, 4), ("w", 0, 4)], [0, 1]),
        # A fetch of an instruction is no load: an access without a row.
        ([("w", 0, 4), ("w", 8, 4)], [("w", 0, 4), ("r", 64, 4), ("w", 8, 4)], [0, -1, 1]),
        # What the flash's memory answers is no access of the device: a row over.
        ([("w", 0, 4), ("r", 64, 4), ("w", 8, 4)], [("w", 0, 4), ("w", 8, 4)], [0, 2]),
        ([], [("w", 0, 4)], [-1]),
        ([("w", 0, 4)], [], []),
    ],
)
def test_a_row_takes_the_accesses_that_are_its_own(
    rows: list[Access], events: list[Access], expected: list[int]
) -> None:
    found = line_up(accesses(events), accesses(rows))
    assert found.row.tolist() == expected
    assert found.rows_over == len(rows) - len(set(expected) - {-1})
    assert int(found.missed.sum()) == expected.count(-1)


ONE = st.tuples(st.sampled_from("rw"), st.integers(0, 3).map(lambda word: 4 * word), st.sampled_from([4, 8]))


def bus(rows: list[Access]) -> tuple[list[Access], list[int]]:
    """The bus accesses of rows, at most 4 bytes each, and the row of each."""
    pieces = [
        (row, (kind, at, 4)) for row, (kind, start, size) in enumerate(rows) for at in range(start, start + size, 4)
    ]
    return [access for _, access in pieces], [row for row, _ in pieces]


@given(st.lists(ONE, max_size=40), st.data())
def test_whatever_is_missing_nothing_is_attributed_wrongly(rows: list[Access], data: st.DataObject) -> None:
    """Rows that the log lost, or else accesses that the trace lost: a pair that is found is the true one."""
    rows = [(kind, start - start % size, size) for kind, start, size in rows]
    events, truth = bus(rows)
    kept = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    number = np.cumsum(kept) - 1
    found = line_up(accesses(events), accesses([row for row, there in zip(rows, kept, strict=True) if there]))
    for row, true in zip(found.row.tolist(), truth, strict=True):
        assert row in (-1, number[true] if kept[true] else -1)
    left = [(event, true) for event, true in zip(events, truth, strict=True) if kept[true]]
    found = line_up(accesses([event for event, _ in left]), accesses(rows))
    for row, (_, true) in zip(found.row.tolist(), left, strict=True):
        assert row in (-1, true)
    assert found.ambiguous + int((found.row >= 0).sum()) + int(found.missed.sum()) == len(left)


def test_one_of_several_equal_rows_is_ambiguous_unless_they_are_of_one_code() -> None:
    polls = [("r", 0, 4)] * 3
    events, rows = accesses([("w", 0, 4), *polls, ("w", 8, 4)]), accesses([("w", 0, 4), *polls[1:], ("w", 8, 4)])
    found = line_up(events, rows)
    assert (found.row.tolist(), found.ambiguous) == ([0, -1, -1, -1, 3], 3)
    assert not found.missed.any()
    found = line_up(rows, events, np.array([0, 1, 1, 1, 2]))
    assert (found.row.tolist(), found.ambiguous, found.rows_over) == ([0, 1, 2, 4], 0, 1)
    found = line_up(rows, events, np.array([0, 1, 1, 2, 3]))
    assert (found.row.tolist(), found.ambiguous) == ([0, 1, -1, 4], 1)


@given(st.lists(ONE, min_size=1, max_size=40), st.integers(0, 1 << 32))
def test_two_that_have_nothing_in_common_end(rows: list[Access], seed: int) -> None:
    chosen = np.random.default_rng(seed)
    rows = [(kind, start - start % size, size) for kind, start, size in rows]
    other = [("rw"[chosen.integers(2)], int(chosen.integers(8)) * 4, 4) for _ in range(chosen.integers(60))]
    found = line_up(accesses(other), accesses(rows))
    matched = [(other[event], rows[row]) for event, row in enumerate(found.row.tolist()) if row >= 0]
    assert all(event[0] == row[0] and row[1] <= event[1] < row[1] + row[2] for event, row in matched)


@pytest.mark.slow
def test_rows_of_another_run_are_given_up_soon() -> None:
    rows = Accesses(np.ones(10**5, bool), np.arange(10**5) * 4 % 8192, np.full(10**5, 4))
    events = Accesses(np.ones(10**5, bool), np.arange(10**5) * 12 % 8188, np.full(10**5, 4))
    found = line_up(events, rows)
    assert found.stores_over > 90_000


def test_a_log_of_another_run_fits_nowhere() -> None:
    callers = callers_of("smm-who.log.zst", "trace.log.zst")
    found = callers.attributed
    assert found.rows.filter(pl.col("chain").is_not_null()).is_empty()
    assert found.rows_over == callers.log.accesses.height
    assert found.foreign


def test_the_base_is_what_most_pairs_say() -> None:
    rows = accesses([("w", 0x4000000 + offset, 4) for offset in (0, 4, 8)])
    assert find_base(accesses([("w", 0, 4), ("w", 4, 4), ("w", 8, 4)]), rows) == 0x4000000
    assert find_base(accesses([]), rows) is None

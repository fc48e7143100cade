"""Rows of the plugin's log and bus accesses of the trace, one beside the other."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.captures import capture_path
from tests.tracetool.who.captures import recorded
from tracetool.ingest import open_trace
from tracetool.who.attribution import attribute
from tracetool.who.line_up import Accesses, find_base, line_up
from tracetool.who.log import read_who_log

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
    events = open_trace(str(capture_path(f"aavmf-who/{trace}"))).chunks()
    found = attribute(events, read_who_log(recorded(log)))
    assert (found.events, found.events_over, found.rows_over) == (devices, 0, 0)
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
    assert found.events_over == expected.count(-1)


ONE = st.tuples(st.sampled_from("rw"), st.integers(0, 63).map(lambda word: 4 * word), st.just(4))


@given(st.lists(ONE, min_size=2, max_size=60), st.data())
def test_of_two_runs_that_differ_in_one_access_the_others_fit(both: list[Access], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(both) - 1))
    found = line_up(accesses(both[:cut] + both[cut + 1 :]), accesses(both))
    assert (found.events_over, found.rows_over) == (0, 1)
    taken = [both[row] for row in found.row.tolist()]
    assert taken == both[:cut] + both[cut + 1 :]
    found = line_up(accesses(both), accesses(both[:cut] + both[cut + 1 :]))
    assert (found.events_over, found.rows_over) == (1, 0)


def test_a_log_of_another_run_fits_nowhere() -> None:
    log = read_who_log(recorded("smm-who.log.zst"))
    events = open_trace(str(capture_path("aavmf-who/trace.log.zst"))).chunks()
    found = attribute(events, log)
    assert found.rows.filter(pl.col("chain").is_not_null()).is_empty()
    assert found.rows_over == log.accesses.height


def test_the_base_is_what_most_pairs_say() -> None:
    rows = accesses([("w", 0x4000000 + offset, 4) for offset in (0, 4, 8)])
    assert find_base(accesses([("w", 0, 4), ("w", 4, 4), ("w", 8, 4)]), rows) == 0x4000000
    assert find_base(accesses([]), rows) is None

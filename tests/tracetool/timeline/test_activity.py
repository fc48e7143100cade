from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from replay.columns import OpKind
from tests.tracetool.logs import log
from tests.tracetool.traces import audited
from tracetool.timeline.activity import ACTIVITY_SCHEMA, BINS, Activity
from tracetool.timeline.sums import NO_TIME, Sums

DEVICE = "virt.flash1"
KIND_CODES = [int(OpKind.ERASE), int(OpKind.PROGRAM), int(OpKind.STATUS)]

rows = st.lists(
    st.tuples(
        st.sampled_from(KIND_CODES),
        st.integers(0, 1 << 24),
        st.one_of(st.just(NO_TIME), st.integers(0, 1 << 50)),
    ),
    min_size=1,
    max_size=60,
)


def sums(part: list[tuple[int, int, int]]) -> Sums:
    """Operations that have ended, as far as this is about them."""
    return Sums(dict(zip(("kind", "first_seq", "time_ns"), np.array(part, np.int64).T, strict=True)), 0)


def added(*parts: list[tuple[int, int, int]]) -> pl.DataFrame:
    activity = Activity()
    for part in filter(None, parts):
        activity.add(sums(part))
    return activity.table(DEVICE)


@given(rows, st.lists(st.integers(0, 60), max_size=4))
def test_chunks_do_not_matter(part: list[tuple[int, int, int]], cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(part)]
    assert_frame_equal(added(*(part[start:end] for start, end in pairwise(ends))), added(part))


@given(rows)
def test_every_operation_is_counted_once_in_a_bin_of_its_own(part: list[tuple[int, int, int]]) -> None:
    table = added(part)
    assert table["operations"].sum() == len(part)
    assert table["length"].n_unique() == 1
    assert table["start"].n_unique() <= BINS
    assert table.select("start", "kind").is_unique().all()
    assert table.schema == ACTIVITY_SCHEMA


def test_a_trace_without_times_counts_its_events() -> None:
    trace = log(DEVICE).reset().program(0, 1).read_array().erase(0).read_array().text
    table = audited(trace)[DEVICE].activity
    assert table["unit"].unique().to_list() == ["event"]
    assert table["length"].to_list() == [1] * len(table)
    assert table.filter(pl.col("kind") == "program")["start"].to_list() == [1]


def test_boots_stand_one_after_another() -> None:
    boot = log(DEVICE).reset().program(0, 1).read_array().text
    table = audited(boot, boot, boot)[DEVICE].activity
    assert table.filter(pl.col("kind") == "program")["trace"].to_list() == [0, 1, 2]


def test_a_clock_that_is_set_back_stays_at_the_beginning() -> None:
    part = [(KIND_CODES[0], 0, 1000), (KIND_CODES[0], 1, 900), (KIND_CODES[0], 2, 1001)]
    assert added(part).select("start", "operations").rows() == [(1000, 2), (1001, 1)]


def test_a_long_trace_takes_no_more_bins() -> None:
    activity = Activity()
    for start in range(0, 1 << 22, 1 << 20):
        activity.add(sums([(KIND_CODES[1], seq, NO_TIME) for seq in range(start, start + (1 << 20), 4096)]))
    table = activity.table(DEVICE)
    assert (len(table), table["length"].unique().to_list()) == (BINS, [(1 << 22) // BINS])

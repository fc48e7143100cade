from __future__ import annotations

import polars as pl
import pytest

from tests.captures import capture_path
from tests.tracetool.viewmodel.samples import OUTSIDE, both, finished, first_boot, job, padding
from tracetool.timeline.operations import WRITING
from tracetool.viewmodel.chips import range_chip
from tracetool.viewmodel.filters import Chip, Filter, passing
from tracetool.viewmodel.passing import what_passes
from tracetool.viewmodel.tables import Tables
from tracetool.viewmodel.time_lane import Row, TimeLane, Window


@pytest.mark.parametrize("width", [1, 7, 80, 500])
def test_every_operation_is_in_one_column_and_a_range_selects_those_of_its_columns(width: int) -> None:
    tables = Tables(first_boot())
    lane = TimeLane(tables)
    counts = lane.counts(Row.ERASES, lane.whole, width) + lane.counts(Row.PROGRAMS, lane.whole, width)
    assert counts.sum() == len(tables.select_operations(pl.col("kind").is_in(WRITING)))
    edges = lane.whole.edges(width)
    first, last = int(edges[0]), int(edges[width // 2 or 1])
    found = passing(tables, Filter((Chip(lane.query(first, last)), Chip("op == erase", "kind"))))
    assert found is not None
    assert len(found) == lane.counts(Row.ERASES, Window(first, last), 1).sum()


def test_the_selected_event_has_a_place_and_words() -> None:
    lane = TimeLane(Tables(padding()))
    position = lane.position(0, OUTSIDE)
    assert position is not None
    assert lane.words(position) == "14.643204 s"
    assert lane.event_at(position, backward=True) == (0, OUTSIDE)
    assert lane.event_at(0) == (0, 90)
    assert lane.event_at(1 << 60) == (0, OUTSIDE)


def test_traces_follow_one_another_on_one_axis() -> None:
    lane = TimeLane(Tables(both()))
    one, two = lane.position(0, 100), lane.position(1, 100)
    assert one is not None
    assert two is not None
    assert one < lane.bases[1] < two
    assert lane.words(two).startswith("trace 1, ")
    query = lane.query(one, two)
    assert query.startswith("(trace == 0 and t in ")
    assert " or (trace == 1 and t in 0s..0." in query
    found = passing(lane._tables, Filter((Chip(query),)))  # noqa: SLF001
    assert found is not None
    assert len(found) > 0


def test_windows_keep_a_place_and_stay_on_the_axis() -> None:
    lane = TimeLane(Tables(padding()))
    about = lane.whole.end // 3
    closer = lane.zoomed(lane.whole, about, 0.25)
    assert closer.span == lane.whole.span // 4
    assert closer.column(about, 90) in (29, 30)
    assert lane.zoomed(closer, about, 100) == lane.whole
    assert lane.holding(closer, lane.whole.end - 1).end == lane.whole.end


def test_what_the_filter_hides_is_not_counted() -> None:
    tables = Tables(padding())
    lane = TimeLane(tables, what_passes(tables, Filter((Chip("op == erase"),))))
    assert (lane.counts(Row.ERASES, lane.whole, 1).sum(), lane.counts(Row.PROGRAMS, lane.whole, 1).sum()) == (2, 0)
    assert [burst.span for burst in lane.bursts(lane.whole)] == [1, 1]


@pytest.mark.slow
def test_the_nine_updates_of_the_reclaim_capture_are_nine_bursts() -> None:
    lane = TimeLane(Tables(finished(job(capture_path("aavmf-reclaim/trace.log.zst")))))
    bursts = lane.bursts(lane.whole)
    assert [round(burst.start / 1e9, 1) for burst in bursts] == [0.4, 13.0, 17.0, 20.2, 23.4, 27.7, 32.1, 35.8, 38.8]


def test_ranges_are_typed_as_times_or_bytes() -> None:
    assert range_chip("1.2s..1.5s") == Chip("t in 1.2s..1.5s", "time")
    assert range_chip(" 0x100000..0x100080") == Chip("touches 0x100000..0x100080", "bytes")
    assert range_chip("5s..1s") is None
    assert range_chip("0x40000") is None

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.tracetool.viewmodel.samples import both, first_boot, padding
from tracetool.timeline.query import OPERATIONS, parse
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.block_times import METRICS, TimeAxis, draw_times
from tracetool.viewmodel.flash_map import Room, Shape
from tracetool.viewmodel.heatmap import draw, subjects

ROOM = Room(70, 40, Shape(1, 2))


@pytest.mark.parametrize("by_time", [True, False])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.first_quick
def test_over_all_of_the_time_it_counts_what_the_map_counts(metric: Metric, by_time: bool) -> None:
    for session in (padding(), first_boot(), both()):
        subject = subjects(session)[0]
        picture = draw_times(subject, 16 << 10, metric, ROOM, by_time=by_time)
        whole = draw(subject, picture.cells.cell_bytes, metric, Room(64, 0, Shape(64))).heat
        shown = picture.index >= 0
        assert picture.values.sum(axis=1).tolist() == whole.values[shown].tolist()
        assert not whole.values[~shown].any()
        assert picture.values.shape == (shown.sum(), 70)


@pytest.mark.parametrize("by_time", [True, False])
@pytest.mark.parametrize("several", [True, False])
def test_the_query_of_columns_selects_what_stands_in_them(several: bool, by_time: bool) -> None:
    session = both() if several else padding()
    subject = subjects(session)[0]
    axis = TimeAxis(subject, 23, by_time=by_time)
    for first, last in ((0, 0), (3, 3), (5, 9), (22, 22), (0, 22)):
        query = parse(axis.query(first, last), OPERATIONS)
        chosen = subject.operations.select(query.expression(session.starts).alias("chosen"))["chosen"].to_numpy()
        expected = (axis.column >= first) & (axis.column <= last)
        assert np.array_equal(chosen, expected), axis.query(first, last)
        low, high = axis.between(first, last)
        assert len(subject.between(low, high).operations) == expected.sum()


def test_a_trace_without_times_is_laid_out_by_its_operations() -> None:
    subject = subjects(padding())[0]
    untimed = type(subject)(
        subject.device,
        subject.region_bytes,
        subject.block_bytes,
        subject.extent_bytes,
        subject.operations.with_columns(pl.lit(None, pl.Int64).alias("time_ns")),
    )
    axis = TimeAxis(untimed, 10)
    assert not axis.has_times
    assert axis.label(0) == "#6"
    assert axis.words(0, 9).startswith("events 6 to ")
    assert np.bincount(axis.column).max() - np.bincount(axis.column).min() <= 1


def test_a_device_without_operations_is_an_empty_picture() -> None:
    subject = subjects(padding())[0].between(0, 0)
    picture = draw_times(subject, 4096, Metric.LAST, ROOM, by_time=True)
    assert picture.metric == Metric.PROGRAMS
    assert not picture.values.any()
    assert picture.within((0, 69)).operations.is_empty()
    assert picture.axis.label(3)


def test_labels_of_short_columns_differ() -> None:
    flash0 = next(subject for subject in subjects(first_boot()) if subject.device == "virt.flash0")
    for subject in (flash0, subjects(first_boot())[0]):
        axis = TimeAxis(subject, 70)
        assert len({axis.label(column) for column in range(0, 70, 14)}) == 5


def test_an_event_is_in_the_column_of_its_operation_even_if_that_has_no_length() -> None:
    subject = subjects(padding())[0]
    unsized = type(subject)(
        subject.device,
        subject.region_bytes,
        subject.block_bytes,
        subject.extent_bytes,
        subject.operations.with_columns(pl.lit(None, pl.Int64).alias("length")),
    )
    for chosen, length in ((subject, 4), (unsized, 1)):
        axis = TimeAxis(chosen, 40)
        place = axis.order.tolist().index(4368)  # the program at 1 MiB, of 4 bytes
        assert axis.column_of((0, 4370), 1 << 20, (1 << 20) + 1) == axis.column[place]
        assert axis.column_of((0, 4370), (1 << 20) + length, 2 << 20) is None
        assert axis.column_of((0, 4370), 0, 1 << 20) is None
        assert axis.column_of((1, 4370), 1 << 20, 2 << 20) is None

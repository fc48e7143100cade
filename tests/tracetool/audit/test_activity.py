from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest

from tests.tracetool.report.cases import CASES, DEVICE
from tracetool.analysis.tolls import Toll
from tracetool.audit.activity import Bin, Group, TraceActivity, activity, with_outside
from tracetool.bundled import sample
from tracetool.images import load_image
from tracetool.uefi.varstore import find_variable_store


@pytest.mark.parametrize("name", CASES)
@pytest.mark.first_quick
def test_every_operation_is_in_one_bin_of_one_lane(name: str) -> None:
    audit = CASES[name]()
    for device in audit.devices:
        charts = activity(device, audit)
        assert sum(lane.total for chart in charts for lane in chart.lanes) == device.activity["operations"].sum()
        for chart in charts:
            assert all(lane.bins and lane.most <= lane.total for lane in chart.lanes)
            for lane in chart.lanes:
                assert all(chart.start <= found.start < found.end <= chart.end for found in lane.bins)


def test_devices_of_a_trace_share_its_axis() -> None:
    audit = CASES["padding"]()
    axes = {(chart.start, chart.end) for device in audit.devices for chart in activity(device, audit)}
    assert len(axes) == 1


def test_operations_beyond_the_extent_are_a_lane_where_there_are_any() -> None:
    empty = TraceActivity(0, timed=False, start=0, end=10, width=1, lanes=())
    assert with_outside(empty, []) == empty
    (lane,) = with_outside(empty, [7, 3, 7]).lanes
    assert lane == (Group.OUTSIDE, (Bin(3, 4, 1), Bin(7, 8, 2)))


def store_chart(name: str) -> TraceActivity:
    audit = CASES[name]()
    device = next(device for device in audit.devices if device.name == DEVICE)
    (chart,) = activity(device, audit)
    return chart


@pytest.mark.slow
def test_the_dangers_are_the_worst_of_each_stretch() -> None:
    audit, chart = CASES["power cuts"](), store_chart("power cuts")
    survey = next(device.cuts for device in audit.devices if device.name == DEVICE)
    assert survey is not None
    assert chart.timed
    assert chart.dangers is not None
    order = list(Toll)
    for row in survey.tolls.filter(pl.col("toll").is_not_null()).iter_rows(named=True):
        (found,) = [found for found in chart.dangers if found.start <= row["time_ns"] < found.end]
        assert order.index(found.toll) <= order.index(Toll(row["toll"]))
    assert {found.toll for found in chart.dangers} >= {Toll.NO_START, Toll.ALL}
    ends = [chart.start, *(end for found in chart.dangers for end in found[:2]), chart.end]
    assert ends == sorted(ends)


def test_no_danger_is_known_where_no_power_was_cut() -> None:
    chart = store_chart("within")
    assert chart.dangers is None
    assert chart.rooms == ()


def test_free_space_falls_from_variable_to_variable_to_that_of_the_image() -> None:
    chart = store_chart("power cuts")
    after = find_variable_store(load_image(sample("aavmf-first-boot/flash1-after.fd.zst"), limit=64 << 20))
    assert after is not None
    assert chart.rooms[-1].free_bytes == after.free_bytes
    free = [room.free_bytes for room in chart.rooms]
    assert free == sorted(free, reverse=True)
    assert len(set(free)) > 10
    assert all(before.end == room.start for before, room in pairwise(chart.rooms))
    assert chart.rooms[-1].end == chart.end

from __future__ import annotations

import pytest

from tests.tracetool.report.cases import CASES
from tracetool.audit.activity import Bin, Group, TraceActivity, activity, with_outside


@pytest.mark.parametrize("name", CASES)
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

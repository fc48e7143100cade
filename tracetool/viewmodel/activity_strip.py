"""Activity over time as rows of characters, from the lanes that the reports draw."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tracetool.report.activity_chart import LANE, LEFT, NARROWEST, PLOT, Bar, Lane

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracetool.report.activity_chart import ActivityChart

__all__ = ["LEVELS", "OUTSIDE", "draw_axis", "draw_lane", "with_outside"]

OUTSIDE = "outside"
"""The kind of the lane of operations beyond the extent."""

LEVELS = " ▁▂▃▄▅▆▇█"
"""Characters by how much was done; the first is for nothing."""


def with_outside(chart: ActivityChart, positions: Iterable[int]) -> ActivityChart:
    """The chart with a lane of operations beyond the extent, where there are any, at positions of its axis."""
    places = Counter(chart.x(position) for position in positions)
    if not places:
        return chart
    bars = tuple(Bar(x, NARROWEST, LANE, "") for x in sorted(places))
    lane = Lane(OUTSIDE, OUTSIDE, places.total(), "", bars)
    return replace(chart, lanes=(*chart.lanes, lane))


def draw_lane(lane: Lane, width: int) -> str:
    """A lane in `width` characters; each shows the busiest moment in it, against the busiest of the lane.

    Operations beyond the extent are marked, however many there are.
    """
    heights = [0.0] * width
    for bar in lane.bars:
        first = int((bar.x - LEFT) * width / PLOT)
        last = max(first + 1, round((bar.x + bar.width - LEFT) * width / PLOT))
        for at in range(min(first, width - 1), min(last, width)):
            heights[at] = max(heights[at], bar.height)
    if lane.kind == OUTSIDE:
        return "".join("✖" if height else " " for height in heights)
    top = len(LEVELS) - 1
    return "".join(LEVELS[min(-int(-height * top // LANE), top)] for height in heights)


def draw_axis(chart: ActivityChart, width: int) -> str:
    """The ticks of a chart under a lane of `width` characters; those that would touch the one before are left out."""
    line = ""
    for x, label in chart.ticks:
        at = round((x - LEFT) * width / PLOT)
        if at + len(label) <= width and (not line or at > len(line) + 1):
            line = line.ljust(at) + label
    return line

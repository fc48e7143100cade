"""Activity as SVG: pixels of bars and ticks on a canvas 1,000 wide."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tracetool.audit.activity import Group
from tracetool.report.activity import axis_words, bin_words, description, most_words, ticks

if TYPE_CHECKING:
    from tracetool.audit import Audit
    from tracetool.audit.activity import Lane, TraceActivity

__all__ = ["LEFT", "PLOT", "ActivityDrawing", "draw_activity"]

LEFT, PLOT, LANE = 130, 760, 40
"""Width of the labels and of the plot, height of a lane."""

SHORTEST, NARROWEST = 1.5, 1.0

_CLASSES = {Group.ERASES: "erase", Group.PROGRAMS: "program", Group.OTHER: "other"}


class DrawnBar(NamedTuple):
    """Bar of a bin."""

    x: float
    width: float
    height: float
    title: str


class DrawnLane(NamedTuple):
    """Lane of bars; `kind` is a class of the style sheet."""

    label: str
    kind: str
    total: int
    most: str
    bars: list[DrawnBar]


class ActivityDrawing(NamedTuple):
    """Drawing of one trace; a tick is its x and its label."""

    trace: str
    lanes: list[DrawnLane]
    ticks: list[tuple[float, str]]
    axis: str
    description: str


def draw_activity(chart: TraceActivity, audit: Audit) -> ActivityDrawing:
    """Draw the activity of a device in one trace."""
    return ActivityDrawing(
        trace=f"Trace {chart.trace}: {audit.traces[chart.trace].meta.name}",
        lanes=[_lane(chart, lane) for lane in chart.lanes],
        ticks=[(_x(chart, position), label) for position, label in ticks(chart)],
        axis=axis_words(chart),
        description=description(chart),
    )


def _x(chart: TraceActivity, position: int) -> float:
    return round(LEFT + PLOT * (position - chart.start) / chart.span, 2)


def _lane(chart: TraceActivity, lane: Lane) -> DrawnLane:
    bars = [
        DrawnBar(
            x=(x := _x(chart, found.start)),
            width=round(max(_x(chart, found.end) - x - 0.5, NARROWEST), 2),
            height=round(max((LANE - 4) * found.operations / lane.most, SHORTEST), 2),
            title=bin_words(chart, lane, found),
        )
        for found in lane.bins
    ]
    return DrawnLane(lane.group, _CLASSES[lane.group], lane.total, most_words(chart, lane), bars)

"""Pixels of activity as SVG, on a canvas 1,000 wide; the template draws with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.analysis.tolls import Toll
from tracetool.audit.activity import Group

if TYPE_CHECKING:
    from tracetool.audit.activity import Bin, Danger, Lane, Room, TraceActivity

__all__ = ["CLASSES", "LEFT", "PLOT", "bar_height", "bar_width", "room_height", "toll_class", "toll_height", "x"]

LEFT, PLOT, LANE = 130, 760, 40
"""Width of the labels and of the plot, height of a lane."""

SHORTEST, NARROWEST = 1.5, 1.0

CLASSES = {Group.ERASES: "erase", Group.PROGRAMS: "program", Group.OTHER: "other"}
"""Class of the style sheet, by group."""


def x(chart: TraceActivity, position: int) -> float:
    """Where a position is on the canvas."""
    return round(LEFT + PLOT * (position - chart.start) / chart.span, 2)


def bar_width(chart: TraceActivity, found: Bin | Danger | Room) -> float:
    """Width of a bin, with a gap to the next."""
    return round(max(x(chart, found.end) - x(chart, found.start) - 0.5, NARROWEST), 2)


def bar_height(lane: Lane, found: Bin) -> float:
    """Height of a bin, against the fullest of its lane."""
    return round(max((LANE - 4) * found.operations / lane.most, SHORTEST), 2)


def toll_class(toll: Toll) -> str:
    """Class of the style sheet of a toll."""
    return f"toll-{toll}"


def toll_height(toll: Toll) -> float:
    """Height of a toll in its lane: the worse, the higher, so that it does without colours."""
    tolls = list(Toll)
    return round((LANE - 4) * (len(tolls) - tolls.index(toll)) / len(tolls), 2)


def room_height(room: Room) -> float:
    """Height of free space, against the whole store."""
    return round((LANE - 4) * room.free_bytes / max(room.store_bytes, 1), 2)

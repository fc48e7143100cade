"""Phrases of an activity chart: its axis, ticks and bins, whichever face draws it."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

from tracetool.findings import RULES
from tracetool.findings.phrases import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.audit.activity import Bin, Danger, Group, Lane, Room, TraceActivity

__all__ = ["axis_words", "bin_words", "danger_words", "description", "most_words", "room_words", "rooms_words", "ticks"]

TICKS = 5
NANOSECONDS = 1_000_000_000


def axis_words(chart: TraceActivity) -> str:
    """Say what the axis counts."""
    return "seconds since the trace began" if chart.timed else "number of the event"


def description(chart: TraceActivity) -> str:
    """Describe the chart in a sentence."""
    totals = ", ".join(_amount(lane.total, lane.group) for lane in chart.lanes)
    return f"{totals}, over {_range(chart, chart.start, chart.end)}."


def bin_words(chart: TraceActivity, lane: Lane, found: Bin) -> str:
    """Say how much a bin holds, and of when."""
    return f"{_amount(found.operations, lane.group)}, {_range(chart, found.start, found.end)}"


def danger_words(chart: TraceActivity, found: Danger) -> str:
    """Say what the worst power cut of a stretch costs."""
    return f"{RULES[found.toll.rule].title}, {_range(chart, found.start, found.end)}"


def room_words(chart: TraceActivity, room: Room) -> str:
    """Say how much of the store is free, and when."""
    return f"{room.free_bytes:,} of {room.store_bytes:,} B free, {_range(chart, room.start, room.end)}"


def rooms_words(chart: TraceActivity) -> str:
    """Say how much of the store was free, and is at the end."""
    first, last = chart.rooms[0], chart.rooms[-1]
    return f"{last.free_bytes:,} B" if first == last else f"{first.free_bytes:,} to {last.free_bytes:,} B"


def most_words(chart: TraceActivity, lane: Lane) -> str:
    """Say how much the fullest bin holds, and how wide it is."""
    return f"{lane.most:,} in {_width(chart)}"


def ticks(chart: TraceActivity) -> Iterator[tuple[int, str]]:
    """Positions to mark on the axis, with their labels."""
    step = max(_round(chart.span / TICKS), 1)
    for position in range(chart.start, chart.start + chart.span + 1, step):
        yield position, _position(chart, position, step)


def _amount(count: int, group: Group) -> str:
    return count_of(count, group.removesuffix("s"), group)


def _range(chart: TraceActivity, start: int, end: int) -> str:
    if chart.timed:
        width = max(end - start, 1)
        return f"{_position(chart, start, width)} s to {_position(chart, end, width)} s"
    return f"events {start:,} to {end - 1:,}"


def _width(chart: TraceActivity) -> str:
    if not chart.timed:
        return count_of(chart.width, "event")
    for unit, size in (("s", NANOSECONDS), ("ms", 1_000_000), ("µs", 1_000)):
        if chart.width >= size // 10:
            return f"{chart.width / size:.2g} {unit}"
    return f"{chart.width} ns"


def _position(chart: TraceActivity, position: int, step: int) -> str:
    """Format a position with as many decimals as a step needs."""
    if not chart.timed:
        return f"{position:,}"
    places = min(max(-floor(log10(step / NANOSECONDS)), 0), 9)
    return f"{(position - chart.start) / NANOSECONDS:,.{places}f}"


def _round(step: float) -> int:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = 10 ** floor(log10(max(step, 1)))
    return int(next(power * digit for digit in (1, 2, 5, 10) if power * digit >= step or digit == 10))  # noqa: PLR2004

"""Activity of a device in a trace: lanes of bins in positions and counts. Faces turn them into pixels or characters."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import polars as pl

from tracetool.analysis.cut_ribbon import CutRibbon

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tracetool.analysis.tolls import Toll
    from tracetool.audit.result import Audit, DeviceAudit

__all__ = ["Bin", "Danger", "Group", "Lane", "Room", "TraceActivity", "activity", "activity_of", "with_outside"]

T = TypeVar("T")

_MOMENTS = 256
"""Stretches of a trace, of which each has its worst power cut and its free space."""


class Group(StrEnum):
    """Operations that share a lane."""

    ERASES = "erases"
    PROGRAMS = "programs"
    OTHER = "other commands"
    OUTSIDE = "outside"
    """Operations of any kind beyond the extent."""


_GROUPS = {"erase": Group.ERASES, "program": Group.PROGRAMS, "buffered-program": Group.PROGRAMS}
"""Group by kind of operation; all other kinds are in `OTHER`."""


class Bin(NamedTuple):
    """Operations from position `start` to `end` (exclusive)."""

    start: int
    end: int
    operations: int


class Lane(NamedTuple):
    """Bins of one group, by position; empty ones are left out."""

    group: Group
    bins: tuple[Bin, ...]

    @property
    def total(self) -> int:
        """Operations of all bins."""
        return sum(found.operations for found in self.bins)

    @property
    def most(self) -> int:
        """Operations of the fullest bin."""
        return max((found.operations for found in self.bins), default=0)


class Danger(NamedTuple):
    """What the worst power cut from position `start` to `end` (exclusive) costs."""

    start: int
    end: int
    toll: Toll


class Room(NamedTuple):
    """Free space of the UEFI variable store from position `start` to `end` (exclusive), of `store_bytes` in all."""

    start: int
    end: int
    free_bytes: int
    store_bytes: int


@dataclass(frozen=True)
class TraceActivity:
    """Activity of a device in trace number `trace`, on an axis that all devices of the trace share.

    Positions are times in ns where `timed`, else numbers of events; `end` is exclusive, `width` that of a bin.
    `dangers` is None where no power cut was tried, `rooms` empty where no variable store was followed.
    """

    trace: int
    timed: bool
    start: int
    end: int
    width: int
    lanes: tuple[Lane, ...]
    dangers: tuple[Danger, ...] | None = None
    rooms: tuple[Room, ...] = ()

    @property
    def span(self) -> int:
        """Positions of the axis, 1 at least."""
        return max(self.end - self.start, 1)


def activity(device: DeviceAudit, audit: Audit) -> list[TraceActivity]:
    """Compute the activity of a device in each trace in which it did anything."""
    every = pl.concat([other.activity for other in audit.devices])
    parts = device.activity.partition_by("trace", maintain_order=True)
    return [_with_store(_of_trace(part, every, audit), device) for part in parts]


def _of_trace(part: pl.DataFrame, every: pl.DataFrame, audit: Audit) -> TraceActivity:
    trace, unit, width = part.select("trace", "unit", "length").row(0)
    beside = every.filter((pl.col("trace") == trace) & (pl.col("unit") == unit))
    start, end = beside.select(pl.col("start").min(), end=(pl.col("start") + pl.col("length")).max()).row(0)
    began = audit.traces[trace].start_ns if unit == "ns" else 0
    start = start if began is None else min(began, start)
    return TraceActivity(trace, unit == "ns", start, end, width, _lanes(part, width))


def _with_store(chart: TraceActivity, device: DeviceAudit) -> TraceActivity:
    """Add what is known of the variable store."""
    dangers = None if device.cuts is None else tuple(_dangers(device.cuts.tolls, chart))
    return replace(chart, dangers=dangers, rooms=tuple(_rooms(device.free_space, chart)))


def _positions(frame: pl.DataFrame, chart: TraceActivity) -> list[int]:
    """Where the events of a frame are on the axis; one without a time is where the event before it is."""
    if not chart.timed:
        return frame["seq"].to_list()
    return frame["time_ns"].cum_max().forward_fill().fill_null(chart.start).to_list()


def _bounds(chart: TraceActivity) -> list[int]:
    """Where the stretches of the axis begin, and the last one ends."""
    return [chart.start + chart.span * at // _MOMENTS for at in range(_MOMENTS + 1)]


def _dangers(tolls: pl.DataFrame, chart: TraceActivity) -> Iterator[Danger]:
    """The worst toll of each stretch of the axis; stretches of equal tolls are one."""
    mine, bounds = tolls.filter(pl.col("trace") == chart.trace), _bounds(chart)
    ribbon = CutRibbon(mine)
    spans = ribbon.spans(_positions(mine, chart), bounds)
    for start, end, toll in _runs(ribbon.worst(spans, lasting=True), bounds):
        if toll is not None:
            yield Danger(start, end, toll)


def _rooms(free_space: pl.DataFrame, chart: TraceActivity) -> Iterator[Room]:
    """The free space at the end of each stretch of the axis; stretches with the same are one."""
    known = free_space.filter(pl.col("trace") <= chart.trace)
    mine = known.filter(pl.col("trace") == chart.trace, pl.col("seq") >= 0)
    before, bounds, positions = len(known) - len(mine), _bounds(chart), _positions(mine, chart)
    sizes = known.select("free_bytes", "store_bytes").rows()
    last = [before + bisect_left(positions, end) - 1 for end in bounds[1:]]
    for start, end, size in _runs([sizes[at] if at >= 0 else None for at in last], bounds):
        if size is not None:
            yield Room(start, end, *size)


def _runs(values: Iterable[T], bounds: Sequence[int]) -> Iterator[tuple[int, int, T]]:
    """Runs of equal values of stretches, each with its start and end."""
    at = 0
    for value, run in groupby(values):
        first, at = at, at + len(list(run))
        yield bounds[first], bounds[at], value


def _lanes(part: pl.DataFrame, width: int) -> tuple[Lane, ...]:
    """The lane of each group of operations that has any; `part` has columns start, kind and operations."""
    counts: dict[Group, Counter[int]] = {group: Counter() for group in Group}
    for start, kind, operations in part.select("start", pl.col("kind").cast(pl.String), "operations").iter_rows():
        counts[_GROUPS.get(kind, Group.OTHER)][start] += operations
    return tuple(
        Lane(group, tuple(Bin(start, start + width, count) for start, count in bins.items()))
        for group, bins in counts.items()
        if bins
    )


def activity_of(operations: pl.DataFrame, like: TraceActivity) -> TraceActivity:
    """The activity of some operations (`OPERATIONS_SCHEMA`) of one device and trace, in the bins of another chart."""
    unit = "time_ns" if like.timed else "first_seq"
    bins = ((pl.col(unit) - like.start) // like.width * like.width + like.start).alias("start")
    counted = operations.drop_nulls(unit).group_by(bins, "kind").agg(pl.len().alias("operations")).sort("start")
    return replace(like, lanes=_lanes(counted, like.width))


def with_outside(found: TraceActivity, positions: Iterable[int]) -> TraceActivity:
    """Add a lane of operations beyond the extent, at these positions; none where there are none."""
    counts = Counter(positions)
    bins = tuple(Bin(position, position + 1, count) for position, count in sorted(counts.items()))
    return replace(found, lanes=(*found.lanes, Lane(Group.OUTSIDE, bins))) if bins else found

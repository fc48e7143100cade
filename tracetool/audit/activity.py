"""Activity of a device in a trace: lanes of bins in positions and counts. Faces turn them into pixels or characters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracetool.audit.result import Audit, DeviceAudit

__all__ = ["Bin", "Group", "Lane", "TraceActivity", "activity", "with_outside"]


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


@dataclass(frozen=True)
class TraceActivity:
    """Activity of a device in trace number `trace`, on an axis that all devices of the trace share.

    Positions are times in ns where `timed`, else numbers of events; `end` is exclusive, `width` that of a bin.
    """

    trace: int
    timed: bool
    start: int
    end: int
    width: int
    lanes: tuple[Lane, ...]

    @property
    def span(self) -> int:
        """Positions of the axis, 1 at least."""
        return max(self.end - self.start, 1)


def activity(device: DeviceAudit, audit: Audit) -> list[TraceActivity]:
    """Compute the activity of a device in each trace in which it did anything."""
    every = pl.concat([other.activity for other in audit.devices])
    return [_of_trace(part, every, audit) for part in device.activity.partition_by("trace", maintain_order=True)]


def _of_trace(part: pl.DataFrame, every: pl.DataFrame, audit: Audit) -> TraceActivity:
    trace, unit, width = part.select("trace", "unit", "length").row(0)
    beside = every.filter((pl.col("trace") == trace) & (pl.col("unit") == unit))
    start, end = beside.select(pl.col("start").min(), end=(pl.col("start") + pl.col("length")).max()).row(0)
    began = audit.traces[trace].start_ns if unit == "ns" else 0
    start = start if began is None else min(began, start)
    lanes = (_lane(group, part, width) for group in Group)
    return TraceActivity(trace, unit == "ns", start, end, width, tuple(lane for lane in lanes if lane.bins))


def _lane(group: Group, part: pl.DataFrame, width: int) -> Lane:
    groups = pl.col("kind").cast(pl.String).replace_strict(_GROUPS, default=Group.OTHER, return_dtype=pl.String)
    bins = part.filter(groups == group).group_by("start", maintain_order=True).agg(pl.col("operations").sum())
    return Lane(group, tuple(Bin(start, start + width, count) for start, count in bins.iter_rows()))


def with_outside(found: TraceActivity, positions: Iterable[int]) -> TraceActivity:
    """Add a lane of operations beyond the extent, at these positions; none where there are none."""
    counts = Counter(positions)
    bins = tuple(Bin(position, position + 1, count) for position, count in sorted(counts.items()))
    return replace(found, lanes=(*found.lanes, Lane(Group.OUTSIDE, bins))) if bins else found

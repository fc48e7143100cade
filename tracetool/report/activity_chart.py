"""Operations over time as lanes of bars, one for each kind that matters to a flash."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING

import polars as pl

from tracetool.findings.phrases import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracetool.analysis.session import TraceReport
    from tracetool.audit import DeviceAudit

__all__ = ["ActivityChart", "Bar", "Lane", "draw_activity"]

LEFT, PLOT, LANE = 130, 760, 40
"""Width of the labels and of the plot, height of a lane."""

SHORTEST, NARROWEST = 1.5, 1.0
TICKS = 5
NANOSECONDS = 1_000_000_000

_LANES = {
    "erases": ("erase",),
    "programs": ("program", "buffered-program"),
    "other commands": (),
}
_CLASS = {"erases": "erase", "programs": "program", "other commands": "other"}


@dataclass(frozen=True)
class Bar:
    """One bin of a lane."""

    x: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Lane:
    """One kind of operations; `most` is the highest bar in words."""

    label: str
    kind: str
    total: int
    most: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class ActivityChart:
    """The operations of a device in one trace (`number`, from 0). Positions on a canvas 1,000 wide."""

    number: int
    trace: str
    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]
    axis: str
    description: str
    timed: bool
    """Whether positions are recorded times in ns; else they are numbers of events."""
    span: tuple[int, int]
    """The positions at both ends of the plot."""

    def x(self, position: int) -> float:
        """Where a position is on the canvas."""
        return _Axis(*self.span, timed=self.timed).x(position)


def draw_activity(
    device: DeviceAudit, traces: Sequence[TraceReport], devices: Sequence[DeviceAudit] = ()
) -> list[ActivityChart]:
    """A chart for each trace in which the device did anything, all charts of a trace of `devices` with one axis."""
    parts = device.activity.partition_by("trace", maintain_order=True)
    shown = pl.concat([other.activity for other in (devices or [device])])
    return [_chart(part, shown, traces[int(part["trace"][0])], int(part["trace"][0])) for part in parts]


def _chart(part: pl.DataFrame, shown: pl.DataFrame, trace: TraceReport, number: int) -> ActivityChart:
    width, timed = int(part["length"][0]), part["unit"][0] == "ns"
    beside = shown.filter((pl.col("trace") == number) & (pl.col("unit") == part["unit"][0]))
    first, last = beside.select(pl.col("start").min(), end=(pl.col("start") + pl.col("length")).max()).row(0)
    if not timed:
        first = 0
    elif trace.start_ns is not None:
        first = min(trace.start_ns, first)
    axis = _Axis(first, last, timed=timed)
    lanes = tuple(lane for lane in (_lane(label, part, axis, width) for label in _LANES) if lane.total)
    said = ", ".join(count_of(lane.total, lane.label.removesuffix("s"), lane.label) for lane in lanes)
    return ActivityChart(
        number=number,
        trace=f"Trace {number}: {trace.meta.name}",
        lanes=lanes,
        ticks=tuple(axis.ticks()),
        axis="seconds since the trace began" if timed else "number of the event",
        description=f"{said}, over {axis.words(first, last)}.",
        timed=timed,
        span=(first, last),
    )


def _lane(label: str, part: pl.DataFrame, axis: _Axis, width: int) -> Lane:
    kinds = _LANES[label]
    kind = pl.col("kind").cast(pl.String)
    chosen = kind.is_in(kinds) if kinds else ~kind.is_in([name for names in _LANES.values() for name in names])
    bins = part.filter(chosen).group_by("start", maintain_order=True).agg(pl.col("operations").sum())
    counts = bins["operations"].to_list()
    most = max(counts, default=0)
    bars = tuple(
        Bar(
            x=axis.x(start),
            width=round(max(axis.x(start + width) - axis.x(start) - 0.5, NARROWEST), 2),
            height=round(max((LANE - 4) * count / most, SHORTEST), 2),
            title=f"{count_of(count, label.removesuffix('s'), label)}, {axis.words(start, start + width)}",
        )
        for start, count in zip(bins["start"], counts, strict=True)
    )
    return Lane(label, _CLASS[label], sum(counts), f"{most:,} in {axis.amount(width)}", bars)


class _Axis:
    """Positions on the canvas, and how they are written."""

    def __init__(self, first: int, last: int, *, timed: bool) -> None:
        self.first, self.last, self.timed = first, max(last, first + 1), timed

    def x(self, position: int) -> float:
        return round(LEFT + PLOT * (position - self.first) / (self.last - self.first), 2)

    def ticks(self) -> Iterator[tuple[float, str]]:
        span = self.last - self.first
        step = max(_round(span / TICKS), 1)
        for position in range(0, span + 1, step):
            yield self.x(self.first + position), self._written(self.first + position, step)

    def words(self, start: int, end: int) -> str:
        if self.timed:
            width = max(end - start, 1)
            return f"{self._written(start, width)} s to {self._written(end, width)} s"
        return f"events {start:,} to {end - 1:,}"

    def amount(self, width: int) -> str:
        if not self.timed:
            return count_of(width, "event")
        for unit, size in (("s", NANOSECONDS), ("ms", 1_000_000), ("µs", 1_000)):
            if width >= size // 10:
                return f"{width / size:.2g} {unit}"
        return f"{width} ns"

    def _written(self, position: int, step: int) -> str:
        """A position with as many decimals as a step of it needs."""
        if not self.timed:
            return f"{position:,}"
        places = min(max(-floor(log10(step / NANOSECONDS)), 0), 9)
        return f"{(position - self.first) / NANOSECONDS:,.{places}f}"


def _round(step: float) -> int:
    """The next step that is 1, 2 or 5 times a power of ten."""
    power = 10 ** floor(log10(max(step, 1)))
    return int(next(power * digit for digit in (1, 2, 5, 10) if power * digit >= step or digit == 10))  # noqa: PLR2004

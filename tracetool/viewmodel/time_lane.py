"""The time lane: operations of all devices and traces on one axis, zoomed, counted by column, and cut into bursts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tracetool.findings import Severity
from tracetool.report.frames import seconds
from tracetool.timeline.operations import COUNTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from tracetool.viewmodel.passing import Passing
    from tracetool.viewmodel.tables import Tables

__all__ = ["MOST_BURSTS", "Row", "TimeLane", "Window"]

MOST_BURSTS = 9
"""Bursts that are numbered: one a digit."""

_APART = 50
"""A pause of this part of the window or more ends a burst."""

_CLOSEST = 1000
"""Positions of the narrowest window: a microsecond, or a thousand events."""


class Row(StrEnum):
    """What is counted in a line of the lane."""

    ERASES = "erases"
    PROGRAMS = "programs"
    OUTSIDE = "outside"
    FINDINGS = "findings"


@dataclass(frozen=True)
class Window:
    """Positions `start` to `end` (exclusive) of the axis."""

    start: int
    end: int

    @property
    def span(self) -> int:
        """Positions in the window, 1 at least."""
        return max(self.end - self.start, 1)

    def edges(self, width: int) -> NDArray[np.int64]:
        """Where each of `width` columns begins, and the end."""
        return self.start + self.span * np.arange(width + 1, dtype=np.int64) // width

    def column(self, position: int, width: int) -> int | None:
        """The column of a position; None outside the window."""
        column = (position - self.start) * width // self.span
        return column if 0 <= column < width else None


class TimeLane:
    """Operations by position: ns since the first event of all, the traces one after the other without their pauses.

    Where a trace has no times, positions are numbers of events. With `passing`, only what passes the filter is counted.
    """

    def __init__(self, tables: Tables, passing: Passing | None = None) -> None:
        self._tables = tables
        self._passing = passing
        session = tables.session
        operations = tables.operations
        self.timed = None not in session.starts and not operations["time_ns"].null_count()
        traces = operations["trace"].to_numpy().astype(np.int64)
        if self.timed:
            starts = np.array([start or 0 for start in session.starts], np.int64)
            elapsed = np.maximum(operations["time_ns"].to_numpy() - starts[traces], 0)
            ends = elapsed + operations["duration_ns"].fill_null(0).to_numpy()
            lengths = [int(ends[traces == trace].max(initial=0)) + 1 for trace in range(len(starts))]
        else:
            elapsed = operations["first_seq"].to_numpy()
            lengths = [trace.events for trace in session.traces]
        self.bases = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        """Where each trace begins, and the end."""
        self._positions = self.bases[traces] + elapsed
        self.whole = Window(0, max(int(self.bases[-1]), 1))

    # --- positions -----------------------------------------------------------------------------------------------

    def position(self, trace: int, seq: int) -> int | None:
        """The position of an event; None where it has no time."""
        if trace + 1 >= len(self.bases):
            return None
        if not self.timed:
            return int(self.bases[trace]) + seq
        time = self._tables.event(self._tables.number(trace, seq))["time_ns"]
        start = self._tables.session.starts[trace]
        if time is None or start is None:
            return None
        return int(min(max(self.bases[trace] + time - start, self.bases[trace]), self.bases[trace + 1] - 1))

    def words(self, position: int) -> str:
        """A position in words."""
        trace = self._trace(position)
        within = position - int(self.bases[trace])
        where = f"{seconds(within)} s" if self.timed else f"event {within:,}"
        return where if len(self.bases) == 2 else f"trace {trace}, {where}"  # noqa: PLR2004  one trace and its end

    def _trace(self, position: int) -> int:
        return min(int(np.searchsorted(self.bases, position, side="right")) - 1, len(self.bases) - 2)

    def query(self, start: int, end: int) -> str:
        """The query for operations from a position to another (exclusive)."""
        parts = list(self._parts(start, end))
        return parts[0] if len(parts) == 1 else " or ".join(f"({part})" for part in parts)

    def _parts(self, start: int, end: int) -> Iterator[str]:
        several = len(self.bases) > 2  # noqa: PLR2004  one trace and its end
        for trace in range(self._trace(start), self._trace(max(end - 1, start)) + 1):
            base = int(self.bases[trace])
            low, high = max(start - base, 0), min(end, int(self.bases[trace + 1])) - base
            field, ends = ("t", map(_spelt, (low, high))) if self.timed else ("seq", map(str, (low, high)))
            yield f"{f'trace == {trace} and ' if several else ''}{field} in {'..'.join(ends)}"

    # --- what is counted -----------------------------------------------------------------------------------------

    @cached_property
    def _sorted(self) -> dict[Row, NDArray[np.int64]]:
        """The positions of each line's operations, ascending."""
        return {row: np.sort(self._positions[numbers]) for row, numbers in self._numbers.items()}

    @cached_property
    def _numbers(self) -> dict[Row, NDArray[np.int64]]:
        tables = self._tables
        marked = [number for number, mark in tables.marks.items() if mark.severity >= Severity.WARNING]
        found = {
            Row.ERASES: tables.select_operations(COUNTED["erases"]),
            Row.PROGRAMS: tables.select_operations(COUNTED["programs"]),
            Row.OUTSIDE: np.flatnonzero(tables.outside),
            Row.FINDINGS: np.array(sorted(marked), np.int64),
        }
        if self._passing is None:
            return found
        return {row: numbers[np.isin(numbers, self._passing.numbers)] for row, numbers in found.items()}

    def counts(self, row: Row, window: Window, width: int) -> NDArray[np.int64]:
        """Operations of a line in each of `width` columns (int64)."""
        found: NDArray[np.int64] = np.diff(np.searchsorted(self._sorted[row], window.edges(width)))
        return found

    @property
    def rows(self) -> tuple[Row, ...]:
        """The lines that hold anything, erases and programs always."""
        return tuple(row for row in Row if len(self._sorted[row]) or row in (Row.ERASES, Row.PROGRAMS))

    # --- bursts --------------------------------------------------------------------------------------------------

    @cached_property
    def _writes(self) -> NDArray[np.int64]:
        """Numbers of the operations that wrote, or of all where none did, by position."""
        numbers = np.concatenate([self._numbers[Row.ERASES], self._numbers[Row.PROGRAMS]])
        if not len(numbers):
            numbers = np.arange(len(self._positions)) if self._passing is None else self._passing.numbers
        ordered: NDArray[np.int64] = numbers[np.lexsort((numbers, self._positions[numbers]))]
        return ordered

    def bursts(self, window: Window) -> list[Window]:
        """Stretches of the window in which something is written, between its longest pauses; nine at most."""
        positions = self._positions[self._writes]
        inside = positions[(positions >= window.start) & (positions < window.end)]
        if not len(inside):
            return []
        pauses = np.diff(inside)
        longest = np.sort(np.argsort(-pauses, kind="stable")[: MOST_BURSTS - 1])
        cuts = [int(at) for at in longest if pauses[at] * _APART >= window.span]
        firsts, lasts = [0, *(at + 1 for at in cuts)], [*cuts, len(inside) - 1]
        return [Window(int(inside[a]), int(inside[b]) + 1) for a, b in zip(firsts, lasts, strict=True)]

    def event_at(self, position: int, *, backward: bool = False) -> tuple[int, int] | None:
        """The event of the first write from a position on, `backward` of the last one up to it; None without any.

        Beyond the ends it is the last one, or the first.
        """
        numbers = self._writes
        if not len(numbers):
            return None
        at = int(np.searchsorted(self._positions[numbers], position, side="right" if backward else "left"))
        number = int(numbers[min(max(at - backward, 0), len(numbers) - 1)])
        return int(self._tables.operations["trace"][number]), self._tables.main_seq(number)

    # --- windows -------------------------------------------------------------------------------------------------

    def zoomed(self, window: Window, about: int, factor: float) -> Window:
        """The window with `factor` times its span, in which a position stays where it is."""
        least = min(_CLOSEST, self.whole.span)
        span = min(max(int(window.span * factor), least), self.whole.span)
        share = (about - window.start) / window.span
        return self.at(int(about - share * span), span)

    def at(self, start: int, span: int) -> Window:
        """The window of a span that begins at a position, as far as the axis allows."""
        start = min(max(start, 0), self.whole.end - span)
        return Window(start, start + span)

    def holding(self, window: Window, position: int) -> Window:
        """The window, moved if a position is outside it."""
        if window.start <= position < window.end:
            return window
        return self.at(position - window.span // 2, window.span)

    def places(self, events: Iterable[tuple[int, int]]) -> list[int]:
        """Positions of events, without those that have none."""
        found = (self.position(*event) for event in events)
        return [position for position in found if position is not None]


def _spelt(nanoseconds: int) -> str:
    """A time as a query has it, in seconds to the microsecond."""
    text = f"{nanoseconds / 1e9:.6f}".rstrip("0").rstrip(".")
    return f"{text}s"

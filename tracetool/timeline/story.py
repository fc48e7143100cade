"""The story of a trace: episodes of operations without a long pause in them.

Episodes are merged as the trace goes on, so that their number stays small however long it is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from replay.columns import OpKind, Outcome
from tracetool.timeline.sums import NO_TIME

if TYPE_CHECKING:
    from tracetool.timeline.sectors import Sectors
    from tracetool.timeline.sums import Sums

__all__ = ["Episode", "Story"]

PAUSE_NS = 250_000_000
"""The initial length of a pause that ends an episode."""

MOST_EPISODES = 256

_COLUMNS = (
    *("boot", "kind", "outcome", "first_seq", "last_seq", "time_ns", "end_ns"),
    *("low", "high", "command_offset", "programmed"),
)


@dataclass
class Episode:
    """The operations between two pauses. Offsets and bytes; times in ns, None where the trace has none."""

    trace: int
    boot: int
    first_seq: int
    last_seq: int
    start_ns: int | None
    end_ns: int | None
    erases: Counter[int] = field(default_factory=Counter)
    """Erases by block number."""
    buffered_programs: int = 0
    programs: int = 0
    bytes_programmed: int = 0
    low: int | None = None
    high: int | None = None
    refused: int = 0
    strays: int = 0
    other: int = 0

    @property
    def wrote(self) -> bool:
        """True when something was programmed, erased or refused."""
        return bool(self.erases or self.buffered_programs or self.programs or self.refused)

    def add(self, row: dict[str, int], sectors: Sectors) -> None:
        """Add one operation."""
        self.last_seq = row["last_seq"]
        self.end_ns = _time(row["end_ns"])
        place = row["low"] if row["low"] >= 0 else row["command_offset"]
        if row["outcome"] in (Outcome.REFUSED, Outcome.ABORTED):
            self.refused += 1
        elif row["kind"] == OpKind.ERASE:
            self.erases[sectors.number_at(max(place, 0))] += 1
        elif row["kind"] in (OpKind.PROGRAM, OpKind.BUFFERED_PROGRAM):
            self._add_program(row)
        elif row["kind"] == OpKind.STRAY:
            self.strays += 1
        else:
            self.other += 1

    def _add_program(self, row: dict[str, int]) -> None:
        if row["kind"] == OpKind.PROGRAM:
            self.programs += 1
        else:
            self.buffered_programs += 1
        self.bytes_programmed += row["programmed"]
        if row["low"] >= 0:
            self.low = row["low"] if self.low is None else min(self.low, row["low"])
            self.high = row["high"] if self.high is None else max(self.high, row["high"])

    def join(self, other: Episode) -> None:
        """Add the episode that follows."""
        self.last_seq, self.end_ns = other.last_seq, other.end_ns
        self.erases += other.erases
        for name in ("buffered_programs", "programs", "bytes_programmed", "refused", "strays", "other"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        lows = [value for value in (self.low, other.low) if value is not None]
        highs = [value for value in (self.high, other.high) if value is not None]
        self.low, self.high = min(lows, default=None), max(highs, default=None)


def _time(nanoseconds: int) -> int | None:
    return None if nanoseconds == NO_TIME else nanoseconds


class Story:
    """Collector of the episodes of one device."""

    def __init__(self, sectors: Sectors) -> None:
        self.episodes: list[Episode] = []
        self._sectors = sectors
        self._pause = PAUSE_NS

    def add(self, sums: Sums) -> None:
        """Add the operations of a batch."""
        columns = [sums[name].tolist() for name in _COLUMNS]
        for values in zip(*columns, strict=True):
            row = dict(zip(_COLUMNS, values, strict=True))
            if not self.episodes or self._ends(self.episodes[-1], sums.trace, row):
                start = _time(row["time_ns"])
                place = (sums.trace, row["boot"], row["first_seq"], row["last_seq"])
                self.episodes.append(Episode(*place, start, start))
            self.episodes[-1].add(row, self._sectors)
            if len(self.episodes) > MOST_EPISODES:
                self._condense()

    def _ends(self, last: Episode, trace: int, row: dict[str, int]) -> bool:
        """True when an operation begins a new episode."""
        if (last.trace, last.boot) != (trace, row["boot"]):
            return True
        start = _time(row["time_ns"])
        return start is not None and last.end_ns is not None and start - last.end_ns > self._pause

    def _condense(self) -> None:
        """Join episodes over longer and longer pauses until there are few enough; in the end over boots."""
        while len(self.episodes) > MOST_EPISODES // 2:
            self._pause *= 2
            joined = [self.episodes[0]]
            for episode in self.episodes[1:]:
                if self._is_near(joined[-1], episode):
                    joined[-1].join(episode)
                else:
                    joined.append(episode)
            self.episodes = joined

    def _is_near(self, last: Episode, episode: Episode) -> bool:
        if last.end_ns is None or episode.start_ns is None:
            return True
        same = (last.trace, last.boot) == (episode.trace, episode.boot)
        return episode.start_ns - last.end_ns <= self._pause and (same or self._pause > PAUSE_NS << 20)

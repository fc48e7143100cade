"""Playback of a trace: which step is reached after how much real time. Reads no clock itself and draws nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AS_FAST_AS_DRAWN", "SPEEDS", "Playback", "playback"]

AS_FAST_AS_DRAWN = 0.0
"""Speed of one step per frame drawn."""

SPEEDS = (0.001, 0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 100.0, AS_FAST_AS_DRAWN)
"""Speeds to choose from: seconds of the trace in one second, the last without regard to time."""

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Playback:
    """State of a playback; immutable, each method returns the next state.

    Attributes:
        times_ns: recorded time of each step, ascending; empty where the trace has none.
        steps: number of steps.
        speed: one of `SPEEDS`.
        playing: true while it runs.
        step: steps that have been played.
        longest_pause_ns: pauses of the trace longer than this are cut to it; None keeps them.
    """

    times_ns: tuple[int, ...]
    steps: int
    speed: float = 1.0
    playing: bool = False
    step: int = 0
    longest_pause_ns: int | None = None
    _into_ns: float = 0.0

    @property
    def at_end(self) -> bool:
        """True once all steps were played."""
        return self.step >= self.steps

    @property
    def in_real_time(self) -> bool:
        """True if recorded times are followed."""
        return self.speed != AS_FAST_AS_DRAWN and bool(self.times_ns)

    def tick(self, elapsed: float) -> Playback:
        """The state after `elapsed` seconds of real time; playback stops at the end."""
        if not self.playing or self.at_end:
            return replace(self, playing=self.playing and not self.at_end)
        if not self.in_real_time:
            return self._to(self.step + 1, 0.0)
        step, left = self.step, self._into_ns + max(elapsed, 0.0) * self.speed * _NANOSECONDS
        while step < self.steps and (pause := self._pause(step)) <= left:
            step, left = step + 1, left - pause
        return self._to(step, left)

    def _pause(self, step: int) -> int:
        """Pause of the trace before a step, ns; none before the first."""
        pause = max(self.times_ns[step] - self.times_ns[step - 1], 0) if step else 0
        return pause if self.longest_pause_ns is None else min(pause, self.longest_pause_ns)

    def _to(self, step: int, into_ns: float) -> Playback:
        ended = step >= self.steps
        return replace(self, step=step, playing=not ended, _into_ns=0.0 if ended else into_ns)

    def toggle(self) -> Playback:
        """Play or pause; at the end, from the beginning."""
        if self.at_end:
            return replace(self, step=0, playing=self.steps > 0, _into_ns=0.0)
        return replace(self, playing=not self.playing)

    def pause(self) -> Playback:
        """Pause."""
        return replace(self, playing=False)

    def faster(self, steps: int = 1) -> Playback:
        """Change the speed by `steps` steps of `SPEEDS`."""
        at = min(max(SPEEDS.index(self.speed) + steps, 0), len(SPEEDS) - 1)
        return replace(self, speed=SPEEDS[at])

    def seek(self, step: int) -> Playback:
        """Go to a step."""
        return replace(self, step=min(max(step, 0), self.steps), _into_ns=0.0)

    @property
    def words(self) -> str:
        """State, speed and step in words."""
        speed = f"{self.speed:g}×" if self.in_real_time else "as fast as drawn"  # noqa: RUF001  a multiplication sign
        return f"{'▶' if self.playing else '⏸'} {speed}  {self.step:,} of {self.steps:,}"


def playback(times_ns: Sequence[int | None], *, longest_pause_ns: int | None = None) -> Playback:
    """A playback of steps at recorded times (ns); without regard to time if one of them is not known.

    A clock that was set back stands still until it has caught up.
    """
    known = [time for time in times_ns if time is not None]
    rising = accumulate(known, max) if len(known) == len(times_ns) else ()
    return Playback(tuple(rising), len(times_ns), longest_pause_ns=longest_pause_ns)

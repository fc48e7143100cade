"""The four ways in which the time of an event is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum

from tracetool.report.frames import seconds

__all__ = ["TimeMode", "show_time"]

_NANOSECONDS = 1_000_000_000
_LATEST_NS = 253_402_300_799 * _NANOSECONDS  # the end of the year 9999, the last that a date can be of


class TimeMode(Enum):
    """What times count from; the value is the title of the column."""

    START = "time"
    DELTA = "Δ before"
    MARK = "Δ mark"
    ABSOLUTE = "clock"

    @property
    def next(self) -> TimeMode:
        """The one after it, in a circle."""
        modes = list(TimeMode)
        return modes[(modes.index(self) + 1) % len(modes)]

    @property
    def words(self) -> str:
        """The mode in words."""
        return {
            TimeMode.START: "time since the first event of its trace",
            TimeMode.DELTA: "time since the row above",
            TimeMode.MARK: "time since the mark",
            TimeMode.ABSOLUTE: "time as recorded",
        }[self]


def show_time(time_ns: int | None, mode: TimeMode, *, origin_ns: int | None, wall: bool) -> str:
    """A time in seconds from an origin, or as the clock had it (`wall`: counted from the Unix epoch, shown in UTC)."""
    if time_ns is None:
        return ""
    if mode is TimeMode.ABSOLUTE:
        return _clock(time_ns, wall=wall)
    if origin_ns is None:
        return ""
    elapsed = seconds(time_ns - origin_ns)
    return elapsed if mode is TimeMode.START or elapsed.startswith("-") else f"+{elapsed}"


def _clock(time_ns: int, *, wall: bool) -> str:
    if not wall or not 0 <= time_ns <= _LATEST_NS:
        return seconds(time_ns)
    moment = datetime.fromtimestamp(time_ns // _NANOSECONDS, UTC)
    return f"{moment:%m-%d %H:%M:%S}.{time_ns % _NANOSECONDS // 1000:06d}"

"""Prefixes of event lines: process, thread and time.

Ref: QEMU scripts/tracetool/backend/*.py and util/error-report.c (log, syslog), Linux Documentation/trace/ftrace.rst,
Kubernetes' CRI logging format (TIME stdout|stderr F|P TEXT).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from tracetool.events import EVENTS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.ingest.trace_reader import Clock, Shape

__all__ = ["Prefix", "Prefixes", "Writers", "read_prefix", "read_prefixes"]

SECOND = 1_000_000_000

_SECONDS = r"([1-8]?\d{1,9})"
_DATE = r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?"
_PID_TIME = rf"(\d{{1,9}})@{_SECONDS}\.(\d{{1,9}}):"
_SYSLOG = r"(?:^|\s)[\w./+-]+\[(\d{1,9})\]: ?"
_TAG = re.compile(_SYSLOG + r"\Z", re.ASCII)
_PID_TIME_LINES = re.compile(r"(?:\d{1,9}@[1-8]?\d{1,9}\.\d{6}:\n)+", re.ASCII)
_APART = str.maketrans({"@": "\n", ".": None, ":": None})
_WHEN = re.compile(r"^\s*(?:<\d+>1? ?)?" + _DATE + r"\s", re.ASCII)


class Prefix(NamedTuple):
    """Who and when.

    `thread` is pid or tid, `process` the pid where it is certainly one; `time_ns` counts from the epoch, under ftrace
    from the host's boot.
    """

    shape: Shape
    thread: int | None = None
    time_ns: int | None = None
    clock: Clock = "none"
    process: int | None = None


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The prefixes of a chunk's events, by column. `pure`: nothing else stands before any of them."""

    threads: pl.Series
    processes: pl.Series
    times: pl.Series
    shapes: Counter[Shape]
    clocks: set[Clock]
    pure: bool = False


_NO_PROCESS = pl.Series("process", [None], EVENTS_SCHEMA["process"])


def _nanoseconds(seconds: str, fraction: str | None) -> int:
    return int(seconds) * SECOND + int((fraction or "").ljust(9, "0"))


@lru_cache(maxsize=64)
def _epoch(date: str, time: str, zone: str | None) -> int | None:
    """Seconds since the epoch of a time of day; UTC where no zone is given."""
    try:
        seconds = int(datetime.fromisoformat(f"{date}T{time}{zone or 'Z'}").timestamp())
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < (1 << 63) // SECOND else None


def _wall(match: re.Match[str] | None) -> int | None:
    if match is None:
        return None
    date, time, fraction, zone = match.groups()
    seconds = _epoch(date, time, zone)
    return None if seconds is None else _nanoseconds(str(seconds), fraction)


def _read_pid_time(match: re.Match[str], near: str) -> Prefix | None:
    time = _nanoseconds(match[2], match[3])
    return Prefix("pid@time", int(match[1]), time, "wall", _logger(near[: match.start()]))


def _read_iso(match: re.Match[str], near: str) -> Prefix | None:
    time = _wall(match)
    return None if time is None else Prefix("iso8601", None, time, "wall", _logger(near[: match.start()]))


def _logger(before: str) -> int | None:
    """The process, by the tag of a logger that QEMU's standard error goes through."""
    tag = _TAG.search(before)
    return int(tag[1]) if tag else None


def _read_systemtap(match: re.Match[str], _: str) -> Prefix | None:
    return Prefix("systemtap", int(match[1]), int(match[2]), "wall", int(match[1]))


def _read_ftrace(match: re.Match[str], _: str) -> Prefix | None:
    process = None if match[2] is None else int(match[2])
    return Prefix("ftrace", int(match[1]), _nanoseconds(match[3], match[4]), "boot-relative", process)


def _read_syslog(match: re.Match[str], head: str) -> Prefix | None:
    time = _wall(_WHEN.match(head))
    return Prefix("syslog", int(match[1]), time, "none" if time is None else "wall", int(match[1]))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Recognition of a shape: its last characters, then a pattern over at most `reach` characters."""

    ends: tuple[str, ...]
    reach: int
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str], str], Prefix | None]


_FTRACE = (
    r"-(\d{1,9})\s+(?:\((?:\s*(\d{1,9})|[\s\d-]+)\)\s+)?\[\d+\]\s+(?:\S+\s+)?" + _SECONDS + r"\.(\d{1,9}):\s+"
    r"(?:print:\s+)?(?:tracing_mark_write|(?:0x)?[0-9a-f]+):\s*"
)
_READERS: tuple[_Reader, ...] = tuple(
    _Reader(ends, reach, re.compile(pattern + r"\Z", re.ASCII), read)
    for ends, reach, pattern, read in (
        ((":",), 256, _PID_TIME, _read_pid_time),
        ((" ",), 256, _DATE + r" (?:std(?:out|err) [FP] )?", _read_iso),
        ((" ",), 32, r"(\d{1,9})@(\d{1,18}|[1-8]\d{18}) ", _read_systemtap),
        (("]: ", "]:"), 256, _SYSLOG, _read_syslog),
        ((": ", ":"), 160, _FTRACE, _read_ftrace),
    )
)


def read_prefix(head: str) -> Prefix:
    """Read what stands before an event; other text may stand before the prefix itself."""
    for reader in _READERS:
        if head.endswith(reader.ends):
            near = head[-reader.reach :]
            match = reader.pattern.search(near)
            prefix = reader.read(match, near) if match else None
            if prefix is not None:
                return prefix
    return Prefix("bare")


_WRITER = re.compile(
    r"(?P<container>[\w./@+-]{1,128}) *\| |\[(?P<pod>pod/[^\]\s]{1,256})\] "
    r"|\s*(?:<\d+>1? ?)?(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}(?:\.\d{1,9})?|" + _DATE + r") "
    r"(?P<host>[\w.-]{1,256}) [\w./+-]+\[(?P<process>\d{1,9})\]: ?",
    re.ASCII,
)


@dataclass
class Writers:
    """Containers or hosts whose logs are in one, as far as each event is marked with its own.

    Their processes may have the same numbers, so nothing else tells the machines apart.

    Ref: docker compose and service logs (NAME | TEXT), kubectl logs --prefix, syslog(3) with the host.
    """

    _names: dict[str | None, str] = field(default_factory=dict)
    """The one of each process, where it is known."""
    _marked: bool = True
    _two: tuple[str, str] | None = None

    def see(self, heads: list[str]) -> None:
        """Add the prefixes of events."""
        if not self._marked:
            return
        for head in heads:
            match = _WRITER.match(head)
            if match is None:
                self._marked = False
                return
            name = match["container"] or match["pod"] or match["host"]
            known = self._names.setdefault(match["process"], name)
            if known != name and self._two is None:
                self._two = known, name

    def unmarked(self) -> None:
        """Take note of an event that was read elsewhere, with nothing of this before it."""
        self._marked = False

    @property
    def two(self) -> tuple[str, str] | None:
        """Two of them, None where there is just one, or some events are not marked."""
        return self._two if self._marked else None


def read_prefixes(heads: list[str]) -> Prefixes:
    """The prefixes of many events. A chunk of `PID@SEC.USEC:` alone, the usual log, is read in one go."""
    lines = "\n".join([*heads, ""])
    if _PID_TIME_LINES.fullmatch(lines):
        numbers = np.fromstring(lines.translate(_APART), dtype=np.int64, sep="\n")
        return Prefixes(
            pl.Series("thread", numbers[::2]).cast(EVENTS_SCHEMA["thread"]),
            _NO_PROCESS.new_from_index(0, len(heads)),
            pl.Series("time_ns", numbers[1::2] * 1000),
            Counter({"pid@time": len(heads)}),
            {"wall"},
            pure=True,
        )
    different = set(heads)
    if len(different) * 2 < len(heads):
        each = list(map({head: read_prefix(head) for head in different}.__getitem__, heads))
    else:
        each = list(map(read_prefix, heads))
    return Prefixes(
        pl.Series("thread", [prefix.thread for prefix in each], dtype=EVENTS_SCHEMA["thread"]),
        pl.Series("process", [prefix.process for prefix in each], dtype=EVENTS_SCHEMA["process"]),
        pl.Series("time_ns", [prefix.time_ns for prefix in each], dtype=EVENTS_SCHEMA["time_ns"]),
        Counter(prefix.shape for prefix in each),
        {prefix.clock for prefix in each},
    )

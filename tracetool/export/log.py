"""A log as QEMU writes it, with times as under `-msg timestamp=on` where the trace has them.

Where the trace names the process, each line has the tag that a logger puts before what QEMU writes to it.

Ref: QEMU scripts/tracetool/backend/log.py: `PID@SECONDS.MICROSECONDS:event` to 10.0, an ISO 8601 time from 10.1.
Losses become the lines that trace-cmd writes for them, which the reader of logs knows.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from tracetool.events import PREFIX, Variant
from tracetool.export.formats import ExportFormat
from tracetool.export.job import Failure, Loss
from tracetool.export.shapes import Strings, argument_columns, shape

if TYPE_CHECKING:
    from tracetool.export.job import Job

__all__ = ["FORMAT"]

_STRINGS = Strings(
    re.compile(r"(?!.*: )[^\x00-\x1f\x7f]+"),
    255,
    re.compile(rf"(?!.*{PREFIX})[^\x00-\x1f\x7f]*[^\x00-\x20\x7f]"),
    1 << 19,
)
"""Strings that are read back from a line, and keep it below the limit of its length."""
_SECOND = 1_000_000_000
_LARGEST_PID = 999_999_999


def write(job: Job, file: BinaryIO) -> list[str]:
    """Write the events of the job as a log; what is left out is marked in it as lost."""
    written = _Log(file)
    for piece in job.pieces():
        if isinstance(piece, Loss):
            written.lose(piece.count)
        elif isinstance(piece, Failure):
            file.write(f"{piece.text}\n".encode())
        else:
            written.add(piece, nameless=job.reader.meta.nameless)
    return [*written.remarks(), *_losses(job), *_clocks(job)]


FORMAT = ExportFormat("log", (".log", ".txt"), write)


def _losses(job: Job) -> list[str]:
    return ["what the trace lost, or was not understood in it, is marked as lost events"] if job.lossy else []


def _clocks(job: Job) -> list[str]:
    clock = job.reader.meta.clock
    return [] if clock in ("wall", "none") else [f"its times are {clock}; a log's are taken for wall time"]


class _Log:
    """The file, and what could not be written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left_out = 0
        self._fractions = False
        self._threads = 0

    def add(self, frame: pl.DataFrame, *, nameless: bool) -> None:
        """Write the events of a frame; `nameless`: where the trace named no device, the log does not either."""
        lines: list[str | None] = [None] * frame.height
        for group in shape(frame, _STRINGS, leave_out=nameless).groups:
            rows = group.rows
            columns = [column.to_list() for column in argument_columns(group.variant, frame[rows])]
            devices = [frame["device"][rows].to_list()] if group.variant.named else []
            template = _template(group.variant)
            if not devices and not columns:
                texts = [template] * len(rows)
            else:
                texts = list(map(template.format, *devices, *columns))
            for row, text in zip(rows.tolist(), texts, strict=True):
                lines[row] = text
        self._write(lines, self._prefixes(frame))

    def lose(self, count: int) -> None:
        """Write a line for lost events."""
        self._file.write(f"[LOST {count} EVENTS]\n".encode() if count else b"[LOST EVENTS]\n")

    def remarks(self) -> list[str]:
        """Differences from the trace, a sentence each."""
        said = []
        if self._left_out:
            said.append(f"{self._left_out:,} events that have no form in a log are marked as lost")
        if self._fractions:
            said.append("times are cut to microseconds")
        if self._threads:
            said.append(f"{self._threads:,} events are written without their thread")
        return said

    def _write(self, lines: list[str | None], prefixes: list[str]) -> None:
        missing = 0
        out = []
        for line, prefix in zip(lines, prefixes, strict=True):
            if line is None:
                missing += 1
                continue
            if missing:
                out.append(f"[LOST {missing} EVENTS]")
                self._left_out += missing
                missing = 0
            out.append(prefix + line)
        self._file.write("".join(f"{line}\n" for line in out).encode())
        if missing:
            self._left_out += missing
            self._file.write(f"[LOST {missing} EVENTS]\n".encode())

    def _prefixes(self, frame: pl.DataFrame) -> list[str]:
        times, threads = frame["time_ns"], frame["thread"]
        nanoseconds = times.drop_nulls() % 1000
        self._fractions = self._fractions or bool((nanoseconds != 0).any())
        prefixes = list(map(_prefix, times.to_list(), threads.to_list()))
        kept = pl.Series(["@" in prefix for prefix in prefixes], dtype=pl.Boolean)
        # A logger's tag names the thread where that is the process.
        self._threads += int((threads.is_not_null() & ~kept & threads.ne_missing(frame["process"])).sum())
        if frame["process"].null_count() == frame.height:
            return prefixes
        return list(map(str.__add__, map(_tag, frame["process"].to_list()), prefixes))


def _template(variant: Variant) -> str:
    """A format string that takes the device, where it is named, and the arguments."""
    text = variant.written("{}" if a.column in ("text", "ro") else a.template for a in variant.arguments)
    return f"{PREFIX}{variant.source} {'{}: ' if variant.named else ''}{text}"


def _prefix(time_ns: int | None, thread: int | None) -> str:
    if time_ns is None or time_ns < 0:
        return ""
    seconds, fraction = divmod(time_ns, _SECOND)
    if thread is None or thread > _LARGEST_PID:
        return f"{_date(seconds)}.{fraction // 1000:06d}Z "
    return f"{thread}@{seconds}.{fraction // 1000:06d}:"


def _tag(process: int | None) -> str:
    return "" if process is None or process > _LARGEST_PID else f"qemu[{process}]: "


@cache
def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")

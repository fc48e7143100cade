"""Several files that are one trace: parts of a log that was rotated, and the logs of one QEMU's threads.

Ref: libvirt src/logging (virtlogd cuts a log at max_size bytes, in the middle of a line: NAME.0 is the newest part but
for NAME); logrotate(8); QEMU `-d tid -D FILE-%d`, one log a thread.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import InputError
from tracetool.ingest.concatenated import ConcatenatedTraces
from tracetool.ingest.escapes import without_escapes
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.parser import TextParser
from tracetool.ingest.source import Source, open_source
from tracetool.ingest.text import TextTrace
from tracetool.ingest.trace_reader import Health, TraceMeta
from tracetool.sanitize import first_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Buffer

    from tracetool.ingest.trace_reader import Shape, TraceReader

__all__ = ["RotatedLog", "ThreadLogs", "combine_logs"]

_ENDS = 1 << 16
_BLOCK = 1 << 18
_LONGEST = 1 << 30
"""Bytes that a packed file is unpacked to, to find its end; longer ones are not combined."""

_NUMBERED = re.compile(r"(.*?)(?:\.(\d{1,9}))?(\.(?:gz|xz|zst))?\Z", re.DOTALL)
_RESET = "reset"
_SHOWN = 4
"""Number of logs that a message names."""


@dataclass(frozen=True)
class _Ends:
    """Beginning and end of a log.

    Attributes:
        reader: the log.
        first: its first line.
        last: the text after its last newline.
        start: time of the first event that is known of its beginning, ns; None: it has none.
        end: time of the last one.
        threads: of the events at its beginning and end.
        silent: there are no events there.
    """

    reader: TextTrace
    first: str
    last: str
    start: int | None
    end: int | None
    threads: frozenset[int]
    silent: bool

    @property
    def name(self) -> str:
        """For messages."""
        return self.reader.meta.name


def combine_logs(readers: Sequence[TraceReader]) -> list[TraceReader]:
    """The same traces; those that are parts of one log, or threads of one QEMU, as one trace.

    Raises:
        InputError: they are parts or threads, and what order they have cannot be told.
    """
    logs = [reader for reader in readers if isinstance(reader, TextTrace) and reader.rereadable and not reader.meta.run]
    if len(logs) < 2 or len(logs) < len(readers) or len({reader.meta.path for reader in logs}) < len(logs):  # noqa: PLR2004
        return list(readers)
    ends = [_ends(log) for log in logs]
    known = [each for each in ends if each is not None]
    if len(known) < len(ends):
        return list(readers)
    order = _order(known)
    if order is not None:
        return [RotatedLog([each.reader for each in order])]
    # A thread of QEMU's that never touched a flash has a log too.
    return [ThreadLogs(logs)] if _are_threads([each for each in known if not each.silent]) else list(readers)


# --- how logs begin and end --------------------------------------------------------------------------------------


def _ends(log: TextTrace) -> _Ends | None:
    """The ends of a log; None where they are too far apart."""
    found = _first_and_last(log.meta.path)
    if found is None:
        return None
    head, tail = (without_escapes(data.decode("latin-1")) for data in found)
    first, last = head.partition("\n")[0], tail.rpartition("\n")[2]
    frames = [_events(head.split("\n")), _events(tail.split("\n"))]
    times = [frame["time_ns"].drop_nulls() for frame in frames]
    start, end = (int(part[at]) if len(part) else None for part, at in zip(times, (0, -1), strict=True))
    threads = frozenset(number for frame in frames for number in frame["thread"].drop_nulls().unique().to_list())
    return _Ends(log, first, last, start, end, threads, not any(frame.height for frame in frames))


def _first_and_last(path: str) -> tuple[bytes, bytes] | None:
    with closing(open_source(path)) as source:
        head = source.read_fully(_ENDS)
        if source.compression is None and source.total is not None:
            with Path(path).open("rb") as file:
                file.seek(max(0, source.total - _ENDS))
                return head, file.read()
        tail, length = head, len(head)
        while data := source.read(_BLOCK):
            tail, length = (tail + data)[-_ENDS:], length + len(data)
            if length > _LONGEST:
                return None
        return head, tail


def _events(lines: Sequence[str]) -> pl.DataFrame:
    parser = TextParser(Health(), TraceMeta("", ""))
    parser.parse("".join(f"{line}\n" for line in lines), 1)
    return parser.take()


def _shape(line: str) -> Shape | None:
    """The shape of a line that holds one whole event."""
    health, meta = Health(), TraceMeta("", "")
    parser = TextParser(health, meta)
    parser.parse(f"{line}\n", 1)
    return next(iter(meta.shapes)) if parser.take().height == 1 and not health.damaged else None


# --- parts of one log --------------------------------------------------------------------------------------------


def _follows(earlier: _Ends, later: _Ends) -> bool:
    """True if the line that one log ends in is certainly continued at the start of the other."""
    if not earlier.last or (earlier.end or 0) > (later.start or earlier.end or 0):
        return False
    shape = _shape(earlier.last + later.first)
    alone = _shape(later.first)
    # Cut within a process id, the rest of it is one too.
    begun = alone is None or alone == "bare" != shape or (shape == "pid@time" and earlier.last.isdecimal())
    return shape is not None and begun and (bool(later.first) or _shape(earlier.last) is None)


def _order(logs: Sequence[_Ends]) -> list[_Ends] | None:
    """The parts of one log, oldest first; None where they are whole logs.

    Raises:
        InputError: they are parts, and their order cannot be told.
    """
    links = [pair for pair in permutations(range(len(logs)), 2) if _follows(logs[pair[0]], logs[pair[1]])]
    if not links:
        return None
    order = _by_number(logs)
    if order is None or not set(pairwise(order)) & set(links):
        # A line cut within a number is continued by any other number: parts that fit need not be neighbours.
        order = None if _lacks_one(logs) else _chained(len(logs), links)
    if order is not None:
        return [logs[number] for number in order]
    one, other = links[0]
    raise InputError(
        f"{logs[one].name} ends, and {logs[other].name} begins, in the middle of a line: parts of one log; "
        "join all of them first, oldest first (cat FILES > whole.log), and give that"
    )


def _chained(count: int, links: Sequence[tuple[int, int]]) -> list[int] | None:
    """All logs one after the other, each by the one link that leads to it; None where links are missing or too many."""
    after = dict(links)
    if len(after) != len(links) or len({other for _, other in links}) != len(links) or len(links) != count - 1:
        return None
    starts = set(after) - set(after.values())
    chain = [starts.pop()] if starts else []
    while chain and chain[-1] in after:
        chain.append(after[chain[-1]])
    return chain if len(chain) == count else None


def _by_number(logs: Sequence[_Ends]) -> list[int] | None:
    """The logs by the numbers of their names, oldest first; None where those are not of one log, or leave one out."""
    numbers = _numbers(logs)
    if numbers is None or len(set(numbers)) < len(numbers) or _lacks_one(logs):
        return None
    return sorted(range(len(logs)), key=numbers.__getitem__, reverse=True)


def _lacks_one(logs: Sequence[_Ends]) -> bool:
    """True if, by the numbers in the names, a part between the others is missing.

    virtlogd's numbers begin with 0; programs that begin with 1 do not cut lines.
    """
    numbers = sorted({*(_numbers(logs) or ())})
    return any(later - earlier > 1 for earlier, later in pairwise(numbers))


def _numbers(logs: Sequence[_Ends]) -> list[int] | None:
    """The numbers of the logs' names, -1 for the one without; None where they are not of one log."""
    found = [_NUMBERED.match(log.reader.meta.path) for log in logs]
    if len({match[1] for match in found if match}) > 1:
        return None
    return [-1 if match is None or match[2] is None else int(match[2]) for match in found]


class _Parts(io.RawIOBase):
    """The bytes of several files, unpacked, one after the other; where each begins is known once it is reached.

    Attributes:
        lines: newlines before each part, as far as it was read.
        truncated: what is wrong with a packed part; None if nothing is so far.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.lines = [0]
        self.truncated: str | None = None
        self._paths = list(paths)
        self._newlines = 0
        self._source = open_source(self._paths[0])

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        room = memoryview(buffer)
        while not (count := self._source.readinto(room)):
            if self._source.truncated and self.truncated is None:
                self.truncated = f"{self._source.name}: {self._source.truncated}"
            if len(self.lines) == len(self._paths):
                return 0
            self._source.close()
            self._source = open_source(self._paths[len(self.lines)])
            self.lines.append(self._newlines)
        self._newlines += bytes(room[:count]).count(b"\n")
        return count

    def close(self) -> None:
        self._source.close()
        super().close()


class _JoinedText(TextTrace):
    """The text of parts of one log; `parts` are its bytes once it is read."""

    def __init__(self, meta: TraceMeta, logs: Sequence[TextTrace]) -> None:
        super().__init__(meta, options=logs[0].options, new_scanner=logs[0].new_scanner)
        self.parts: _Parts | None = None
        self._paths = [log.meta.path for log in logs]

    def open(self) -> Source:
        self.parts = _Parts(self._paths)
        total = sum(Path(path).stat().st_size for path in self._paths)
        return Source(self.parts, self.meta.name, total, rereadable=False)  # type: ignore[arg-type]


class RotatedLog:
    """Parts of one log, oldest first, read as one; see `TraceReader`. Lines are numbered on, over all parts."""

    rereadable = True

    def __init__(self, parts: Sequence[TextTrace]) -> None:
        self._names = [part.meta.name for part in parts]
        first = parts[0].meta
        self.meta = replace(
            first, name=first_of(self._names, _SHOWN), reason=f"{len(parts)} parts of one log: {first.reason}"
        )
        self._inner = _JoinedText(self.meta, parts)

    @property
    def health(self) -> Health:
        """Health of the whole log; reasons of damage name the part."""
        health, parts = self._inner.health, self._inner.parts
        if parts is None:
            return health
        damaged = [
            replace(each, reason=f"{each.reason}, {self._place(parts.lines, each.number)}")
            for each in health.first_damaged
        ]
        return replace(health, first_damaged=damaged, truncated=parts.truncated or health.truncated)

    def _place(self, lines: Sequence[int], number: int) -> str:
        """The part that a line begins in, and its number there; `lines` are those before each part."""
        part = bisect_right(lines, number - 1) - 1
        return f"line {number - lines[part]:,} of {self._names[part]}"

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        return self._inner.chunks(trace)


# --- logs of threads ---------------------------------------------------------------------------------------------


def _are_threads(logs: Sequence[_Ends]) -> bool:
    """True for logs of one QEMU's threads: they overlap in time, and only one has resets of devices.

    Raises:
        InputError: they are, and have no times.
    """
    apart = [log.threads for log in logs]
    if len(logs) < 2:  # noqa: PLR2004
        return False
    if any(len(threads) > 1 for threads in apart) or len(frozenset().union(*apart)) < sum(map(len, apart)):
        return False
    timed = [log for log in logs if log.start is not None and log.end is not None]
    if timed and len(timed) == len(logs):
        spans = sorted((log.start or 0, log.end or 0) for log in logs)
        overlap = any(later[0] < earlier[1] for earlier, later in pairwise(spans))
        return overlap and _resets(logs) <= 1
    if not timed and _alike([log.reader.meta.path for log in logs]) and _resets(logs) == 1:
        names = first_of([log.name for log in logs], _SHOWN)
        raise InputError(
            f"{names}: logs of one QEMU's threads (-d tid) without times to merge them by; "
            "record with -msg timestamp=on, or without -d tid"
        )
    return False


def _alike(paths: Sequence[str]) -> bool:
    """True if the names of all logs differ in one number only, as `-D log-%d` makes them."""
    shapes = {tuple(re.split(r"\d{2,}", Path(path).name)) for path in paths}
    return len(shapes) == 1 and len(shapes.pop()) == 2  # noqa: PLR2004


def _resets(logs: Sequence[_Ends]) -> int:
    """Number of logs with resets of devices, counted up to two."""
    found = 0
    for log in logs:
        found += any((frame["event"] == _RESET).any() for frame in log.reader.chunks())
        if found > 1:
            break
    return found


class ThreadLogs(ConcatenatedTraces):
    """The logs of one QEMU's threads, merged by time; see `TraceReader`.

    Events of the same time are in the order in which their logs were given.
    """

    def __init__(self, logs: Sequence[TextTrace]) -> None:
        super().__init__(logs)
        self._logs = logs

    @property
    def meta(self) -> TraceMeta:
        """That of all threads, under the names of the logs."""
        meta = super().meta
        shapes = sum((log.meta.shapes for log in self._logs), start=meta.shapes.__class__())
        name = first_of([log.meta.name for log in self._logs], _SHOWN)
        reason = f"logs of {len(self._logs)} threads, merged by time: {meta.reason}"
        return replace(meta, name=name, shapes=shapes, reason=reason)

    @property
    def health(self) -> Health:
        """Health of all logs; reasons of damage name the log."""
        health = super().health
        named = [
            replace(damage, reason=f"{damage.reason}, line {damage.number:,} of {log.meta.name}")
            for log in self._logs
            for damage in log.health.first_damaged
        ]
        return replace(health, first_damaged=named[: len(health.first_damaged)])

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        numbering = Numbering(trace)
        frames = [_keyed(log) for log in self._logs]
        held = [next(each, None) for each in frames]
        while any(frame is not None for frame in held):
            until = min(int(frame["key"][-1]) for frame in held if frame is not None)
            ready = []
            for number, frame in enumerate(held):
                if frame is None:
                    continue
                count = int((frame["key"] <= until).sum())
                ready.append(frame.head(count))
                rest = frame.slice(count)
                held[number] = rest if rest.height else next(frames[number], None)
            merged = pl.concat(ready).sort("key", maintain_order=True)
            yield numbering.apply(merged.drop("key", "trace", "boot", "seq"))


def _keyed(log: TextTrace) -> Iterator[pl.DataFrame]:
    """The frames of a log, with the latest time so far as `key`."""
    last = 0
    for frame in log.chunks():
        key = frame["time_ns"].fill_null(strategy="forward").fill_null(last).clip(lower_bound=last).cum_max()
        last = int(key[-1])
        yield frame.with_columns(key.alias("key"))

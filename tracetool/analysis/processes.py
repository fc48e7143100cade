"""The process of each event of a trace: several QEMUs in one trace are several machines.

Most formats name the process. Where only a thread is named (`PID@TIME`, ftrace), the machines are told by their main
threads, which do all resets of devices.

Ref: QEMU softmmu/runstate.c: `qemu_system_reset` is called by the main loop; the thread that runs it has the number of
the process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.analysis.naming import SHOWN_NAME, UNKNOWN
from tracetool.errors import UsageError
from tracetool.events import EVENT_CODES, EVENTS_SCHEMA, OPENING
from tracetool.ingest.integers import codes_of
from tracetool.ingest.numbering import Numbering
from tracetool.sanitize import first_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from tracetool.ingest import TraceReader

__all__ = ["Processes", "Span", "Threads", "first_main", "pids"]

MOST_SPANS = 1 << 12
"""Most processes that are told apart; no host runs as many QEMUs, so more of them are damage."""

_SHOWN = 8
"""Processes that a message names."""

_OPENING = [EVENT_CODES[name] for name in OPENING]


@dataclass
class Span:
    """The events of one process: how many, and the first and last time, None where they have none."""

    events: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    left_out: bool = False
    """The options leave it out."""

    def add(self, events: int, times: pl.Series) -> None:
        """Add events with these times."""
        self.events += events
        if len(times):
            self.first_ns = int(times[0]) if self.first_ns is None else self.first_ns
            self.last_ns = int(times[-1])


@dataclass
class Threads:
    """The machines of a trace that names threads only, by their main threads.

    `main` is the first main thread where machines are known to run side by side: then every thread is given to one of
    them. Without it they are taken for one machine that is started again and again, until a thread of an earlier start
    logs after a later one: `overlap`.
    """

    main: int | None = None
    overlap: bool = False
    machines: dict[int, int] = field(default_factory=dict)
    """The main thread of each thread's machine, in order of appearance."""
    mains: list[int] = field(default_factory=list)
    """The main threads, in order."""
    doubtful: dict[int, None] = field(default_factory=dict)
    """Threads that may be another machine's: they came when several had begun."""
    _reset_by: dict[str, int] = field(default_factory=dict)

    def see(self, frame: pl.DataFrame) -> None:
        """Add the events of a frame that name a thread and no process."""
        threads = frame["thread"].to_numpy()
        changes = np.flatnonzero(threads[1:] != threads[:-1]) + 1
        start = 0
        for at, thread in self._begun(frame):
            self._meet(threads, changes, start, at)
            self.mains.append(thread)
            self.machines[thread] = thread
            start = at
        self._meet(threads, changes, start, len(threads))

    def _begun(self, frame: pl.DataFrame) -> Iterator[tuple[int, int]]:
        """Rows where another machine begins, and its main thread."""
        codes = codes_of(frame)
        rows = np.flatnonzero(reduce(or_, (codes == code for code in _OPENING)))
        if not len(rows):
            return
        opening = frame[rows]
        for at, thread, device in zip(rows.tolist(), opening["thread"].to_list(), opening["device"], strict=True):
            known = self._reset_by.get(device)
            self._reset_by[device] = thread
            if thread not in self.mains and (known not in (None, thread) or not self.mains):
                yield at, thread

    def _meet(self, threads: NDArray[np.uint32], changes: NDArray[np.int64], start: int, end: int) -> None:
        """Add the threads of rows between two starts of machines."""
        if start == end:
            return
        runs = np.r_[start, changes[(changes > start) & (changes < end)]]
        found, first = np.unique(threads[runs], return_index=True)
        newest = self.mains[-1] if self.mains else None
        for thread in found[first.argsort()].tolist():
            if thread not in self.machines:
                self.machines[thread] = self._machine_of(thread)
            elif self.machines[thread] != newest and len(self.mains) > 1:
                self.overlap = True

    def _machine_of(self, thread: int) -> int:
        """The machine a new thread is taken for: the newest, or where several run the nearest by its number.

        The threads of a process have higher numbers than its main thread.
        """
        if self.main is None:
            return self.mains[-1] if self.mains else thread
        if len(self.mains) < 2:  # noqa: PLR2004
            return self.main
        self.doubtful[thread] = None
        return max((main for main in self.mains if main < thread), default=self.mains[-1])


def pids(processes: Iterable[int | None]) -> str:
    """Processes in words: `pids 4711, 4812 and 2 more`."""
    numbers = list(processes)
    return f"pid{'s' if len(numbers) > 1 else ''} {_numbers(numbers)}"


def _numbers(processes: Iterable[int | None]) -> str:
    return first_of([UNKNOWN if process is None else str(process) for process in processes], _SHOWN)


def first_main(reader: TraceReader) -> int | None:
    """The first main thread of a trace that names threads alone, where machines run side by side."""
    threads = Threads()
    for frame in reader.chunks():
        if not frame["process"].null_count():
            break
        Processes.look(frame, threads)
    return threads.mains[0] if threads.overlap else None


class Processes:
    """Assigns the events of a trace to processes, counts those of each, and leaves out those not chosen.

    Args:
        chosen: the processes to keep; by default all.
        main: see `Threads`.
        boots: the boots of each process to keep; by default all.
    """

    def __init__(
        self, chosen: frozenset[int] = frozenset(), main: int | None = None, boots: range | None = None
    ) -> None:
        self.spans: dict[int | None, Span] = {}
        self.uncounted = 0
        self.threads = Threads(main)
        self._numbering: Numbering | None = None
        """Of the boots of machines that are told by their threads."""
        self.boots = 0
        """Number of boots of the chosen processes."""
        self.of_other_boots = 0
        """Events left out as those of other boots."""
        self._chosen = chosen
        self._boots = boots

    def again(self) -> Processes:
        """The same choice for another read, which is from the start where threads tell the machines."""
        return Processes(self._chosen, self.threads.main, self._boots)

    @property
    def named(self) -> dict[int | None, Span]:
        """The events of each process, where the trace names any."""
        return {} if self.spans.keys() == {None} else self.spans

    @property
    def several(self) -> bool:
        """True when the trace holds events of more than one process."""
        return len(self.spans) > 1

    @property
    def partial(self) -> bool:
        """True when events were left out, or are of several machines."""
        return self.several or self.of_other_boots > 0

    @property
    def mixture(self) -> str | None:
        """Why events may be counted to the wrong machine, in words; None where they cannot be."""
        threads = self.threads
        if threads.overlap and threads.main is None:
            return (
                f"{len(threads.mains)} QEMUs, some at once, by their main threads {_numbers(threads.mains)}; a stream "
                "cannot be read again to tell them apart: give a file"
            )
        if threads.doubtful:
            several = "s" if len(threads.doubtful) > 1 else ""
            return (
                f"{len(threads.mains)} QEMUs, some at once, by their main threads {_numbers(threads.mains)}; "
                f"thread{several} {_numbers(threads.doubtful)} may be of either"
            )
        if self.uncounted:
            return f"events of more than {MOST_SPANS:,} processes"
        return None

    def take(self, frame: pl.DataFrame, see: Callable[[pl.DataFrame], None] | None = None) -> pl.DataFrame:
        """The events of a frame that were chosen, with their process; `see` is called with those of every boot."""
        frame = self._told(frame)
        for process, events in _by_process(frame):
            self._count(process, events)
        if self._chosen:
            frame = frame.filter(pl.col("process").is_in(list(self._chosen)))
        if see is not None:
            see(frame)
        return frame if frame.is_empty() else self._of_boots(frame)

    def _of_boots(self, frame: pl.DataFrame) -> pl.DataFrame:
        last = frame["boot"].max()
        self.boots = max(self.boots, last + 1 if isinstance(last, int) else 0)
        if self._boots is None:
            return frame
        mine = frame.filter(pl.col("boot").is_between(self._boots.start, self._boots.stop, closed="left"))
        self.of_other_boots += frame.height - mine.height
        return mine

    def label(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Replace the names of devices by those shown; valid once all events have been taken."""
        if not self.several:
            return frame
        process = pl.col("process").cast(pl.String).fill_null(UNKNOWN)
        shown = pl.format(SHOWN_NAME, pl.col("device").cast(pl.String), process)
        return self._with_process(frame).with_columns(shown.cast(EVENTS_SCHEMA["device"]).alias("device"))

    def _told(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame, with the process by the thread where machines run side by side."""
        self.look(frame, self.threads)
        if self.threads.main is None:
            return frame
        if self._numbering is None:
            self._numbering = Numbering(int(frame["trace"][0]))
        return self._numbering.apply(self._with_process(frame))

    @staticmethod
    def look(frame: pl.DataFrame, threads: Threads) -> None:
        """Add the threads of events that name no process."""
        unnamed, unthreaded = frame["process"].null_count(), frame["thread"].null_count()
        if unnamed < frame.height or unthreaded:
            frame = frame.filter(pl.col("process").is_null() & pl.col("thread").is_not_null())
        if frame.height:
            threads.see(frame)

    def require(self, *, each: bool = True) -> None:
        """Raise UsageError if a chosen process (without `each`: all of them) or boot has no event."""
        if self._boots is not None and self.boots <= self._boots.start and self.spans:
            several = "s, 0" + (f" to {self.boots - 1:,}" if self.boots > 1 else "") if self.boots != 1 else ", 0"
            raise UsageError(f"--boot {self._boots.start}: the trace has {self.boots:,} boot{several}")
        missing = sorted(self._chosen - self.spans.keys())
        if missing and self.spans and (each or len(missing) == len(self._chosen)):
            known = [process for process in self.spans if process is not None]
            there = f"it has those of {pids(known)}" if known else "it does not name the process"
            raise UsageError(f"--process {missing[0]}: the trace has no event of it; {there}")

    def _with_process(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self.threads.main is None:
            return frame
        machine = pl.col("thread").replace_strict(self.threads.machines, default=None, return_dtype=pl.UInt32)
        return frame.with_columns(process=pl.coalesce("process", machine))

    def _count(self, process: int | None, events: pl.DataFrame) -> None:
        if process not in self.spans and len(self.spans) >= MOST_SPANS:
            self.uncounted += events.height
            return
        span = self.spans.setdefault(process, Span(left_out=bool(self._chosen) and process not in self._chosen))
        times = events["time_ns"]
        span.add(events.height, times.drop_nulls() if times.null_count() else times)


def _by_process(frame: pl.DataFrame) -> Iterator[tuple[int | None, pl.DataFrame]]:
    """The events of each process, in order of appearance; most frames are of one."""
    processes = frame["process"]
    if processes.null_count() == frame.height:
        yield None, frame
    elif not processes.null_count() and processes.min() == processes.max():
        yield int(processes[0]), frame
    else:
        for (process,), events in frame.group_by("process", maintain_order=True):
            yield (None if process is None else int(str(process))), events

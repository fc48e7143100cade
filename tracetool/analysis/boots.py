"""Selection of boots in a trace.

A boot begins with a reset of all devices: where QEMU starts, or where the guest reboots. `LAST` stands for the boots of
the last start, as far as the trace tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from tracetool.analysis.processes import Processes, first_main
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracetool.analysis.options import Options
    from tracetool.ingest import TraceReader

__all__ = ["LAST", "Chosen", "parse_boot", "with_boot"]

LAST = -1
"""In `Options.boot`: the boots of the last start of QEMU."""

_MOST = (1 << 32) - 1


def parse_boot(text: str | None) -> int | None:
    """The number of a boot, or `LAST`; UsageError for anything else."""
    if text in (None, "last"):
        return None if text is None else LAST
    if not (text.isascii() and text.isdecimal()):
        raise UsageError(f"--boot {text!r}: give the number of a boot, from 0, or last")
    return min(int(text), _MOST)


@dataclass
class _Machine:
    """The boots of one process so far: the last, the first of the last start, and its main thread."""

    boot: int = -1
    start: int = 0
    seq: int = -1
    thread: int | None = None
    realizes: bool = False

    def begin(self, row: dict[str, Any], said: Sequence[int]) -> None:
        """Begin a boot at an event; `said`: seqs before which libvirt's log reports a start of QEMU."""
        named = row["process"] is not None
        told = any(self.seq < seq <= row["seq"] for seq in said)
        other = row["thread"] is not None and self.thread is not None and row["thread"] != self.thread
        tells = named or bool(said) or self.realizes or (row["thread"] is not None and self.boot >= 0)
        if not named and (told or other or not tells):
            self.start = row["boot"]


@dataclass
class _Starts:
    """Finds the last start of QEMU in a trace by the events that begin boots.

    A start is another process or main thread than that of the boot before, a `realize`, or a line of libvirt's log.
    Where a trace has any of those, a boot without is a reboot of the guest; else each boot counts as a start.
    """

    said: Sequence[int]
    machines: dict[int | None, _Machine] = field(default_factory=dict)

    def see(self, frame: pl.DataFrame) -> None:
        """Add events, with their process."""
        opening = frame.filter(pl.col("event").is_in(["reset", "realize"]))
        for row in opening.select("seq", "boot", "process", "thread", "event").iter_rows(named=True):
            machine = self.machines.setdefault(row["process"], _Machine())
            if row["boot"] > machine.boot:
                machine.begin(row, self.said)
            if row["event"] == "realize" and row["process"] is None:
                machine.start, machine.realizes = row["boot"], True
            machine.boot, machine.seq, machine.thread = row["boot"], row["seq"], row["thread"]


def with_boot(readers: Sequence[TraceReader], options: Options) -> Options:
    """Resolve `Options.boot` to `Options.boots`.

    Raises:
        UsageError: there are several traces, or the last start is asked for of one that cannot be read twice.
    """
    if options.boot is None or options.boots is not None:
        return options
    if len(readers) > 1:
        raise UsageError("--boot chooses in one trace; several are consecutive boots: give those that are meant")
    if options.boot != LAST:
        return replace(options, boots=range(options.boot, options.boot + 1))
    (reader,) = readers
    if not reader.rereadable:
        raise UsageError("--boot last reads the trace twice, which a stream does not allow: give a file, or a number")
    processes = Processes(options.processes, first_main(reader))
    starts = _Starts(reader.health.starts)
    for frame in reader.chunks():
        starts.said = reader.health.starts
        starts.see(processes.take(frame))
    if not starts.machines:
        return replace(options, boots=range(_MOST))
    process, machine = list(starts.machines.items())[-1]
    chosen = options.processes if process is None or len(starts.machines) == 1 else frozenset({process})
    return replace(options, processes=chosen, boots=range(machine.start, _MOST))


class Chosen:
    """The events of a trace that are of the chosen processes and boots; by default all.

    `left_out` counts the others, once the events have been read.
    """

    def __init__(self, reader: TraceReader, options: Options) -> None:
        self.left_out = 0
        self._reader = reader
        self._options = options

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Frames of `EVENTS_SCHEMA`, none empty; see `TraceReader.chunks`.

        Raises:
            UsageError: the trace has no event of one of the processes, or no such boot.
        """
        self.left_out = 0
        options, reader = with_boot([self._reader], self._options), self._reader
        if not options.processes and options.boots is None:
            yield from reader.chunks(trace)
            return
        main = first_main(reader) if reader.rereadable else None
        processes = Processes(options.processes, main, options.boots)
        for frame in reader.chunks(trace):
            mine = processes.take(frame)
            self.left_out += frame.height - mine.height
            if not mine.is_empty():
                yield mine
        processes.require()

"""Summary of a trace: format, devices, events, times, health."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
from rich.text import Text

from tracetool.analysis.boots import with_boot
from tracetool.analysis.naming import UNKNOWN, Key, shown_name
from tracetool.analysis.options import Options
from tracetool.analysis.processes import Processes
from tracetool.analysis.runs import with_runs
from tracetool.analysis.session import replay_readers
from tracetool.errors import UsageError
from tracetool.findings.phrases import count_of, events_lost
from tracetool.ingest.trace_reader import ReaderOver
from tracetool.report.layout import print_grid
from tracetool.report.run import run_facts
from tracetool.report.story import story_lines
from tracetool.sizes import format_offset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from tracetool.analysis.session import Replayed
    from tracetool.ingest import TraceReader
    from tracetool.who.callers import CodeReport

__all__ = ["TraceSummary", "print_summary", "summarise"]

_NANOSECONDS = 1_000_000_000
_MOST_EVENTS = 6
_MOST_DEVICES = 16


@dataclass
class DeviceSummary:
    """Summary of a device: events by kind, and the first offset after its highest access (bytes)."""

    events: dict[str, int] = field(default_factory=dict)
    highest: int = 0


@dataclass
class TraceSummary:
    """Summary of a trace: pflash events, devices, first and last time (ns, None without times)."""

    events: int = 0
    devices: dict[Key, DeviceSummary] = field(default_factory=dict)
    processes: Processes = field(default_factory=Processes)
    first_ns: int | None = None
    last_ns: int | None = None
    backwards: int = 0


def summarise(reader: TraceReader, options: Options | None = None) -> tuple[TraceSummary, Replayed | None]:
    """Count and replay the events of the processes and boots that the options choose.

    The replay is None where the trace contradicts what its devices are.
    """
    options = with_boot([reader], options or Options())
    counting = _Counting(reader, options)
    try:
        replayed = replay_readers([counting], with_runs([reader], replace(options, story=True)))
    except UsageError:
        for _ in counting.chunks() if reader.rereadable else ():
            continue
        return counting.summary, None
    counting.main = replayed.traces[0].processes.threads.main
    for _ in counting.chunks() if counting.main is not None else ():
        continue
    return counting.summary, replayed


class _Counting(ReaderOver):
    """Reader that counts the events it passes on."""

    def __init__(self, reader: TraceReader, options: Options) -> None:
        super().__init__(reader)
        self._options = options
        self.main: int | None = None
        """See `Processes`."""
        self.summary = TraceSummary()

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Pass on the frames; reading them again restarts the count."""
        self.summary = TraceSummary(processes=Processes(self._options.processes, self.main, self._options.boots))
        for frame in self._inner.chunks(trace):
            mine = self.summary.processes.take(frame)
            self.summary.events += len(mine)
            _add_times(self.summary, mine["time_ns"].drop_nulls())
            _add_devices(self.summary, mine)
            yield frame


def _add_times(summary: TraceSummary, times: pl.Series) -> None:
    if not len(times):
        return
    if summary.last_ns is not None and times[0] < summary.last_ns:
        summary.backwards += 1
    summary.backwards += int((times.diff() < 0).sum())
    summary.first_ns = int(times[0]) if summary.first_ns is None else summary.first_ns
    summary.last_ns = int(times[-1])


def _add_devices(summary: TraceSummary, frame: pl.DataFrame) -> None:
    end = (pl.col("offset") + pl.col("size").fill_null(0).cast(pl.Int64)).max()
    kinds = frame.group_by("device", "process", "event", maintain_order=True)
    for device, process, event, count, highest in kinds.agg(pl.len().alias("n"), end.alias("end")).iter_rows():
        found = summary.devices.setdefault(Key(str(device), process), DeviceSummary())
        found.events[event] = found.events.get(event, 0) + count
        found.highest = max(found.highest, highest or 0)


# --- as text -----------------------------------------------------------------------------------------------------


def print_summary(reader: TraceReader, summary: TraceSummary, replayed: Replayed | None, console: Console) -> None:
    """Print what `summarise` found."""
    console.print(Text(reader.meta.name, style="bold"), soft_wrap=True)
    callers = {} if replayed is None else replayed.callers
    code = [fact for found in callers.values() for fact in _code(found.report)]
    print_grid(console, [*_facts(reader, summary), *code], first_style="dim")
    for name, device in sorted(replayed.devices.items()) if replayed is not None else ():
        lines = list(story_lines(device, summary.first_ns))
        if lines:
            console.print(Text(f"  what was done to {name}"), soft_wrap=True)
            print_grid(console, [(f"  {when}", what) for when, what in lines], first_style="dim")


def _facts(reader: TraceReader, summary: TraceSummary) -> Iterator[tuple[str, str]]:
    meta, health = reader.meta, reader.health
    packed = f", {meta.compression}" if meta.compression else ""
    if meta.run is not None:
        yield from run_facts(meta.run)
    yield "format", f"{meta.reason}{packed}"
    yield "times", _times(summary, meta.clock)
    yield "events", f"{summary.events:,} of pflash, in {count_of(health.lines, meta.unit)}"
    yield from _processes(summary)
    several = summary.processes.several
    devices = {shown_name(key) if several else key.device: device for key, device in summary.devices.items()}
    for name, device in sorted(devices.items())[:_MOST_DEVICES]:
        yield name, _device(device)
    if len(summary.devices) > _MOST_DEVICES:
        yield "", f"... and {len(summary.devices) - _MOST_DEVICES:,} more devices"
    if health.other:
        yield f"other {meta.unit}s", f"{health.other:,} that belong to something else"
    if health.damaged:
        first = health.first_damaged[0]
        damaged = count_of(health.damaged, meta.unit)
        yield "not understood", f"{damaged}, first {meta.unit} {first.number:,}: {first.reason}"
    if lost := events_lost(health):
        yield "lost", f"{lost}, says the trace itself"
    if health.host_write_failures:
        yield "host", health.host_write_failures[0].text
    if health.truncated:
        yield "cut", health.truncated
    if health.unterminated:
        yield "end", "the last line has no newline: the file may have been cut there"


def _code(report: CodeReport) -> Iterator[tuple[str, str]]:
    """The log of the guest's code."""
    matched = "every one" if report.matched == report.accesses else f"{report.matched:,}"
    rows = f"{count_of(report.rows, 'row')}, {matched} of {count_of(report.accesses, 'access', 'accesses')} has one"
    over = report.rows_without_access
    yield "guest code", f"{rows}; {count_of(over, 'row')} without an access" if over else rows
    for doubt in report.doubts:
        yield "", doubt


def _processes(summary: TraceSummary) -> Iterator[tuple[str, str]]:
    """Processes of QEMU, where the trace names any, with first and last time since the trace's first event."""
    spans = summary.processes.named
    start = min((span.first_ns for span in spans.values() if span.first_ns is not None), default=0)
    for process, span in list(spans.items())[:_MOST_DEVICES]:
        words = count_of(span.events, "event")
        if span.first_ns is not None and span.last_ns is not None:
            first, last = ((time - start) / _NANOSECONDS for time in (span.first_ns, span.last_ns))
            words += f", {first:,.3f} s to {last:,.3f} s"
        yield f"process {UNKNOWN if process is None else process}", words + ", left out" * span.left_out
    if len(spans) > _MOST_DEVICES:
        yield "", f"... and {len(spans) - _MOST_DEVICES:,} more processes"
    if summary.processes.mixture is not None:
        yield "mixed", summary.processes.mixture


def _device(device: DeviceSummary) -> str:
    total = sum(device.events.values())
    most = sorted(device.events.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{count:,} {event}" for event, count in most[:_MOST_EVENTS])
    rest = len(most) - _MOST_EVENTS
    if rest > 0:
        shown += f", {rest} more kinds"
    resets = device.events.get("reset", 0)
    counted = f", {count_of(resets, 'reset')}" if resets else ""
    return f"{total:,} events{counted}, up to {format_offset(device.highest)}: {shown}"


def _times(summary: TraceSummary, clock: str) -> str:
    if summary.first_ns is None or summary.last_ns is None:
        return "none in the trace"
    length = (summary.last_ns - summary.first_ns) / _NANOSECONDS
    words = f"{clock} clock, {length:,.3f} s"
    if clock == "wall":
        begin = datetime.fromtimestamp(summary.first_ns // _NANOSECONDS, tz=UTC)
        words += f" from {begin:%Y-%m-%d %H:%M:%S} UTC"
    if summary.backwards:
        words += f"; runs backwards {summary.backwards:,} x, as in a log of several runs"
    return words

"""A session: one or more traces, consecutive boots of one machine, replayed device by device."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import polars as pl

from replay.behaviour import Behaviour
from tracetool.analysis.boots import with_boot
from tracetool.analysis.cut_line import without_cut_line
from tracetool.analysis.device import Device
from tracetool.analysis.evidence import gather
from tracetool.analysis.growth import SessionGrowth
from tracetool.analysis.identity import NAMELESS, identify
from tracetool.analysis.intake import PREROLL, Intake
from tracetool.analysis.machine_rows import caused
from tracetool.analysis.naming import Key, ambiguous, is_of, options_of, shown_name
from tracetool.analysis.options import ANY_DEVICE, MARKS, VALUES
from tracetool.analysis.processes import Processes, pids
from tracetool.analysis.runs import with_runs
from tracetool.errors import UsageError
from tracetool.ingest.prefetch import prefetch
from tracetool.timeline.accesses import ACCESSES_SCHEMA
from tracetool.timeline.blocks import BLOCKS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from replay.geometry import Geometry
    from tracetool.analysis.device import Learned, Watch
    from tracetool.analysis.options import Options
    from tracetool.ingest import Health, TraceMeta, TraceReader
    from tracetool.who.callers import Callers, CodeReport

    Watcher = Callable[[Geometry], Watch]
    Images = Callable[[Path], NDArray[np.uint8]]

__all__ = ["Replayed", "TraceReport", "replay_readers"]

MAX_PASSES = 3
"""A fact that a pass learns too late (extent, writable) is known to the next; there are at most two such facts."""

MAX_DEVICES = 64
"""Devices replayed; no machine has as many flashes, so further names are damage."""

MAX_IMAGE = 1 << 32
"""Longest image that is unpacked, in bytes; the device's region is checked later."""


@dataclass(frozen=True)
class TraceReport:
    """One trace as it was read."""

    meta: TraceMeta
    health: Health
    events: int
    start_ns: int | None = None
    processes: Processes = field(default_factory=Processes)
    """Its processes; `events` counts those of the chosen ones."""
    code: CodeReport | None = None
    """How well the log of the guest's code fits it, in the result of an audit; None without a log."""


@dataclass
class Replayed:
    """Result of a session: devices by name, in order of appearance, and the traces.

    `left_out` counts events of devices beyond the first `MAX_DEVICES`, which are not replayed; `not_chosen` those of
    each device that is not the one of `--device`.
    """

    devices: dict[str, Device] = field(default_factory=dict)
    traces: list[TraceReport] = field(default_factory=list)
    left_out: int = 0
    not_chosen: Counter[str] = field(default_factory=Counter)
    callers: dict[int, Callers] = field(default_factory=dict)
    """The guest's code behind the events of each trace that has a log of it, by the trace's number."""
    accessed_elsewhere: set[tuple[int, int | None]] = field(default_factory=set)
    """Numbers of the traces in which a device that was not asked for was accessed."""
    _growth: SessionGrowth = field(default_factory=SessionGrowth, repr=False, compare=False)

    @property
    def starts(self) -> tuple[int | None, ...]:
        """The recorded time of each trace's first event, in nanoseconds; None where it has no times."""
        return tuple(trace.start_ns for trace in self.traces)

    @property
    def doubts_of_code(self) -> list[str]:
        """What is missing or wrong in logs of the guest's code, a line each."""
        return [doubt for callers in self.callers.values() for doubt in callers.report.doubts]

    def chosen(self, name: str, option: str) -> Device:
        """The device of this name; without one, the only one that is written.

        Raises:
            UsageError: the trace has no such device, or several could be meant; names `option`.
        """
        names = ", ".join(self.devices)
        if name in self.devices:
            return self.devices[name]
        if name:
            raise UsageError(f"no device {name!r} in the trace; it has {names}")
        written = [d for d in self.devices.values() if d.identity and not d.read_only and d.tally.totals.writes]
        if len(written) == 1:
            return written[0]
        value = "" if option == "--device" else "=FILE"
        raise UsageError(f"name the device, as in {option} {next(iter(self.devices))}{value}; the trace has {names}")

    def operations(self) -> pl.DataFrame:
        """The timeline of all devices, a frame of `OPERATIONS_SCHEMA` by trace and first event.

        Raises:
            ValueError: operations were not kept.
        """
        return self._growth.operations(self.devices)

    def accesses(self) -> pl.DataFrame:
        """The accesses of all devices, a frame of `ACCESSES_SCHEMA` by trace and event.

        Raises:
            ValueError: accesses were not kept.
        """
        frames = [device.access_table() for device in self.devices.values()]
        return pl.concat([ACCESSES_SCHEMA.to_frame(), *frames]).sort("trace", "seq")

    def blocks(self) -> pl.DataFrame:
        """What was done to each erase block, a frame of `BLOCKS_SCHEMA` by device and block."""
        tables = (device.block_table() for _, device in sorted(self.devices.items()))
        return pl.concat([BLOCKS_SCHEMA.to_frame(), *tables])


def replay_readers(
    readers: Sequence[TraceReader],
    options: Options,
    *,
    watcher: Watcher | None = None,
    begun: Callable[[Replayed], None] | None = None,
    fed: Callable[[Callable[[], Replayed]], None] | None = None,
) -> Replayed:
    """Replay open traces; they are read again when a pass learns a fact too late to use it.

    `begun` is called with the result of each pass before it is filled; `fed` after each frame of events, with a
    function that returns the result as if the trace ended there, but for operations in progress.
    """
    options = with_boot(readers, with_runs(readers, options))
    images = cache(_load_image)  # read once however often the traces are
    lessons: dict[Key, Learned] = {}
    mains = dict(options.mains)
    rereadable = all(reader.rereadable for reader in readers)
    passes = MAX_PASSES
    while True:
        reading = _Pass(options, images, lessons, mains, watcher, fed, again=rereadable and passes > 1)
        if begun is not None:
            begun(reading.replayed)
        try:
            return reading.run(readers)
        except _SideBySide as found:
            mains[found.trace] = found.main
        except _Late as found:
            passes -= 1
            lessons |= found.lessons


class _SideBySide(Exception):  # noqa: N818  the trace is read again
    """Machines in a trace that names only threads run side by side; `main` is the main thread of the first."""

    def __init__(self, trace: int, main: int) -> None:
        super().__init__(trace, main)
        self.trace = trace
        self.main = main


class _Late(Exception):  # noqa: N818  the trace is read again
    """Facts became known after they were needed."""

    def __init__(self, lessons: dict[Key, Learned]) -> None:
        super().__init__(lessons)
        self.lessons = lessons


def _load_image(path: Path) -> NDArray[np.uint8]:
    from tracetool.images import load_image  # noqa: PLC0415  many traces come without an image

    return load_image(path, limit=MAX_IMAGE)


class _Pass:
    """One reading of all traces."""

    def __init__(
        self,
        options: Options,
        images: Images,
        lessons: dict[Key, Learned],
        mains: dict[int, int],
        watcher: Watcher | None,
        fed: Callable[[Callable[[], Replayed]], None] | None = None,
        *,
        again: bool = False,
    ) -> None:
        self._fed = fed
        self._again = again
        """The traces can be read again."""
        self.options = options
        self._images = images
        self.lessons = lessons
        self.mains = mains
        self.watcher = watcher
        self.replayed = Replayed()
        self.intakes: dict[Key, Intake] = {}
        self.processes = Processes()
        """Those of the trace being read."""
        self.keys: dict[Key, None] = {}
        """Devices of the traces in order of appearance, also those left out by `--device` and `--process`."""
        self._several = False
        self._alone = True
        self._reader: TraceReader | None = None
        """That of the trace being read."""

    def run(self, readers: Sequence[TraceReader]) -> Replayed:
        self._alone = len(readers) == 1
        for number, reader in enumerate(readers):
            self._run_trace(number, reader, self.options.at if number == len(readers) - 1 else None)
        self.end()
        if self.keys:
            self._complain_of_unknown_names()
        return self.replayed

    def end(self) -> None:
        """End the session.

        Raises:
            _Late: facts became known after they were needed, and the traces can be read again.
        """
        for device in self.replayed.devices.values():
            device.outside.finish()
        for process in {key.process for key in self.intakes}:
            _agree([each.device for key, each in self.intakes.items() if key.process == process])
        late = {key: each.device for key, each in self.intakes.items() if each.device.needs_another_pass}
        if late and self._again:
            raise _Late({key: device.lesson() for key, device in late.items()})
        for device in late.values():
            device.evaluated = not device.learned_late

    def _run_trace(self, number: int, reader: TraceReader, at: int | None) -> None:
        for intake in self.intakes.values():
            changed = self.options.changed_images.get((number, intake.device.base))
            intake.begin_trace(number, None if changed is None else self._images(changed))
        self._reader = reader
        self.processes = Processes(self.options.processes, self.mains.get(number), self.options.boots)
        self._begin_callers(number)
        events = 0
        start: int | None = None
        # While a trace grows there is nothing to read ahead, and its reader asks for what is known.
        with closing(prefetch(reader.chunks(number), in_thread=self._fed is None)) as ahead:
            for frame in self._resolved(self._chosen(number, reader, _until(ahead, at))):
                events += len(frame)
                if start is None and len(times := frame["time_ns"].drop_nulls()):
                    start = int(times[0])
                self._feed(number, frame)
                if self._fed is not None:
                    self._fed(partial(self._so_far, reader, events, start))
        self.processes.require(each=self._alone)
        self.end_trace(reader, events, start)
        if number in self.replayed.callers:
            health = self.replayed.traces[-1].health
            self.replayed.callers[number].finish(gapless=not (health.damaged or health.lost))

    def end_trace(self, reader: TraceReader, events: int, start: int | None) -> None:
        """End the trace being read, of which `events` were replayed, the first with a time at `start`."""
        for intake in self.intakes.values():
            intake.settle(reader.health.events - 1 if reader.health.unterminated else None)
        devices = [(key.process, each.device) for key, each in reversed(self.intakes.items())]
        shown = {process: device.behaviour for process, device in devices if device.behaviour}
        for key, intake in self.intakes.items():
            intake.finish_trace(shown.get(key.process, Behaviour.UNDETERMINED))
        health = without_cut_line(reader.health, [intake.device.current for intake in self.intakes.values()])
        report = TraceReport(reader.meta, health, events, start, self.processes)
        self.replayed.traces.append(report)

    def _so_far(self, reader: TraceReader, events: int, start: int | None) -> Replayed:
        """A copy that goes to the end of a trace that is still written, as if that were here."""
        constants = (reader, self.options, self.lessons, self.replayed.callers, self._fed)
        memo: dict[int, Any] = {id(each): each for each in constants}
        for intake in self.intakes.values():
            intake.share(memo)
        twin = deepcopy(self, memo)
        for intake in twin.intakes.values():
            intake.device.options = replace(intake.device.options, unfinished=True)
        twin.end_trace(reader, events, start)
        for key, intake in self.intakes.items():
            intake.keep(twin.intakes[key])
        twin.end()
        return twin.replayed

    def _chosen(self, number: int, reader: TraceReader, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The events of the chosen processes.

        Raises:
            _SideBySide: threads must be told apart, from the first event on.
        """
        callers = self.replayed.callers.get(number)
        for frame in frames:
            mine = self.processes.take(frame, None if callers is None else callers.see)
            threads = self.processes.threads
            if threads.overlap and threads.main is None and reader.rereadable:
                raise _SideBySide(number, threads.mains[0])
            self._look_at_processes(reader)
            if not mine.is_empty():
                yield mine

    def _begin_callers(self, number: int) -> None:
        found = self.options.guest_code.get(number)
        if found is not None:
            from tracetool.who.callers import Callers  # noqa: PLC0415  few traces have a log of the guest's code

            self.replayed.callers[number] = Callers(
                found.log, found.code, symbols=self.options.symbols, optional=found.optional
            )

    def _look_at_processes(self, reader: TraceReader) -> None:
        """Name devices with their process once the trace holds events of a second one.

        Raises:
            UsageError: one of several traces does, so that it is not known which machine goes on.
        """
        if self._alone:
            if self.processes.several and not self._several:
                self._several = True
                self._show_processes()
            return
        taken = [process for process, span in self.processes.spans.items() if not span.left_out]
        if len(taken) > 1:
            raise UsageError(
                f"{reader.meta.name}: holds events of {len(taken)} QEMUs ({pids(taken)}), and several traces are "
                "consecutive boots of one machine: choose one with --process PID, given once for each trace"
            )

    def _show_processes(self) -> None:
        self.replayed.devices.clear()
        for key, intake in self.intakes.items():
            intake.device.rename(shown_name(key))
            self.replayed.devices[intake.device.name] = intake.device

    def _feed(self, number: int, frame: pl.DataFrame) -> None:
        for key, part in _by_device(frame):
            if not self._alone:
                key = Key(key.device)  # noqa: PLW2901  each trace has a process of its own
            self.keys[key] = None
            if self.options.device is not None and not is_of(self.options.device, key):
                self.replayed.not_chosen[key.device] += len(part)
                if caused(part):
                    self.replayed.accessed_elsewhere.add((number, key.process))
                continue
            if key not in self.intakes and len(self.intakes) >= MAX_DEVICES:
                self.replayed.left_out += len(part)
                continue
            if key not in self.intakes:
                self._begin(key, number)
            self.intakes[key].feed(part)

    def _is_nameless(self, key: Key) -> bool:
        """True where the trace's events name no device; a board calls its flash as these are called."""
        return self._reader is not None and self._reader.meta.nameless and key.device == NAMELESS

    def _begin(self, key: Key, number: int) -> None:
        """Add a device."""
        self._refuse_ambiguous(key)
        options = options_of(self.options, key)
        path = options.changed_images.get((number, key.device)) or options.images.get(key.device)
        image, nameless = None if path is None else self._images(path), self._is_nameless(key)
        device = Device(key.device, options, image, self.lessons.get(key), nameless=nameless)
        device.process, device.callers = key.process, self.replayed.callers
        if self._several:
            device.rename(shown_name(key))
        self.replayed.devices[device.name] = device
        self.intakes[key] = Intake(device, self.watcher)
        self.intakes[key].begin_trace(number)

    def _refuse_ambiguous(self, key: Key) -> None:
        """Raise UsageError if an option names a device that another process has as well."""
        keys = [*self.intakes, key]
        found = ambiguous(self.options, keys)
        if found is not None:
            option, name = found
            names = ", ".join(repr(shown_name(other)) for other in keys if other.device == name)
            raise UsageError(
                f"{option} {name}: the trace has {names}; name one of them, as in {option} {key.spellings[1]}, or "
                "choose its process with --process"
            )

    # --- options that name no device -----------------------------------------------------------------------------

    def _resolved(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The frames unchanged; options without a device are resolved before the first."""
        if not self._unresolved():
            yield from frames
            return
        held: list[pl.DataFrame] = []
        for frame in frames:
            held.append(frame)
            if sum(len(part) for part in held) >= PREROLL:
                break
        if held:
            events = pl.concat(held)
            self._resolve(events.head(PREROLL))
            yield events
        yield from frames

    def _unresolved(self) -> list[str]:
        return [option for option, field in VALUES.items() if ANY_DEVICE in getattr(self.options, field)]

    def _resolve(self, events: pl.DataFrame) -> None:
        name = self._written_device(events)
        changed: dict[str, Any] = {field: _renamed(getattr(self.options, field), name) for field in VALUES.values()}
        self.options = replace(self.options, **changed)

    def _written_device(self, events: pl.DataFrame) -> str:
        """The only device that is written; UsageError for several."""
        parts = dict(_by_device(events))
        if self.options.device is not None:
            return self.options.device
        bare = replace(self.options, geometries={})
        writable = {
            key: part
            for key, part in parts.items()
            if not identify(key.device, options_of(bare, key), gather(part, nameless=self._is_nameless(key))).read_only
        }
        written = [key for key, part in writable.items() if (part["event"] == "io_write").any()]
        candidates = written or list(writable) or list(parts)
        if len(candidates) == 1:
            return candidates[0].device
        option = self._unresolved()[0]
        names = [key.spellings[1] if self._several else key.device for key in candidates or parts]
        raise UsageError(
            f"{option} must name its device, as in {option} {names[0]}=...; the trace has {', '.join(names)}"
        )

    def _complain_of_unknown_names(self) -> None:
        options = self.options
        known = {name for key in self.keys for name in (key.device, *key.spellings)}
        named = set().union(*(getattr(options, field) for field in (VALUES | MARKS).values()))
        named -= options.recorded.keys()
        for name in sorted((named | {options.device or ANY_DEVICE}) - {ANY_DEVICE}):
            if name not in known:
                names = [shown_name(key) if self._several else key.device for key in self.keys]
                raise UsageError(f"no device {name!r} in the trace; it has {', '.join(names)}")


def _agree(devices: Collection[Device]) -> None:
    """Settle guessed boards: the flashes of a machine are of one board."""
    for known in devices:
        if known.identity is None or known.identity.geometry is None or known.identity.others:
            continue
        for device in devices:
            guess = device.identity
            if guess is not None and known.identity.board in (guess.board, *guess.others):
                device.learn_size(known.identity.geometry.size, known.base)


def _by_device(frame: pl.DataFrame) -> Iterator[tuple[Key, pl.DataFrame]]:
    """The events of each device, in order of appearance."""
    devices, processes = frame["device"], frame["process"]
    codes = devices.to_physical()
    alike = processes.null_count() in (0, frame.height) and processes.min() == processes.max()
    if codes.min() == codes.max() and alike:
        yield Key(str(devices[0]), processes[0]), frame
        return
    rows = pl.int_range(pl.len(), dtype=pl.UInt32).alias("rows")
    groups = frame.select("device", "process", rows).group_by("device", "process", maintain_order=True).agg("rows")
    # Gathered once and then sliced: to gather each is slow where there are thousands.
    together, start = frame[groups["rows"].explode()], 0
    for device, process, count in zip(
        groups["device"], groups["process"], groups["rows"].list.len().to_list(), strict=True
    ):
        yield Key(str(device), process), together.slice(start, count)
        start += count


def _renamed(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {(name if key == ANY_DEVICE else key): value for key, value in values.items()}


def _until(frames: Iterator[pl.DataFrame], at: int | None) -> Iterator[pl.DataFrame]:
    """The frames up to and including event `at`; by default all."""
    for frame in frames:
        if at is None:
            yield frame
            continue
        head = frame.filter(pl.col("seq") <= at)
        if not head.is_empty():
            yield head

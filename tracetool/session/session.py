"""A session: one or more traces, consecutive boots of one machine, replayed device by device."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from replay.behaviour import Behaviour
from replay.compiled import compile_beside
from replay.compiling import add_listener
from tracetool.errors import UsageError
from tracetool.images import load_image
from tracetool.ingest import open_trace, read_ahead
from tracetool.ingest.parts import combine
from tracetool.session.device import PREROLL, Device, Learned
from tracetool.session.evidence import gather
from tracetool.session.identity import identify
from tracetool.session.options import ANY_DEVICE
from tracetool.session.rows import caused
from tracetool.session.runs import with_runs
from tracetool.timeline.operations import OPERATIONS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from replay.geometry import Geometry
    from tracetool.ingest import Health, TraceMeta, TraceReader
    from tracetool.session.device import Watch
    from tracetool.session.options import Options

    Watcher = Callable[[Geometry], Watch]

__all__ = ["Replayed", "TraceReport", "replay_readers", "replay_traces"]

T = TypeVar("T")

MAX_PASSES = 3
"""What a pass learns too late (extent, writable) is known to the next; more than two lessons cannot follow."""

MAX_DEVICES = 64
"""Devices that are replayed; no machine has as many flashes, so more of them are names made up by damage."""

MAX_IMAGE = 1 << 32
"""Longest image that is unpacked, in bytes, before the device's own region is checked."""


@dataclass(frozen=True)
class TraceReport:
    """One trace as it was read."""

    meta: TraceMeta
    health: Health
    events: int
    start_ns: int | None = None


@dataclass
class Replayed:
    """What a session leaves: devices by name, in order of appearance, and the traces.

    `left_out` counts events of devices beyond the first `MAX_DEVICES`, which are not replayed.
    """

    devices: dict[str, Device] = field(default_factory=dict)
    traces: list[TraceReport] = field(default_factory=list)
    left_out: int = 0
    accessed_elsewhere: set[int] = field(default_factory=set)
    """Numbers of the traces in which a device that was not asked for was accessed."""

    @property
    def starts(self) -> tuple[int | None, ...]:
        """The recorded time of each trace's first event, in nanoseconds; None where it has no times."""
        return tuple(trace.start_ns for trace in self.traces)

    def operations(self) -> pl.DataFrame:
        """The timeline of all devices, a frame of `OPERATIONS_SCHEMA`, where operations were kept."""
        frames = [frame for device in self.devices.values() for frame in device.operations]
        return pl.concat([OPERATIONS_SCHEMA.to_frame(), *frames]).sort("trace", "first_seq")


def replay_traces(
    paths: Sequence[str],
    options: Options,
    *,
    strict: bool = False,
    chunk_bytes: int = 4 << 20,
    progress: Callable[[int, int | None], None] | None = None,
) -> Replayed:
    """Read and replay the traces at `paths` as consecutive boots.

    Raises:
        InputError: a trace or image cannot be read.
        UsageError: options contradict each other or the trace.
    """
    opened = [open_trace(path, strict=strict, chunk_bytes=chunk_bytes, progress=progress) for path in paths]
    readers = combine(opened)
    return replay_readers(readers, options)


def replay_readers(
    readers: Sequence[TraceReader],
    options: Options,
    *,
    watcher: Watcher | None = None,
    begun: Callable[[Replayed], None] | None = None,
) -> Replayed:
    """Replay traces that are open already; they are read again where a pass learns something it needed before.

    `begun` is given what each pass fills, before it does.
    """
    # A trace that is long enough for its reader to be compiled is long enough for the machine too.
    add_listener(compile_beside)
    options = with_runs(readers, options)
    images = _Images(options)
    lessons: dict[str, Learned] = {}
    rereadable = all(reader.rereadable for reader in readers)
    for _ in range(MAX_PASSES):
        reading = _Pass(options, images, lessons, watcher)
        if begun is not None:
            begun(reading.replayed)
        replayed = reading.run(readers)
        late = {name: device for name, device in replayed.devices.items() if device.needs_another_pass}
        if not late:
            break
        if not rereadable:
            for device in late.values():
                device.evaluated = not device.learned_late
            break
        lessons |= {name: device.lesson() for name, device in late.items()}
    return replayed


@dataclass
class _Images:
    """Flash images, loaded once however often the traces are read."""

    options: Options
    _loaded: dict[Path, NDArray[np.uint8]] = field(default_factory=dict)

    def of(self, path: Path | None) -> NDArray[np.uint8] | None:
        if path is None:
            return None
        if path not in self._loaded:
            self._loaded[path] = load_image(path, limit=MAX_IMAGE)
        return self._loaded[path]


class _Pass:
    """One reading of all traces."""

    def __init__(self, options: Options, images: _Images, lessons: dict[str, Learned], watcher: Watcher | None) -> None:
        self.options = options
        self.images = images
        self.lessons = lessons
        self.watcher = watcher
        self.replayed = Replayed()
        self.names: dict[str, None] = {}
        """Devices of the traces in order of appearance, those left out by `--device` too."""

    def run(self, readers: Sequence[TraceReader]) -> Replayed:
        for number, reader in enumerate(readers):
            self._run_trace(number, reader, self.options.at if number == len(readers) - 1 else None)
        for device in self.replayed.devices.values():
            device.finish()
        _agree(self.replayed.devices.values())
        if self.names:
            self._complain_of_unknown_names()
        return self.replayed

    def _run_trace(self, number: int, reader: TraceReader, at: int | None) -> None:
        for name, device in self.replayed.devices.items():
            device.begin_trace(number, self.images.of(self.options.changed_images.get((number, name))))
        events = 0
        start: int | None = None
        with closing(read_ahead(reader.chunks(number))) as ahead:
            for frame in self._resolved(_until(ahead, at)):
                events += len(frame)
                if start is None and len(times := frame["time_ns"].drop_nulls()):
                    start = int(times[0])
                self._feed(number, frame)
        for device in self.replayed.devices.values():
            device.settle()
        behaviours = [device.behaviour for device in self.replayed.devices.values() if device.behaviour]
        for device in self.replayed.devices.values():
            device.finish_trace(behaviours[0] if behaviours else Behaviour.UNDETERMINED)
        self.replayed.traces.append(TraceReport(reader.meta, replace(reader.health), events, start))

    def _feed(self, number: int, frame: pl.DataFrame) -> None:
        for name, part in _by_device(frame):
            self.names[name] = None
            if self.options.device is not None and self.options.device != name:
                if caused(part):
                    self.replayed.accessed_elsewhere.add(number)
                continue
            if name not in self.replayed.devices and len(self.replayed.devices) >= MAX_DEVICES:
                self.replayed.left_out += len(part)
                continue
            self._device(name, number).feed(part)

    def _device(self, name: str, number: int) -> Device:
        found = self.replayed.devices.get(name)
        if found is None:
            image = self.images.of(self.options.changed_images.get((number, name)) or self.options.images.get(name))
            found = Device(name, self.options, image, self.lessons.get(name), self.watcher)
            found.begin_trace(number)
            self.replayed.devices[name] = found
        return found

    # --- options that name no device -----------------------------------------------------------------------------

    def _resolved(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The same frames; before the first is given on, options without a device find theirs."""
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
        options = self.options
        named: dict[str, Collection[str]] = {
            "--image": options.images,
            "--extent": options.extents,
            "--geometry": options.geometries,
        }
        return [option for option, values in named.items() if ANY_DEVICE in values]

    def _resolve(self, events: pl.DataFrame) -> None:
        name = self._written_device(events)
        options = self.options
        self.options = replace(
            options,
            images=_renamed(options.images, name),
            extents=_renamed(options.extents, name),
            geometries=_renamed(options.geometries, name),
        )

    def _written_device(self, events: pl.DataFrame) -> str:
        """The one device that is written; UsageError where it could be another."""
        parts = {str(name): part for (name,), part in events.group_by("device", maintain_order=True)}
        if self.options.device is not None:
            return self.options.device
        bare = replace(self.options, geometries={})
        writable = {name: part for name, part in parts.items() if not identify(name, bare, gather(part)).read_only}
        written = [name for name, part in writable.items() if (part["event"] == "io_write").any()]
        candidates = written or list(writable)
        if len(candidates) == 1:
            return candidates[0]
        option = self._unresolved()[0]
        names = ", ".join(candidates or parts)
        raise UsageError(
            f"{option} must name its device, as in {option} {next(iter(parts))}=...; the trace has {names}"
        )

    def _complain_of_unknown_names(self) -> None:
        options = self.options
        known = self.names
        named = {*options.images, *options.extents, *options.geometries, *options.read_only, *options.writable}
        named -= options.recorded.keys()
        for name in sorted((named | {options.device or ANY_DEVICE}) - {ANY_DEVICE}):
            if name not in known:
                raise UsageError(f"no device {name!r} in the trace; it has {', '.join(known)}")


def _agree(devices: Collection[Device]) -> None:
    """The flashes of a machine are of one board: what one shows of it decides where another's was a guess."""
    for known in devices:
        if known.identity is None or known.identity.geometry is None or known.identity.others:
            continue
        for device in devices:
            guess = device.identity
            if guess is not None and known.identity.board in (guess.board, *guess.others):
                device.learn_size(known.identity.geometry.size, known.name)


def _by_device(frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The events of each device, in order of appearance; most frames are of one alone, and are given on as they are."""
    devices = frame["device"]
    codes = devices.to_physical()
    if codes.min() == codes.max():
        yield str(devices[0]), frame
        return
    for (name,), part in frame.group_by("device", maintain_order=True):
        yield str(name), part


def _renamed(values: dict[str, T], name: str) -> dict[str, T]:
    return {(name if key == ANY_DEVICE else key): value for key, value in values.items()}


def _until(frames: Iterator[pl.DataFrame], at: int | None) -> Iterator[pl.DataFrame]:
    """The frames up to and including event `at`; all of them where it is None."""
    for frame in frames:
        if at is None:
            yield frame
            continue
        head = frame.filter(pl.col("seq") <= at)
        if not head.is_empty():
            yield head

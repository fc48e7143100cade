"""Driver that repeats a trace's bus accesses on a real QEMU, started once per trace and reset with it."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from tracetool.errors import EmulatorError
from tracetool.images import write_image
from tracetool.qemu import qtest
from tracetool.qemu.option_syntax import doubled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracetool.ingest import TraceReader
    from tracetool.qemu.machines import Flash
    from tracetool.qemu.qtest import Bus
    from tracetool.verify.plan import Plan

__all__ = ["Driven", "drive"]

_AT_ONCE = 4000
"""Accesses between two checks of the deadline."""

_READS = ("io_read", "read")
_OUTSIDE = ("outer_read", "outer_write")
_ACCESSES = (*_READS, "io_write")


@dataclass
class Driven:
    """Results of driving a QEMU.

    `logs` are QEMU's traces, one per trace; `images` the image files afterwards, and `before` the blank ones made for
    devices without an image, by device. `contents` has the accessed blocks as read at the end, by device and offset.
    `events` are the kinds of event in each trace, by trace number and device. `refused` counts accesses impossible on
    the bus, `outside` those that the recorded device kept from its chip; neither are driven.
    """

    folder: Path
    logs: list[Path] = field(default_factory=list)
    images: dict[str, Path] = field(default_factory=dict)
    before: dict[str, Path] = field(default_factory=dict)
    contents: dict[str, dict[int, bytes]] = field(default_factory=dict)
    events: dict[tuple[int, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    refused: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    accesses: int = 0
    seconds: float = 0.0
    stopped_at: tuple[int, int] | None = None

    def reached(self, name: str) -> bool:
        """True if the device was accessed."""
        return bool(self.contents.get(name))


class _Step(NamedTuple):
    """Row of the trace: an access, or a reset, which has no command."""

    seq: int
    device: str
    command: str
    block: int


def drive(plan: Plan, readers: Sequence[TraceReader], folder: Path, seconds: float) -> Driven:
    """Drive the accesses of all traces in order, for at most `seconds`.

    Raises:
        EmulatorError: QEMU did not start, exited or fell silent.
        InputError: a trace is unreadable, or there is no space for the images.
    """
    driven = Driven(folder)
    _write_images(plan, driven)
    begin = time.monotonic()
    reached: dict[str, set[int]] = {name: set() for name in plan.parts}
    for number, reader in enumerate(readers):
        run = _Run(plan, driven, reached, number, begin + seconds)
        run.drive(reader, last=number == len(readers) - 1)
        if driven.stopped_at is not None:
            break
    driven.seconds = time.monotonic() - begin
    return driven


def _write_images(plan: Plan, driven: Driven) -> None:
    """Write each unit's image: the given one, else zeros."""
    given = {part.flash.name: part.device.image for part in plan.parts.values()}
    for flash in plan.flashes:
        image = np.zeros(flash.geometry.size, np.uint8)
        found = given.get(flash.name)
        if found is None:
            driven.before[flash.name] = driven.folder / f"before-{flash.name}.fd"
            write_image(driven.before[flash.name], image)
        else:
            image[: len(found)] = found
        driven.images[flash.name] = driven.folder / f"{flash.name}.fd"
        write_image(driven.images[flash.name], image)


class _Run:
    """Run of the machine for one trace."""

    def __init__(self, plan: Plan, driven: Driven, reached: dict[str, set[int]], number: int, deadline: float) -> None:
        self.plan = plan
        self.driven = driven
        self.reached = reached
        self.number = number
        self.deadline = deadline
        self.last_seq = -1
        self._pending: list[str] = []
        self._resetting = True
        self._reset: set[str] = set()
        """Devices that have logged the current reset; the first reset is the machine's start."""

    def drive(self, reader: TraceReader, *, last: bool) -> None:
        """Drive one trace; with `last` read the contents back at its end."""
        folder = self.driven.folder / f"run-{self.number}"
        folder.mkdir()
        self.driven.logs.append(folder / "trace.log")
        plan = self.plan
        with qtest.bus(plan.about.path, plan.machine.option, self._drives(), folder) as bus:
            try:
                self._all(bus, reader)
                if last or self.driven.stopped_at is not None:
                    self._read_back(bus)
                bus.quit()
            except EmulatorError as error:
                raise EmulatorError(f"{plan.about.name}, near event {max(self.last_seq, 0)}: {error}") from error

    def _drives(self) -> list[str]:
        images = {flash.name: doubled(str(self.driven.images[flash.name])) for flash in self.plan.flashes}
        return [f"file={images[flash.name]}" + ",readonly=on" * flash.read_only for flash in self.plan.flashes]

    def _all(self, bus: Bus, reader: TraceReader) -> None:
        """Drive accesses until the end of the trace or the deadline."""
        for frame in reader.chunks(self.number):
            for step in self._steps(frame):
                if step.command:
                    self._resetting = False
                    self._pending.append(step.command)
                    self.reached[step.device].add(step.block)
                else:
                    self._take_reset(bus, step.device)
                self.last_seq = step.seq
                if len(self._pending) >= _AT_ONCE and not self._flush(bus):
                    self.driven.stopped_at = (self.number, self.last_seq)
                    return
        self._flush(bus)

    def _flush(self, bus: Bus) -> bool:
        """Send the pending accesses; return True if there is time for more."""
        bus.do(self._pending)
        self.driven.accesses += len(self._pending)
        self._pending = []
        return time.monotonic() < self.deadline

    def _take_reset(self, bus: Bus, device: str) -> None:
        """Reset the machine once for all its devices, each of which logs the reset."""
        if self._resetting and device not in self._reset:
            self._reset.add(device)
            return
        self._flush(bus)
        bus.reset()
        self._resetting, self._reset = True, {device}

    def _read_back(self, bus: Bus) -> None:
        """Read the accessed blocks, in read array."""
        bus.reset()
        for name, blocks in self.reached.items():
            flash = self.plan.parts[name].flash
            block = flash.geometry.block
            self.driven.contents[name] = {
                number * block: bus.contents(flash.address + number * block, block) for number in sorted(blocks)
            }

    # --- from rows to accesses -----------------------------------------------------------------------------------

    def _steps(self, frame: pl.DataFrame) -> Iterator[_Step]:
        """Iterate over the accesses and resets of a chunk."""
        self._note_events(frame)
        event, device = pl.col("event").cast(pl.String), pl.col("device").cast(pl.String)
        rows = frame.select("seq", device, event, "offset", "size", "value").filter(
            event.is_in([*_ACCESSES, "reset"]) & device.is_in(list(self.plan.parts))
        )
        for seq, name, kind, offset, size, value in rows.iter_rows():
            part = self.plan.parts[name]
            if kind == "reset":
                if not (part.device.evidence and part.device.evidence.reset_is_read_array):
                    yield _Step(seq, name, "", 0)
                continue
            command = _command(part.flash, kind, offset, size, value)
            if command:
                yield _Step(seq, name, command, offset // part.flash.geometry.block)
            else:
                self.driven.refused[name] += 1

    def _note_events(self, frame: pl.DataFrame) -> None:
        for (device,), part in frame.group_by("device"):
            counts = dict(part["event"].cast(pl.String).value_counts().iter_rows())
            self.driven.events[self.number, str(device)] |= counts.keys()
            self.driven.outside[str(device)] += sum(counts.get(kind, 0) for kind in _OUTSIDE)


def _command(flash: Flash, kind: str, offset: int | None, size: int | None, value: int | None) -> str:
    """Format an access for the bus; empty if it is impossible there."""
    if offset is None or size not in qtest.WIDTHS or not 0 <= offset <= flash.geometry.size - size:
        return ""
    if kind in _READS:
        return qtest.read(flash.address + offset, size)
    return "" if value is None else qtest.write(flash.address + offset, size, value)

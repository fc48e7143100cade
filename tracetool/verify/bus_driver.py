"""Driver that repeats a trace's bus accesses on a real QEMU, started once per trace and reset with it."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from replay.cfi02.facts import ARRAY_READS, CHIP_ERASE_NS, SECTOR_ERASE_NS, Command
from replay.command_set import CommandSet
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

_STEPS = 10_000
"""Steps of time after which a timer does not end any more: those of 5,000 erased sectors."""

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
    """Row of the trace: an access, or else a reset, or the end of a timer with the command in force."""

    seq: int
    device: str
    command: str = ""
    block: int = 0
    is_timer: bool = False
    in_force: int | None = None


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


class _Timer:
    """Timer of the only flash of a machine, whose ends are read from the log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0

    def expire(self, bus: Bus, command: int | None) -> None:
        """Let time pass until the timer ends once, in steps in which it cannot end twice.

        After the window of an erase it begins anew, for a sector's time at least; after all else it does not. Where it
        does not end at all, the comparison of the events says so.
        """
        self._ended()
        in_window = command in (None, Command.SECTOR_ERASE)
        step = SECTOR_ERASE_NS // 2 if in_window else CHIP_ERASE_NS
        for _ in range(_STEPS):
            bus.wait(step)
            if self._ended():
                return

    def _ended(self) -> bool:
        """True if the log has an end that was not read yet."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += new.rfind(b"\n") + 1
        return b"pflash_timer_expired " in new


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
        images = {flash.name: doubled(str(self.driven.images[flash.name])) for flash in plan.flashes}
        drives, others = plan.machine.drives(plan.flashes, images), plan.machine.others(plan.flashes, images)
        self._timer = _Timer(folder / "trace.log")
        loop = plan.machine.wait_loop
        with qtest.bus(plan.about.path, plan.machine.option, drives, folder, others, loop) as bus:
            try:
                self._all(bus, reader)
                if last or self.driven.stopped_at is not None:
                    self._read_back(bus)
                bus.quit()
            except EmulatorError as error:
                raise EmulatorError(f"{plan.about.name}, near event {max(self.last_seq, 0)}: {error}") from error

    def _all(self, bus: Bus, reader: TraceReader) -> None:
        """Drive accesses until the end of the trace or the deadline."""
        for frame in reader.chunks(self.number):
            for step in self._steps(frame):
                if step.command:
                    self._resetting = False
                    self._pending.append(step.command)
                    self.reached[step.device].add(step.block)
                elif not step.is_timer:
                    self._take_reset(bus, step.device)
                self.last_seq = step.seq
                if (len(self._pending) >= _AT_ONCE or step.is_timer) and not self._flush(bus):
                    self.driven.stopped_at = (self.number, self.last_seq)
                    return
                if step.is_timer:
                    self._timer.expire(bus, step.in_force)
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
            if flash.geometry.command_set == CommandSet.CFI02:
                # So many reads at rest, and the array is read as it is, whatever the processor's byte order.
                bus.do([qtest.read(flash.address, 1)] * ARRAY_READS)
            block = flash.geometry.block
            self.driven.contents[name] = {
                number * block: bus.contents(flash.address + number * block, block) for number in sorted(blocks)
            }

    # --- from rows to accesses -----------------------------------------------------------------------------------

    def _steps(self, frame: pl.DataFrame) -> Iterator[_Step]:
        """Iterate over the accesses and resets of a chunk."""
        self._note_events(frame)
        event, device = pl.col("event").cast(pl.String), pl.col("device").cast(pl.String)
        rows = frame.select("seq", device, event, "offset", "size", "value", "cmd").filter(
            event.is_in([*_ACCESSES, "reset", "timer_expired"]) & device.is_in(list(self.plan.parts))
        )
        for seq, name, kind, offset, size, value, cmd in rows.iter_rows():
            part = self.plan.parts[name]
            if kind == "reset":
                evidence = part.device.evidence
                if part.device.is_cfi02 or not (evidence and evidence.reset_is_read_array):
                    yield _Step(seq, name)
                continue
            if kind == "timer_expired":
                if part.device.is_cfi02:
                    yield _Step(seq, name, is_timer=True, in_force=cmd)
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

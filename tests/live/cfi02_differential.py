"""Run one program on a live CFI02 flash, and hold the model against its log, its answers and its image."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import RowKind
from replay.engine import Config, Machine
from tests.live.cfi02_guest import RESET, program
from tests.live.guest import Access, pieces
from tracetool.analysis.machine_rows import possible, to_cfi02_rows
from tracetool.ingest import open_trace
from tracetool.qemu import qtest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from replay.tables import RowColumns
    from tests.live.cfi02_guest import Step
    from tests.live.cfi02_machines import Cfi02Machine

__all__ = ["Outcome", "compare", "prove", "record"]


@dataclass
class Outcome:
    """Result of a comparison: differences in words, accesses, timers, resets, and seconds."""

    differences: list[str] = field(default_factory=list)
    accesses: int = 0
    timers: int = 0
    resets: int = 0
    seconds: float = 0.0


def prove(machine: Cfi02Machine, seed: int, length: int) -> Outcome:
    """Run a random program.

    Raises:
        AssertionError: model and flash differ.
    """
    outcome = compare(machine, seed, length)
    assert not outcome.differences, f"seed {seed} of {machine.name}: {outcome.differences}"
    return outcome


def compare(machine: Cfi02Machine, seed: int, length: int) -> Outcome:
    """Run a random program on both."""
    with tempfile.TemporaryDirectory(prefix="cfi02-") as folder:
        return record(machine, program(machine, seed, length), seed, Path(folder))


def record(machine: Cfi02Machine, steps: Sequence[Step], seed: int, folder: Path) -> Outcome:
    """Run a program on both, and leave `trace.log`, and the image as `before.fd` and `flash.fd`, in the folder."""
    image = _first_contents(machine, seed)
    path = folder / "flash.fd"
    for name in (path, folder / "before.fd"):
        name.write_bytes(image.tobytes())
    begin = time.monotonic()
    _live(machine, steps, path, folder)
    seconds = time.monotonic() - begin
    rows = _logged(machine, folder / "trace.log")
    model = Machine(Config(machine.geometry, read_only=machine.read_only, image=image))
    differences = list(_followed(model, machine, steps, rows))
    stores, loads = (sum(step.size > 0 and (step.value is None) == load for step in steps) for load in (False, True))
    logged = {kind: int((rows.kind == kind).sum()) for kind in RowKind}
    resets = sum(step == RESET for step in steps) + 1
    left = np.fromfile(path, np.uint8)
    differences += _differences(model, left)
    if model.totals.resets != resets:
        differences.append(f"{model.totals.resets} resets are found, and the machine was reset {resets} times")
    if logged[RowKind.IO_WRITE] < stores:
        differences.append(f"{stores} stores, and {logged[RowKind.IO_WRITE]} of them are logged")
    return Outcome(differences, stores + loads, logged[RowKind.TIMER_EXPIRED], resets, seconds)


def _first_contents(machine: Cfi02Machine, seed: int) -> NDArray[np.uint8]:
    """Random bytes around the sectors that programs use, 0xff elsewhere."""
    data = np.full(machine.geometry.size, 0xFF, np.uint8)
    random = np.random.default_rng(seed)
    for start in range(0, machine.geometry.size, 1 << 16):
        data[start : start + 128] = random.integers(0, 256, 128, np.uint8)
    return data


def _live(machine: Cfi02Machine, steps: Sequence[Step], image: Path, folder: Path) -> None:
    """Do the steps."""
    options, loop = machine.options(image), machine.kind.wait_loop
    with qtest.bus(machine.program, machine.option, [], folder, options, loop) as bus:
        pending: list[str] = []
        for step in steps:
            if step.size:
                pending.append(_command(machine, step))
                continue
            bus.do(pending)
            pending.clear()
            if step == RESET:
                bus.reset()
            else:
                bus.wait(step.elapsed_ns)
        bus.do(pending)
        bus.quit()


def _command(machine: Cfi02Machine, step: Step) -> str:
    address = machine.address + step.offset
    return qtest.read(address, step.size) if step.value is None else qtest.write(address, step.size, step.value)


def _logged(machine: Cfi02Machine, log: Path) -> RowColumns:
    """Rows of the trace, which has no other device."""
    reader = open_trace(str(log))
    events = pl.concat(reader.chunks())
    assert not reader.health.damaged
    assert events["device"].unique().to_list() == [machine.device]
    rows = to_cfi02_rows(events, quiet=False)
    assert possible(rows, machine.geometry.size).all()
    return rows


def _differences(model: Machine, left: NDArray[np.uint8]) -> Iterator[str]:
    if model.disagreement is not None:
        yield f"{model.disagreements} events differ, first {model.disagreement}"
    if model.adopted_at is not None:
        yield f"state was taken from the trace at event {model.adopted_at}"
    if model.awaited is not None:
        yield f"{model.awaited.name} is missing at the end"
    for name, contents in (("image", model.backing()), ("contents", model.storage())):
        if not np.array_equal(contents, left):
            yield f"the {name} differs from QEMU's file, first at {int((contents != left).argmax()):#x}"


def _followed(model: Machine, machine: Cfi02Machine, steps: Sequence[Step], rows: RowColumns) -> Iterator[str]:
    """Feed the log access by access: a load must be in it where the model says that it reaches the device."""
    place, end = 0, len(rows.kind)

    def next_access() -> int:
        """Feed what comes before the next access of the log; its kind, or `OTHER` at the end."""
        nonlocal place
        start = place
        while place < end and rows.kind[place] not in (RowKind.IO_READ, RowKind.IO_WRITE):
            place += 1
        model.feed(rows, start, place)
        return int(rows.kind[place]) if place < end else RowKind.OTHER

    for number, step in enumerate(steps):
        load = step.value is None
        for offset, size, _ in pieces(Access(0, *step[:3]), big_endian=False) if step.size else ():
            kind = next_access()
            if load and model.chip.sectors.direct_reads:
                continue
            logged = kind == (RowKind.IO_READ if load else RowKind.IO_WRITE)
            if not logged or (rows.offset[place], rows.size[place]) != (offset % machine.geometry.size, size):
                yield f"step {number}, {step}, is not the access that is logged at row {place}"
                model.feed(rows, place)
                return
            model.feed(rows, place, place + 1)
            place += 1
    if next_access() != RowKind.OTHER:
        yield f"the log has more accesses than the program, from row {place} on"
        model.feed(rows, place)

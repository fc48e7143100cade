"""Run one program on a live flash and on the model, and compare everything that can be observed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import ABSENT, ABSENT_COUNTER, RowKind
from replay.engine import Config, Machine, Stop
from replay.tables import RowColumns
from tests.live.guest import RESET, Access, blocks_in_use, pieces
from tracetool.analysis.machine_rows import to_rows
from tracetool.errors import EmulatorError
from tracetool.ingest import open_trace
from tracetool.qemu import qtest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from replay.behaviour import Behaviour
    from replay.geometry import Geometry
    from replay.tables import StepColumns
    from tests.live.machines import Machine as Board
    from tracetool.qemu.machines import Flash

_SHOWN = 5
_STEP = 16 << 20
_ACCESSES = (RowKind.IO_READ, RowKind.IO_WRITE, RowKind.RESET)


@dataclass
class Outcome:
    """Result of a comparison: differences in words, logged events by kind, and QEMU's time in seconds."""

    differences: list[str] = field(default_factory=list)
    events: Counter[RowKind] = field(default_factory=Counter)
    accesses: int = 0
    seconds: float = 0.0


def compare(
    board: Board,
    accesses: Sequence[Access],
    image: int,
    folder: Path,
    behaviour: Behaviour,
    *,
    taken_for: Board | None = None,
) -> Outcome:
    """Run `accesses` on the live board and on the model; `image` is the seed of the first contents.

    The model has the flashes of `taken_for`, by default those of the board.
    """
    contents = [_first_contents(flash.geometry, image + unit, board) for unit, flash in enumerate(board.driven)]
    paths = [folder / f"{flash.name}.fd" for flash in board.flashes]
    by_name = {flash.name: data for flash, data in zip(board.driven, contents, strict=True)}
    for flash, path in zip(board.flashes, paths, strict=True):
        _write_image(path, flash.geometry, by_name.get(flash.name))
    outcome = Outcome(accesses=len(accesses))
    begin = time.monotonic()
    try:
        values, read_back = _live(board, accesses, paths, folder)
    except EmulatorError as error:
        outcome.differences.append(str(error))
        return outcome
    outcome.seconds = time.monotonic() - begin
    logged = _logged(folder / "trace.log")
    outcome.events.update(RowKind(kind) for parts in logged.values() for rows in parts for kind in rows.kind)
    outcome.differences += [
        f"the log has {name}, which the board has not" for name in logged if name not in {f.name for f in board.flashes}
    ]
    for unit, flash in enumerate((taken_for or board).driven):
        config = Config(flash.geometry, behaviour, flash.read_only, image=contents[unit])
        predicted = _Predicted(config, board, unit, accesses)
        found = [
            *_values(predicted, values),
            *_log(predicted, logged.get(flash.name, [])),
            *_self_check(config, logged.get(flash.name, []), predicted.machine),
            *_storage(predicted.machine, read_back[unit]),
            *_image(predicted.machine, folder / f"{flash.name}.fd"),
        ]
        outcome.differences += [f"{flash.name}: {text}" for text in found]
    return outcome


# --- contents ----------------------------------------------------------------------------------------------------


def _first_contents(geometry: Geometry, image: int, board: Board) -> NDArray[np.uint8]:
    """Random bytes in the blocks that programs use, zeros elsewhere."""
    data = np.zeros(geometry.size, np.uint8)
    if board.blank:
        return data
    random = np.random.default_rng(image)
    for number in blocks_in_use(geometry):
        data[number * geometry.block :][: geometry.block] = random.integers(0, 256, geometry.block, np.uint8)
    return data


def _write_image(path: Path, geometry: Geometry, data: NDArray[np.uint8] | None) -> None:
    """Write a sparse image file."""
    with path.open("wb") as file:
        file.truncate(geometry.size)
        if data is not None:
            for number in blocks_in_use(geometry):
                file.seek(number * geometry.block)
                file.write(data[number * geometry.block :][: geometry.block].tobytes())


def _touched(flash: Flash, unit: int, accesses: Sequence[Access]) -> list[int]:
    """Numbers of the blocks that a program reaches."""
    block = flash.geometry.block
    ends = {end for a in accesses if a.unit == unit for end in (a.offset // block, (a.offset + a.size - 1) // block)}
    return sorted(ends | set(blocks_in_use(flash.geometry)))


# --- the live device ---------------------------------------------------------------------------------------------


def _live(
    board: Board, accesses: Sequence[Access], paths: Sequence[Path], folder: Path
) -> tuple[list[int | None], list[dict[int, bytes]]]:
    """Run the program: the value of each load, and the final contents of the blocks that it reached, by offset."""
    flashes = board.driven
    drives = [
        f"file={path}" + (",readonly=on" if flash.read_only else "")
        for flash, path in zip(board.flashes, paths, strict=True)
    ]
    values: list[int | None] = []
    with qtest.bus(board.program, board.option, drives, folder) as bus:
        for part in _between_resets(accesses):
            if part is None:
                bus.reset()
                values.append(None)
            else:
                values += bus.do([_command(flashes[access.unit].address, access) for access in part])
        bus.reset()
        read_back = [
            {
                number * flash.geometry.block: bus.contents(
                    flash.address + number * flash.geometry.block, flash.geometry.block
                )
                for number in _touched(flash, unit, accesses)
            }
            for unit, flash in enumerate(flashes)
        ]
        bus.quit()
    return values, read_back


def _between_resets(accesses: Sequence[Access]) -> Iterator[Sequence[Access] | None]:
    """Split a program at its resets; None stands for a reset."""
    start = 0
    for index, access in enumerate(accesses):
        if access == RESET:
            yield accesses[start:index]
            yield None
            start = index + 1
    yield accesses[start:]


def _command(base: int, access: Access) -> str:
    address = base + access.offset
    if access.value is None:
        return qtest.read(address, access.size)
    return qtest.write(address, access.size, access.value)


def _logged(log: Path) -> dict[str, list[RowColumns]]:
    """Rows of the trace, by device."""
    reader = open_trace(str(log))
    devices: dict[str, list[RowColumns]] = {}
    for frame in reader.chunks():
        for (name,), part in frame.group_by("device", maintain_order=True):
            devices.setdefault(str(name), []).append(to_rows(part.sort(pl.col("seq"))))
    assert not reader.health.damaged
    return devices


# --- the model ---------------------------------------------------------------------------------------------------


class _Predicted:
    """The model, fed with the program alone and no event of the live device."""

    def __init__(self, config: Config, board: Board, unit: int, accesses: Sequence[Access]) -> None:
        blind = Config(config.geometry, config.behaviour, config.read_only, image=config.image, check=False)
        self.machine = Machine(blind)
        self.owners: list[tuple[int, int]] = []
        """For each row: index of its access, and the shift of its value."""
        events = [(RowKind.RESET, ABSENT, ABSENT, ABSENT)]
        self.owners.append((-1, 0))
        for index, access in enumerate([*accesses, RESET]):
            if access == RESET:
                events.append((RowKind.RESET, ABSENT, ABSENT, ABSENT))
                self.owners.append((index, 0))
            elif access.unit == unit:
                for offset, size, shift in pieces(access, big_endian=board.big_endian):
                    events.append(_event(access, offset, size, shift))
                    self.owners.append((index, shift))
        columns = np.ascontiguousarray(np.array(events, np.int64).T)
        absent = np.full(len(events), ABSENT, np.int64)
        no_counter = np.full(len(events), ABSENT_COUNTER, np.int64)
        self.rows = RowColumns._make([np.arange(len(events)), *columns, absent, absent, no_counter, *[absent] * 4])
        self.steps = _fed(self.machine, self.rows)

    def reads(self) -> Iterator[tuple[int, int, int, int]]:
        """Pieces of loads: index of the access, size, shift, and expected value."""
        for row, (index, shift) in enumerate(self.owners):
            if self.rows.kind[row] == RowKind.IO_READ:
                yield index, int(self.rows.size[row]), shift, int(self.steps.expected[row])

    def log(self) -> list[tuple[int, ...]]:
        """Expected log of the device; it does not see loads in read array."""
        events: list[tuple[int, ...]] = []
        rows, steps = self.rows, self.steps
        columns = (rows.kind, rows.offset, rows.size, rows.value, steps.expected, steps.cmd, steps.wcycle)
        for kind, offset, size, value, expected, cmd, wcycle in zip(*(c.tolist() for c in columns), strict=True):
            if kind == RowKind.RESET:
                events.append((kind, offset, size, ABSENT, ABSENT, ABSENT))
            elif kind == RowKind.IO_WRITE:
                events.append((kind, offset, size, value, ABSENT, wcycle))
            elif cmd:
                events.append((kind, offset, size, expected, cmd, wcycle))
        return events


def _event(access: Access, offset: int, size: int, shift: int) -> tuple[RowKind, int, int, int]:
    if access.value is None:
        return RowKind.IO_READ, offset, size, ABSENT
    return RowKind.IO_WRITE, offset, size, access.value >> shift & ((1 << 8 * size) - 1)


def _fed(machine: Machine, rows: RowColumns) -> StepColumns:
    machine.asked.everything = True
    assert machine.feed(rows) == (len(rows.kind), Stop.END)
    return machine.steps()


# --- comparing ---------------------------------------------------------------------------------------------------


def _values(predicted: _Predicted, values: Sequence[int | None]) -> Iterator[str]:
    """Compare the value of each load with the model, array reads included."""
    wrong = 0
    for index, size, shift, expected in predicted.reads():
        value = values[index]
        mask = (1 << 8 * size) - 1
        if value is None or expected < 0 or (value >> shift & mask) != expected & mask:
            wrong += 1
            if wrong <= _SHOWN:
                said = "nothing" if value is None else f"{value:#x}"
                yield f"access {index} read {said}, the model has {expected:#x} for the {size} bytes at bit {shift}"


def _log(predicted: _Predicted, logged: Sequence[RowColumns]) -> Iterator[str]:
    """Compare the logged accesses with those that the device sees according to the model."""
    actual = [
        event
        for rows in logged
        for event in zip(*(column.tolist() for column in rows[1:7]), strict=True)
        if event[0] in _ACCESSES
    ]
    foreseen = predicted.log()
    for number, (one, other) in enumerate(zip(actual, foreseen, strict=False)):
        if one != other:
            yield f"logged access {number} is {one}, the model has {other} (kind, offset, size, value, cmd, wcycle)"
            return
    if len(actual) != len(foreseen):
        yield f"{len(actual)} accesses are logged, the model has {len(foreseen)}"


def _self_check(config: Config, logged: Sequence[RowColumns], predicted: Machine) -> Iterator[str]:
    """Replay the trace: no event may differ, and the contents must be those of the program alone."""
    machine = Machine(config)
    for rows in logged:
        _fed(machine, rows)
    if machine.disagreements or machine.disagreement is not None:
        yield f"self-check: {machine.disagreements} events differ, first {machine.disagreement}"
    if machine.adopted_at is not None:
        yield f"self-check: state was taken from the trace at event {machine.adopted_at}"
    for name in ("storage", "backing"):
        one, other = getattr(machine, name)(), getattr(predicted, name)()
        if not np.array_equal(one, other):
            yield f"self-check: {name} differs from the program's, first at {int((one != other).argmax()):#x}"


def _storage(machine: Machine, read_back: dict[int, bytes]) -> Iterator[str]:
    """Compare the final contents, as the guest reads them, with the model."""
    for offset, data in read_back.items():
        live = np.frombuffer(data, np.uint8)
        different = live != machine.storage()[offset : offset + len(live)]
        if different.any():
            at = offset + int(different.argmax())
            yield f"{int(different.sum())} bytes of the flash differ, the first at {at:#x}"


def _image(machine: Machine, path: Path) -> Iterator[str]:
    """Compare the image file with the model, byte by byte."""
    backing = machine.backing()
    if path.stat().st_size != len(backing):
        yield f"the image has {path.stat().st_size} bytes, the model {len(backing)}"
        return
    with path.open("rb") as file:
        for start in range(0, len(backing), _STEP):
            different = np.fromfile(file, np.uint8, min(_STEP, len(backing) - start)) != backing[start : start + _STEP]
            if different.any():
                yield f"{int(different.sum())} bytes of the image differ, first at {start + int(different.argmax()):#x}"
                return

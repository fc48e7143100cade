"""Resets of CFI02 devices among their `reset` events.

A CFI02 device logs `reset` at each return of its state machine to rest: for every command that fails, or succeeds.
That of a device reset looks alike, but nothing explains it. The machine of the device tells the two apart; all that it
needs beside the events is the width of the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import ABSENT, ABSENT_COUNTER, Flag, RowKind
from tracetool.events import CFI01_ONLY, CFI02_ONLY, EVENT_CODES
from tracetool.ingest.integers import codes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from replay.engine import Machine

    Key = tuple[int | None, str]

__all__ = ["DeviceResets"]

_RESET = EVENT_CODES["reset"]
_ONLY = np.isin(np.arange(len(EVENT_CODES)), [EVENT_CODES[name] for name in CFI02_ONLY | {"timer_expired"}])
_ROW_KINDS = {kind.name.lower(): kind for kind in RowKind if kind.name.lower() not in CFI01_ONLY}
_ROW_KINDS |= {"write": RowKind.WRITE_TEXT, "reset": RowKind.IDLE}
_KINDS = np.array([_ROW_KINDS.get(name, RowKind.OTHER) for name in EVENT_CODES], np.int64)
_WIDEST = 4
_REGION = 1 << 28
"""Size of the flash that is assumed; accesses beyond it are left out."""


class DeviceResets:
    """Renames the `reset` events of CFI02 devices that are none of the device to `idle`, chunk by chunk."""

    def __init__(self) -> None:
        self._machines: dict[Key, Machine] = {}

    def rename(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a chunk, with such events renamed."""
        codes = codes_of(frame)
        resets = codes == _RESET
        if frame.is_empty() or not (self._machines or (resets.any() and _may_be_cfi02(frame, codes))):
            return frame
        idle = resets.copy()
        for key, rows, events in _devices(frame):
            machine = self._machines.get(key) or _machine(key[1], events)
            if machine is None:
                idle[rows] = False
            else:
                self._machines[key] = machine
                idle[rows[_device_resets(machine, events)]] = False
        if not idle.any():
            return frame
        renamed = pl.Series("event", np.where(idle, np.uint8(EVENT_CODES["idle"]), codes))
        return frame.with_columns(renamed.cat.to(frame.schema["event"]))


def _may_be_cfi02(frame: pl.DataFrame, codes: NDArray[np.uint8]) -> bool:
    """True if a device of the chunk can be a CFI02 device."""
    from replay.boards import boards_with  # noqa: PLC0415  a chunk with a reset is rare
    from replay.command_set import CommandSet  # noqa: PLC0415

    named = [
        {board.command_set for board in boards_with(name)}
        for name in frame["device"].unique().cast(pl.String).to_list()
    ]
    if any(CommandSet.CFI02 in sets for sets in named):
        return True
    shown = _ONLY[codes].any() or ("wcycle" in frame.columns and frame["wcycle"].max() not in (None, 0))
    return bool(shown) and not all(named)


def _devices(frame: pl.DataFrame) -> Iterator[tuple[Key, NDArray[np.int64], pl.DataFrame]]:
    """Rows and events of each device of each process; most chunks are of one, and need no sorting."""
    codes = frame["device"].to_physical()
    processes = frame["process"] if "process" in frame.columns else None
    unnamed = processes is None or processes.null_count() == frame.height
    if codes.min() == codes.max() and unnamed:
        yield (None, str(frame["device"][0])), np.arange(frame.height), frame
        return
    place = pl.int_range(pl.len(), dtype=pl.Int64).alias("place")
    process = pl.col("process") if "process" in frame.columns else pl.lit(None, pl.UInt32)
    keyed = frame.select(process.alias("process"), "device", place)
    for (number, device), rows in keyed.group_by("process", "device", maintain_order=True):
        places = rows["place"].to_numpy()
        yield (None if number is None else int(str(number)), str(device)), places, frame[places]


def _machine(name: str, events: pl.DataFrame) -> Machine | None:
    """A machine for a CFI02 device, by its name where a board has it, else by its events; None for any other device."""
    from replay.boards import boards_with  # noqa: PLC0415  most traces have no such device
    from replay.command_set import CommandSet  # noqa: PLC0415
    from replay.engine import Config, Machine  # noqa: PLC0415
    from replay.geometry import Geometry  # noqa: PLC0415
    from tracetool.ingest.cfi02_evidence import is_cfi02, is_quiet, width_in  # noqa: PLC0415

    accesses = events.filter(pl.col("event").cast(pl.String).is_in(["io_read", "io_write"]))
    named = [board for board in boards_with(name) if board.command_set == CommandSet.CFI02]
    if not named and not is_cfi02(events, accesses):
        return None
    width = width_in(events, accesses) or (named[0].bank_width if named else 1)
    geometry = Geometry(_REGION, 1 << 16, width, command_set=CommandSet.CFI02)
    machine = Machine(Config(geometry, read_only=True, operations=False, quiet=is_quiet(events)))
    machine.asked.flags = Flag.DEVICE_RESET
    return machine


def _device_resets(machine: Machine, events: pl.DataFrame) -> NDArray[np.int64]:
    """Rows of a device's events that reset it. What the other events say in full does not matter here."""
    from replay.tables import RowColumns  # noqa: PLC0415

    height = events.height
    absent = np.full(height, ABSENT, np.int64)
    told = [_integers(events, name) for name in ("offset", "size", "value", "cmd", "wcycle")]
    kinds = _KINDS[codes_of(events)]
    accesses = (kinds == RowKind.IO_READ) | (kinds == RowKind.IO_WRITE)
    impossible = (told[0] < 0) | (told[1] < 1) | (told[1] > _WIDEST) | (told[0] > _REGION - _WIDEST) | (told[2] < 0)
    kinds[accesses & impossible] = RowKind.OTHER
    rows = RowColumns._make([absent, kinds, *told, np.full(height, ABSENT_COUNTER), *[absent] * 4])
    machine.feed(rows)
    return machine.steps().row


def _integers(events: pl.DataFrame, name: str) -> NDArray[np.int64]:
    if name not in events.columns:
        return np.full(events.height, ABSENT, np.int64)
    return events[name].cast(pl.Int64).fill_null(ABSENT).to_numpy()

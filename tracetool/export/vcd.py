"""A Value Change Dump: the bus of each flash and its state as logged, for GTKWave and the like.

Each device is a scope with `address` (the offset in the device), `data`, `size` in bytes, `write` (1 or 0), an event
`access` that marks every bus access, and what QEMU logs of the state: `command` (0 in read array), `wcycle` as the
access found it, and `status`, the register's byte as the guest last read it. What is not known is x. Accesses of one
instant are a nanosecond apart, so that each can be seen.

Ref: IEEE 1364-2005, clause 18.
"""

from __future__ import annotations

import re
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import polars as pl
from vcd import VCDWriter

from tracetool.errors import UsageError
from tracetool.events import ACCESSES
from tracetool.export.clock import Clock
from tracetool.export.formats import ExportFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vcd.writer import Variable

    from tracetool.export.job import Job

    Changes = Iterator[tuple[Variable[Any], int | str]]

__all__ = ["FORMAT"]

_WRITES = ("io_write", "outer_write")
_SHOWN = (*ACCESSES, "reset", "mode_read_array", "read_status")
_BYTE = 0xFF
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.$-]")


class _Scope(NamedTuple):
    """The signals of one device."""

    address: Variable[Any]
    data: Variable[Any]
    size: Variable[Any]
    write: Variable[Any]
    access: Variable[Any]
    command: Variable[Any]
    wcycle: Variable[Any]
    status: Variable[Any]


def write(job: Job, file: BinaryIO) -> list[str]:
    """Write the accesses of the job. Reads the trace twice: signals are declared before the first change."""
    devices, timed = _look(job)
    clock = Clock(timed=timed)
    text = TextIOWrapper(file, encoding="ascii", newline="\n")
    try:
        writer = VCDWriter(text, timescale="1 ns", date="", version="pflash-tracetool", comment=_comment(timed=timed))
        scopes = {device: _scope(writer, name) for device, name in _names(devices).items()}
        writer.flush()  # ends the declarations: an access at time 0 is a change already
        last = -1
        for frame in job.frames():
            last = _add(writer, scopes, frame, clock, last)
        writer.close()
    finally:
        text.detach()
    return [*clock.remarks(), *job.untold_losses()]


FORMAT = ExportFormat("vcd", (".vcd",), write)


def _comment(*, timed: bool) -> str:
    if timed:
        return "time 0 is the first event of the trace; accesses of one instant stand 1 ns apart"
    return "the trace has no times: time counts its events"


def _look(job: Job) -> tuple[list[str], bool]:
    """Devices in order of appearance; True if the trace has times."""
    if not job.reader.rereadable:
        raise UsageError(f"{job.reader.meta.name}: a VCD names its signals first, so it needs a file to read twice")
    devices: dict[str, None] = {}
    timed = False
    for frame in job.frames():
        devices |= dict.fromkeys(frame["device"].unique(maintain_order=True).to_list())
        timed = timed or frame["time_ns"].null_count() < frame.height
    return list(devices), timed


def _names(devices: list[str]) -> dict[str, str]:
    """A unique name for each device, of characters that VCD allows."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for device in devices:
        name = base = _NOT_IN_A_NAME.sub("_", device) or "_"
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names[device] = name
    return names


def _scope(writer: VCDWriter, name: str) -> _Scope:
    sizes = {"address": 64, "data": 32, "size": 8, "write": 1, "access": 1, "command": 8, "wcycle": 8, "status": 8}
    types = {"access": "event"}
    return _Scope(
        *(
            writer.register_var(
                (name,), signal, types.get(signal, "wire"), size=size, init=True if signal in types else "x"
            )
            for signal, size in sizes.items()
        )
    )


def _add(writer: VCDWriter, scopes: dict[str, _Scope], frame: pl.DataFrame, clock: Clock, last: int) -> int:
    """Write a frame's changes; when the last of them was."""
    times = clock.forward(frame["time_ns"], frame["seq"])
    names = frame["event"].cast(pl.String)
    shown = names.is_in(_SHOWN)
    rows = frame.select("device", names, "offset", "size", "value", "cmd", "wcycle").filter(shown)
    for time, (device, event, *values) in zip(times[shown.to_numpy()].tolist(), rows.iter_rows(), strict=True):
        last = max(time, last + 1) if event in ACCESSES else max(time, last, 0)
        for variable, value in _changes(scopes[device], event, *values):
            writer.change(variable, last, value)
    return last


def _changes(
    scope: _Scope, event: str, offset: int, size: int, value: int | None, cmd: int | None, wcycle: int | None
) -> Changes:
    """New values of signals for an event."""
    if event in ACCESSES:
        yield from _access(scope, event, offset, size, value)
        if wcycle is not None:
            yield scope.wcycle, wcycle
        if cmd is not None:
            yield scope.command, cmd
        elif event == "io_write" and wcycle == 0 and value is not None:
            yield scope.command, value & _BYTE
    elif event == "read_status":
        yield scope.status, "x" if value is None else value & _BYTE
    else:
        yield scope.command, 0
        if event == "reset":
            yield scope.wcycle, 0


def _access(scope: _Scope, event: str, offset: int, size: int, value: int | None) -> Changes:
    yield scope.address, offset
    yield scope.data, "x" if value is None else value
    yield scope.size, size
    yield scope.write, int(event in _WRITES)
    yield scope.access, True

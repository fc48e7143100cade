"""Event and boot numbers, the same for every format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import EVENT_CODES, EVENTS_SCHEMA
from tracetool.ingest.binary_columns import nulls
from tracetool.ingest.device_resets import DeviceResets
from tracetool.ingest.integers import codes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Numbering"]


@dataclass
class _Machine:
    """The boots of one process: how far it has come, and which devices this boot has realized and reset."""

    boot: int = 0
    opened: bool = False
    begun: bool = False
    realized: set[str] = field(default_factory=set)
    reset: set[str] = field(default_factory=set)

    def opens(self, event: str, device: str) -> bool:
        """Add a reset or `realize`; return True if a boot begins with it."""
        again = device in self.reset or (event == "realize" and device in self.realized)
        new = again or (self.begun and not self.opened)
        if new:
            self.realized.clear()
            self.reset.clear()
        self.opened = True
        (self.reset if event == "reset" else self.realized).add(device)
        return new


class Numbering:
    """Numbers the rows of a trace, chunk by chunk: columns `trace`, `seq` and `boot`.

    A boot begins where a process resets a device that it has reset in this boot already; all devices are reset at
    once, so the others' resets that follow are of the same boot. The first reset of a trace begins its boot 0, unless
    other events precede it.
    """

    def __init__(self, trace: int) -> None:
        self.seq = 0
        self._trace = pl.Series("trace", [trace], EVENTS_SCHEMA["trace"])
        self._machines: dict[int | None, _Machine] = {}
        self._resets = DeviceResets()

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The canonical frame of a chunk's rows."""
        frame = self._resets.rename(frame)
        height = frame.height
        numbers = {
            "trace": self._trace.new_from_index(0, height),
            "boot": self._boots(frame),
            "seq": pl.int_range(self.seq, self.seq + height, eager=True).alias("seq"),
        }
        self.seq += height
        known = {column.name: column for column in frame.iter_columns()} | numbers
        return pl.DataFrame([known[name] if name in known else nulls(name, height) for name in EVENTS_SCHEMA])

    def _boots(self, frame: pl.DataFrame) -> pl.Series:
        """The boot of each row."""
        codes = codes_of(frame)
        opening = (codes == EVENT_CODES["reset"]) | (codes == EVENT_CODES["realize"])
        processes = _by_process(frame)
        if len(processes) == 1:
            ((process, _),) = processes
            return pl.Series("boot", self._boots_of(process, frame, opening))
        boots = np.zeros(frame.height, np.uint32)
        for process, rows in processes:
            boots[rows] = self._boots_of(process, frame[rows], opening[rows])
        return pl.Series("boot", boots)

    def _boots_of(self, process: int | None, frame: pl.DataFrame, opening: NDArray[np.bool_]) -> NDArray[np.uint32]:
        """The boots of a process's rows of a chunk; `opening` are those that reset or realize a device."""
        machine, count = self._machines.setdefault(process, _Machine()), frame.height
        places, starts = np.flatnonzero(opening), list[int]()
        opened = frame.select("event", "device")[places] if len(places) else frame.clear()
        events, devices = opened["event"].to_list(), opened["device"].to_list()
        for at, event, device in zip(places.tolist(), events, devices, strict=True):
            machine.begun = machine.begun or at > 0
            if machine.opens(event, device):
                starts.append(at)
        machine.begun = machine.begun or count > 0
        numbers = machine.boot + np.arange(len(starts) + 1, dtype=np.uint32)
        machine.boot = int(numbers[-1])
        return numbers.repeat(np.diff([0, *starts, count]))


def _by_process(frame: pl.DataFrame) -> list[tuple[int | None, NDArray[np.int64]]]:
    """The rows of each process, in order; where the frame has just one, the array is empty."""
    none = np.zeros(0, np.int64)
    processes = frame["process"] if "process" in frame.columns else None
    if processes is None or processes.null_count() == frame.height:
        return [(None, none)]
    if processes.null_count() == 0 and processes.min() == processes.max():
        return [(int(processes[0]), none)]
    numbers = processes.cast(pl.Int64).fill_null(-1).to_numpy()
    order = numbers.argsort(kind="stable")
    first = np.flatnonzero(np.diff(numbers[order], prepend=-2))
    rows = np.split(order, first[1:])
    return [(None if number < 0 else int(number), own) for number, own in zip(numbers[order[first]], rows, strict=True)]

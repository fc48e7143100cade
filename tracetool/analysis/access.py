"""Evidence in a flash's own events of whether it is read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from replay.cfi import Opcode, Status
from replay.columns import RowKind
from tracetool.analysis.machine_rows import STORES, integers_of, kinds_of

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

__all__ = ["Access"]

_PROGRAM_DATA = "single byte program (1)"
_BUFFER_FINISHED = "block write finished"
_CLEARED = "clear status bits"
_ERROR_BITS = int(Status.PROGRAM_ERROR | Status.ERASE_ERROR)
_PROGRAMS = (Opcode.PROGRAM, Opcode.PROGRAM_ALTERNATE)
_WITH_STATUS = (*_PROGRAMS, Opcode.BLOCK_ERASE, Opcode.BUFFERED_PROGRAM, Opcode.READ_STATUS)
_POWER = (RowKind.RESET, RowKind.REALIZE, RowKind.POSTLOAD)
_DATA_CYCLE = 2


@dataclass
class Access:
    """Evidence of read-only or writable in the events of one device in one trace, counted.

    `stores` are events that only a writable flash logs; `unstored` data cycles that no such event follows. `accepted`
    and `refused` count answers to a program or an erase: a status without and with an error bit (error bits stay until
    they are cleared, so a status without one proves everything before it), a buffer flushed and one aborted.
    """

    stores: int = 0
    unstored: int = 0
    accepted: int = 0
    refused: int = 0
    _worked: bool = False
    """True when something was programmed or erased since the status was cleared."""

    @property
    def read_only(self) -> tuple[bool, str] | None:
        """Read-only or not, and how that is known; None without evidence."""
        if self.stores:
            return False, "it stores what is written"
        if self.accepted:
            return False, "its status shows no error after programs and erases"
        return (True, "it refuses what is written") if self.refused else None

    @property
    def doubtful(self) -> bool:
        """True when programs were logged without evidence of whether they were stored."""
        return bool(self.unstored) and self.read_only is None

    def add(self, events: pl.DataFrame) -> None:
        """Add the device's next events (`EVENTS_SCHEMA`); ignored once the evidence is complete."""
        if self.stores or self.accepted or events.is_empty():
            return
        kinds, text = kinds_of(events), events["text"]
        self.stores += int(np.isin(kinds, STORES).sum())
        data = _says(text, _PROGRAM_DATA)
        finished = _says(text, _BUFFER_FINISHED)
        following = np.append(kinds[1:], 0)
        self.unstored += int((data & (following != RowKind.DATA_WRITE)).sum()) + int(finished.sum())
        self.accepted += int((kinds == RowKind.WRITE_BLOCK_FLUSH).sum())
        self.refused += int((kinds == RowKind.WRITE_BLOCK_ABORT).sum())
        self._add_status(events, kinds, data | finished, _says(text, _CLEARED) | np.isin(kinds, _POWER))

    def _add_status(self, events: pl.DataFrame, kinds: NDArray[np.uint8], worked: Mask, cleared: Mask) -> None:
        """Count status reads that follow programs and erases."""
        value, cmd, wcycle = (integers_of(events[name]) for name in ("value", "cmd", "wcycle"))
        write = kinds == RowKind.IO_WRITE
        command = np.where(write & (wcycle == 0), value & 0xFF, -1)
        worked = worked | (kinds == RowKind.WRITE_BLOCK_ERASE) | (command == Opcode.BLOCK_ERASE)
        worked |= _after_setup(write, command) | (write & (wcycle == _DATA_CYCLE))
        cleared = cleared | (command == Opcode.CLEAR_STATUS)
        status = (kinds == RowKind.READ_STATUS) | ((kinds == RowKind.IO_READ) & np.isin(cmd, _WITH_STATUS))
        tells = status & (value >= 0) & _since(worked, cleared, carried=self._worked)
        failed = (value & _ERROR_BITS) != 0
        self.accepted += int((tells & ~failed).sum())
        self.refused += int((tells & failed).sum())
        self._worked = bool(_since(worked, cleared, carried=self._worked)[-1])


def _says(text: pl.Series, words: str) -> Mask:
    said: Mask = (text == words).fill_null(value=False).to_numpy()
    return said


def _after_setup(write: Mask, command: NDArray[np.int64]) -> Mask:
    """Mask of bus writes that follow the setup of a program: its data."""
    found = np.zeros(len(write), np.bool_)
    writes = np.flatnonzero(write)
    found[writes[1:]] = np.isin(command[writes[:-1]], _PROGRAMS)
    return found


def _since(events: Mask, ends: Mask, *, carried: bool) -> Mask:
    """Mask of rows with one of `events` at or before them and none of `ends` since."""
    rows = np.arange(1, len(events) + 1)
    last = np.maximum.accumulate(np.where(events, rows, 0 if carried else -1))
    ended = np.maximum.accumulate(np.where(ends, rows, -1))
    return np.asarray(last > ended)

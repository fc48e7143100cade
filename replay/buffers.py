"""Buffers of a machine: contents and masks of the flash, and the arrays that it shares with the kernel."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from replay.cfi import Status
from replay.cfi02.state import SectorState
from replay.columns import ABSENT, HELD, OP_FIELDS, QUEUED, RowKind
from replay.command_set import CommandSet
from replay.journal import COLUMNS
from replay.sparse import copy_into, sparse_zeros
from replay.state import Chip, Journal, Operations, SelfCheck, Settings, Steps
from replay.tables import StepColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from replay.geometry import Geometry

__all__ = ["BlankRange", "Buffers", "Contents", "joined", "prefix", "view", "views"]

_JOURNAL_ROWS = 1 << 14
_JOURNAL_BYTES = 1 << 22
_STEPS = 1 << 14
_OPERATIONS = 1 << 14
_FILLED_AT_ONCE = 128 << 20
_FILLED = 1 << 16

POWER_UP_STATUS = {CommandSet.CFI01: int(Status.READY), CommandSet.CFI02: 0}


class Contents(NamedTuple):
    """Bytes and masks of a region, uint8, allocated lazily."""

    storage: NDArray[np.uint8]
    storage_mask: NDArray[np.uint8]
    backing: NDArray[np.uint8]
    backing_mask: NDArray[np.uint8]


class Buffers:
    """Arrays shared with the kernel, which sees them as memoryviews; without a journal its room is one row."""

    def __init__(self, geometry: Geometry, *, journal: bool) -> None:
        self.journals = journal
        """There is room for a journal."""
        self.seen = np.zeros(len(RowKind), np.int64)
        self.missing = np.full(len(RowKind), ABSENT, np.int64)
        self.queue = np.zeros((6, QUEUED), np.int64)
        self.held = np.zeros((5, HELD), np.int64)
        self.steps = np.zeros((len(StepColumns._fields), _STEPS), np.int64)
        self.operations = np.zeros((_OPERATIONS, OP_FIELDS), np.int64)
        self.journal = np.zeros((COLUMNS, _JOURNAL_ROWS if journal else 1), np.int64)
        self.data = np.zeros(max(_JOURNAL_BYTES, 16 * geometry.largest_block) if journal else 1, np.uint8)

    def chip(self, settings: Settings, geometry: Geometry) -> Chip:
        """Create a device in its power-up state, without contents."""
        chip = Chip(
            settings,
            SelfCheck(views(self.queue), views(self.held), view(self.seen), view(self.missing)),
            Journal(views(self.journal), view(self.data)),
            Operations(array("q", bytes(8 * OP_FIELDS)), view(self.operations.reshape(-1))),
            Steps(views(self.steps)),
            view(np.zeros(geometry.window, np.uint8)),
            view(np.zeros(geometry.window, np.uint8)),
            _sectors(geometry),
        )
        chip.status = POWER_UP_STATUS[geometry.command_set]
        # Only a buffered write has a count register.
        chip.counter_known = geometry.command_set != CommandSet.CFI01
        return chip


def _sectors(geometry: Geometry) -> SectorState:
    """The erase regions; sectors are counted only where a device has a state for each."""
    counts = [region.sectors for region in geometry.regions]
    firsts = [sum(counts[:number]) for number in range(len(counts))]
    sizes = [region.sector for region in geometry.regions]
    table = np.array([geometry.region_ends, sizes, firsts], np.int64)
    states = sum(counts) if geometry.command_set == CommandSet.CFI02 else 0
    return SectorState(views(table), view(np.zeros(states, np.uint8)))


class BlankRange:
    """Range beyond the image file: zeros, and known.

    Where masks start as unknown the range must be marked known: at once if it is small, else lazily, block by block, as
    rows come near it, so that a large region costs no memory.
    """

    def __init__(self, size: int, start: int | None = None) -> None:
        self.start = size if start is None else min(start, size)
        self._size = size
        self._marked: set[int] = set()

    def copy(self) -> BlankRange:
        """Copy the range and which of it is marked."""
        other = BlankRange(self._size, self.start)
        other._marked = self._marked.copy()
        return other

    def begin(self, mask: NDArray[np.uint8], known: int) -> None:
        """Mark the whole range if that takes little memory."""
        if self._size - self.start <= _FILLED_AT_ONCE:
            mask[self.start :] = known
            self._marked = set(range(self._size // _FILLED + 1))

    def mark(self, mask: NDArray[np.uint8], offsets: NDArray[np.int64], reach: int) -> None:
        """Mark the blocks within `reach` bytes of these rows, which covers erase blocks and windows."""
        if self.start == self._size or self._size - self.start <= _FILLED_AT_ONCE:
            return
        places = np.unique(offsets // _FILLED) * _FILLED
        for place in places[places >= 0].tolist():
            for number in range(max(place - reach, 0) // _FILLED, (place + _FILLED + reach) // _FILLED + 1):
                if number not in self._marked:
                    self._marked.add(number)
                    mask[max(number * _FILLED, self.start) : (number + 1) * _FILLED] = 1


def view(array: NDArray[Any]) -> memoryview[int]:
    """View an array of integers as the kernel does."""
    return memoryview(array)  # type: ignore[arg-type]


def views(table: NDArray[np.int64]) -> list[memoryview[int]]:
    """View each row of a table."""
    return [view(column) for column in table]


def joined(parts: Sequence[NDArray[np.int64]], columns: int) -> NDArray[np.int64]:
    """Concatenate tables along their rows."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([np.zeros((columns, 0), np.int64), *parts], axis=1)


def prefix(array: NDArray[np.uint8], length: int | None) -> NDArray[np.uint8]:
    """Copy the first `length` bytes; the rest stays unallocated zeros."""
    copy = sparse_zeros(len(array))
    copy_into(copy, array[:length])
    return copy

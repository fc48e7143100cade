"""Which row of the plugin's log each bus access of a trace belongs to.

One row of the log stands for one access of an instruction, which QEMU may give to the device in pieces. A row takes the
next accesses of its device and direction that lie in its bytes, going up without a gap; an unaligned load takes all of
the aligned words around it. Measured on QEMU 7.2 and 10.2, AArch64 and x86.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Accesses", "LinedUp", "find_base", "line_up"]

_AHEAD = 256
"""Accesses or rows without a partner that may come in a row."""

_ENOUGH = 8
"""Rows in a row that must fit where some were passed over, since the same few accesses are made again and again."""

_PAGE = 4096


@dataclass(frozen=True)
class Accesses:
    """Accesses of one device in order: `store` (bool), `offset` or address and `size` in bytes (int64)."""

    store: NDArray[np.bool_]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offset)


@dataclass(frozen=True)
class LinedUp:
    """Result: for each bus access the index of its row, -1 where it has none (int64); rows without a bus access."""

    row: NDArray[np.int64]
    rows_over: int

    @property
    def events_over(self) -> int:
        """Bus accesses without a row."""
        return int((self.row < 0).sum())


def find_base(events: Accesses, rows: Accesses) -> int | None:
    """Guest-physical address of a device's first byte, by what rows and events have in common; None: not found."""
    stores = [(accesses.offset[accesses.store], accesses.size[accesses.store]) for accesses in (events, rows)]
    (offsets, sizes), (addresses, row_sizes) = (
        stores if len(stores[1][0]) else [(accesses.offset, accesses.size) for accesses in (events, rows)]
    )
    count = min(len(offsets), len(addresses), _AHEAD)
    bases: dict[int, int] = {}
    for at in range(count):
        base = int(addresses[at] - offsets[at])
        if base % _PAGE == 0 and base >= 0:
            bases[base] = bases.get(base, 0) + 1 + int(sizes[at] == row_sizes[at])
    return max(bases, key=bases.__getitem__, default=None)


def line_up(events: Accesses, rows: Accesses) -> LinedUp:
    """Find the row of every bus access; the rows' offsets count from the device's first byte."""
    found = np.full(len(events), -1, np.int64)
    same = min(len(events), len(rows))
    equal = (
        (events.store[:same] == rows.store[:same])
        & (events.offset[:same] == rows.offset[:same])
        & (events.size[:same] == rows.size[:same])
    )
    first = same if equal.all() else int(equal.argmin())
    found[:first] = np.arange(first)
    walk = _Walk(events, rows, found)
    walk.run(first, first)
    return LinedUp(found, walk.rows_over)


class _Walk:
    """Row by row, where one row may be several bus accesses."""

    def __init__(self, events: Accesses, rows: Accesses, found: NDArray[np.int64]) -> None:
        self._events = list(zip(events.store.tolist(), events.offset.tolist(), events.size.tolist(), strict=True))
        self._rows = list(zip(rows.store.tolist(), rows.offset.tolist(), rows.size.tolist(), strict=True))
        self._found = found
        self.rows_over = 0

    def run(self, event: int, row: int) -> None:
        """Walk from these indices on."""
        rows, events = self._rows, self._events
        while row < len(rows) and event < len(events):
            taken = self._take(event, row)
            if taken:
                self._found[event : event + taken] = row
                event += taken
                row += 1
                continue
            event_skip, row_skip = self._skips(event, row)
            event += event_skip
            row += row_skip
            self.rows_over += row_skip
        self.rows_over += len(rows) - row

    def _skips(self, event: int, row: int) -> tuple[int, int]:
        """How many accesses, or else rows, to pass over: the fewest after which they fit again, and go on fitting."""
        events_left, rows_left = len(self._events) - event, len(self._rows) - row
        best, skips = 0, (1, 1)
        for skip in range(1, min(max(events_left, rows_left), _AHEAD) + 1):
            for of_events, of_rows in ((skip, 0), (0, skip)):
                agreement = self._agreement(event + of_events, row + of_rows)
                if agreement > best:
                    best, skips = agreement, (of_events, of_rows)
            if best == _ENOUGH:
                break
        return skips

    def _agreement(self, event: int, row: int) -> int:
        """How many rows from here on fit; `_ENOUGH` at most, which it also is where both end after those that fit."""
        for count in range(_ENOUGH):
            if event >= len(self._events) or row >= len(self._rows):
                return _ENOUGH if count and event == len(self._events) and row == len(self._rows) else count
            taken = self._take(event, row)
            if not taken:
                return count
            event, row = event + taken, row + 1
        return _ENOUGH

    def _take(self, event: int, row: int) -> int:
        """How many accesses from `event` on are of a row; 0 where the first is not."""
        store, offset, size = self._rows[row]
        start, end = offset, offset + size
        if not store and offset % size:
            start, end = offset // size * size, (offset + size - 1) // size * size + size
        taken, at = 0, start
        while event + taken < len(self._events):
            of_store, event_offset, event_size = self._events[event + taken]
            inside = start <= event_offset and event_offset + event_size <= end
            if of_store != store or not inside or (event_offset != at if taken else event_offset > offset):
                break
            taken += 1
            at = event_offset + event_size
        return taken

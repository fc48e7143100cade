"""Which row of the plugin's log each bus access of a trace belongs to.

One row of the log stands for one access of an instruction, which QEMU may give to the device in pieces. A row takes the
next accesses of its device and direction that lie in its bytes, going up without a gap; an unaligned load takes all of
the aligned words around it. Measured on QEMU 7.2 and 10.2, AArch64 and x86.

Where one of the two has more, there are several ways to pair them. The accesses are paired from the front, each as
early as it can be, and from the back, as late as it can be: the true pair of each lies between these two, and is known
where they agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tracetool.events import ACCESS_SIZES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Accesses", "LinedUp", "find_base", "line_up"]

_AHEAD = 256
"""Accesses or rows without a partner that are passed over at once, where both have some."""

_ENOUGH = 8
"""Rows in a row that must fit where some were passed over, since the same few accesses are made again and again."""

_MOST_TRIES = 500_000
"""Most tries to look across gaps; where there are more, log and trace are of two runs."""

_MOST_PLACES = 1000

_PAGE = 4096
_WIDEST = max(ACCESS_SIZES)


@dataclass(frozen=True)
class Accesses:
    """Accesses of one device in order: `store` (bool), `offset` or address and `size` in bytes (int64)."""

    store: NDArray[np.bool_]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offset)

    def mirrored(self) -> Accesses:
        """From the last to the first, at offsets that run the other way."""
        return Accesses(self.store[::-1], -(self.offset + self.size)[::-1], self.size[::-1])


@dataclass(frozen=True)
class LinedUp:
    """Result.

    Attributes:
        row: for each bus access the index of its row, -1 where it has none, or it is not known (int64).
        ambiguous: bus accesses that may have one row or another, of other code.
        rows_over: rows without a bus access.
        stores_over: stores among them.
        missed: bus accesses (bool) that surely have no row.
    """

    row: NDArray[np.int64]
    ambiguous: int
    rows_over: int
    stores_over: int
    missed: NDArray[np.bool_]


def find_base(events: Accesses, rows: Accesses) -> int | None:
    """Guest-physical address of a device's first byte, by what rows and events have in common; None: not found.

    The first stores, or else loads, pair by pair; where few of them agree, as in a log without its begin, the base
    under which the most places are those of an access.
    """
    offsets, addresses = (accesses.offset[accesses.store] for accesses in (events, rows))
    if not len(offsets) or not len(addresses):
        offsets, addresses = events.offset, rows.offset
    count = min(len(offsets), len(addresses), _AHEAD)
    if not count:
        return None
    base, agreed = _most_common(addresses[:count] - offsets[:count])
    if 2 * agreed > count:
        return base
    places, others = (np.unique(found)[:_MOST_PLACES] for found in (offsets, addresses))
    return _most_common((others[:, None] - places[None, :]).ravel())[0]


def _most_common(bases: NDArray[np.int64]) -> tuple[int | None, int]:
    """The base found most often, and how often; None for none."""
    found, counts = np.unique(bases[(bases >= 0) & (bases % _PAGE == 0)], return_counts=True)
    return (int(found[counts.argmax()]), int(counts.max())) if len(found) else (None, 0)


def line_up(
    events: Accesses,
    rows: Accesses,
    code: NDArray[np.int64] | None = None,
    *,
    events_gapless: bool = False,
    rows_gapless: bool = False,
) -> LinedUp:
    """Find the row of every bus access.

    Args:
        events: the bus accesses.
        rows: of the log, at offsets from the device's first byte.
        code: numbers the code of each row (int64): rows of the same code need not be told apart.
        events_gapless: no bus access is missing, unless it is all before or after some moment.
        rows_gapless: likewise of the rows.
    """
    row, pieces = _pieces(rows)
    first, exact = _paired(events, pieces, events_gapless=events_gapless, rows_gapless=rows_gapless)
    last = first
    if not exact:
        last, _ = _paired(events.mirrored(), pieces.mirrored())
        last = np.where(last >= 0, len(pieces) - 1 - last, -1)[::-1]
    code = row if code is None else code[row]
    changes = np.r_[0, np.cumsum(code[1:] != code[:-1])]
    paired = (first >= 0) & (last >= 0)
    known = paired & (changes[first] == changes[last]) if len(code) else paired
    taken = np.zeros(len(rows), np.bool_)
    taken[row[first[first >= 0]]] = True
    missed = (first < 0) & (last < 0)
    return LinedUp(
        np.where(known, row[first], -1) if len(row) else np.full(len(events), -1),
        ambiguous=int((~known & ~missed).sum()),
        rows_over=int((~taken).sum()),
        stores_over=int((rows.store & ~taken).sum()),
        missed=missed,
    )


def _pieces(rows: Accesses) -> tuple[NDArray[np.int64], Accesses]:
    """The rows as the device sees them, at most `_WIDEST` bytes each, and the row of each piece.

    Those that are not aligned stay whole: how QEMU splits them is its own.
    """
    split = (rows.size > _WIDEST) & (rows.offset % rows.size == 0)
    counts = np.where(split, rows.size // _WIDEST, 1)
    row = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    size = np.where(split, _WIDEST, rows.size)[row]
    return row, Accesses(rows.store[row], rows.offset[row] + _WIDEST * within, size)


def _paired(
    events: Accesses, rows: Accesses, *, events_gapless: bool = False, rows_gapless: bool = False
) -> tuple[NDArray[np.int64], bool]:
    """The row of each access, each as early as it can be, -1 for none; True where there is no other way.

    That is so where nothing is left over, or where both have no gaps, only the end of one is, and the begin of the
    other is nowhere else in it: a boot is much like the one before.
    """
    same = min(len(events), len(rows))
    equal = (
        (events.store[:same] == rows.store[:same])
        & (events.offset[:same] == rows.offset[:same])
        & (events.size[:same] == rows.size[:same])
    )
    first = same if equal.all() else int(equal.argmin())
    found = np.full(len(events), -1, np.int64)
    found[:first] = np.arange(first)
    walk = _Walk(events, rows, found)
    event, row = walk.follow(first)
    events_left, rows_left = event < len(events), row < len(rows)
    if not events_left and not rows_left:
        return found, True
    if events_gapless and rows_gapless and not (events_left and rows_left):
        shorter, longer = (rows, events) if events_left else (events, rows)
        if not _recurs(shorter, longer):
            return found, True
    if not walk.embed(first, skip_events=True) and not walk.embed(first, skip_events=False):
        walk.cross(first)
    return found, False


def _recurs(shorter: Accesses, longer: Accesses) -> bool:
    """True where the begin of a sequence is in the other one, too, but for its begin."""
    places = np.arange(1, len(longer))
    for at in range(min(len(shorter), _AHEAD)):
        places = places[places + at < len(longer)]
        for name in ("store", "offset", "size"):
            places = places[getattr(longer, name)[places + at] == getattr(shorter, name)[at]]
        if not len(places):
            return False
    return True


class _Walk:
    """Row by row, where one row may be several bus accesses."""

    def __init__(self, events: Accesses, rows: Accesses, found: NDArray[np.int64]) -> None:
        self._events = list(zip(events.store.tolist(), events.offset.tolist(), events.size.tolist(), strict=True))
        self._rows = list(zip(rows.store.tolist(), rows.offset.tolist(), rows.size.tolist(), strict=True))
        self._found = found
        self._tries = 0

    def follow(self, start: int) -> tuple[int, int]:
        """Pair from `start` on while they fit; the first access and the first row that are left."""
        event = row = start
        while event < len(self._events) and row < len(self._rows) and (taken := self._take(event, row)):
            self._found[event : event + taken] = row
            event += taken
            row += 1
        return event, row

    def embed(self, start: int, *, skip_events: bool) -> bool:
        """Pair all from `start` on, passing over accesses, or else rows; False where some of the others are left."""
        event = row = start
        self._found[start:] = -1
        while event < len(self._events) and row < len(self._rows):
            taken = self._take(event, row)
            self._found[event : event + taken] = row
            event += taken or int(skip_events)
            row += int(taken > 0 or not skip_events)
        return row == len(self._rows) if skip_events else event == len(self._events)

    def cross(self, start: int) -> None:
        """Pair what fits from `start` on, across gaps in both."""
        self._found[start:] = -1
        event = row = start
        while row < len(self._rows) and event < len(self._events) and self._tries < _MOST_TRIES:
            taken = self._take(event, row)
            if taken:
                self._found[event : event + taken] = row
                event += taken
                row += 1
                continue
            event_skip, row_skip = self._skips(event, row)
            event += event_skip
            row += row_skip

    def _skips(self, event: int, row: int) -> tuple[int, int]:
        """How many accesses, or else rows, to pass over: the fewest after which they fit again, and go on fitting."""
        events_left, rows_left = len(self._events) - event, len(self._rows) - row
        best, skips = 0, (1, 1)
        for skip in range(1, min(max(events_left, rows_left), _AHEAD) + 1):
            for of_events, of_rows in ((skip, 0), (0, skip), (skip, skip)):
                self._tries += 1
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
        """How many accesses from `event` on are those of a row; 0 where they are not."""
        store, offset, size = self._rows[row]
        if not offset % size:
            return int(self._events[event] == self._rows[row])
        start, end = offset, offset + size
        if not store:
            start, end = offset // size * size, (offset + size - 1) // size * size + size
        taken, at = 0, start
        while event + taken < len(self._events):
            of_store, event_offset, event_size = self._events[event + taken]
            inside = start <= event_offset and event_offset + event_size <= end
            if of_store != store or not inside or (event_offset != at if taken else event_offset > offset):
                break
            taken += 1
            at = event_offset + event_size
        return taken if taken and at >= offset + size else 0

"""Journal: every change of storage or backing, with the bytes of its span before and after.

Walking it backwards from the end, or forwards from the start, reconstructs the contents at any moment without another
replay.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from replay.columns import JournalKind, Position, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["COLUMNS", "Change", "Journal", "JournalIndex", "StorageChange"]

COLUMNS = 9
"""Columns of a change: seq, kind, target, offset, length, then the positions of bytes and mask before and after it."""


class Change(NamedTuple):
    """One change: `before` and `after` are uint8, `length` long; the masks are bool, True where the byte is known."""

    seq: int
    kind: JournalKind
    target: Target
    offset: int
    length: int
    before: NDArray[np.uint8]
    before_known: NDArray[np.bool_]
    after: NDArray[np.uint8]
    after_known: NDArray[np.bool_]


class StorageChange(NamedTuple):
    """What a change left in storage: `after` at `offset`, and 1 for each byte of it that is known (None: all are)."""

    seq: int
    kind: int
    offset: int
    after: bytes
    known: bytes | None


class JournalIndex(NamedTuple):
    """Kind and span of each change, without bytes: int64 columns, one entry a change, in order."""

    seq: NDArray[np.int64]
    kind: NDArray[np.int64]
    target: NDArray[np.int64]
    offset: NDArray[np.int64]
    length: NDArray[np.int64]


@dataclass
class Journal:
    """Changes in the order they were made."""

    _rows: list[NDArray[np.int64]] = field(default_factory=list)
    _blobs: list[NDArray[np.uint8]] = field(default_factory=list)
    _knowns: list[int] = field(default_factory=list)

    def take(self, rows: NDArray[np.int64], data: NDArray[np.uint8], known: int) -> None:
        """Append changes: rows of `COLUMNS` numbers, their bytes, and the mask value of a known byte."""
        self._rows.append(rows)
        self._blobs.append(data)
        self._knowns.append(known)

    def add(self, change: Change) -> None:
        """Append a change without an access, such as a restart that reloads the image file."""
        masks = [~mask for mask in (change.before_known, change.after_known)]
        blob = np.concatenate([change.before, masks[0], change.after, masks[1]]).astype(np.uint8)
        places = [change.length * part for part in range(4)]
        row = [change.seq, change.kind, change.target, change.offset, change.length, *places]
        self._rows.append(np.array([row], np.int64))
        self._blobs.append(blob)
        self._knowns.append(0)

    def index(self) -> JournalIndex:
        """Return every change without its bytes."""
        rows = np.concatenate([np.zeros((0, COLUMNS), np.int64), *self._rows])
        return JournalIndex(*(np.ascontiguousarray(rows[:, column]) for column in range(5)))

    def storage_changes(self, start: int, stop: int) -> Iterator[StorageChange]:
        """Iterate over the changes of storage among number `start` to `stop` (exclusive), oldest first.

        For a reader of many changes: a third of the cost of `changes`.
        """
        at = 0
        for rows, blob, known in zip(self._rows, self._blobs, self._knowns, strict=True):
            chosen = rows[max(start - at, 0) : max(stop - at, 0)]
            at += len(rows)
            for seq, kind, target, offset, length, _, _, after, mask in chosen.tolist():
                if target & Target.STORAGE and length:
                    known_bytes = None if mask == Position.ALL_KNOWN else _mask(blob, mask, length, known).tobytes()
                    yield StorageChange(seq, kind, offset, _bytes(blob, after, length).tobytes(), known_bytes)

    def changes(self, start: int, stop: int, *, newest_first: bool = False) -> Iterator[Change]:
        """Iterate over the changes number `start` to `stop` (exclusive), oldest first by default."""
        ends = list(accumulate(len(rows) for rows in self._rows))
        chunks = range(bisect_right(ends, start), min(bisect_left(ends, stop) + 1, len(ends)))
        for chunk in reversed(chunks) if newest_first else chunks:
            first = ends[chunk] - len(self._rows[chunk])
            rows = self._rows[chunk][max(start - first, 0) : max(stop - first, 0)].tolist()
            for row in reversed(rows) if newest_first else rows:
                yield _change(row, self._blobs[chunk], self._knowns[chunk])

    def __len__(self) -> int:
        return sum(len(rows) for rows in self._rows)

    def __iter__(self) -> Iterator[Change]:
        """Iterate over the changes, oldest first."""
        return self.changes(0, len(self))


def _bytes(blob: NDArray[np.uint8], position: int, length: int) -> NDArray[np.uint8]:
    if position == Position.ALL_ERASED:
        return np.full(length, 0xFF, np.uint8)
    if position == Position.NO_BYTES:
        return np.zeros(length, np.uint8)
    return blob[position : position + length]


def _change(row: list[int], blob: NDArray[np.uint8], known: int) -> Change:
    seq, kind, target, offset, length, before, before_mask, after, after_mask = row
    return Change(
        seq,
        JournalKind(kind),
        Target(target),
        offset,
        length,
        _bytes(blob, before, length),
        _mask(blob, before_mask, length, known),
        _bytes(blob, after, length),
        _mask(blob, after_mask, length, known),
    )


def _mask(blob: NDArray[np.uint8], position: int, length: int, known: int) -> NDArray[np.bool_]:
    if position in (Position.ALL_KNOWN, Position.NONE_KNOWN):
        return np.full(length, position == Position.ALL_KNOWN)
    found: NDArray[np.bool_] = blob[position : position + length] == known
    return found

"""Journal: every change of storage or backing, with the bytes of its span before and after.

Walking it backwards from the end, or forwards from the start, reconstructs the contents at any moment without another
replay.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from replay.columns import JournalKind, Position, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from replay.buffers import Contents

__all__ = ["COLUMNS", "Change", "ChangedBytes", "Journal", "JournalIndex", "StorageChange"]

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


class ChangedBytes(NamedTuple):
    """Number of bytes that changes altered, by change and bin: int64 columns, ordered by change in each chunk."""

    change: NDArray[np.int64]
    bin: NDArray[np.int64]
    amount: NDArray[np.int64]


_PIECE_BYTES = 1 << 20
"""Bytes compared at a time."""

_MADE = (JournalKind.PROGRAM, JournalKind.FLUSH, JournalKind.ERASE)
"""Changes that an operation made."""


@dataclass
class Journal:
    """Changes in the order they were made."""

    _rows: list[NDArray[np.int64]] = field(default_factory=list)
    _blobs: list[NDArray[np.uint8]] = field(default_factory=list)
    _knowns: list[int] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)
    """How many changes there are up to each of `_rows`."""

    def take(self, rows: NDArray[np.int64], data: NDArray[np.uint8], known: int) -> None:
        """Append changes: rows of `COLUMNS` numbers, their bytes, and the mask value of a known byte."""
        self._rows.append(rows)
        self._blobs.append(data)
        self._knowns.append(known)
        self._ends.append(len(self) + len(rows))

    def add(self, change: Change) -> None:
        """Append a change without an access, such as a restart that reloads the image file."""
        masks = [~mask for mask in (change.before_known, change.after_known)]
        blob = np.concatenate([change.before, masks[0], change.after, masks[1]]).astype(np.uint8)
        places = [change.length * part for part in range(4)]
        row = [change.seq, change.kind, change.target, change.offset, change.length, *places]
        self.take(np.array([row], np.int64), blob, 0)

    def copy(self) -> Journal:
        """Copy the list of changes; the bytes are shared."""
        return Journal(list(self._rows), list(self._blobs), list(self._knowns), list(self._ends))

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
        ends = self._ends
        chunks = range(bisect_right(ends, start), min(bisect_left(ends, stop) + 1, len(ends)))
        for chunk in reversed(chunks) if newest_first else chunks:
            first = ends[chunk] - len(self._rows[chunk])
            rows = self._rows[chunk][max(start - first, 0) : max(stop - first, 0)].tolist()
            for row in reversed(rows) if newest_first else rows:
                yield _change(row, self._blobs[chunk], self._knowns[chunk])

    def undo(self, start: int, stop: int, contents: Contents, known: int) -> None:
        """Undo the changes number `start` to `stop` (exclusive) in the contents after them.

        `known` is the value of a known byte in their masks.
        """
        storage, backing = (contents.storage, contents.storage_mask), (contents.backing, contents.backing_mask)
        targets = {Target.STORAGE: [storage], Target.BACKING: [backing], Target.BOTH: [storage, backing]}
        wanted = self._undone(start, stop)
        for rows, blob, stored, end in reversed(
            list(zip(self._rows, self._blobs, self._knowns, self._ends, strict=True))
        ):
            low, high = np.searchsorted(wanted, (end - len(rows), end)).tolist()
            numbers = wanted[low:high][::-1] - (end - len(rows))
            for _, kind, target, offset, length, before, before_mask, _, _ in rows[numbers].tolist():
                span = slice(offset, offset + length)
                for data, mask in targets[target]:
                    if kind != JournalKind.FORGET:
                        data[span] = _bytes(blob, before, length)
                    if before_mask >= 0:
                        there = blob[before_mask : before_mask + length]
                        mask[span] = there if stored == known else 1 - there
                    else:
                        mask[span] = known if before_mask == Position.ALL_KNOWN else 1 - known

    def _undone(self, start: int, stop: int) -> NDArray[np.int64]:
        """Numbers of the changes to undo: the first of each span, since that undoes all later ones of it."""
        index = self.index()
        keys = [column[start:stop] for column in (index.kind == JournalKind.FORGET, *index[2:])]
        order = np.lexsort(keys)
        others = [np.diff(key[order].astype(np.int64), prepend=-1) != 0 for key in keys]
        return np.sort(order[np.logical_or.reduce(others)]) + start

    def changed_bytes(self, bin_of: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> ChangedBytes:
        """Count the bytes of storage that operations altered; bytes that were not known before and after do not count.

        `bin_of` maps offsets (int64, ascending) to bins.
        """
        found, first = [ChangedBytes(*np.zeros((3, 0), np.int64))], 0
        for rows, blob, known in zip(self._rows, self._blobs, self._knowns, strict=True):
            made = np.isin(rows[:, 1], _MADE) & (rows[:, 2] & int(Target.STORAGE) != 0) & (rows[:, 4] > 0)
            lengths = np.where(made, rows[:, 4], 0)
            for length in np.unique(lengths[made]).tolist():
                alike = np.flatnonzero(lengths == length)
                step = max(_PIECE_BYTES // length, 1)
                for at in range(0, len(alike), step):
                    piece = alike[at : at + step]
                    line, column = np.nonzero(_altered(rows[piece], blob, known, length))
                    changes, bins = first + piece[line], bin_of(rows[piece, 3][line] + column)
                    found.append(_counted(changes, bins))
            first += len(rows)
        return ChangedBytes(*(np.concatenate(columns) for columns in zip(*found, strict=True)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Change]:
        """Iterate over the changes, oldest first."""
        return self.changes(0, len(self))


def _altered(rows: NDArray[np.int64], blob: NDArray[np.uint8], known: int, length: int) -> NDArray[np.bool_]:
    """Mask of the bytes that changes of one length altered, a line a change."""
    before, before_mask, after, after_mask = (rows[:, column] for column in range(5, COLUMNS))
    altered: NDArray[np.bool_] = _lines(blob, before, length) != _lines(blob, after, length)
    for mask in (before_mask, after_mask):
        if (mask != Position.ALL_KNOWN).any():
            stored = _lines(blob, mask, length) == known
            altered &= np.where(mask[:, None] < 0, mask[:, None] == Position.ALL_KNOWN, stored)
    return altered


def _lines(blob: NDArray[np.uint8], positions: NDArray[np.int64], length: int) -> NDArray[np.uint8]:
    """The bytes at positions of a blob, a line each; those that are not stored are the erased ones, or zeros."""
    lines = np.where(positions == Position.ALL_ERASED, 0xFF, 0).astype(np.uint8)[:, None].repeat(length, axis=1)
    stored = positions >= 0
    if stored.any():
        lines[stored] = sliding_window_view(blob, length)[positions[stored]]
    return lines


def _counted(changes: NDArray[np.int64], bins: NDArray[np.int64]) -> ChangedBytes:
    """Runs of equal change and bin, with their lengths."""
    edges = np.flatnonzero((np.diff(changes, prepend=-1) != 0) | (np.diff(bins, prepend=-1) != 0))
    return ChangedBytes(changes[edges], bins[edges], np.diff(edges, append=len(changes)))


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

"""Time travel: the contents of a flash at any moment of a trace, from the journal, without a new replay.

A moment is a position: the number of changes made. Keyframes hold the touched blocks at regular intervals; a snapshot
is the next keyframe with the changes before it undone. Keyframes share equal bytes and equal masks of blocks, and are
thinned to a budget.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from replay.columns import JournalKind, Target
from tracetool.analysis.snapshot import Block, Rest, Snapshot, differences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from replay.engine import Machine
    from replay.journal import Change, ChangedBytes, Journal

__all__ = ["Commit", "History", "history_of"]

Item = TypeVar("Item", bound=np.generic)

SPACING = 256
"""Changes between keyframes, to begin with."""

RECENT = 4
"""Snapshots in the cache: those of a moment and of what it is compared with."""

BUDGET = 32 << 20
"""Bytes that keyframes may take together; the one at the end is not counted."""


_ERASED = 0xFF

_NO_CHANGES: tuple[NDArray[np.int64], list[int]] = np.zeros(0, np.int64), []


class Commit(NamedTuple):
    """A moment at which contents changed: its position, its event, and the hull of the changes."""

    position: int
    trace: int
    seq: int
    offset: int
    end: int


class History:
    """The contents of one device at every moment.

    Args:
        journal: all changes of the device, in the order in which they were made.
        final: contents after the last change (uint8, the region), not written to while this lives.
        mask: uint8, `known_value` for a known byte.
        known_value: see `mask`.
        block_bytes: block size of snapshots; the region is a multiple of it.
        traces: number of each trace and how many changes the journal had when it began.
        budget: bytes that keyframes may take.
    """

    def __init__(
        self,
        journal: Journal,
        final: NDArray[np.uint8],
        mask: NDArray[np.uint8],
        known_value: int,
        block_bytes: int,
        traces: Sequence[tuple[int, int]] = ((0, 0),),
        budget: int = BUDGET,
    ) -> None:
        self._journal = journal
        self._index = journal.index()
        self._rest = Rest(final, mask, known_value, block_bytes)
        self._numbers, self._starts = [trace for trace, _ in traces], [start for _, start in traces]
        others = np.flatnonzero(np.diff(self._index.seq)) + 1  # changes that are of another event than the one before
        self._steps: list[int] = np.unique([0, *self._starts, *others.tolist(), len(self)]).tolist()
        self._budget = budget
        self._spacing = SPACING
        self._storage = (self._index.target & int(Target.STORAGE)) != 0
        self._recent: dict[int, Snapshot] = {}
        self._keyframes = self._make_keyframes()

    def __len__(self) -> int:
        """Number of changes, which is the position of the last moment."""
        return len(self._index.seq)

    # --- moments and events --------------------------------------------------------------------------------------

    def position(self, trace: int, seq: int) -> int:
        """The position of the moment just after event `seq` of a trace."""
        at = bisect_right(self._numbers, trace) - 1
        if at < 0:
            return 0
        start, end = self._starts[at], self._starts[at + 1] if at + 1 < len(self._starts) else len(self)
        if self._numbers[at] != trace:
            return end
        return start + int(np.searchsorted(self._index.seq[start:end], seq, side="right"))

    def event(self, position: int) -> tuple[int, int] | None:
        """Trace and seq of the event that led to a position; None before the first change."""
        if position <= 0:
            return None
        at = bisect_right(self._starts, position - 1) - 1
        return self._numbers[at], int(self._index.seq[position - 1])

    def events(self, changes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Trace and seq of the event of each change (numbers from 0), int64."""
        traces = np.array(self._numbers, np.int64)[np.searchsorted(self._starts, changes, side="right") - 1]
        return traces, self._index.seq[changes]

    def next_change(self, position: int, start: int, end: int, *, forward: bool) -> int | None:
        """The next or previous position to which a commit led that altered bytes from `start` to `end`; None for none.

        Bytes that are written and stay as they are do not count.
        """
        inside = self._storage & (self._index.offset < end) & (self._index.offset + self._index.length > start)
        changes = np.flatnonzero(inside)
        at = int(np.searchsorted(changes, position))
        for change in (changes[at:] if forward else changes[:at][::-1]).tolist():
            found = self.next(change)
            if found is not None and found != position and self._alters(change, start, end):
                return found
        return None

    def _alters(self, change: int, start: int, end: int) -> bool:
        (found,) = self._journal.changes(change, change + 1)
        span = slice(max(start - found.offset, 0), max(end - found.offset, 0))
        other = (found.before != found.after) | (found.before_known != found.after_known)
        return bool(other[span].any())

    def commit(self, position: int) -> Commit | None:
        """The last commit up to a position; None before the first."""
        event = self.event(position)
        if event is None:
            return None
        first = self.previous(position)
        span = slice(first if first is not None else 0, position)
        offsets, ends = self._index.offset[span], self._index.offset[span] + self._index.length[span]
        return Commit(position, *event, int(offsets.min()), int(ends.max()))

    def changed_bytes(self, bin_of: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> ChangedBytes:
        """Bytes that each change altered in each bin; see `Journal.changed_bytes`. Takes some 0.1 s per MB changed."""
        return self._journal.changed_bytes(bin_of)

    def next(self, position: int) -> int | None:
        """The position after the next commit; None at the end."""
        at = bisect_right(self._steps, position)
        return self._steps[at] if at < len(self._steps) else None

    def previous(self, position: int) -> int | None:
        """The position before the commit that led to this one; None at the beginning."""
        at = bisect_left(self._steps, position) - 1
        return self._steps[at] if at >= 0 else None

    # --- contents ------------------------------------------------------------------------------------------------

    def snapshot(self, position: int) -> Snapshot:
        """Contents at a position."""
        position = min(max(position, 0), len(self))
        found = self._recent.pop(position, None) or self._make_snapshot(position)
        self._recent[position] = found
        for old in list(self._recent)[:-RECENT]:
            del self._recent[old]
        return found

    def _make_snapshot(self, position: int) -> Snapshot:
        frames = sorted(self._keyframes)
        frame = frames[bisect_left(frames, position)]
        blocks = dict(self._keyframes[frame])
        self._undone(blocks, position, frame)
        return Snapshot(position, blocks, self._rest)

    def changed(self, one: int, other: int) -> list[tuple[int, int]]:
        """Ranges of bytes that differ between two positions, by offset, the ends exclusive.

        A byte that is known at only one of them differs.
        """
        return differences(self.snapshot(one), self.snapshot(other), self.touched(one, other))

    def touched(self, one: int, other: int) -> list[tuple[int, int]]:
        """Ranges that changes between two positions touched, merged where they overlap or meet."""
        span = slice(*sorted((max(one, 0), max(other, 0))))
        chosen = self._storage[span]
        offsets = self._index.offset[span][chosen]
        places = np.unique(np.stack([offsets, offsets + self._index.length[span][chosen]]), axis=1)
        joined: list[tuple[int, int]] = []
        for start, end in places.T.tolist():
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], end))
            else:
                joined.append((start, end))
        return joined

    # --- writers -------------------------------------------------------------------------------------------------

    def writers(self, start: int, end: int, position: int) -> list[tuple[int, int, int]]:
        """Which change last stored the bytes from `start` to `end`, at a position.

        Returns:
            Ranges by offset, the end exclusive, each with the number of its change; -1: none up to there.
        """
        size = self._rest.block_bytes
        joined: list[tuple[int, int, int]] = []
        for block in range(start // size, -(-end // size)):
            for low, high, number in self._writers_in(
                block, max(start, block * size), min(end, (block + 1) * size), position
            ):
                if joined and joined[-1][2] == number:
                    joined[-1] = (joined[-1][0], high, number)
                else:
                    joined.append((low, high, number))
        return joined

    def _writers_in(self, block: int, start: int, end: int, position: int) -> list[tuple[int, int, int]]:
        numbers, whole = self._changes_in.get(block, _NO_CHANGES)
        stop = int(np.searchsorted(numbers, position))
        at = bisect_left(whole, stop)
        found = numbers[whole[at - 1] if at else 0 : stop]  # what is older than a change of the whole block is gone
        first, last = self._index.offset[found], self._index.offset[found] + self._index.length[found]
        inside = np.flatnonzero((first < end) & (last > start))
        first, last = np.clip(first[inside], start, end), np.clip(last[inside], start, end)
        edges = np.unique(np.concatenate([[start, end], first, last]))
        owner = np.full(len(edges) - 1, -1, np.int64)
        cells = zip(np.searchsorted(edges, first).tolist(), np.searchsorted(edges, last).tolist(), strict=True)
        for number, (low, high) in zip(found[inside].tolist(), cells, strict=True):
            owner[low:high] = number
        places = edges.tolist()
        return list(zip(places, places[1:], owner.tolist(), strict=False))

    @cached_property
    def _changes_in(self) -> dict[int, tuple[NDArray[np.int64], list[int]]]:
        """The changes of storage that touch each block, by number, and which of them store all of it, by index."""
        size = self._rest.block_bytes
        numbers = np.flatnonzero(self._storage & (self._index.length > 0))
        starts = self._index.offset[numbers]
        ends = starts + self._index.length[numbers]
        found = {}
        for block in self._touched():
            inside = (starts < (block + 1) * size) & (ends > block * size)
            whole = (starts[inside] <= block * size) & (ends[inside] >= (block + 1) * size)
            found[block] = numbers[inside], np.flatnonzero(whole).tolist()
        return found

    def erases(self, number: int) -> bool:
        """True where change number `number` was an erase."""
        return number >= 0 and int(self._index.kind[number]) == JournalKind.ERASE

    def programs(self, number: int) -> bool:
        """True where change number `number` was a program."""
        return number >= 0 and int(self._index.kind[number]) in (JournalKind.PROGRAM, JournalKind.FLUSH)

    def stored_by(self, number: int, start: int, end: int) -> Block:
        """What change number `number` left in a range of its bytes; -1: what was there before the first."""
        if number < 0:
            return self.snapshot(0).read(start, end - start)
        if self.erases(number):
            return Block(np.full(end - start, _ERASED, np.uint8), np.ones(end - start, np.bool_))
        (change,) = self._journal.changes(number, number + 1)
        span = slice(start - change.offset, end - change.offset)
        return Block(change.after[span], change.after_known[span])

    # --- keyframes -----------------------------------------------------------------------------------------------

    def _undone(self, blocks: dict[int, Block], start: int, stop: int) -> int:
        """Undo the changes between two positions in `blocks`; returns the bytes of the arrays copied for it."""
        own: set[int] = set()
        for change in self._journal.changes(start, stop, newest_first=True):
            if change.target & Target.STORAGE:
                _undo(blocks, change, self._rest.block_bytes, own)
        return len(own) * self._rest.block_bytes

    def _make_keyframes(self) -> dict[int, dict[int, Block]]:
        blocks = {number: self._rest.block(number) for number in self._touched()}
        frames = {len(self): dict(blocks)}
        at, spent = len(self), 0
        for position in range((len(self) - 1) // SPACING * SPACING, -1, -SPACING):
            if position % self._spacing:
                continue
            spent += self._undone(blocks, position, at)
            frames[position], at = dict(blocks), position
            if spent > self._budget:
                frames, spent = self._thinned(frames), spent // 2
        return frames

    def _touched(self) -> list[int]:
        """The blocks that any change is in."""
        size = self._rest.block_bytes
        first, last = self._index.offset // size, (self._index.offset + self._index.length - 1) // size
        spans = set(zip(first.tolist(), last.tolist(), strict=True))
        return sorted({number for low, high in spans for number in range(low, high + 1)})

    def _thinned(self, frames: dict[int, dict[int, Block]]) -> dict[int, dict[int, Block]]:
        """Every other keyframe, and the last moment."""
        self._spacing *= 2
        return {at: frame for at, frame in frames.items() if at % self._spacing == 0 or at == len(self)}


def _undo(blocks: dict[int, Block], change: Change, size: int, own: set[int]) -> None:
    """Undo one change; `own` has the ids of the arrays in `blocks` that no keyframe shares."""
    end = change.offset + change.length
    for number in range(change.offset // size, -(-end // size)):
        base = number * size
        low, high = max(change.offset, base), min(end, base + size)
        there, here = slice(low - base, high - base), slice(low - change.offset, high - change.offset)
        data, known = blocks[number]
        if change.kind != JournalKind.FORGET:
            data = _with(data, there, change.before[here], own)
        blocks[number] = Block(data, _with(known, there, change.before_known[here], own))


def _with(array: NDArray[Item], there: slice, values: NDArray[Item], own: set[int]) -> NDArray[Item]:
    """The array with other values in a place: a copy, unless it has them already or is its owner's."""
    if id(array) not in own:
        if np.array_equal(array[there], values):
            return array
        array = array.copy()
        own.add(id(array))
    array[there] = values
    return array


def history_of(machine: Machine | None, traces: Sequence[tuple[int, int]]) -> Callable[[], History | None]:
    """Return a function that computes the history of a device on its first call; None without a machine or a journal.

    The machine ran with a journal, and must not be fed after that; `traces` as of `History`.
    """

    @cache
    def history() -> History | None:
        if machine is None:
            return None
        block = machine.config.geometry.block
        return History(machine.journal, machine.storage(), machine.storage_mask, machine.known_value, block, traces)

    return history

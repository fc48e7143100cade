"""Time travel: the contents of a flash at any moment of a trace, from the journal, without a new replay.

A moment is a position: the number of changes made. Keyframes hold the touched blocks at regular intervals; a snapshot
is the next keyframe with the changes before it undone. Keyframes share equal blocks, and are thinned to a budget.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from replay.columns import JournalKind, Target
from tracetool.analysis.snapshot import Block, Rest, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from replay.journal import Change, Journal
    from tracetool.analysis.device import Device

__all__ = ["Commit", "History", "history_of"]

SPACING = 256
"""Changes between keyframes, to begin with."""

RECENT = 4
"""Snapshots in the cache: those of a moment and of what it is compared with."""

BUDGET = 64 << 20
"""Bytes that keyframes may take together; the one at the end is not counted."""


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

    def commit(self, position: int) -> Commit | None:
        """The last commit up to a position; None before the first."""
        event = self.event(position)
        if event is None:
            return None
        first = self.previous(position)
        span = slice(first if first is not None else 0, position)
        offsets, ends = self._index.offset[span], self._index.offset[span] + self._index.length[span]
        return Commit(position, *event, int(offsets.min()), int(ends.max()))

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
        low, high = sorted((min(max(one, 0), len(self)), min(max(other, 0), len(self))))
        spans = self._hulls(slice(low, high))
        before, after = self.snapshot(low), self.snapshot(high)
        found: list[tuple[int, int]] = []
        for start, end in spans:
            found += _differences(before.read(start, end - start), after.read(start, end - start), start)
        return found

    def _hulls(self, span: slice) -> list[tuple[int, int]]:
        """Ranges that changes touched, merged where they overlap or meet."""
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

    # --- keyframes -----------------------------------------------------------------------------------------------

    def _undone(self, blocks: dict[int, Block], start: int, stop: int) -> int:
        """Undo the changes between two positions in `blocks`; returns the number of blocks copied for it."""
        own: set[int] = set()
        for change in self._journal.changes(start, stop, newest_first=True):
            if change.target & Target.STORAGE:
                _undo(blocks, change, self._rest.block_bytes, own)
        return len(own)

    def _make_keyframes(self) -> dict[int, dict[int, Block]]:
        size = self._rest.block_bytes
        blocks = {number: self._rest.block(number) for number in self._touched()}
        frames = {len(self): dict(blocks)}
        at, spent = len(self), 0
        for position in range((len(self) - 1) // SPACING * SPACING, -1, -SPACING):
            if position % self._spacing:
                continue
            spent += 2 * size * self._undone(blocks, position, at)
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
    """Undo one change; blocks that are not `own` are copied first, since keyframes share them."""
    end = change.offset + change.length
    for number in range(change.offset // size, -(-end // size)):
        if number not in own:
            own.add(number)
            blocks[number] = Block(blocks[number].data.copy(), blocks[number].known.copy())
        base = number * size
        low, high = max(change.offset, base), min(end, base + size)
        there, here = slice(low - base, high - base), slice(low - change.offset, high - change.offset)
        if change.kind != JournalKind.FORGET:
            blocks[number].data[there] = change.before[here]
        blocks[number].known[there] = change.before_known[here]


def _differences(before: Block, after: Block, offset: int) -> list[tuple[int, int]]:
    """Ranges of bytes that differ between two ranges of equal length that begin at `offset`."""
    both = before.known & after.known
    differ = (before.known != after.known) | (both & (before.data != after.data))
    edges = np.flatnonzero(np.diff(differ, prepend=False, append=False))
    return [(offset + start, offset + end) for start, end in edges.reshape(-1, 2).tolist()]


def history_of(device: Device) -> Callable[[], History | None]:
    """Return a function that computes the history of a device on its first call; None if it was not replayed.

    The device was replayed with a journal, and its machine must not be fed after that.
    """
    machine = device.machine
    traces = [(notes.trace, notes.changes_before) for notes in device.notes]

    @cache
    def history() -> History | None:
        if machine is None:
            return None
        block = machine.config.geometry.block
        return History(machine.journal, machine.storage(), machine.storage_mask, machine.known_value, block, traces)

    return history

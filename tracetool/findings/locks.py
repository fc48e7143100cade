"""Locks: which blocks a chip that locks all of them at power-up would have unlocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from replay.columns import OpKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

__all__ = ["Locks"]


class Locks:
    """The blocks that were unlocked since the chip's last reset."""

    def __init__(self) -> None:
        self._unlocked: set[int] = set()
        self._run = -1
        """Number of the boot of the last operation."""

    def add(self, block: Integers, checked: Integers, kind: Integers, run: Integers) -> Mask:
        """Mask of operations whose block is still locked after them.

        Args:
            block: the block of each operation.
            checked: the block whose lock status it found unlocked, -1 for none.
            kind: its kind (`replay.columns.OpKind`).
            run: number of its boot.
        """
        since = np.cumsum(np.diff(run, prepend=self._run) != 0)
        blocks, span = max(block.max(), checked.max()) + 1, 2 * len(block)
        own = np.flatnonzero((kind == OpKind.UNLOCK) | (kind == OpKind.LOCK))
        seen = np.flatnonzero(checked >= 0)
        # By boot, block and time; what an operation found comes before what it did.
        keys = (since * blocks + block) * span + 2 * np.arange(len(block)) + 1
        found = (since[seen] * blocks + checked[seen]) * span + 2 * seen
        changes = np.concatenate([found, keys[own]])
        opens = np.concatenate([np.ones(len(seen), np.bool_), kind[own] == OpKind.UNLOCK])
        order = np.argsort(changes)
        changes, opens = changes[order], opens[order]
        last = np.searchsorted(changes, keys, side="right") - 1
        unlocked: Mask = (since == 0) & np.isin(block, list(self._unlocked))
        changed = (last >= 0) & (changes[last] // span == keys // span) if len(changes) else np.zeros_like(unlocked)
        unlocked[changed] = opens[last[changed]]
        self._keep(changes // span - since[-1] * blocks, opens, again=since[-1] > 0)
        self._run = int(run[-1])
        locked: Mask = ~unlocked
        return locked

    def _keep(self, blocks: Integers, opens: Mask, *, again: bool) -> None:
        """Keep the state at the end; `blocks` below 0 are those of earlier boots, `again`: there were some."""
        if again:
            self._unlocked.clear()
        for block, unlocked in zip(blocks[blocks >= 0].tolist(), opens[blocks >= 0].tolist(), strict=True):
            (self._unlocked.add if unlocked else self._unlocked.discard)(block)

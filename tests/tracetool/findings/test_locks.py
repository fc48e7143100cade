"""Blocks that are unlocked since the last reset."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replay.columns import OpKind
from tracetool.findings.locks import Locks

KINDS = st.sampled_from([OpKind.UNLOCK, OpKind.LOCK, OpKind.ERASE])
BLOCKS = st.integers(0, 3)
OPERATIONS = st.tuples(BLOCKS, st.integers(-1, 3), KINDS, st.sampled_from([0, 0, 0, 1, 1 << 32]))
"""Block, block found unlocked, kind, and by how much the boot's number grows before it."""


@given(st.lists(st.lists(OPERATIONS, min_size=1)))
def test_each_operation_finds_its_block_as_the_ones_before_left_it(
    batches: list[list[tuple[int, int, OpKind, int]]],
) -> None:
    locks, unlocked, boot = Locks(), set[int](), 0
    for batch in batches:
        locked, boots = list[bool](), list[int]()
        for block, found, kind, more in batch:
            if more:
                unlocked.clear()
            boot += more
            unlocked |= {found} - {-1}
            unlocked |= {block} if kind == OpKind.UNLOCK else set()
            unlocked -= {block} if kind == OpKind.LOCK else set()
            boots.append(boot)
            locked.append(block not in unlocked)
        blocks, checked, kinds, _ = np.array(batch, np.int64).T
        assert locks.add(blocks, checked, kinds, np.array(boots)).tolist() == locked

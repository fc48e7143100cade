"""Erases of more than was meant, however many programs come before them and in whatever batches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.columns import OpKind
from tracetool.analysis import wide_erases
from tracetool.analysis.wide_erases import WideErases
from tracetool.timeline.sums import Sums

BLOCK, SECTOR = 0x100, 0x40
Step = tuple[bool, int, int]

steps = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4 * BLOCK - 1), st.integers(1, SECTOR)), min_size=1, max_size=40
)


def sums(part: list[Step], start: int) -> Sums:
    """Erases, of blocks, and programs at these places."""
    erases, places, lengths = (np.array(column) for column in zip(*part, strict=True))
    asked = np.where(erases, places // SECTOR * SECTOR, places)
    low = np.where(erases, places // BLOCK * BLOCK, places)
    numbers = start + np.arange(len(part))
    return Sums(
        {
            "kind": np.where(erases, OpKind.ERASE, OpKind.PROGRAM),
            "first_seq": numbers,
            "last_seq": numbers,
            "flags": np.zeros_like(numbers),
            "erased": erases.astype(np.int64),
            "programmed": np.where(erases, 0, lengths),
            "command_offset": asked,
            "low": low,
            "high": low + np.where(erases, BLOCK, lengths),
        },
        0,
    )


def lost_of(part: list[Step], ends: list[int]) -> WideErases:
    wide = WideErases(BLOCK, listed=True)
    for start, end in pairwise([0, *ends, len(part)]):
        if start < end:
            wide.add(sums(part[start:end], start))
    return wide


def lost_byte_by_byte(part: list[Step]) -> int:
    """Programmed bytes that erases took beyond the smallest sector that was addressed by then."""
    sector, lost, programmed = BLOCK, 0, set[int]()
    for erase, place, length in part:
        if not erase:
            programmed |= {*range(place, place + length)}
            continue
        block = place // BLOCK
        asked = place // SECTOR * SECTOR
        taken = {at for at in programmed if at // BLOCK == block}
        if asked % BLOCK:
            sector = min(sector, asked & -asked)
            lost += sum(not asked <= at < asked + sector for at in taken)
        programmed -= taken
    return lost


@given(steps, st.lists(st.integers(0, 40), max_size=3), st.sampled_from([1, 4, 1 << 12]))
def test_neither_batches_nor_spans_that_are_joined_matter(part: list[Step], cuts: list[int], most: int) -> None:
    inside = [(erase, place, min(length, BLOCK - place % BLOCK)) for erase, place, length in part]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide_erases, "_MANY", most)
        found = lost_of(inside, sorted(cut for cut in cuts if cut < len(inside))).found
    assert found == lost_of(inside, []).found
    assert found.bytes == lost_byte_by_byte(inside)

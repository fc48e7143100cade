"""Numbers and places of erase blocks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replay.command_set import CommandSet
from replay.geometry import Geometry, Region
from tracetool.timeline.sectors import Sectors

LAYOUT = (Region(8, 8 << 10), Region(126, 64 << 10), Region(8, 8 << 10))
UNLIKE = Sectors.of(Geometry(8 << 20, 8 << 10, 2, command_set=CommandSet.CFI02, layout=LAYOUT))
PLACES = [(start, size) for start, size in zip([0, *range(8 << 10, 64 << 10, 8 << 10)], [8 << 10] * 8, strict=True)]
PLACES += [((64 << 10) * number, 64 << 10) for number in range(1, 127)]
PLACES += [((127 * 64 << 10) + (8 << 10) * number, 8 << 10) for number in range(8)]


def test_every_block_has_its_place() -> None:
    assert [UNLIKE.place(number) for number in range(len(PLACES))] == [(at, at + size) for at, size in PLACES]
    numbers = np.arange(len(PLACES))
    assert [*zip(UNLIKE.offset(numbers).tolist(), UNLIKE.length(numbers).tolist(), strict=True)] == PLACES


@given(st.integers(0, (8 << 20) - 1))
def test_an_offset_is_in_the_block_of_its_number(offset: int) -> None:
    number = UNLIKE.number_at(offset)
    start, end = UNLIKE.place(number)
    assert start <= offset < end
    assert UNLIKE.number(np.array([offset])).tolist() == [number]


def test_blocks_that_are_alike_are_numbered_by_division() -> None:
    sectors = Sectors(256 << 10)
    assert (sectors.number_at(0x40000), sectors.place(3)) == (1, (0xC0000, 0x100000))

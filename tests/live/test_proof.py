"""The proof itself: a difference is seen, shortened, written down and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.behaviour import Behaviour
from tests.live.differential import pieces
from tests.live.emulator import behaviour_of
from tests.live.guest import RESET, Access, program
from tests.live.machines import MACHINES
from tests.live.proof import smallest, tried
from tests.live.saved import Saved, from_text, to_text
from tests.live.shrinking import shrunk

if TYPE_CHECKING:
    from collections.abc import Sequence


@given(st.lists(st.integers(0, 30), max_size=60), st.sets(st.integers(0, 30), max_size=4))
def test_shrinking_leaves_what_the_failure_needs(items: list[int], needed: set[int]) -> None:
    def fails(some: Sequence[int]) -> bool:
        return needed <= set(some)

    if fails(items):
        kept = shrunk(items, fails)
        assert sorted(kept) == sorted(needed)
        rest = iter(items)
        assert all(item in rest for item in kept)


@pytest.mark.parametrize("machine", ["virt-arm", "q35-ovmf", "sbsa-ref"])
def test_a_program_is_read_as_it_was_written(machine: str) -> None:
    saved = Saved(machine, 7, [*program(MACHINES[machine], 7, 300), RESET])
    assert from_text("# why it is kept\n" + to_text(saved)) == saved


def test_the_same_seed_gives_the_same_program() -> None:
    board = MACHINES["virt-arm"]
    assert program(board, 3, 500) == program(board, 3, 500)
    assert program(board, 3, 500) != program(board, 4, 500)


def test_programs_stay_inside_their_flash() -> None:
    for board in MACHINES.values():
        for access in program(board, 1, 2000):
            if access != RESET:
                assert access.offset >= 0
                assert access.offset + access.size <= board.driven[access.unit].geometry.size


def test_an_unaligned_access_reaches_the_device_in_aligned_pieces() -> None:
    assert list(pieces(Access(0, 0, 8), big_endian=False)) == [(0, 4, 0), (4, 4, 32)]
    assert list(pieces(Access(0, 4, 8), big_endian=True)) == [(4, 4, 32), (8, 4, 0)]
    assert list(pieces(Access(0, 1, 4), big_endian=False)) == [(1, 1, 0), (2, 2, 8), (4, 1, 24)]
    assert list(pieces(Access(0, 6, 2), big_endian=False)) == [(6, 2, 0)]


@pytest.mark.live
def test_a_wrong_model_is_found_out_by_a_short_program() -> None:
    board = MACHINES["z2"]
    right = behaviour_of(board.needed())
    wrong = Behaviour.DIRECT if right != Behaviour.DIRECT else Behaviour.STAGED_AT_DATA
    saved = Saved("z2", 1, program(board, 1, 1000))
    assert not tried(saved).differences
    assert tried(saved, wrong).differences
    small = smallest(saved, wrong, seconds=60)
    assert tried(small, wrong).differences
    assert not tried(small).differences
    assert len(small.accesses) <= 12

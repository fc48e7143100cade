"""The proof itself: a difference is seen, shrunk, saved and loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.behaviour import Behaviour
from replay.columns import RowKind
from tests.live.differential import compare
from tests.live.guest import RESET, Access, pieces, program
from tests.live.machines import MACHINES
from tests.live.proof import run, shrink_program
from tests.live.saved import Saved, from_text, to_text
from tests.live.shrinking import shrink
from tracetool.qemu.about import about

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.live.machines import Machine


@given(st.lists(st.integers(0, 30), max_size=60), st.sets(st.integers(0, 30), max_size=4))
def test_shrinking_leaves_what_the_failure_needs(items: list[int], needed: set[int]) -> None:
    def fails(some: Sequence[int]) -> bool:
        return needed <= set(some)

    if fails(items):
        kept = shrink(items, fails)
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


@pytest.mark.slow
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


def _with_geometry(board: Machine, **changes: object) -> Machine:
    """A machine with changed flashes."""
    flashes = [replace(flash, geometry=replace(flash.geometry, **changes)) for flash in board.flashes]  # type: ignore[arg-type]
    return replace(board, flashes=tuple(flashes))


@pytest.mark.live
@pytest.mark.parametrize("machine", ["virt-arm", "q35-ovmf", "z2"])
def test_a_random_program_does_all_that_a_flash_can_do(machine: str, tmp_path: Path) -> None:
    """A program that waits for the rest of a buffered write, or stays in one mode, proves little however long it is."""
    board = MACHINES[machine]
    outcome = compare(board, program(board, 1, 6000), 1, tmp_path, about(board.needed()).behaviour)
    assert not outcome.differences
    least = {
        RowKind.DATA_WRITE: 200,
        RowKind.MANUFACTURER_ID: 5,
        RowKind.DEVICE_INFO: 50,
        RowKind.MODE_READ_ARRAY: 500,
        RowKind.READ_STATUS: 200,
        RowKind.RESET: 10,
        RowKind.WRITE_BLOCK_ERASE: 30,
    }
    if about(board.needed()).behaviour != Behaviour.DIRECT:
        least |= {RowKind.DATA_WRITE_BLOCK: 1000, RowKind.WRITE_BLOCK_ABORT: 30, RowKind.WRITE_BLOCK_FLUSH: 30}
    seldom = {kind.name: outcome.events[kind] for kind, count in least.items() if outcome.events[kind] < count}
    assert not seldom


@pytest.mark.live
@pytest.mark.parametrize(
    ("machine", "changes"),
    [
        ("versatilepb", {"ids": (0x89, 0x18, 1, 0)}),
        ("versatilepb", {"block": 128 << 10}),
        ("versatilepb", {"chip_width": 2}),
        ("versatilepb", {"endian": "big"}),
        ("vexpress-a9", {"chip_width": 1, "max_chip_width": 2}),
        ("vexpress-a9", {"chip_width": 4}),
        ("q35-small", {"bank_width": 2}),
    ],
)
def test_a_wrong_geometry_is_found_out(machine: str, changes: dict[str, object], tmp_path: Path) -> None:
    board = MACHINES[machine]
    wrong = _with_geometry(board, **changes)
    behaviour = about(board.needed()).behaviour
    assert compare(board, program(board, 1, 3000), 1, tmp_path, behaviour, taken_for=wrong).differences


@pytest.mark.live
@pytest.mark.parametrize("unit", [0, 1])
def test_a_flash_taken_for_writable_or_read_only_is_found_out(unit: int, tmp_path: Path) -> None:
    board = MACHINES["q35-ovmf"]
    flash = board.flashes[unit]
    turned = replace(flash, read_only=not flash.read_only)
    wrong = replace(board, flashes=tuple(turned if one is flash else one for one in board.flashes))
    behaviour = about(board.needed()).behaviour
    found = compare(board, program(board, 1, 3000), 1, tmp_path, behaviour, taken_for=wrong).differences
    assert found
    assert all(text.startswith(flash.name) for text in found)


@pytest.mark.live
def test_a_wrong_model_is_found_out_by_a_short_program() -> None:
    board = MACHINES["z2"]
    right = about(board.needed()).behaviour
    wrong = Behaviour.DIRECT if right != Behaviour.DIRECT else Behaviour.STAGED_AT_DATA
    saved = Saved("z2", 1, program(board, 1, 1000))
    assert not run(saved).differences
    assert run(saved, wrong).differences
    small = shrink_program(saved, wrong, seconds=60)
    assert run(small, wrong).differences
    assert not run(small).differences
    assert len(small.accesses) <= 12

"""Tests for `tracetool.qemu.wait_loop`."""

from __future__ import annotations

import pytest

from tracetool.qemu.machines import machine_types
from tracetool.qemu.wait_loop import WaitLoop

LOOP = WaitLoop((0xA, 0xB, 0xC), 2, at=0x1000, start=0x8000_1000)


def test_the_count_of_turns_is_behind_the_code() -> None:
    assert LOOP.stores(10_240) == [(0x1000, 2, 0xA), (0x1002, 2, 0xB), (0x1004, 2, 0xC), (0x1006, 4, 5)]


@pytest.mark.parametrize(("elapsed_ns", "turns"), [(1, 1), (0, 1), (2048, 1), (2049, 2)])
def test_at_least_so_much_time_passes(elapsed_ns: int, turns: int) -> None:
    assert LOOP.stores(elapsed_ns)[-1] == (0x1006, 4, turns)


def test_the_breakpoint_is_on_the_last_instruction() -> None:
    assert LOOP.end == 0x8000_1004


def test_every_machine_with_a_timed_flash_has_a_loop() -> None:
    timed = {name for name, machine in machine_types().items() if machine.wait_loop is not None}
    assert timed == {"zynq", "musicpal", "r2d", "r2d-big-endian", "canon-a1100"}

"""The limits of real chips."""

from __future__ import annotations

import pytest

from replay.chip_limits import DEFAULT_CHIP, chip_profiles


def test_the_chip_that_qemu_names() -> None:
    """32 words of 16 bits, locked after power-up, good for 100,000 erases."""
    chip = chip_profiles()[DEFAULT_CHIP]
    assert (chip.buffer_bytes, chip.locked_at_power_up, chip.erase_cycles) == (64, True, 100_000)


@pytest.mark.parametrize("name", list(chip_profiles()))
def test_every_chip_is_whole(name: str) -> None:
    chip = chip_profiles()[name]
    assert chip.name
    assert chip.buffer_bytes & (chip.buffer_bytes - 1) == 0 < chip.buffer_bytes
    assert chip.erase_cycles >= 10_000

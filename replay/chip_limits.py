"""Limits of real flash chips, which the emulated one does not have, from `chips.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["DEFAULT_CHIP", "ChipProfile", "chip_profiles"]

DEFAULT_CHIP = "p30"
"""The chip of QEMU's identifiers (0x89, 0x18), two of which share the bus of Arm's virt board."""


@dataclass(frozen=True)
class ChipProfile:
    """Limits from a chip's data sheet.

    `buffer_bytes` is the write buffer of one chip, to which buffered programs should be aligned. `locked_at_power_up`:
    blocks are locked then. `erase_cycles` is the endurance of a block. `*_us` are maximum times in microseconds.
    """

    name: str
    buffer_bytes: int
    locked_at_power_up: bool
    erase_cycles: int
    program_us: int
    buffered_program_us: int
    erase_us: int


@cache
def chip_profiles() -> dict[str, ChipProfile]:
    """Load every chip by its short name."""
    table = json.loads(Path(__file__).with_name("chips.json").read_text(encoding="utf-8"))["chips"]
    return {name: ChipProfile(**row) for name, row in table.items()}

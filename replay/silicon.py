"""Silicon: the limits of a real chip that the emulated one does not have. `chips.json` as objects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["DEFAULT_CHIP", "ChipProfile", "chip_profiles"]

DEFAULT_CHIP = "p30"
"""What QEMU's identifiers (0x89, 0x18) stand for: two of these side by side on Arm's virt board."""


@dataclass(frozen=True)
class ChipProfile:
    """What the data sheet of a chip says.

    `buffer_bytes` is the write buffer of one chip, to whose size a buffered program should be aligned; blocks are
    locked after power-up if `locked_at_power_up`; a block is good for `erase_cycles` erases. A program of one word, of
    a buffer and an erase take at most `program_us`, `buffered_program_us` and `erase_us` microseconds.
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
    """Every known chip by its short name."""
    table = json.loads(Path(__file__).with_name("chips.json").read_text(encoding="utf-8"))["chips"]
    return {name: ChipProfile(**row) for name, row in table.items()}

"""Geometry: size of a flash and layout of its chips on the bus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from replay.cfi import window_bytes

__all__ = ["Endian", "Geometry", "GeometryError"]

Endian = Literal["little", "big"]

MAX_REGION = 1 << 32
"""Upper limit of a region in bytes: far above any board's, far below arithmetic overflow."""

_WIDTHS = (1, 2, 4, 8)


class GeometryError(ValueError):
    """Impossible geometry; the message names the wrong value."""


@dataclass(frozen=True)
class Geometry:
    """Size and bus of one flash device, in bytes.

    `chip_width` is 0 where the device does not say (old boards): its bank is then treated as one chip. `size_known` is
    False where the image decides the size and none was given; `size` is then an upper bound.
    """

    size: int
    block: int
    bank_width: int
    chip_width: int = 0
    max_chip_width: int = 0
    endian: Endian = "little"
    ids: tuple[int, int, int, int] = (0, 0, 0, 0)
    size_known: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.size <= MAX_REGION:
            raise GeometryError(f"size {self.size} is not between 1 and {MAX_REGION}")
        if self.block <= 0 or self.block % SECTOR or self.size % self.block:
            raise GeometryError(
                f"size {self.size} is not a whole number of blocks of {self.block} (a multiple of {SECTOR})"
            )
        if self.bank_width not in _WIDTHS:
            raise GeometryError(f"bank width {self.bank_width} is not one of 1, 2, 4, 8")
        if self.chip_width not in (0, *_WIDTHS) or self.chip_width > self.bank_width:
            raise GeometryError(f"chip width {self.chip_width} does not fit a bank of {self.bank_width}")
        if self.max_chip_width not in (0, *_WIDTHS) or 0 < self.max_chip_width < self.chip_width:
            raise GeometryError(f"maximum chip width {self.max_chip_width} is below the chip width {self.chip_width}")

    @property
    def chips(self) -> int:
        """Chips side by side on the bus."""
        return self.bank_width // self.chip_width if self.chip_width else 1

    @property
    def widest_chip(self) -> int:
        """Width that the chip can be strapped to, which decides its addressing; by default its own width."""
        return self.max_chip_width or self.chip_width

    @property
    def window(self) -> int:
        """Size of the write-buffer window of the bank, in bytes."""
        return window_bytes(self.bank_width, self.chips)

    def resized(self, size: int, *, known: bool = True) -> Geometry:
        """Copy the geometry with another size."""
        return replace(self, size=size, size_known=known)


SECTOR = 512

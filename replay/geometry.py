"""Geometry: size of a flash and layout of its chips on the bus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal, NamedTuple

from replay.cfi import window_bytes
from replay.command_set import CommandSet

__all__ = ["Endian", "Geometry", "GeometryError", "Region"]

Endian = Literal["little", "big"]

MAX_REGION = 1 << 32
"""Upper limit of a region in bytes: far above any board's, far below arithmetic overflow."""

_WIDTHS = (1, 2, 4, 8)

# Ref: QEMU hw/block/pflash_cfi02.c, release 7.2, the properties width, num-blocks0 to 3 and sector-length0 to 3.
_CFI02_WIDTHS = (1, 2, 4)
_MOST_REGIONS = 4
_LEAST_SECTOR = 256
_LARGEST_SECTOR = 1 << 24


class GeometryError(ValueError):
    """Impossible geometry; the message names the wrong value."""


class Region(NamedTuple):
    """Erase region: consecutive sectors of equal size in bytes."""

    sectors: int
    sector: int


@dataclass(frozen=True)
class Geometry:
    """Size and bus of one flash device, in bytes.

    `chip_width` is 0 where the device does not say (old boards): its bank is then treated as one chip. `size_known` is
    False where the image decides the size and none was given; `size` is then an upper bound. `layout` has the erase
    regions of a CFI02 flash with sectors of unlike size, which `block` then is the smallest of; empty: all are alike.
    """

    size: int
    block: int
    bank_width: int
    chip_width: int = 0
    max_chip_width: int = 0
    endian: Endian = "little"
    ids: tuple[int, int, int, int] = (0, 0, 0, 0)
    size_known: bool = True
    command_set: CommandSet = CommandSet.CFI01
    layout: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.size <= MAX_REGION:
            raise GeometryError(f"size {self.size} is not between 1 and {MAX_REGION}")
        if self.layout or self.command_set == CommandSet.CFI02:
            self._check_regions()
            return
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

    def _check_regions(self) -> None:
        """Check what QEMU's `cfi.pflash02` demands of its properties."""
        if self.command_set != CommandSet.CFI02:
            raise GeometryError("only a CFI02 flash has sectors of unlike size")
        if self.bank_width not in _CFI02_WIDTHS:
            raise GeometryError(f"width {self.bank_width} is not one of 1, 2, 4")
        if len(self.layout) > _MOST_REGIONS:
            raise GeometryError(f"{len(self.layout)} erase regions are more than {_MOST_REGIONS}")
        start = 0
        for count, sector in self.regions:
            if count <= 0 or not _LEAST_SECTOR <= sector < _LARGEST_SECTOR or sector & (sector - 1):
                raise GeometryError(
                    f"{count} sectors of {sector} are none: a sector is a power of two from {_LEAST_SECTOR} on, "
                    f"below {_LARGEST_SECTOR}"
                )
            if start % sector:
                raise GeometryError(f"the sectors of {sector} begin at {start:#x}, which is no multiple of their size")
            start += count * sector
        if start != self.size:
            raise GeometryError(f"its sectors are {start} bytes together, and its size {self.size}")

    @property
    def regions(self) -> tuple[Region, ...]:
        """Erase regions, at least one."""
        return self.layout or (Region(self.size // self.block, self.block),)

    @property
    def largest_block(self) -> int:
        """Size of the largest erase block."""
        return max(region.sector for region in self.regions)

    @property
    def region_ends(self) -> tuple[int, ...]:
        """Offset after each erase region."""
        return tuple(accumulate(region.sectors * region.sector for region in self.regions))

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
        """Copy the geometry with another size, which makes sectors of unlike size a contradiction."""
        return replace(self, size=size, size_known=known)


SECTOR = 512

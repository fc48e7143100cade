"""Erase blocks of a flash by number, where they are all alike and where they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.geometry import Geometry

    Integers = NDArray[np.int64]

__all__ = ["Sectors"]


class _Region(NamedTuple):
    """Consecutive blocks of equal size: where they begin, the number of the first, and their size in bytes."""

    start: int
    first: int
    size: int


class Sectors:
    """Number, offset and length of each erase block, as arrays (int64) and as numbers. Bytes.

    Args:
        block_bytes: the size of all blocks.
        geometry: a flash that can have blocks of unlike size, instead.
    """

    def __init__(self, block_bytes: int, geometry: Geometry | None = None) -> None:
        self.block_bytes = block_bytes
        """Size of the smallest block."""
        self._regions = [_Region(0, 0, block_bytes)]
        if geometry is not None and geometry.layout:
            self._regions.clear()
            start = first = 0
            for sectors, size in geometry.layout:
                self._regions.append(_Region(start, first, size))
                start, first = start + sectors * size, first + sectors
        self._starts, self._firsts, self._sizes = np.array(self._regions, np.int64).T

    @classmethod
    def of(cls, geometry: Geometry) -> Sectors:
        """The blocks of a flash."""
        return cls(geometry.block, geometry)

    def __deepcopy__(self, _memo: object) -> Sectors:
        return self  # which never changes

    @staticmethod
    def _region(values: Integers, begins: Integers) -> Integers:
        """For each value, the last region that begins at or before it; the first, where none does."""
        found: Integers = np.maximum(begins.searchsorted(values, side="right") - 1, 0)
        return found

    def number(self, offsets: Integers) -> Integers:
        """Number of the block that holds each offset."""
        at = self._region(offsets, self._starts)
        found: Integers = (offsets - self._starts[at]) // self._sizes[at] + self._firsts[at]
        return found

    def offset(self, numbers: Integers) -> Integers:
        """Offset of each block."""
        at = self._region(numbers, self._firsts)
        found: Integers = (numbers - self._firsts[at]) * self._sizes[at] + self._starts[at]
        return found

    def length(self, numbers: Integers) -> Integers:
        """Length of each block."""
        found: Integers = self._sizes[self._region(numbers, self._firsts)]
        return found

    def number_at(self, offset: int) -> int:
        """Number of the block that holds an offset."""
        region = next(r for r in reversed(self._regions) if offset >= r.start)
        return (offset - region.start) // region.size + region.first

    def place(self, number: int) -> tuple[int, int]:
        """Offset and end of a block."""
        region = next(r for r in reversed(self._regions) if number >= r.first)
        start = region.start + (number - region.first) * region.size
        return start, start + region.size

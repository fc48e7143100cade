"""Erase blocks of a flash by number, where they are all alike and where they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from replay.geometry import Geometry

__all__ = ["Sectors"]


class _Region(NamedTuple):
    """Consecutive blocks of equal size: where they begin, the number of the first, and their size in bytes."""

    start: int
    first: int
    size: int


class Sectors:
    """Number, offset and length of each erase block, as columns and as numbers. Bytes.

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

    @classmethod
    def of(cls, geometry: Geometry) -> Sectors:
        """The blocks of a flash."""
        return cls(geometry.block, geometry)

    def __deepcopy__(self, _memo: object) -> Sectors:
        return self  # which never changes

    def _by_region(self, column: pl.Expr, by: int, values: list[pl.Expr]) -> pl.Expr:
        """The value of the last region that begins (field `by`) at or before the column's."""
        found = values[0]
        for region, value in zip(self._regions[1:], values[1:], strict=True):
            found = pl.when(column >= region[by]).then(value).otherwise(found)
        return found

    def number(self, offset: pl.Expr) -> pl.Expr:
        """Number of the block that holds an offset."""
        return self._by_region(offset, 0, [(offset - r.start) // r.size + r.first for r in self._regions])

    def offset(self, number: pl.Expr) -> pl.Expr:
        """Offset of a block."""
        return self._by_region(number, 1, [(number - r.first) * r.size + r.start for r in self._regions])

    def length(self, number: pl.Expr) -> pl.Expr:
        """Length of a block."""
        return self._by_region(number, 1, [pl.lit(r.size) for r in self._regions])

    def number_at(self, offset: int) -> int:
        """Number of the block that holds an offset."""
        region = next(r for r in reversed(self._regions) if offset >= r.start)
        return (offset - region.start) // region.size + region.first

    def place(self, number: int) -> tuple[int, int]:
        """Offset and end of a block."""
        region = next(r for r in reversed(self._regions) if number >= r.first)
        start = region.start + (number - region.first) * region.size
        return start, start + region.size

"""Sparse byte arrays as long as a flash: untouched pages read as zero and take no memory, also in copies.

A geometry may claim gigabytes of which a trace touches little.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["clear", "copy_into", "find_other", "sparse_zeros"]

_PIECE = 1 << 16
_SEARCHED = 1 << 20
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0)


def sparse_zeros(size: int) -> NDArray[np.uint8]:
    """Allocate zeros, uint8, in pages of the smallest size, which `numpy.zeros` does not guarantee."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)


def _written(array: NDArray[np.uint8]) -> Iterator[slice]:
    """Iterate over the slices that hold nonzero bytes. Reading an untouched page allocates nothing."""
    for start in range(0, len(array), _PIECE):
        piece = slice(start, min(start + _PIECE, len(array)))
        if array[piece].any():
            yield piece


def copy_into(target: NDArray[np.uint8], source: NDArray[np.uint8]) -> None:
    """Copy `source` to the start of `target`, which must be zero there."""
    for piece in _written(source):
        target[piece] = source[piece]


def clear(array: NDArray[np.uint8]) -> None:
    """Fill with zeros, without allocating untouched pages."""
    for piece in _written(array):
        array[piece] = 0


def find_other(array: NDArray[np.uint8], value: int) -> tuple[int, int]:
    """Count the bytes other than `value`; return the count and the position of the first (-1 if none)."""
    count, first = 0, -1
    for start in range(0, len(array), _SEARCHED):
        others = array[start : start + _SEARCHED] != value
        found = int(np.count_nonzero(others))
        if found and first < 0:
            first = start + int(others.argmax())
        count += found
    return count, first

"""Arrays of bytes as long as a flash that take memory only where something was written.

A region may be said to be gigabytes long; what was never touched reads as zero and costs nothing. Copies keep that.
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
    """Zeros, uint8; pages are of the system's smallest kind, which `numpy.zeros` does not promise."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)


def _written(array: NDArray[np.uint8]) -> Iterator[slice]:
    """Pieces that hold anything but zeros. Reading what was never written takes no memory."""
    for start in range(0, len(array), _PIECE):
        piece = slice(start, min(start + _PIECE, len(array)))
        if array[piece].any():
            yield piece


def copy_into(target: NDArray[np.uint8], source: NDArray[np.uint8]) -> None:
    """Copy `source` to the beginning of `target`, which is zero there."""
    for piece in _written(source):
        target[piece] = source[piece]


def clear(array: NDArray[np.uint8]) -> None:
    """Zero what is not."""
    for piece in _written(array):
        array[piece] = 0


def find_other(array: NDArray[np.uint8], value: int) -> tuple[int, int]:
    """How many bytes are not `value`, and where the first is (-1 if none)."""
    count, first = 0, -1
    for start in range(0, len(array), _SEARCHED):
        others = array[start : start + _SEARCHED] != value
        found = int(np.count_nonzero(others))
        if found and first < 0:
            first = start + int(others.argmax())
        count += found
    return count, first

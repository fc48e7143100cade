"""Sparse byte arrays as long as a flash: untouched pages read as zero and take no memory, also in copies.

A geometry may claim gigabytes of which a trace touches little.
"""

from __future__ import annotations

import mmap
import os
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["SparseCopy", "clear", "copy_into", "find_other", "occupied", "sparse_zeros"]

_PIECE = 1 << 16
_SEARCHED = 1 << 20
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0)
_HELD = 62
"""Bits of an entry from here on: the page is in memory, or swapped out. Ref: Linux' admin-guide/mm/pagemap."""


class _Zeros(mmap.mmap):
    """Memory of which a page that was never touched holds zeros."""


def sparse_zeros(size: int) -> NDArray[np.uint8]:
    """Allocate zeros, uint8, in pages of the smallest size, which `numpy.zeros` does not guarantee."""
    memory = _Zeros(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)


def occupied(array: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Runs (start, end) of an array outside of which it is zero, in order and apart from one another.

    Of an array made by `sparse_zeros`, or a slice of it, those are the pages that were touched, where the system tells
    (Linux); of any other the whole. To read a page of zeros is a page fault: a search of 64 MiB makes 16,384 of them.
    """
    if not len(array):
        return []
    pages = _pages(array) if array.flags.c_contiguous and _is_sparse(array) else None
    if pages is None:
        return [(0, len(array))]
    into = array.ctypes.data % mmap.PAGESIZE
    edges = np.flatnonzero(np.diff(pages, prepend=False, append=False)) * mmap.PAGESIZE - into
    return [(max(start, 0), min(end, len(array))) for start, end in edges.reshape(-1, 2).tolist()]


def _is_sparse(array: NDArray[np.uint8]) -> bool:
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, memoryview) and isinstance(base.obj, _Zeros)


def _pages(array: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """For each page that the array lies on, whether it was touched; None where the system does not tell."""
    first = array.ctypes.data // mmap.PAGESIZE
    last = (array.ctypes.data + len(array) - 1) // mmap.PAGESIZE
    entry = np.dtype(np.uint64)
    size = (last - first + 1) * entry.itemsize
    try:
        entries = os.pread(_page_map(os.getpid()), size, first * entry.itemsize)
    except OSError:
        return None
    return np.frombuffer(entries, entry) >> _HELD != 0 if len(entries) == size else None


@cache
def _page_map(_process: int) -> int:
    """The page table of this process, open."""
    return os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)


def _written(array: NDArray[np.uint8]) -> Iterator[slice]:
    """Iterate over the slices that hold nonzero bytes. Reading an untouched page allocates nothing."""
    for low, high in occupied(array):
        for start in range(low, high, _PIECE):
            piece = slice(start, min(start + _PIECE, high))
            if array[piece].any():
                yield piece


class SparseCopy(NamedTuple):
    """A copy of an array's nonzero pieces, without room for the rest."""

    size: int
    pieces: list[tuple[slice, NDArray[np.uint8]]]

    @classmethod
    def of(cls, array: NDArray[np.uint8]) -> SparseCopy:
        """Copy an array."""
        return cls(len(array), [(piece, array[piece].copy()) for piece in _written(array)])

    def whole(self) -> NDArray[np.uint8]:
        """Make an array of it, as `sparse_zeros` does."""
        array = sparse_zeros(self.size)
        for piece, data in self.pieces:
            array[piece] = data
        return array


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
    for low, high in occupied(array) if value == 0 else [(0, len(array))]:
        for start in range(low, high, _SEARCHED):
            others = array[start : min(start + _SEARCHED, high)] != value
            found = int(np.count_nonzero(others))
            if found and first < 0:
                first = start + int(others.argmax())
            count += found
    return count, first

"""Spans of bytes: copied and filled as slices in plain Python, byte by byte where numba compiles them.

Part of the kernel (see `machine`). Compiled, the machine's arrays are bare pointers (see `compiled`), which have no
slices; there the loops become block moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["copy_bytes", "copy_bytes_one_by_one", "fill_bytes", "fill_bytes_one_by_one"]


def copy_bytes(target: NDArray[np.uint8], at: int, source: NDArray[np.uint8], low: int, high: int) -> None:
    """Copy `source` from `low` to `high` to `target` from `at` on."""
    target[at : at + high - low] = source[low:high]


def copy_bytes_one_by_one(target: NDArray[np.uint8], at: int, source: NDArray[np.uint8], low: int, high: int) -> None:
    """`copy_bytes` without slices."""
    for i in range(high - low):
        target[at + i] = source[low + i]


def fill_bytes(target: NDArray[np.uint8], low: int, high: int, value: int) -> None:
    """Set `target` from `low` to `high` to one value."""
    target[low:high] = value


def fill_bytes_one_by_one(target: NDArray[np.uint8], low: int, high: int, value: int) -> None:
    """`fill_bytes` without slices."""
    for i in range(low, high):
        target[i] = value

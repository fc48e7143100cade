"""Spans of bytes: copied and filled as slices in plain Python, byte by byte where numba compiles them.

Part of the kernel (see `machine`). Compiled, the machine's arrays are bare pointers (see `compiled`), which have no
slices; there the loops become block moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REPLACEMENTS", "copy_bytes", "count_bits_set", "count_differences", "fill_bytes", "holds_other"]

_BITS = 0xFF


def copy_bytes(target: NDArray[np.uint8], at: int, source: NDArray[np.uint8], low: int, high: int) -> None:
    """Copy `source` from `low` to `high` to `target` from `at` on."""
    target[at : at + high - low] = source[low:high]


def _copy_bytes(target: NDArray[np.uint8], at: int, source: NDArray[np.uint8], low: int, high: int) -> None:
    for i in range(high - low):
        target[at + i] = source[low + i]


def fill_bytes(target: NDArray[np.uint8], low: int, high: int, value: int) -> None:
    """Set `target` from `low` to `high` to one value."""
    target[low:high] = value


def _fill_bytes(target: NDArray[np.uint8], low: int, high: int, value: int) -> None:
    for i in range(low, high):
        target[i] = value


def count_differences(these: NDArray[np.uint8], at: int, others: NDArray[np.uint8], low: int, high: int) -> int:
    """How many bytes of `these` from `at` on differ from `others` from `low` to `high`."""
    return int(np.count_nonzero(these[at : at + high - low] != others[low:high]))


def _count_differences(these: NDArray[np.uint8], at: int, others: NDArray[np.uint8], low: int, high: int) -> int:
    count = 0
    for i in range(high - low):
        if these[at + i] != others[low + i]:
            count += 1
    return count


def count_bits_set(before: NDArray[np.uint8], at: int, after: NDArray[np.uint8], low: int, high: int) -> int:
    """How many bits went from 0 to 1, from `before` from `at` on to `after` from `low` to `high`."""
    return int(np.bitwise_count(~before[at : at + high - low] & after[low:high]).sum())


def _count_bits_set(before: NDArray[np.uint8], at: int, after: NDArray[np.uint8], low: int, high: int) -> int:
    count = 0
    for i in range(high - low):
        bits = (before[at + i] ^ _BITS) & after[low + i]
        while bits:
            bits &= bits - 1
            count += 1
    return count


def holds_other(mask: NDArray[np.uint8], at: int, length: int, value: int) -> bool:
    """Whether one of the bytes is another than `value`."""
    return bool((mask[at : at + length] != value).any())


def _holds_other(mask: NDArray[np.uint8], at: int, length: int, value: int) -> bool:
    for i in range(length):  # noqa: SIM110  numba compiles no generator
        if mask[at + i] != value:
            return True
    return False


REPLACEMENTS = {
    copy_bytes: _copy_bytes,
    fill_bytes: _fill_bytes,
    count_differences: _count_differences,
    count_bits_set: _count_bits_set,
    holds_other: _holds_other,
}
"""What takes the place of each function in compiled code."""

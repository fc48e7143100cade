"""Operations on byte spans, as slices in plain Python. Part of the kernel (see `loop`); in C in `spans.pxd`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.state import Octets

__all__ = ["copy_bytes", "count_bits_set", "count_differences", "fill_bytes", "holds_other", "low_bits", "put_word"]


def low_bits(bits: int) -> int:
    """Mask of the low `bits` bits, at most 63."""
    return (1 << bits) - 1


def copy_bytes(target: Octets, at: int, source: Octets, low: int, high: int) -> None:
    """Copy `source[low:high]` to `target` at `at`."""
    target[at : at + high - low] = source[low:high]


def fill_bytes(target: Octets, low: int, high: int, value: int) -> None:
    """Fill `target[low:high]` with one value."""
    target[low:high] = bytes([value]) * (high - low)


def put_word(target: Octets, at: int, size: int, value: int, big_endian: bool) -> None:
    """Store the low `size` bytes of `value` in `target` at `at`."""
    target[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "big" if big_endian else "little")


def count_differences(these: Octets, at: int, others: Octets, low: int, high: int) -> int:
    """Count the bytes of `these` at `at` that differ from `others[low:high]`."""
    before, after = these[at : at + high - low], others[low:high]
    return 0 if before == after else sum(map(int.__ne__, before, after))


def count_bits_set(before: Octets, at: int, after: Octets, low: int, high: int) -> int:
    """Count the bits that are 0 in `before` at `at` and 1 in `after[low:high]`."""
    was = int.from_bytes(before[at : at + high - low], "little")
    return (int.from_bytes(after[low:high], "little") & ~was).bit_count()


def holds_other(mask: Octets, at: int, length: int, value: int) -> bool:
    """True if any of the `length` bytes at `at` is not `value`."""
    return mask[at : at + length].tobytes().count(value) != length

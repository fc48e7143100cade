"""Spans of bytes: as slices in plain Python. Part of the kernel (see `machine`); `spans.pxd` has the same in C."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.state import Octets

__all__ = ["copy_bytes", "count_bits_set", "count_differences", "fill_bytes", "holds_other", "low_bits", "put_word"]


def low_bits(bits: int) -> int:
    """A mask of the low bits, 63 at most."""
    return (1 << bits) - 1


def copy_bytes(target: Octets, at: int, source: Octets, low: int, high: int) -> None:
    """Copy `source` from `low` to `high` to `target` from `at` on."""
    target[at : at + high - low] = source[low:high]


def fill_bytes(target: Octets, low: int, high: int, value: int) -> None:
    """Set `target` from `low` to `high` to one value."""
    target[low:high] = bytes([value]) * (high - low)


def put_word(target: Octets, at: int, size: int, value: int, big_endian: bool) -> None:
    """Put the low `size` bytes of `value` to `target` at `at`."""
    target[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "big" if big_endian else "little")


def count_differences(these: Octets, at: int, others: Octets, low: int, high: int) -> int:
    """How many bytes of `these` from `at` on differ from `others` from `low` to `high`."""
    before, after = these[at : at + high - low], others[low:high]
    return 0 if before == after else sum(map(int.__ne__, before, after))


def count_bits_set(before: Octets, at: int, after: Octets, low: int, high: int) -> int:
    """How many bits went from 0 to 1, from `before` from `at` on to `after` from `low` to `high`."""
    was = int.from_bytes(before[at : at + high - low], "little")
    return (int.from_bytes(after[low:high], "little") & ~was).bit_count()


def holds_other(mask: Octets, at: int, length: int, value: int) -> bool:
    """Whether one of the bytes is another than `value`."""
    return mask[at : at + length].tobytes().count(value) != length

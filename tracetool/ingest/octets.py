"""Operations on byte spans in the kernels of the trace formats: slices in plain Python, words and `memcmp` in C.

Not compiled itself: the `.pxd` has the C bodies.

Ref: the hash multiplies words by the golden ratio, D. Knuth, TAOCP vol. 3, 6.4 (multiplicative hashing).
"""

from __future__ import annotations

from tracetool.ingest.names import CONTROLS

__all__ = ["Octets", "are_printable", "copy_bytes", "find_byte", "hash_bytes", "load32", "load64", "same_bytes"]

Octets = bytearray
"""Writable buffer of bytes, which compiled code requires."""

_HASH_BITS = 0xFFFF_FFFF
_WORD = 8


def load32(data: Octets, at: int, big: int) -> int:
    """Load an unsigned 32-bit number; `big` is 1 for big-endian."""
    return int.from_bytes(data[at : at + 4], "big" if big else "little")


def load64(data: Octets, at: int, big: int) -> int:
    """Load a signed 64-bit number; `big` is 1 for big-endian."""
    return int.from_bytes(data[at : at + _WORD], "big" if big else "little", signed=True)


def hash_bytes(data: Octets, at: int, length: int) -> int:
    """Hash bytes to 32 bits; stable within one process and kernel form."""
    return hash(bytes(data[at : at + length])) & _HASH_BITS


def same_bytes(data: Octets, at: int, others: Octets, start: int, length: int) -> bool:
    """True if two spans are equal; False if one of them exceeds its buffer."""
    return data[at : at + length] == others[start : start + length]


def are_printable(data: Octets, at: int, length: int) -> bool:
    """True if no byte is an ASCII control character."""
    return len(data[at : at + length].translate(None, CONTROLS)) == length


def copy_bytes(target: Octets, at: int, source: Octets, start: int, length: int) -> None:
    """Copy `length` bytes of `source` at `start` to `target` at `at`."""
    target[at : at + length] = source[start : start + length]


def find_byte(data: Octets, value: int, start: int, end: int) -> int:
    """Find the first byte with this value between `start` and `end`; -1 if there is none."""
    if not 0 <= start <= end <= len(data):
        raise IndexError("bytes outside of the buffer")
    return data.find(value, start, end)

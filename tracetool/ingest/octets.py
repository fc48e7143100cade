"""Spans of bytes in the kernels of the trace formats: slices in plain Python, words and `memcmp` where compiled.

Part of the kernels; not compiled itself. The `.pxd` has the bodies that they are compiled with.

Ref: the hash multiplies words by the golden ratio, D. Knuth, TAOCP vol. 3, 6.4 (multiplicative hashing).
"""

from __future__ import annotations

from tracetool.ingest.names import CONTROLS

__all__ = ["Octets", "are_printable", "copy_bytes", "find_byte", "hash_bytes", "load32", "load64", "same_bytes"]

Octets = bytearray
"""What compiled code takes too: a buffer of bytes that can be written to."""

_HASH_BITS = 0xFFFF_FFFF
_WORD = 8


def load32(data: Octets, at: int, big: int) -> int:
    """The unsigned 32-bit number at a place; `big` is 1 where its high byte is first."""
    return int.from_bytes(data[at : at + 4], "big" if big else "little")


def load64(data: Octets, at: int, big: int) -> int:
    """The signed 64-bit number at a place; `big` is 1 where its high byte is first."""
    return int.from_bytes(data[at : at + _WORD], "big" if big else "little", signed=True)


def hash_bytes(data: Octets, at: int, length: int) -> int:
    """A number from 0 to 2^32 - 1 that is the same for the same bytes, within one process and form."""
    return hash(bytes(data[at : at + length])) & _HASH_BITS


def same_bytes(data: Octets, at: int, others: Octets, start: int, length: int) -> bool:
    """Whether the bytes at two places are equal; False where one of the spans is not inside its buffer."""
    return data[at : at + length] == others[start : start + length]


def are_printable(data: Octets, at: int, length: int) -> bool:
    """Whether none of the bytes is a control character of ASCII."""
    return len(data[at : at + length].translate(None, CONTROLS)) == length


def copy_bytes(target: Octets, at: int, source: Octets, start: int, length: int) -> None:
    """Copy bytes of `source` from `start` on to `target` from `at` on."""
    target[at : at + length] = source[start : start + length]


def find_byte(data: Octets, value: int, start: int, end: int) -> int:
    """Where the first byte of a value is between two places; -1 if there is none."""
    if not 0 <= start <= end <= len(data):
        raise IndexError("bytes outside of the buffer")
    return data.find(value, start, end)

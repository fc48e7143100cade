"""Bytes looked at in the kernels of the binary formats: as slices in plain Python, one by one where numba compiles.

Each function stands here twice; `REPLACEMENTS` says which takes the other's place in compiled code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Octets = Any
    """Bytes, a bytearray, or in compiled code a pointer."""

__all__ = ["REPLACEMENTS", "are_printable", "hash_bytes", "load32", "same_bytes"]

_FNV_PRIME = 16777619
_FNV_BASIS = 2166136261
_BITS = 0xFFFF_FFFF
_SPACE, _DELETE = 0x20, 0x7F
_CONTROLS = bytes([*range(_SPACE), _DELETE])


def load32(data: Octets, at: int, big: int) -> int:
    """The unsigned 32-bit number at a place; `big` is 1 where it has its high byte first."""
    return int.from_bytes(data[at : at + 4], "big" if big else "little")


def _load32(data: Octets, at: int, big: int) -> int:
    first, second = np.int64(data[at]), np.int64(data[at + 1])
    third, fourth = np.int64(data[at + 2]), np.int64(data[at + 3])
    if big:
        return first << 24 | second << 16 | third << 8 | fourth  # type: ignore[return-value]
    return fourth << 24 | third << 16 | second << 8 | first  # type: ignore[return-value]


def hash_bytes(data: Octets, at: int, length: int) -> int:
    """A number from 0 to 2^32 - 1 that is the same for the same bytes, in one run."""
    return hash(bytes(data[at : at + length])) & _BITS


def _hash_bytes(data: Octets, at: int, length: int) -> int:
    """FNV-1a."""
    value = _FNV_BASIS
    for i in range(length):
        value = ((value ^ data[at + i]) * _FNV_PRIME) & _BITS
    return value


def same_bytes(data: Octets, at: int, others: Octets, start: int, length: int) -> bool:
    """Whether the bytes at two places are equal."""
    return bool(data[at : at + length] == others[start : start + length])


def _same_bytes(data: Octets, at: int, others: Octets, start: int, length: int) -> bool:
    for i in range(length):  # noqa: SIM110  numba compiles no generator
        if data[at + i] != others[start + i]:
            return False
    return True


def are_printable(data: Octets, at: int, length: int) -> bool:
    """Whether none of the bytes is a control character of ASCII."""
    return len(data[at : at + length].translate(None, _CONTROLS)) == length


def _are_printable(data: Octets, at: int, length: int) -> bool:
    for i in range(length):  # noqa: SIM110
        if data[at + i] < _SPACE or data[at + i] == _DELETE:
            return False
    return True


REPLACEMENTS = {
    load32: _load32,
    hash_bytes: _hash_bytes,
    same_bytes: _same_bytes,
    are_printable: _are_printable,
}

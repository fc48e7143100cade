"""Eight bytes of text at a time, in the kernel of the text scanner: as slices in plain Python, as words compiled.

Each function stands here twice; `REPLACEMENTS` says which takes the other's place in compiled code. A word is the
signed 64-bit number of eight bytes, the first of them the lowest. Functions of bytes may read `REACH` bytes from the
place they are given.

Ref: H. S. Warren, Hacker's Delight, 2nd edition, 6-1 (find first 0-byte); D. Lemire, "Quickly parsing eight digits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Octets = Any
    """Bytes, or in compiled code a pointer."""

    Bits = np.uint64

__all__ = [
    "REACH",
    "REPLACEMENTS",
    "WORD",
    "decimal_run",
    "decimal_value",
    "hex_run",
    "hex_value",
    "load64",
    "next_newline",
    "spread",
    "until_space",
]

WORD = 8
REACH = 64
"""So many bytes behind any place in the text can be read."""

_DECIMAL, _HEX = b"0123456789", b"0123456789abcdef"
_NEWLINE, _SPACE = 0x0A, 0x20
_SPREAD_BITS = 16
_ALL_ONES = (1 << 64) - 1

# The compiled halves: every operand is a uint64, as numba makes a float of a signed and an unsigned one.
_EACH = np.uint64(0x0101_0101_0101_0101)
_LOW7 = np.uint64(0x7F7F_7F7F_7F7F_7F7F)
_HIGH = np.uint64(0x8080_8080_8080_8080)
_NIBBLES = np.uint64(0x0F0F_0F0F_0F0F_0F0F)
_BYTES = np.uint64(0x00FF_00FF_00FF_00FF)
_PAIRS = np.uint64(0x0000_FFFF_0000_FFFF)
_QUADS = np.uint64(0xFFFF_FFFF)
_FROM_0 = np.uint64((0x80 - 0x30) * 0x0101_0101_0101_0101)
_FROM_COLON = np.uint64((0x80 - 0x3A) * 0x0101_0101_0101_0101)
_FROM_A = np.uint64((0x80 - 0x61) * 0x0101_0101_0101_0101)
_FROM_G = np.uint64((0x80 - 0x67) * 0x0101_0101_0101_0101)
_SPACES = np.uint64(0x2020_2020_2020_2020)
_NEWLINES = np.uint64(0x0A0A_0A0A_0A0A_0A0A)
_TENS = np.uint64(10 * 0x100 + 1)
_HUNDREDS = np.uint64(100 * 0x1_0000 + 1)
_MYRIADS = np.uint64(10_000 * 0x1_0000_0000 + 1)
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_0, _1, _4, _6, _7, _8, _9 = (np.uint64(number) for number in (0, 1, 4, 6, 7, 8, 9))
_16, _24, _32, _40, _48, _56, _64 = (np.uint64(number) for number in (16, 24, 32, 40, 48, 56, 64))


def load64(data: Octets, at: int) -> int:
    """The word at a place."""
    return int.from_bytes(data[at : at + WORD], "little", signed=True)


def _load64(data: Octets, at: int) -> int:
    """Put together from bytes, which compiles to one load."""
    return np.int64(  # type: ignore[return-value]
        np.uint64(data[at])
        | np.uint64(data[at + 1]) << _8
        | np.uint64(data[at + 2]) << _16
        | np.uint64(data[at + 3]) << _24
        | np.uint64(data[at + 4]) << _32
        | np.uint64(data[at + 5]) << _40
        | np.uint64(data[at + 6]) << _48
        | np.uint64(data[at + 7]) << _56
    )


# --- runs: how many of a word's bytes, from the first on, are of a kind ------------------------------------------


def hex_run(word: int) -> int:
    """How many bytes are digits or `a` to `f`."""
    octets = word.to_bytes(WORD, "little", signed=True)
    return WORD - len(octets.lstrip(_HEX))


def _marked(marks: Bits) -> int:
    """The place of the first byte whose high bit is marked; 8 if there is none."""
    lowest = (marks & (_0 - marks)) >> _7
    return np.int64((((lowest - _1) & _EACH) * _EACH) >> _56)  # type: ignore[return-value]


def _hex_run(word: int) -> int:
    bits = np.uint64(word)
    low = bits & _LOW7
    digits = (low + _FROM_0) & ~(low + _FROM_COLON)
    letters = (low + _FROM_A) & ~(low + _FROM_G)
    return _marked(~((digits | letters) & ~bits) & _HIGH)


def decimal_run(word: int) -> int:
    """How many bytes are digits."""
    octets = word.to_bytes(WORD, "little", signed=True)
    return WORD - len(octets.lstrip(_DECIMAL))


def _decimal_run(word: int) -> int:
    bits = np.uint64(word)
    low = bits & _LOW7
    return _marked(~((low + _FROM_0) & ~(low + _FROM_COLON) & ~bits) & _HIGH)


def until_space(word: int) -> int:
    """How many bytes precede the first space."""
    place = word.to_bytes(WORD, "little", signed=True).find(_SPACE)
    return WORD if place < 0 else place


def _until_space(word: int) -> int:
    other = np.uint64(word) ^ _SPACES
    return _marked(~(((other & _LOW7) + _LOW7) | other) & _HIGH)


def next_newline(data: Octets, at: int) -> int:
    """Where the first newline from a place on is; there must be one."""
    return int(data.index(_NEWLINE, at))


def _next_newline(data: Octets, at: int) -> int:
    while True:
        other = np.uint64(_load64(data, at)) ^ _NEWLINES
        place = _marked(~(((other & _LOW7) + _LOW7) | other) & _HIGH)
        at += place
        if place < WORD:
            return at


# --- numbers -----------------------------------------------------------------------------------------------------


def hex_value(word: int, digits: int) -> int:
    """The number that the first 1 to 8 bytes, all hex digits, are."""
    return int(word.to_bytes(WORD, "little", signed=True)[:digits], 16)


def _hex_value(word: int, digits: int) -> int:
    bits = np.uint64(word)
    bits = (bits & _NIBBLES) + _9 * ((bits >> _6) & _EACH)
    # As if zeros stood before the digits.
    bits <<= _64 - (np.uint64(digits) << np.uint64(3))
    bits = ((bits << _4) | (bits >> _8)) & _BYTES
    bits = ((bits << _8) | (bits >> _16)) & _PAIRS
    return np.int64(((bits << _16) | (bits >> _32)) & _QUADS)  # type: ignore[return-value]


def decimal_value(word: int, digits: int) -> int:
    """The number that the first 1 to 8 bytes, all digits, are."""
    return int(word.to_bytes(WORD, "little", signed=True)[:digits])


def _decimal_value(word: int, digits: int) -> int:
    bits = (np.uint64(word) & _NIBBLES) << (_64 - (np.uint64(digits) << np.uint64(3)))
    bits = ((bits * _TENS) >> _8) & _BYTES
    bits = ((bits * _HUNDREDS) >> _16) & _PAIRS
    return np.int64((bits * _MYRIADS) >> _32)  # type: ignore[return-value]


def spread(word: int) -> int:
    """A number of 16 bits that is the same for the same word."""
    return ((word * int(_GOLDEN)) & _ALL_ONES) >> (64 - _SPREAD_BITS)


def _spread(word: int) -> int:
    return np.int64((np.uint64(word) * _GOLDEN) >> _48)  # type: ignore[return-value]


REPLACEMENTS = {
    load64: _load64,
    hex_run: _hex_run,
    decimal_run: _decimal_run,
    until_space: _until_space,
    next_newline: _next_newline,
    hex_value: _hex_value,
    decimal_value: _decimal_value,
    spread: _spread,
}

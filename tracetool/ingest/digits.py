"""Parsing of digits in the text scanner's kernel: by slices in plain Python, eight digits at a time in C.

Not compiled itself: the `.pxd` has the C bodies. Each function reads up to `REACH` bytes from its position.

Ref: H. S. Warren, Hacker's Delight, 2nd edition, 6-1 (find first 0-byte); D. Lemire, "Quickly parsing eight digits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracetool.ingest.octets import Octets

__all__ = ["REACH", "count_decimals", "count_hexadecimals", "decimal", "hexadecimal", "power_of_ten"]

REACH = 16
"""Most digits that are counted."""

_DECIMALS, _HEXADECIMALS = b"0123456789", b"0123456789abcdef"
_SIGN = 1 << 63
_POWERS: list[int] = [10**exponent for exponent in range(10)]


def count_decimals(data: Octets, at: int) -> int:
    """Count the leading decimal digits, at most `REACH`."""
    return REACH - len(data[at : at + REACH].lstrip(_DECIMALS))


def count_hexadecimals(data: Octets, at: int) -> int:
    """Count the leading hexadecimal digits in lower case, at most `REACH`."""
    return REACH - len(data[at : at + REACH].lstrip(_HEXADECIMALS))


def decimal(data: Octets, at: int, digits: int) -> int:
    """Parse 1 to `REACH` decimal digits."""
    return int(data[at : at + digits])


def hexadecimal(data: Octets, at: int, digits: int) -> int:
    """Parse 1 to `REACH` hexadecimal digits as a signed 64-bit number."""
    number = int(data[at : at + digits], 16)
    return number - 2 * _SIGN if number >= _SIGN else number


def power_of_ten(exponent: int) -> int:
    """Return 10 to the power of 0 to 9."""
    return _POWERS[exponent]

"""Numbers as text in the kernel of the text scanner: slices in plain Python, eight digits at a time where compiled.

Part of the kernel; not compiled itself. The `.pxd` has the bodies that it is compiled with. Each function looks at up
to `REACH` bytes from the place it is given.

Ref: H. S. Warren, Hacker's Delight, 2nd edition, 6-1 (find first 0-byte); D. Lemire, "Quickly parsing eight digits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracetool.ingest.octets import Octets

__all__ = ["REACH", "count_decimals", "count_hexadecimals", "decimal", "hexadecimal", "power_of_ten"]

REACH = 16
"""Digits that are counted at most."""

_DECIMALS, _HEXADECIMALS = b"0123456789", b"0123456789abcdef"
_SIGN = 1 << 63
_POWERS: list[int] = [10**exponent for exponent in range(10)]


def count_decimals(data: Octets, at: int) -> int:
    """How many of the `REACH` bytes, from the first on, are decimal digits."""
    return REACH - len(data[at : at + REACH].lstrip(_DECIMALS))


def count_hexadecimals(data: Octets, at: int) -> int:
    """How many of the `REACH` bytes, from the first on, are digits or `a` to `f`."""
    return REACH - len(data[at : at + REACH].lstrip(_HEXADECIMALS))


def decimal(data: Octets, at: int, digits: int) -> int:
    """The number that 1 to `REACH` decimal digits are."""
    return int(data[at : at + digits])


def hexadecimal(data: Octets, at: int, digits: int) -> int:
    """The number that 1 to `REACH` hexadecimal digits are, as a signed one of 64 bits."""
    number = int(data[at : at + digits], 16)
    return number - 2 * _SIGN if number >= _SIGN else number


def power_of_ten(exponent: int) -> int:
    """10 to the power of 0 to 9."""
    return _POWERS[exponent]

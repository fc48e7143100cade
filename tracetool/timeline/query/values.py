"""Numbers, sizes and times as a query spells them, and back."""

from __future__ import annotations

import re

from tracetool.errors import UsageError
from tracetool.sizes import format_offset, parse_size
from tracetool.timeline.query.errors import Choice, shown
from tracetool.timeline.query.vocabulary import Type

__all__ = ["EXAMPLES", "TIMES", "read_number", "write_number"]

TIMES = (Type.TIME, Type.DURATION, Type.ELAPSED)

_MAX_CHARACTERS = 40  # longer ones are out of bounds; int() need not see them
_MAX_NUMBER = (1 << 64) - 1  # counters fill 64 bits
_MAX_TIME = (1 << 63) - 1
_GROUPED = re.compile(r"(?<=[0-9a-fA-F])_(?=[0-9a-fA-F])")
_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+", re.IGNORECASE | re.ASCII)
_TIME = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]+)(?:\.(?P<fraction>[0-9]+))?(?P<unit>[a-zµμ]*)", re.ASCII)
_NANOSECONDS = {
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1000,
    "µs": 1000,
    "μs": 1000,
    "ns": 1,
    "m": 60_000_000_000,
}
_UNITS = ("s", "ms", "us", "ns")
_KIBI = (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10))

_COUNT = Choice("a number: 100, 1_000, 0x64", literal=False)
_BITS = Choice("a number: 0x40, 64", literal=False)
_SIZE = Choice("a size: 786432, 0xc0000, 768K, 64MiB", literal=False)
_SPELT = Choice("a time with its unit: 250ms, 1.2s; ns, us, ms, s or m", literal=False)

EXAMPLES = {
    Type.COUNT: _COUNT,
    Type.SPAN: _COUNT,
    Type.BITS: _BITS,
    Type.OFFSET: _SIZE,
    Type.BYTES: _SIZE,
    Type.SIZE: _SIZE,
    Type.TIME: _SPELT,
    Type.DURATION: _SPELT,
    Type.ELAPSED: _SPELT,
}
"""Example of a value of each type of number."""


def read_number(text: str, kind: Type) -> int:
    """The number, in bytes or nanoseconds where it has a unit.

    Raises:
        ValueError: it is none, or out of bounds; the message says which.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"{shown(text)} is too long for a number")
    plain = _GROUPED.sub("", text)
    if kind in TIMES:
        return _read_time(plain, text, needs_unit=kind is not Type.TIME)
    if kind in (Type.OFFSET, Type.BYTES, Type.SIZE):
        try:
            return parse_size(plain)
        except UsageError as error:
            raise ValueError(str(error).partition(": ")[0]) from error
    if not _NUMBER.fullmatch(plain):
        raise ValueError(f"{shown(text)} is not {_named(kind)}")
    number = int(plain, 16) if plain[:2] in ("0x", "0X") else int(plain)
    if number > _MAX_NUMBER:
        raise ValueError(f"{shown(text)} is beyond 64 bits")
    return number


def _named(kind: Type) -> str:
    return Type.COUNT.value if kind is Type.SPAN else kind.value


def _read_time(plain: str, text: str, *, needs_unit: bool) -> int:
    found = _TIME.fullmatch(plain)
    if found is None or (found["unit"] and found["unit"] not in _NANOSECONDS):
        raise ValueError(f"{shown(text)} is not a time")
    fraction = found["fraction"] or ""
    digits = int(found["whole"] + fraction)
    if not found["unit"] and needs_unit and digits:
        raise ValueError(f"{shown(text)} has no unit")
    scale: int = 10 ** len(fraction)
    nanoseconds, rest = divmod(digits * _NANOSECONDS[found["unit"] or "ns"], scale)
    if rest:
        raise ValueError(f"{shown(text)} is not a whole number of nanoseconds")
    if nanoseconds > _MAX_TIME:
        raise ValueError(f"{shown(text)} is beyond 64 bits")
    return -nanoseconds if found["sign"] else nanoseconds


def write_number(number: int, kind: Type) -> str:
    """The canonical spelling: `read_number` reads the same number from it."""
    if kind in TIMES:
        unit = next(unit for unit in _UNITS if number % _NANOSECONDS[unit] == 0)
        return f"{number // _NANOSECONDS[unit]}{unit}"
    if kind in (Type.OFFSET, Type.BYTES):
        return format_offset(number)
    if kind is Type.SIZE:
        return next((f"{number // f}{unit}" for unit, f in _KIBI if number and number % f == 0), str(number))
    return f"0x{number:02x}" if kind is Type.BITS else str(number)

"""What people type to go somewhere: `0x40000`, `+64K`, `block:3`, `#1234`, `t=1.25s`, `12%`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from tracetool.errors import UsageError
from tracetool.sizes import parse_size

__all__ = ["Place", "PlaceKind", "parse_place"]

PLACES_HELP = "0x40000 offset, +64K or -64K from here, block:3, #1234 event, t=1.25s time, 12% of the rows"
_EVENT = re.compile(r"#(\d{1,18})", re.ASCII)
_BLOCK = re.compile(r"block[:\s]\s*(\d{1,9})", re.ASCII | re.IGNORECASE)
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", re.ASCII)
_TIME = re.compile(r"t\s*=\s*(\d{1,12}(?:\.\d{1,9})?)\s*(s|ms|us|ns)?", re.ASCII | re.IGNORECASE)
_FACTORS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class PlaceKind(Enum):
    """What a place is a place in."""

    OFFSET = "offset"
    RELATIVE = "relative"
    BLOCK = "block"
    EVENT = "event"
    TIME = "time"
    SHARE = "share"


@dataclass(frozen=True)
class Place:
    """Where to go: bytes for offsets, a number for blocks and events, ns since the start, millionths of the rows."""

    kind: PlaceKind
    value: int


def parse_place(text: str) -> Place:
    """Read a place.

    Raises:
        UsageError: it is none; says what is one.
    """
    text = text.strip()
    if found := _EVENT.fullmatch(text):
        return Place(PlaceKind.EVENT, int(found[1]))
    if found := _BLOCK.fullmatch(text):
        return Place(PlaceKind.BLOCK, int(found[1]))
    if found := _SHARE.fullmatch(text):
        return Place(PlaceKind.SHARE, min(round(float(found[1]) * 10_000), 1_000_000))
    if found := _TIME.fullmatch(text):
        return Place(PlaceKind.TIME, _nanoseconds(found[1], (found[2] or "s").lower()))
    return _offset(text)


def _nanoseconds(number: str, unit: str) -> int:
    whole, _, fraction = number.partition(".")
    factor = _FACTORS[unit]
    return int(whole) * factor + int((fraction or "0").ljust(9, "0")) * factor // 1_000_000_000


def _offset(text: str) -> Place:
    sign = text[:1]
    try:
        size = parse_size(text[1:] if sign in ("+", "-") else text)
    except UsageError:
        raise UsageError(f"{text[:40]!r} is no place: {PLACES_HELP}") from None
    if sign in ("+", "-"):
        return Place(PlaceKind.RELATIVE, -size if sign == "-" else size)
    return Place(PlaceKind.OFFSET, size)

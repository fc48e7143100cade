"""Rare records of the simple backend: names of events, and the search for the next record after damage.

Ref: QEMU docs/devel/tracing.rst, "Simpletrace", version 4.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tracetool.ingest.simple_codes import EVENT_HEAD, HEAD, LONGEST

__all__ = ["MAX_ID", "THREADS", "Mapping", "load", "next_record", "read_mapping"]

THREADS = "tracetool_threads"
"""A name that no event has: what an exported trace has in place of the process are threads."""

MAX_ID = 1 << 20
"""Ids of events are small numbers: QEMU counts its events."""

_MAPPING_HEAD = HEAD + 8 + 4
_LONGEST_NAME = 255

# Where a record may begin, by byte order: an event of a small id or a loss; a name.
_EVENTS = (
    re.compile(rb"\x01\0{7}(?:...\0{5}|\xfe\xff{7}).{8}.[\0\x01]?.\0", re.DOTALL),
    re.compile(rb"\0{7}\x01(?:\0{5}...|\xff{7}\xfe).{8}\0[\0\x01]?..", re.DOTALL),
)
_NAMES = (
    re.compile(rb"\0{8}...\0{5}.\0{3}[A-Za-z_]", re.DOTALL),
    re.compile(rb"\0{8}\0{5}...\0{3}.[A-Za-z_]", re.DOTALL),
)


class Mapping(NamedTuple):
    """The name of an event: its id, its name, and where the record ends."""

    number: int
    name: str
    end: int


def load(data: memoryview, at: int, size: int, big: int) -> int:
    """The unsigned number of `size` bytes at a place."""
    return int.from_bytes(data[at : at + size], "big" if big else "little")


def read_mapping(data: memoryview, at: int, big: int) -> Mapping | None:
    """The mapping that begins at a place; None if it is not all there.

    Raises:
        ValueError: it is none: no event's name is so long.
    """
    if at + _MAPPING_HEAD > len(data):
        return None
    length = load(data, at + HEAD + 8, 4, big)
    if not 0 < length <= _LONGEST_NAME:
        raise ValueError(f"a name of {length} bytes")
    end = at + _MAPPING_HEAD + length
    if end > len(data):
        return None
    name = bytes(data[at + _MAPPING_HEAD : end]).decode("utf-8", "replace")
    return Mapping(load(data, at + HEAD, 8, big), name, end)


def next_record(data: memoryview, start: int, big: int) -> int:
    """Offset of the next plausible record from `start` on; -1 if there is none in these bytes."""
    found = [_first(pattern, data, start, big) for pattern in (_EVENTS[big], _NAMES[big])]
    return min((at for at in found if at >= 0), default=-1)


def _first(pattern: re.Pattern[bytes], data: memoryview, start: int, big: int) -> int:
    while match := pattern.search(data, start):
        if _plausible(data, match.start(), big):
            return match.start()
        start = match.start() + 1
    return -1


def _plausible(data: memoryview, at: int, big: int) -> bool:
    """True if a record may begin here: its length is valid, and another one or the end of the bytes follows."""
    if load(data, at, 8, big) == 0:
        try:
            mapping = read_mapping(data, at, big)
        except ValueError:
            return False
        return mapping is None or _begins(data, mapping.end, big)
    length = load(data, at + HEAD + 16, 4, big)
    return EVENT_HEAD <= length <= LONGEST and _begins(data, at + HEAD + length, big)


def _begins(data: memoryview, at: int, big: int) -> bool:
    return at + HEAD > len(data) or load(data, at, HEAD, big) <= 1

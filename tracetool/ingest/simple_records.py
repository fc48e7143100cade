"""Rare records of the simple backend: names of events, and the search for the next record after damage.

Ref: QEMU docs/devel/tracing.rst, "Simpletrace", version 4.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from tracetool.ingest.simple_codes import EVENT_HEAD, HEAD, LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_ID", "THREADS", "Mapping", "load", "next_record", "read_mapping", "read_mappings"]

THREADS = "tracetool_threads"
"""A name that no event has: what an exported trace has in place of the process are threads."""

MAX_ID = 1 << 20
"""Ids of events are small numbers: QEMU counts its events."""

_MAPPING_HEADS = Struct("<QQI"), Struct(">QQI")
"""By byte order: the record's type, the event's id, the length of its name."""

_MAPPING_HEAD = _MAPPING_HEADS[0].size
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


def read_mappings(data: memoryview, at: int, big: int) -> Iterator[Mapping]:
    """The mappings that follow one another from a place on, as far as they are all there.

    Raises:
        ValueError: no event has a name so long.
    """
    unpack, end_of_data = _MAPPING_HEADS[big].unpack_from, len(data)
    while at + _MAPPING_HEAD <= end_of_data:
        kind, number, length = unpack(data, at)
        end = at + _MAPPING_HEAD + length
        if kind != 0:
            return
        if not 0 < length <= _LONGEST_NAME:
            raise ValueError(f"a name of {length} bytes")
        if end > end_of_data:
            return
        yield Mapping(number, str(data[at + _MAPPING_HEAD : end], "utf-8", "replace"), end)
        at = end


def read_mapping(data: memoryview, at: int, big: int) -> Mapping | None:
    """The mapping at a place; None if it is not all there; see `read_mappings`."""
    return next(read_mappings(data, at, big), None)


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

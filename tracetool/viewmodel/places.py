"""Typed places, `0x40000`, `+64K`, `block:3`, `#1234`, `t=1.25s`, `12%`, and their rows in the timeline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import UsageError
from tracetool.sizes import format_offset, parse_size
from tracetool.timeline.sectors import Sectors

if TYPE_CHECKING:
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["PLACES_HELP", "Place", "PlaceKind", "parse_place", "row_of_place", "touching"]

PLACES_HELP = "0x40000 offset, +64K from here, block:3, #1234 event, t=1.25s time, 1.2s..1.5s range, 12% of the rows"
_EVENT = re.compile(r"#(\d{1,18})", re.ASCII)
_BLOCK = re.compile(r"block[:\s]\s*(\d{1,9})", re.ASCII | re.IGNORECASE)
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", re.ASCII)
_TIME = re.compile(r"t\s*=\s*(\d{1,12}(?:\.\d{1,9})?)\s*(s|ms|us|ns)?", re.ASCII | re.IGNORECASE)
_FACTORS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class PlaceKind(Enum):
    """Kind of a place."""

    OFFSET = "offset"
    RELATIVE = "relative"
    BLOCK = "block"
    EVENT = "event"
    TIME = "time"
    SHARE = "share"


@dataclass(frozen=True)
class Place:
    """A place: bytes for offsets, a number for blocks and events, ns since the start, millionths of the rows."""

    kind: PlaceKind
    value: int

    @property
    def of_bytes(self) -> bool:
        """True for a place in the flash, false for one in the trace."""
        return self.kind in (PlaceKind.OFFSET, PlaceKind.RELATIVE, PlaceKind.BLOCK)

    def offset(self, here: int, block_bytes: int, region_bytes: int) -> int:
        """The first byte of a place of bytes, in a flash in which the cursor is at byte `here`.

        Raises:
            UsageError: the flash has no such byte.
        """
        offset = self.value * (block_bytes if self.kind is PlaceKind.BLOCK else 1)
        offset += here if self.kind is PlaceKind.RELATIVE else 0
        if not 0 <= offset < region_bytes:
            raise UsageError(f"the flash ends at {format_offset(region_bytes)}")
        return offset


def parse_place(text: str) -> Place:
    """Parse a place.

    Raises:
        UsageError: the text is no place; the message lists what is.
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


# --- in the timeline ---------------------------------------------------------------------------------------------


def row_of_place(timeline: Timeline, row: int, place: Place) -> int:
    """Row of a place, seen from a row; for an offset, the next operation that touches it, or else an earlier one.

    Raises:
        UsageError: there is no such place in the trace.
    """
    if not len(timeline):
        raise UsageError("no rows to go to")
    if place.kind is PlaceKind.SHARE:
        return timeline.share(place.value)
    shown = timeline.shown(row)
    if place.kind is PlaceKind.EVENT:
        return _row(timeline, 0 if shown is None else shown.trace, place.value)
    if place.kind is PlaceKind.TIME:
        return _row_of_time(timeline, 0 if shown is None else shown.trace, place.value)
    return _row_of_span(timeline, row, *_span(timeline, row, place))


def _row(timeline: Timeline, trace: int, seq: int) -> int:
    last = timeline.session.traces[trace].events - 1
    if seq > last:
        raise UsageError(f"there is no event {seq:,}: the trace has events 0 to {last:,}")
    return timeline.row_of_event(trace, seq) or 0


def _row_of_time(timeline: Timeline, trace: int, elapsed_ns: int) -> int:
    start = timeline.session.starts[trace]
    if start is None:
        raise UsageError("the trace has no times")
    operations = timeline.tables.operations.filter(pl.col("trace") == trace)
    later = operations.filter(pl.col("time_ns") >= start + elapsed_ns)
    found = operations.tail(1) if later.is_empty() else later
    return _row(timeline, trace, 0 if found.is_empty() else int(found["first_seq"][0]))


def _span(timeline: Timeline, row: int, place: Place) -> tuple[int, int]:
    """Bytes of a place, the end exclusive."""
    operation = timeline.operation(row)
    here = None if operation is None else timeline.tables.operations.row(operation, named=True)
    if place.kind is PlaceKind.BLOCK:
        device = None if here is None else timeline.session.device(here["device"])
        if device is None or device.geometry is None:
            raise UsageError("the size of a block is not known here")
        return Sectors.of(device.geometry).place(place.value)
    start = place.value
    if place.kind is PlaceKind.RELATIVE:
        start += (here["offset"] or 0) if here is not None else 0
    return start, start + 1


def _row_of_span(timeline: Timeline, row: int, start: int, end: int) -> int:
    operations = timeline.tables.operations
    found = [at for at in timeline.tables.select_operations(touching(start, end)).tolist() if _visible(timeline, at)]
    if not found:
        raise UsageError(f"no row touches {format_offset(max(start, 0))}")
    here = timeline.operation(row)
    at = next((at for at in found if here is None or at > here), found[0])
    return _row(timeline, int(operations["trace"][at]), timeline.tables.main_seq(at))


def touching(start: int, end: int) -> pl.Expr:
    """The operations that touch bytes, the end exclusive."""
    reach = pl.col("offset") + pl.col("length").fill_null(1)
    return ((pl.col("offset") < end) & (reach > start)).fill_null(value=False)


def _visible(timeline: Timeline, operation: int) -> bool:
    return not timeline.level.of_operations or timeline.shows(operation)

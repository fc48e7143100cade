"""The structure of a variable store that a byte belongs to: at a moment, or in the life of the store."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import polars as pl

from tracetool.uefi.ftw import RECORD_BYTES, WORKING_BYTES, WRITE_BYTES
from tracetool.uefi.touches import Part
from tracetool.uefi.variables import STORE_HEADER_BYTES
from tracetool.uefi.volume import HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.uefi.ftw import Queue
    from tracetool.uefi.store_timeline import StoreTimeline
    from tracetool.uefi.touches import Copy, Event
    from tracetool.uefi.variables import VariableHeader
    from tracetool.uefi.varstore import VariableStore

__all__ = ["structure_at", "structures_of"]


def structure_at(store: VariableStore, offset: int) -> str | None:
    """Name the structure that a byte belongs to: `state of BootOrder`; None outside the volume.

    Args:
        store: the store at one moment.
        offset: of the byte, in the flash.
    """
    if not store.start <= offset < store.end:
        return None
    if store.volume is not None and offset < store.start + HEADER_BYTES:
        return "volume header"
    header = store.header
    if header is not None and header.offset <= offset < header.end:
        return _in_the_list(store, offset)
    region = next((region.name for region in store.regions if region.start <= offset < region.end), None)
    return _in_the_queue(store.queue, offset) if region == "FTW working" and store.queue is not None else region


def _in_the_list(store: VariableStore, offset: int) -> str:
    if store.header is not None and offset < store.header.offset + STORE_HEADER_BYTES:
        return "store header"
    at = bisect_right([variable.header.offset for variable in store.variables], offset) - 1
    if at < 0 or offset >= store.variables[at].header.end:
        return "free space"
    return _in_a_variable(store.variables[at].header, store.variables[at].name, offset)


def _in_a_variable(header: VariableHeader, name: str | None, offset: int) -> str:
    name = name or "a variable without a name"
    if offset == header.offset + 2:
        return f"state of {name}"
    if offset < header.name_offset:
        return f"header of {name}"
    if offset < header.data_offset:
        return f"name of {name}"
    return f"data of {name}" if offset < header.data_end else f"padding behind {name}"


def _in_the_queue(queue: Queue, offset: int) -> str:
    if offset < queue.header.offset + WORKING_BYTES:
        return "FTW working block header"
    for number, write in enumerate(queue.writes, 1):
        if write.offset <= offset < write.offset + WRITE_BYTES:
            return f"FTW write header {number}"
        if any(record.offset <= offset < record.offset + RECORD_BYTES for record in write.records):
            return f"FTW record of write {number}"
    return "FTW queue"


# --- in the life of a store --------------------------------------------------------------------------------------


def structures_of(timeline: StoreTimeline | None, event: Event) -> Callable[[int], str | None]:
    """Return what names the structure that a byte belonged to when an event (trace, seq) changed it.

    It takes an offset in the flash; None where the event changed nothing there, or there is no store.
    """
    if timeline is None:
        return lambda _offset: None
    trace, seq = event
    rows = timeline.touches.filter(pl.col("trace") == trace, pl.col("seq") == seq)
    parts = list(rows.select("offset", "length", "part", "variable").iter_rows())
    copies = [copy for copy in timeline.copies if copy.born is None or copy.born <= event]
    list_end = next((room.list_end for room in reversed(timeline.rooms) if room[:2] <= event), 0)

    def holds(copy: Copy, offset: int) -> bool:
        """True where a copy was at an offset: one that had ended may still be there, while it is in the list."""
        header = copy.header
        there = copy.ended is None or copy.ended >= event or header.end <= list_end
        return header.offset <= offset < header.end and there

    def name(offset: int) -> str | None:
        part, variable = next(
            ((part, of) for start, length, part, of in parts if start <= offset < start + length), (None, None)
        )
        if part == Part.OUTSIDE:
            return None
        if part not in _IN_THE_LIST:
            return f"{part}: {variable}" if variable else part
        copy = next((copy for copy in reversed(copies) if holds(copy, offset)), None)
        return "free space" if copy is None else _in_a_variable(copy.header, copy.name, offset)

    return name


_IN_THE_LIST = (Part.HEADER, Part.STATE, Part.NAME, Part.DATA, Part.VARIABLES, Part.FREE)

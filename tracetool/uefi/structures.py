"""The structure of a variable store that a byte belongs to."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from tracetool.uefi.ftw import RECORD_BYTES, WORKING_BYTES, WRITE_BYTES
from tracetool.uefi.variables import STORE_HEADER_BYTES
from tracetool.uefi.volume import HEADER_BYTES

if TYPE_CHECKING:
    from tracetool.uefi.ftw import Queue
    from tracetool.uefi.variables import Variable
    from tracetool.uefi.varstore import VariableStore

__all__ = ["structure_at"]


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
    return _in_a_variable(store.variables[at], offset)


def _in_a_variable(variable: Variable, offset: int) -> str:
    header, name = variable.header, variable.name or "a variable without a name"
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

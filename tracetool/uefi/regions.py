"""Named regions of the UEFI variable store's firmware volume."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from tracetool.uefi.volume import HEADER_BYTES, WORKING_GUID, find_nv_volume

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Region", "nv_regions"]

# Ref: edk2 MdeModulePkg/Include/Guid/VariableFormat.h (VARIABLE_STORE_HEADER: GUID, size of the store with its
# header, ...).
_STORE = struct.Struct("<16sI")
_WORKING = struct.Struct("<16sIIQ")
_STORE_GUIDS = {
    UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le,
    UUID("ddcf3616-3275-4164-98b6-fe85707ffe7d").bytes_le,
}
_STEP = 0x1000


class Region(NamedTuple):
    """Named range of the flash in bytes, the end exclusive."""

    name: str
    start: int
    end: int


def nv_regions(read: Callable[[int, int], bytes | None], *, limit: int, start: int = 0) -> list[Region]:
    """Return the regions of the variable store's volume by offset, none without a volume.

    Parts not yet formatted are one region.

    Args:
        read: returns bytes by offset and length, None if any of them is unknown.
        limit: size of the flash in bytes.
        start: offset of the volume; code precedes it.
    """
    header = read(start, HEADER_BYTES)
    volume = None if header is None else find_nv_volume(header, limit=limit - start)
    if volume is None:
        return []
    code = [Region("code", 0, start)] if start else []
    variables, volume_end = start + volume.header_bytes, start + volume.fv_length
    whole = [*code, Region("variable store", start, volume_end)]
    store = read(variables, _STORE.size)
    if store is None:
        return whole
    guid, size = _STORE.unpack(store)
    end = variables + size
    if guid not in _STORE_GUIDS or not variables < end < volume_end:
        return whole
    return [*code, Region("variables", start, end), *_fault_tolerant(read, end, volume_end)]


def _fault_tolerant(read: Callable[[int, int], bytes | None], start: int, end: int) -> list[Region]:
    """Return the working block of fault tolerant writes (FTW) and the spare blocks after it."""
    for offset in range(-(-start // _STEP) * _STEP, end, _STEP):
        header = read(offset, _WORKING.size)
        if header is None or header[:16] != WORKING_GUID:
            continue
        working_end = offset + _WORKING.size + _WORKING.unpack(header)[3]
        if offset < working_end < end:
            before = [Region("event log", start, offset)] if offset > start else []
            spare = Region("FTW spare", -(-working_end // _STEP) * _STEP, end)
            return [*before, Region("FTW working", offset, spare.start), spare]
    return [Region("fault tolerant write", start, end)]

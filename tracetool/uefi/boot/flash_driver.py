"""Flash driver: what it asks of the headers before anything else looks at the flash (F1 to F5).

Ref: edk2 OvmfPkg/VirtNorFlashDxe (AAVMF), OvmfPkg/QemuFlashFvbServicesRuntimeDxe (OVMF).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from replay.pages import Pages
from tracetool.uefi.boot.contents import keeping_last
from tracetool.uefi.boot.steps import Rule
from tracetool.uefi.variables import (
    START_ID,
    STORE_HEADER_BYTES,
    State,
    read_store_header,
    read_variable_header,
)
from tracetool.uefi.volume import HEADER_BYTES, SYSTEM_NV_DATA

if TYPE_CHECKING:
    from tracetool.uefi.boot.contents import Contents
    from tracetool.uefi.boot.firmware import Firmware
    from tracetool.uefi.boot.steps import Trail
    from tracetool.uefi.variables import StoreHeader

__all__ = ["STATUS_BYTES", "accept", "header_bytes", "is_absent", "size_is_wrong"]

_HEADER = struct.Struct("<16x16sQ4s4xH2x2xxB4xI")
_REVISION = 2
STATUS_BYTES = b"\x00\x50\x70"
"""What OVMF's probe may read from a flash in status mode, or from none."""
_LEAST_NAME = 4
_FORMATTED = "so the whole volume is formatted, the spare included"
_ERASED = "so the whole volume is erased, and gets no store header"
_STATES = {*State} - {State.UNWRITTEN}


def header_bytes(contents: Contents) -> int:
    """Length of the volume header, behind which the store begins, as the header has it."""
    return int.from_bytes(contents.part(0x30, 2), "little")


def is_absent(contents: Contents, firmware: Firmware, trail: Trail) -> bool:
    """True where OVMF takes the flash for absent, and, without SMM, keeps variables in memory."""
    if contents.part(0, firmware.block_bytes).strip(STATUS_BYTES):
        return False
    words = "its first block reads as a status register does, so the flash is taken for absent"
    trail.note(Rule.F3, words + ", and a build with SMM has no other place for variables" * firmware.smm)
    return True


def accept(contents: Contents, firmware: Firmware, trail: Trail) -> bool:
    """Check the headers; format a volume that fails, and return False."""
    return (
        _accept_aavmf(contents, firmware, trail) if firmware.formats_store else _accept_ovmf(contents, firmware, trail)
    )


def _accept_aavmf(contents: Contents, firmware: Firmware, trail: Trail) -> bool:
    fault = _volume_fault(contents, firmware) or _store_fault(contents, firmware)
    words = fault.words if fault else ""
    (block_bytes,) = struct.unpack("<I", contents.part(0x3C, 4))
    if not fault and block_bytes != firmware.block_bytes:
        trail.note(
            Rule.F1, f"blocks of {block_bytes:#x} bytes are accepted: updates go to wrong blocks", measured=False
        )
    else:
        trail.note(Rule.F1, f"{words}, {_FORMATTED}" if words else "", measured=fault is None or fault.measured)
    if not words and firmware.checks_variables:
        words = _unsound_variable(contents.region(0, firmware.store_bytes), header_bytes(contents))
        trail.note(Rule.F4, f"{words}, {_FORMATTED}" if words else "")
    if words:
        contents.erase(0, firmware.volume_bytes)
        contents.write(0, firmware.headers)
    return not words


def _accept_ovmf(contents: Contents, firmware: Firmware, trail: Trail) -> bool:
    fault = _volume_fault(contents, firmware)
    if fault is None:
        trail.note(Rule.F2)
        return True
    trail.note(Rule.F2, f"{fault.words}, {_ERASED}", measured=fault.measured)
    contents.erase(0, firmware.volume_bytes)
    contents.write(0, firmware.headers[:HEADER_BYTES])
    return False


class _Fault(NamedTuple):
    """What is wrong with a header, and whether real firmware was seen to refuse it."""

    words: str
    measured: bool = True


def _volume_fault(contents: Contents, firmware: Firmware) -> _Fault | None:
    """The first thing that the flash driver finds wrong with the volume header; None: nothing."""
    raw = contents.part(0, HEADER_BYTES)
    guid, fv_length, signature, length, revision, block_bytes = _HEADER.unpack_from(raw)
    aavmf = firmware.formats_store
    checks = (
        (not raw.strip(b"\xff") or not raw.strip(b"\0"), _Fault("its volume header is blank")),
        (revision != _REVISION, _Fault("its volume header has another revision")),
        (signature != b"_FVH", _Fault("its volume header has no signature", measured=False)),
        (not aavmf and length % 2, _Fault("its volume header has an odd length", measured=False)),
        (fv_length != firmware.volume_bytes, _Fault("its volume header has another length of the volume")),
        (aavmf and guid != SYSTEM_NV_DATA, _Fault("its volume header has another GUID")),
        (_sum(contents, length), _Fault("the checksum of its volume header is wrong")),
        (not aavmf and block_bytes != firmware.block_bytes, _Fault("its volume header has another length of blocks")),
    )
    return next((fault for failed, fault in checks if failed), None)


def _store_fault(contents: Contents, firmware: Firmware) -> _Fault | None:
    """What AAVMF finds wrong with the store header; None: nothing. Format and state are not looked at."""
    at = header_bytes(contents)
    store = read_store_header(contents.read, at)
    if store is None or (firmware.checks_variables and not store.authenticated):
        return _Fault("its store header has another GUID", measured=at == HEADER_BYTES)
    return _Fault("its store header has another size") if store.size != firmware.store_bytes - at else None


def size_is_wrong(store: StoreHeader, firmware: Firmware, trail: Trail) -> bool:
    """True where OVMF walks a store of another size without end."""
    if store.end == firmware.store_bytes:
        return False
    trail.note(
        Rule.F5, f"its store header has another size ({store.size:#x}), on which the boot does not come to an end"
    )
    return True


def _sum(contents: Contents, length: int) -> int:
    """16-bit sum of the first `length` bytes; an odd last one is left out."""
    words: tuple[int, ...] = struct.unpack(f"<{length // 2}H", contents.part(0, length & ~1))
    return sum(words) & 0xFFFF


@keeping_last
def _unsound_variable(store: Pages, at: int) -> str:
    """Say which variable AAVMF since edk2-stable202402 does not take; empty where all are sound.

    Unlike the variable driver it steps over an abandoned header by its sizes.
    """
    places, end = _latest.places(store, at + STORE_HEADER_BYTES), len(store)
    while True:
        offset = places[-1]
        header = read_variable_header(store.read, offset, end - 1, authenticated=True)
        if header is None:
            return f"the variable at {offset:#x} has no room" if store.read(offset, 2) == START_ID else ""
        if header.state == State.UNWRITTEN:
            return ""
        name_end = header.name_offset + header.name_bytes
        data_end = name_end + header.data_bytes
        if header.state not in _STATES:
            return f"the variable at {offset:#x} has the state {header.state:#x}"
        if data_end > end:
            return f"the variable at {offset:#x} reaches beyond the store"
        if header.name_bytes % 2 or header.name_bytes < _LEAST_NAME:
            return f"the name of the variable at {offset:#x} is {header.name_bytes} bytes long"
        if header.state != State.HEADER_VALID and store.read(name_end - 2, 2) != b"\0\0":
            return f"the name of the variable at {offset:#x} does not end"
        places.append(data_end + 3 & ~3)


class _Latest:
    """The store that was walked last: the next one often begins with the same variables, as in a sweep over cuts."""

    def __init__(self) -> None:
        self._walked: tuple[Pages, list[int]] = (Pages(b""), [])

    def places(self, store: Pages, first: int) -> list[int]:
        """Places that a walk from the first one comes to, as far as they are known already; the walk adds the rest."""
        before, places = self._walked
        comparable = places[:1] == [first] and len(before) == len(store)
        known = bisect_right(places, store.common_length(before)) if comparable else 0
        found = places[:known] or [first]
        self._walked = (store, found)
        return found


_latest = _Latest()

"""The modelled firmwares: layout of their volume, and the rules that only some of them follow.

Ref: edk2 ArmVirtPkg, OvmfPkg (VarStore.fdf.inc, VirtNorFlashDxe, QemuFlashFvbServicesRuntimeDxe); boots of Debian 12's
and 13's builds, and a few of OVMF with SMM.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tracetool.uefi.boot.steps import Rule
from tracetool.uefi.variables import AUTHENTICATED_GUID
from tracetool.uefi.volume import HEADER_BYTES, SYSTEM_NV_DATA, WORKING_GUID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FIRMWARES", "Firmware", "likely_firmwares"]

_VOLUME_HEADER = struct.Struct("<16x16sQ4sIHHHBB4I")
_KIB = 1 << 10


@dataclass(frozen=True)
class Firmware:
    """Layout of a firmware's flash in bytes from offset 0, and its behaviour.

    Attributes:
        name: build and edk2 release.
        volume_bytes: variables, event log, FTW working block and spare.
        store_bytes: volume header, store header and variables.
        block_bytes: erase block.
        working, working_bytes: FTW working block.
        spare: FTW spare, up to the end of the volume.
        least_free: free bytes below which the store is reclaimed at ReadyToBoot.
        volume_attributes, map_blocks: what it writes into a new volume header; the blocks are those of the flash.
        formats_store: the flash driver checks the store's header too, and writes a new one: AAVMF's.
        recovers_first: fault tolerant writes are finished before the store is read; OVMF without SMM does it after.
        checks_variables: AAVMF since edk2-stable202402 formats a store with an unsound variable.
        seen: the rules that real firmware was seen to follow in boots of this build; None: all.
    """

    name: str
    volume_bytes: int
    store_bytes: int
    block_bytes: int
    working: int
    working_bytes: int
    spare: int
    least_free: int
    volume_attributes: int
    map_blocks: int
    formats_store: bool
    recovers_first: bool
    checks_variables: bool
    seen: frozenset[Rule] | None = None

    @property
    def smm(self) -> bool:
        """True for a build with SMM; the layout of a store does not tell."""
        return self.recovers_first and not self.formats_store

    def has_layout_of(self, other: Firmware) -> bool:
        """True where a store is as long, and cannot tell the two apart."""
        return (self.volume_bytes, self.store_bytes) == (other.volume_bytes, other.store_bytes)

    @property
    def spare_bytes(self) -> int:
        """Length of the spare."""
        return self.volume_bytes - self.spare

    @cached_property
    def headers(self) -> bytes:
        """Volume header and store header of an empty store."""
        fields = [SYSTEM_NV_DATA, self.volume_bytes, b"_FVH", self.volume_attributes, HEADER_BYTES]
        rest = (0, 0, 2, self.map_blocks, self.block_bytes, 0, 0)
        words = struct.unpack(f"<{HEADER_BYTES // 2}H", _VOLUME_HEADER.pack(*fields, 0, *rest))
        volume = _VOLUME_HEADER.pack(*fields, -sum(words) & 0xFFFF, *rest)
        store_bytes = self.store_bytes - HEADER_BYTES
        return volume + struct.pack("<16sIBB6x", AUTHENTICATED_GUID, store_bytes, 0x5A, 0xFE)

    @cached_property
    def queue_header(self) -> bytes:
        """The 32 bytes at the start of a valid working block."""
        size = struct.pack("<Q", self.working_bytes - 32)
        crc = zlib.crc32(WORKING_GUID + b"\xff" * 8 + size)
        return WORKING_GUID + struct.pack("<I", crc) + b"\xfe\xff\xff\xff" + size


def _aavmf(release: str, *, checks_variables: bool) -> Firmware:
    return Firmware(
        name=f"aavmf-{release}",
        volume_bytes=0xC0000,
        store_bytes=0x40000,
        block_bytes=0x40000,
        working=0x40000,
        working_bytes=0x40000,
        spare=0x80000,
        least_free=10 * _KIB,
        volume_attributes=0xE36,
        map_blocks=256,
        formats_store=True,
        recovers_first=True,
        checks_variables=checks_variables,
    )


_SEEN_WITH_SMM = frozenset({Rule.F2, Rule.W1, Rule.W7, Rule.V1, Rule.V2, Rule.V4, Rule.V8})
"""Cuts in a reclaim, from the spare's completion on: the spare is found before the store is read; F2 as without SMM."""


def _ovmf(release: str, *, smm: bool = False) -> Firmware:
    return Firmware(
        name=f"ovmf-{'smm-' * smm}{release}",
        volume_bytes=0x84000,
        store_bytes=0x40000,
        block_bytes=0x1000,
        working=0x41000,
        working_bytes=0x1000,
        spare=0x42000,
        least_free=33 * _KIB,
        volume_attributes=0x4FEFF,
        map_blocks=0x84,
        formats_store=False,
        recovers_first=smm,
        checks_variables=False,
        seen=_SEEN_WITH_SMM if smm else None,
    )


FIRMWARES = {
    firmware.name: firmware
    for firmware in (
        _aavmf("2022.11", checks_variables=False),
        _aavmf("2025.02", checks_variables=True),
        _ovmf("2022.11"),
        _ovmf("2025.02"),
        _ovmf("2022.11", smm=True),
    )
}


def likely_firmwares(image: NDArray[np.uint8]) -> list[Firmware]:
    """The firmwares whose layout a flash image has; releases, or builds with SMM, cannot be told apart by it.

    The volume's length decides, else the place of the working block or of a store in the spare, else the length of
    the image.
    """
    for evidence in _evidence(image.data):
        found = [firmware for firmware, present in zip(FIRMWARES.values(), evidence, strict=True) if present]
        if found:
            return found
    return []


def _evidence(image: memoryview) -> Iterator[Sequence[bool]]:
    firmwares = FIRMWARES.values()
    yield [image[0x20:0x28] == struct.pack("<Q", firmware.volume_bytes) for firmware in firmwares]
    yield [image[firmware.working : firmware.working + 16] == WORKING_GUID for firmware in firmwares]
    stores = [firmware.spare + HEADER_BYTES for firmware in firmwares]
    yield [image[store : store + 16] == AUTHENTICATED_GUID for store in stores]
    whole = [firmware.map_blocks * firmware.block_bytes for firmware in firmwares]
    yield [len(image) in (firmware.volume_bytes, flash) for firmware, flash in zip(firmwares, whole, strict=True)]

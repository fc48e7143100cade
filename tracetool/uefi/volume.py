"""Firmware volume of the UEFI variables, whose length is the part of the flash that the firmware uses."""

from __future__ import annotations

import struct
from typing import NamedTuple
from uuid import UUID

__all__ = ["HEADER_BYTES", "MAX_VOLUME_BYTES", "SYSTEM_NV_DATA", "WORKING_GUID", "Volume", "find_nv_volume"]

# Ref: UEFI Platform Initialization Specification, volume 3, "EFI_FIRMWARE_VOLUME_HEADER";
# the layout with a block map of one entry is what ArmVirt, RiscVVirt and OVMF write.
_HEADER = struct.Struct("<16x16sQ4sIHHHxB2I2I")
SYSTEM_NV_DATA = UUID("fff12b8d-7696-4c8b-a985-2747075b4f50").bytes_le
_SIGNATURE = b"_FVH"

HEADER_BYTES = _HEADER.size
"""0x48: a volume header with one entry in its block map and the entry that ends it."""

MAX_VOLUME_BYTES = 1 << 30
"""Upper limit of a valid volume: no parallel NOR flash is larger."""

# Ref: edk2 MdeModulePkg/Include/Guid/SystemNvDataGuid.h (EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER: GUID, CRC, state,
# queue size)
WORKING_GUID = UUID("9e58292b-7c68-497d-a0ce-6500fd9f1b95").bytes_le
"""GUID at the start of the working block of fault tolerant writes."""

_ZERO_VECTOR = bytes(16)
_WORDS = struct.Struct(f"<{HEADER_BYTES // 2}H")


class Volume(NamedTuple):
    """Firmware volume of system non-volatile data.

    Attributes:
        fv_length: length in bytes: variables, FTW working and spare blocks.
        header_bytes: offset of the variable store header.
        attributes: EFI_FVB_ATTRIBUTES, as stored.
        map_blocks: blocks in the block map. Drivers that format a blank store enter the whole flash here, not the
            volume, so this is no source for the extent.
        map_block_bytes: size of each block.
    """

    fv_length: int
    header_bytes: int
    attributes: int
    map_blocks: int
    map_block_bytes: int

    @property
    def flash_bytes(self) -> int | None:
        """Length of the whole flash if the block map covers it, None if the map covers the volume."""
        mapped = self.map_blocks * self.map_block_bytes
        return mapped if mapped > self.fv_length else None


def find_nv_volume(data: bytes | bytearray | memoryview, *, limit: int = MAX_VOLUME_BYTES) -> Volume | None:
    """Parse the header of the variable store's firmware volume at the start of `data`, None if there is none.

    All fixed fields and the 16-bit checksum must be valid, which excludes a partly written header.

    Args:
        data: contents of the flash; only the first `HEADER_BYTES` are read.
        limit: size of the flash in bytes, which the volume must not exceed.
    """
    header = bytes(data[:HEADER_BYTES])
    if len(header) < HEADER_BYTES or header[:16] != _ZERO_VECTOR or sum(_WORDS.unpack(header)) & 0xFFFF:
        return None
    guid, fv_length, signature, attributes, header_bytes, _, _, _, blocks, block_bytes, *end = _HEADER.unpack(header)
    if guid != SYSTEM_NV_DATA or signature != _SIGNATURE or header_bytes != HEADER_BYTES or any(end):
        return None
    if not HEADER_BYTES < fv_length <= limit:
        return None
    return Volume(fv_length, header_bytes, attributes, blocks, block_bytes)

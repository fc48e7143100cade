"""The firmware volume that holds the UEFI variables: how much of the flash the firmware calls its own."""

from __future__ import annotations

import struct
from typing import NamedTuple
from uuid import UUID

__all__ = ["HEADER_BYTES", "MAX_VOLUME_BYTES", "WORKING_GUID", "Volume", "find_nv_volume"]

# Ref: UEFI Platform Initialization Specification, volume 3, "EFI_FIRMWARE_VOLUME_HEADER";
# the layout with a block map of one entry is what ArmVirt, RiscVVirt and OVMF write.
_HEADER = struct.Struct("<16x16sQ4sIHHHxB2I2I")
_SYSTEM_NV_DATA = UUID("fff12b8d-7696-4c8b-a985-2747075b4f50").bytes_le
_SIGNATURE = b"_FVH"

HEADER_BYTES = _HEADER.size
"""0x48: a volume header with one entry in its block map and the entry that ends it."""

MAX_VOLUME_BYTES = 1 << 30
"""No parallel NOR flash is larger: a volume that claims to be is not one."""

# Ref: edk2 MdeModulePkg/Include/Guid/SystemNvDataGuid.h (EFI_FAULT_TOLERANT_WORKING_BLOCK_HEADER: GUID, CRC, state,
# queue size)
WORKING_GUID = UUID("9e58292b-7c68-497d-a0ce-6500fd9f1b95").bytes_le
"""The first bytes of the working block of fault tolerant writes."""

_ZERO_VECTOR = bytes(16)
_WORDS = struct.Struct(f"<{HEADER_BYTES // 2}H")


class Volume(NamedTuple):
    """A firmware volume of system non-volatile data.

    Attributes:
        fv_length: bytes from the volume's start that the firmware uses: variables, FTW working and spare blocks.
        header_bytes: where the variable store header begins.
        attributes: EFI_FVB_ATTRIBUTES, as stored.
        map_blocks: blocks in the block map. The driver that formats a blank store writes the whole flash's
            here, not the volume's; never take the extent from it.
        map_block_bytes: size of each of them.
    """

    fv_length: int
    header_bytes: int
    attributes: int
    map_blocks: int
    map_block_bytes: int

    @property
    def flash_bytes(self) -> int | None:
        """The whole flash's length, where the block map is that of the driver; None: it is the volume's."""
        mapped = self.map_blocks * self.map_block_bytes
        return mapped if mapped > self.fv_length else None


def find_nv_volume(data: bytes | bytearray | memoryview, *, limit: int = MAX_VOLUME_BYTES) -> Volume | None:
    """Read the header of the variable store's firmware volume, if the flash begins with one.

    Every fixed field must be right and the 16-bit sum of the header 0, so that a header half written is None.

    Args:
        data: the flash from offset 0; its first `HEADER_BYTES` decide.
        limit: the flash's region in bytes; a volume that is longer is none.
    """
    header = bytes(data[:HEADER_BYTES])
    if len(header) < HEADER_BYTES or header[:16] != _ZERO_VECTOR or sum(_WORDS.unpack(header)) & 0xFFFF:
        return None
    guid, fv_length, signature, attributes, header_bytes, _, _, _, blocks, block_bytes, *end = _HEADER.unpack(header)
    if guid != _SYSTEM_NV_DATA or signature != _SIGNATURE or header_bytes != HEADER_BYTES or any(end):
        return None
    if not HEADER_BYTES < fv_length <= limit:
        return None
    return Volume(fv_length, header_bytes, attributes, blocks, block_bytes)

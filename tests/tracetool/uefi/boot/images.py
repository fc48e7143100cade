"""Flash images of a store with variables, and of the same store in the middle of a fault tolerant write."""

from __future__ import annotations

import struct
from functools import cache

from tracetool.bundled import sample
from tracetool.images import load_image
from tracetool.uefi.boot import FIRMWARES, Firmware, boot
from tracetool.uefi.variables import State

AAVMF, AAVMF_2025, OVMF, OVMF_2025, OVMF_SMM = FIRMWARES.values()
_SAMPLE = load_image(sample("aavmf-shell-padding/flash1-after.fd.zst"), limit=64 << 20).tobytes()
FIRST = 0x64
"""Offset of the first variable."""
STATE = 2
NAME_BYTES, DATA_BYTES = 36, 40
"""Offsets of fields in a variable's header."""


def whole(firmware: Firmware) -> bytearray:
    """A sound volume with the 17 variables of a recorded guest, and old copies of some."""
    image = bytearray(b"\xff" * firmware.volume_bytes)
    image[:FIRST] = firmware.headers
    image[FIRST : firmware.store_bytes] = _SAMPLE[FIRST : firmware.store_bytes]
    image[firmware.working : firmware.working + 32] = firmware.queue_header
    return image


def damaged(image: bytearray, offset: int, data: bytes) -> bytearray:
    """The image with other bytes; in the volume header the checksum is made right again, unless it is the damage."""
    image = image.copy()
    image[offset : offset + len(data)] = data
    if offset < 0x48 and offset != 0x32:
        length = min(int.from_bytes(image[0x30:0x32], "little"), 0x1000) & ~1
        image[0x32:0x34] = b"\0\0"
        total = sum(struct.unpack(f"<{length // 2}H", image[:length]))
        image[0x32:0x34] = struct.pack("<H", -total & 0xFFFF)
    return image


def queued(firmware: Firmware, *, header: int = 0xFC, record: int = 0xFD, writes: int = 1, private: int = 0) -> bytes:
    """A write header and its record, of which the flags are given."""
    caller = bytes.fromhex("76ea5cfe724fe849986f2cd899dffe5d")
    return struct.pack("<B3s16s4sQQ", header, b"\xff" * 3, caller, b"\xff" * 4, writes, private) + struct.pack(
        "<B7sQQQq", record, b"\xff" * 7, 0, 0x48, firmware.store_bytes - 0x48, -firmware.spare
    )


def pending(firmware: Firmware, *, target: bytes | None = None, **flags: int) -> bytearray:
    """A reclaim of the store that waits in the spare, the target as it was or as given, and erased from there on."""
    image = whole(firmware)
    spare = reclaimed(firmware)
    image[firmware.spare : firmware.spare + len(spare)] = spare
    image[firmware.working + 32 : firmware.working + 112] = queued(firmware, **flags)
    if target is not None:
        image[: firmware.store_bytes] = target.ljust(firmware.store_bytes, b"\xff")
    return image


@cache
def reclaimed(firmware: Firmware) -> bytes:
    """The store without its old copies."""
    image = whole(firmware)
    image[firmware.store_bytes - 1] = 0  # what stands behind the list has the store reclaimed
    return bytes(boot(image, firmware).image[: firmware.store_bytes])


def variable(name: str, data: bytes, *, state: int = State.ADDED, guid: bytes = b"\1" * 16) -> bytes:
    """One copy of a variable, as long as the next may begin behind it."""
    raw = name.encode("utf-16-le") + b"\0\0"
    sizes = len(raw).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    header = b"\xaa\x55" + bytes([state, 0]) + b"\7\0\0\0" + bytes(28) + sizes + guid
    body = header + raw + data
    return body.ljust(len(body) + 3 & ~3, b"\xff")

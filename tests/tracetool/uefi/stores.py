"""Variable stores made by hand, and flash images that hold one."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from tracetool.images import write_image

if TYPE_CHECKING:
    from pathlib import Path

GUID = bytes.fromhex("8d2bf1ff96768b4ca9852747075b4f50")


def header(**fields: int | bytes) -> bytes:
    """Volume header of AAVMF with changed `fields` and a correct checksum."""
    values = {"zeros": bytes(16), "guid": GUID, "fv_length": 0xC0000, "signature": b"_FVH", "bytes": 0x48} | fields
    parts = (values["zeros"], values["guid"], values["fv_length"], values["signature"], 0xE36, values["bytes"])
    raw = bytearray(
        struct.pack(
            "<16s16sQ4sIHHHBB4I",
            *parts,
            0,
            0,
            0,
            2,
            values.get("blocks", 256),
            values.get("block_bytes", 0x40000),
            values.get("end", 0),
            0,
        )
    )
    struct.pack_into("<H", raw, 0x32, -sum(struct.unpack("<36H", raw)) & 0xFFFF)
    return bytes(raw)


def flash_image(
    path: Path, length: int, *, store: int | None = None, code: tuple[int, int] = (0, 0), **fields: int
) -> Path:
    """Write a blank flash image with a variable store at `store`, and code from one offset to another; its path."""
    image = np.zeros(length, np.uint8)
    image[code[0] : code[1]] = 0x5A
    if store is not None:
        head = np.frombuffer(header(**fields), np.uint8)
        image[store : store + len(head)] = head
    write_image(path, image)
    return path

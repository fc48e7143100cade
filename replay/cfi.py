"""The CFI01 command set: command bytes, status bits and the query table.

Facts only, each with its source; `machine` implements what a sequence of bytes does.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from replay.query_table import query_table

if TYPE_CHECKING:
    from replay.geometry import Geometry

__all__ = ["CFI_TABLE_SIZE", "SECTOR_BYTES", "Opcode", "Status", "cfi_table", "window_bytes"]


# Ref: Intel StrataFlash P30 data sheet, "Device Command Codes"; 0xf0 is AMD's reset, which drivers use to
# probe; 0x00 is not assigned by CFI, the emulated device takes it for read array.
class Opcode(IntEnum):
    """Command byte: the low byte of a bus write in a command cycle."""

    READ_ARRAY_RESET = 0x00
    LOCK_CONFIRM = 0x01
    PROGRAM_ALTERNATE = 0x10
    BLOCK_ERASE = 0x20
    BLOCK_ERASE_ALTERNATE = 0x28
    PROGRAM = 0x40
    CLEAR_STATUS = 0x50
    LOCK_SETUP = 0x60
    READ_STATUS = 0x70
    READ_IDENTIFIER = 0x90
    CFI_QUERY = 0x98
    CONFIRM = 0xD0
    BUFFERED_PROGRAM = 0xE8
    AMD_RESET = 0xF0
    READ_ARRAY = 0xFF


# Ref: Intel StrataFlash P30 data sheet, "Status Register Description"; the emulated chip knows three bits.
class Status(IntEnum):
    """Status register of one chip; the values are bits."""

    PROGRAM_ERROR = 0x10
    ERASE_ERROR = 0x20
    READY = 0x80


SECTOR_BYTES = 512
"""Unit of QEMU's write-back to the image file."""

CFI_TABLE_SIZE = 0x52
"""Length of the query table; entries beyond it read 0."""

# Ref: JEDEC JESD68.01 "Common Flash Interface", query structure output; values measured on running QEMUs.
_FIXED_ENTRIES: dict[int, int | bytes] = {
    0x10: b"QRY",
    0x13: 0x01,  # primary command set: Intel extended
    0x15: 0x31,  # address of the primary extended table
    0x1B: 0x45,  # Vcc 4.5 V to 5.5 V
    0x1C: 0x55,
    0x1F: 0x07,  # 2^7 us for a word, 2^7 us for a buffer, 2^10 ms for a block erase
    0x20: 0x07,
    0x21: 0x0A,
    0x23: 0x04,  # the maxima: 2^4 times as long
    0x24: 0x04,
    0x25: 0x04,
    0x28: 0x02,  # x8/x16 interface
    0x2C: 0x01,  # one erase region
    0x31: b"PRI10",
    0x3F: 0x01,  # one protection field
}

_LOG2_BUFFER_NARROW_BANK = 0x08
_LOG2_BUFFER = 0x0B


def log2_buffer(bank_width: int) -> int:
    """Return entry 0x2a of the query table: log2 of the write buffer of one chip in bytes."""
    return _LOG2_BUFFER_NARROW_BANK if bank_width == 1 else _LOG2_BUFFER


def window_bytes(bank_width: int, chips: int) -> int:
    """Return the size of the write-buffer window of a whole bank in bytes."""
    return chips << log2_buffer(bank_width)


def cfi_table(geometry: Geometry) -> bytes:
    """Build the query table of a device: `CFI_TABLE_SIZE` bytes.

    Sizes are those of one chip. The device encodes the chip's size as its number of trailing zero bits, which is its
    log2 only for powers of two: 0x0e for a 528 KiB flash.
    """
    table = query_table(CFI_TABLE_SIZE, _FIXED_ENTRIES)
    chip_bytes = geometry.size // geometry.chips
    table[0x27] = (chip_bytes & -chip_bytes).bit_length() - 1
    table[0x2A] = log2_buffer(geometry.bank_width)
    table[0x2D:0x2F] = ((geometry.size // geometry.block - 1) & 0xFFFF).to_bytes(2, "little")
    table[0x2F:0x31] = ((geometry.block // geometry.chips >> 8) & 0xFFFF).to_bytes(2, "little")
    return bytes(table)


SIZE_DEPENDENT_ENTRIES = frozenset({0x27, 0x2D, 0x2E})
"""Entries of the query table that depend on the size of the whole flash."""

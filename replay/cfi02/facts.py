"""The CFI02 command set: command bytes, write cycles, status bits and the query table.

Facts only, each with its source; the other modules of the package implement what a sequence of bytes does.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from replay.query_table import query_table

if TYPE_CHECKING:
    from replay.geometry import Geometry

__all__ = [
    "ADDRESS_MASK",
    "ARRAY_READS",
    "BLANK_ID",
    "CFI_TABLE_SIZE",
    "CHIP_ERASE_NS",
    "QUERY_ADDRESS",
    "SECTOR_ERASE_NS",
    "UNLOCK_ADDRESSES",
    "WINDOW_NS",
    "Command",
    "Cycle",
    "Status",
    "cfi_table",
]


# Ref: AMD Am29LV160D data sheet, "Command Definitions"; Spansion S29GL-N for the query inside autoselect.
class Command(IntEnum):
    """Command byte: the low byte of a bus write. In force, `NONE` is array read."""

    NONE = 0x00
    CHIP_ERASE = 0x10
    UNLOCK_BYPASS = 0x20
    SECTOR_ERASE = 0x30
    """Resumes a suspended erase, too."""
    SECOND_UNLOCK = 0x55
    ERASE_SETUP = 0x80
    AUTOSELECT = 0x90
    CFI_QUERY = 0x98
    PROGRAM = 0xA0
    FIRST_UNLOCK = 0xAA
    SUSPEND = 0xB0
    RESET = 0xF0


# Ref: the names are of the data sheets' bus cycles; the numbers are those that QEMU logs as `wcycle`.
class Cycle(IntEnum):
    """Write cycle of the command in progress."""

    REST = 0
    UNLOCK = 1
    """The first unlock cycle was right."""
    COMMAND = 2
    """Unlocked; with unlock bypass, between two commands."""
    SET_UP = 3
    """A command was given: what follows is by command its data, or another unlock."""
    ERASE_UNLOCK = 4
    ERASE_COMMAND = 5
    ERASING = 6
    QUERY = 7
    AUTOSELECT_QUERY = 8


# Ref: AMD Am29LV160D data sheet, "Write Operation Status"; the emulated chip never sets DQ5 (timeout) and DQ1.
class Status(IntEnum):
    """Status bits; the values are bits."""

    DQ2 = 0x04
    """Toggles on each read while an erase runs, or in a sector whose erase is suspended."""
    DQ3 = 0x08
    """The window for more sectors of an erase is over."""
    DQ6 = 0x40
    """Toggles on each read while a command runs."""
    DQ7 = 0x80
    """Complement of the bit being programmed; 0 while an erase runs."""


UNLOCK_ADDRESSES = (0x555, 0x2AA)
"""Addresses of the unlock cycles in units of the width; the same on all of QEMU's boards."""

ADDRESS_MASK = 0x7FF
"""Address bits that a command decodes, in units of the width."""

QUERY_ADDRESS = 0x55

ARRAY_READS = 43
"""Reads in a row at rest after which QEMU maps the array for direct reads, which leave no event. Measured."""

BLANK_ID = 0xFF
"""An extended identifier that a chip does not have: array data is read in its place."""

WINDOW_NS = 50_000
"""From the last sector command to the start of an erase. Measured: QEMU's, as is all below."""
SECTOR_ERASE_NS = 512_000
CHIP_ERASE_NS = 4_096_000_000

CFI_TABLE_SIZE = 0x4D
"""Length of the query table; entries beyond it read 0."""

# Ref: JEDEC JESD68.01 "Common Flash Interface", query structure output; values measured on running QEMUs.
_FIXED_ENTRIES: dict[int, int | bytes] = {
    0x10: b"QRY",
    0x13: 0x02,  # primary command set: AMD standard
    0x15: 0x40,  # address of the primary extended table
    0x1B: 0x27,  # Vcc 2.7 V to 3.6 V
    0x1C: 0x36,
    0x1F: 0x07,  # 2^7 us for a word, 2^9 ms for a sector erase, 2^12 ms for a chip erase
    0x21: 0x09,
    0x22: 0x0C,
    0x23: 0x01,  # the maxima: 2^n times as long
    0x25: 0x0A,
    0x26: 0x0D,
    0x28: 0x02,  # x8/x16 interface
    0x40: b"PRI10",
    0x46: 0x02,  # suspended erases allow reads and programs
}
_REGIONS_AT = 0x2C


def cfi_table(geometry: Geometry) -> bytes:
    """Build the query table of a device: `CFI_TABLE_SIZE` bytes, the same for every width."""
    table = query_table(CFI_TABLE_SIZE, _FIXED_ENTRIES)
    table[0x27] = (geometry.size & -geometry.size).bit_length() - 1
    table[_REGIONS_AT] = len(geometry.regions)
    for number, region in enumerate(geometry.regions):
        at = _REGIONS_AT + 1 + 4 * number
        table[at : at + 2] = ((region.sectors - 1) & 0xFFFF).to_bytes(2, "little")
        table[at + 2 : at + 4] = (region.sector >> 8 & 0xFFFF).to_bytes(2, "little")
    return bytes(table)


SIZE_DEPENDENT_ENTRIES = frozenset({0x27, *range(_REGIONS_AT, _REGIONS_AT + 5)})
"""Entries of the query table that depend on the size of the whole flash."""

"""What a read in CFI query or identifier mode was told: which entry it is, and what its value means.

Ref: JEDEC JESD68.01, query structure; Intel P30 data sheet, order 306666, appendix C.3 and C.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.cfi import Opcode
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from replay.geometry import Geometry
    from tracetool.analysis.inspection import Inspection

__all__ = ["answer_words"]


def _power(unit: str) -> Callable[[int], str]:
    return lambda value: f"2^{value} {unit}" if value else "not supported"


def _volts(value: int) -> str:
    return f"{value >> 4}.{value & 0xF} V"


def _size(value: int) -> str:
    return f"2^{value} B = {format_size(1 << value)}" if value < _WIDEST else f"2^{value} B"


def _letter(value: int) -> str:
    return repr(chr(value))


def _number(value: int) -> str:
    return f"{value:,}"


_QUERY: dict[int, tuple[str, Callable[[int], str]]] = {
    0x10: ("the table's mark", _letter),
    0x11: ("the table's mark", _letter),
    0x12: ("the table's mark", _letter),
    0x13: ("the primary command set (1 is Intel's)", _number),
    0x15: ("where the primary extended table begins", hex),
    0x17: ("the alternate command set", _number),
    0x1B: ("the least supply voltage", _volts),
    0x1C: ("the greatest supply voltage", _volts),
    0x1D: ("the least programming voltage", _volts),
    0x1E: ("the greatest programming voltage", _volts),
    0x1F: ("the typical time of a word program", _power("us")),
    0x20: ("the typical time of a buffered program", _power("us")),
    0x21: ("the typical time of a block erase", _power("ms")),
    0x22: ("the typical time of a chip erase", _power("ms")),
    0x23: ("the longest time of a word program", _power("times typical")),
    0x24: ("the longest time of a buffered program", _power("times typical")),
    0x25: ("the longest time of a block erase", _power("times typical")),
    0x26: ("the longest time of a chip erase", _power("times typical")),
    0x27: ("the size of one chip", _size),
    0x28: ("the interface (2 is x8/x16)", _number),
    0x2A: ("the write buffer of one chip", _size),
    0x2C: ("the number of erase regions", _number),
    0x2D: ("the number of erase blocks less one, low byte", _number),
    0x2E: ("the number of erase blocks less one, high byte", _number),
    0x2F: ("the size of an erase block of one chip in units of 256 B, low byte", _number),
    0x30: ("the size of an erase block of one chip in units of 256 B, high byte", _number),
    0x31: ("the primary extended table's mark", _letter),
    0x32: ("the primary extended table's mark", _letter),
    0x33: ("the primary extended table's mark", _letter),
    0x34: ("the primary extended table's version, before the point", _letter),
    0x35: ("the primary extended table's version, after the point", _letter),
    0x3F: ("the number of protection register fields", _number),
}
_IDENTIFIERS = {0: "the manufacturer (0x89 is Intel)", 1: "the device", 2: "the block's lock status (bit 0: locked)"}
_PAIRS = {0: "manufacturer and device", 1: "the second pair of identifiers"}
_CHIP_SIZE = 0x27
_WIDEST = 64


def answer_words(inspection: Inspection, geometry: Geometry | None) -> str:
    """One sentence on a read of the query table or of identifiers; empty for any other event."""
    event, before = inspection.event, inspection.before
    if event["event"] != "io_read" or event["value"] is None or before is None or geometry is None:
        return ""
    if before.cmd == Opcode.CFI_QUERY:
        return _query_words(_index(geometry, event["offset"]), event["value"] & 0xFF, geometry)
    if before.cmd == Opcode.READ_IDENTIFIER:
        index = _index(geometry, event["offset"]) & 0xFF
        value, names = (event["value"] & 0xFF, _IDENTIFIERS) if geometry.chip_width else (event["value"], _PAIRS)
        return f"Identifier {index}, {names[index]}: {value:#04x}." if index in names else f"Identifier {index}: none."
    return ""


def _index(geometry: Geometry, offset: int) -> int:
    """Number of the byte that a chip of this bank is asked for."""
    if not geometry.chip_width:
        return (offset & 0xFF) // geometry.bank_width
    return offset * geometry.chip_width // (geometry.bank_width * geometry.widest_chip)


def _query_words(index: int, value: int, geometry: Geometry) -> str:
    if index not in _QUERY:
        return f"Entry {index:#04x} of the CFI table: {value:#04x}."
    name, meaning = _QUERY[index]
    said = f"Entry {index:#04x} of the CFI table, {name}: {value:#04x}, {meaning(value)}"
    chip = geometry.size // geometry.chips
    if index == _CHIP_SIZE and geometry.size_known and chip != 1 << value:
        said += f", although the flash has {format_size(chip)}{' a chip' if geometry.chips > 1 else ''}"
    return f"{said}."

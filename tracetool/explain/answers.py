"""Answers to reads in CFI query or identifier mode: the entry, and the meaning of its value."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from replay.cfi import Opcode
from replay.cfi02.facts import Command
from replay.command_set import CommandSet
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from replay.geometry import Geometry
    from tracetool.analysis.inspection import Inspection

__all__ = ["answer_words"]

_MEANINGS: dict[str, Callable[[int], str]] = {
    "letter": lambda value: repr(chr(value)),
    "number": "{:,}".format,
    "hex": hex,
    "volts": lambda value: f"{value >> 4}.{value & 0xF} V",
    "size": lambda value: f"2^{value} B" + (f" = {format_size(1 << value)}" if value < _WIDEST else ""),
}
"""Meaning of a value by its kind; any other kind is the unit of a power of two."""

_IDENTIFIERS = {0: "the manufacturer (0x89 is Intel)", 1: "the device", 2: "the block's lock status (bit 0: locked)"}
_PAIRS = {0: "manufacturer and device", 1: "the second pair of identifiers"}
_CFI02_IDENTIFIERS = {
    0: "the manufacturer (0x01 is AMD)",
    1: "the device",
    2: "the sector's protection (0: none)",
    0x0E: "the second byte of the device",
    0x0F: "the third byte of the device",
}
_CHIP_SIZE = 0x27
_REGIONS = 0x2D
_WIDEST = 64


@cache
def _entries() -> dict[str, tuple[str, str]]:
    """Name and kind of each entry of the query table, by its number."""
    return tomllib.loads(files("tracetool.explain").joinpath("query.toml").read_text(encoding="utf-8"))


def answer_words(inspection: Inspection, geometry: Geometry | None) -> str:
    """Explain a read of the query table or of identifiers in a sentence; empty for any other event."""
    event, before = inspection.event, inspection.before
    if event["event"] != "io_read" or event["value"] is None or before is None or geometry is None:
        return ""
    if geometry.command_set == CommandSet.CFI02:
        return _cfi02_words(before.cmd, (event["offset"] & 0xFF) // geometry.bank_width, event["value"])
    if before.cmd == Opcode.CFI_QUERY:
        return _query_words(_index(geometry, event["offset"]), event["value"] & 0xFF, geometry)
    if before.cmd == Opcode.READ_IDENTIFIER:
        index = _index(geometry, event["offset"]) & 0xFF
        value, names = (event["value"] & 0xFF, _IDENTIFIERS) if geometry.chip_width else (event["value"], _PAIRS)
        return f"Identifier {index}, {names[index]}: {value:#04x}." if index in names else f"Identifier {index}: none."
    return ""


def _cfi02_words(command: int, index: int, value: int) -> str:
    """The same of a CFI02 flash; its entries from 0x2d on depend on the number of erase regions."""
    if command == Command.AUTOSELECT:
        name = _CFI02_IDENTIFIERS.get(index)
        return f"Identifier {index:#04x}, {name}: {value:#04x}." if name else f"Identifier {index:#04x}: array data."
    if command != Command.CFI_QUERY:
        return ""
    name, kind = _entries().get(f"0x{index:X}", ("", "")) if index < _REGIONS else ("", "")
    if not name:
        return f"Entry {index:#04x} of the CFI table: {value:#04x}."
    meaning = _MEANINGS[kind](value) if kind in _MEANINGS else f"2^{value} {kind}" if value else "not supported"
    return f"Entry {index:#04x} of the CFI table, {name}: {value:#04x}, {meaning}."


def _index(geometry: Geometry, offset: int) -> int:
    """Number of the byte that a chip of this bank was asked for."""
    if not geometry.chip_width:
        return (offset & 0xFF) // geometry.bank_width
    return offset * geometry.chip_width // (geometry.bank_width * geometry.widest_chip)


def _query_words(index: int, value: int, geometry: Geometry) -> str:
    known = _entries().get(f"0x{index:X}")
    if known is None:
        return f"Entry {index:#04x} of the CFI table: {value:#04x}."
    name, kind = known
    power = f"2^{value} {kind}" if value else "not supported"
    meaning = _MEANINGS[kind](value) if kind in _MEANINGS else power
    said = f"Entry {index:#04x} of the CFI table, {name}: {value:#04x}, {meaning}"
    chip = geometry.size // geometry.chips
    if index == _CHIP_SIZE and geometry.size_known and chip != 1 << value:
        said += f", although the flash has {format_size(chip)}{' a chip' if geometry.chips > 1 else ''}"
    return f"{said}."

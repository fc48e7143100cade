"""Identifier and query reads of a CFI02 device's trace, held against a geometry, and the geometry that they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.cfi02.facts import BLANK_ID, CFI_TABLE_SIZE, SIZE_DEPENDENT_ENTRIES, Command, cfi_table
from replay.command_set import CommandSet
from replay.geometry import Geometry, GeometryError, Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from replay.cfi_answers import Answer

__all__ = ["differing", "geometry_in", "identifiers_in"]

_ADDRESS_BITS = 0xFF
_REGIONS_AT = 0x2C
_ID_ADDRESSES = (0x00, 0x01, 0x0E, 0x0F)


def differing(geometry: Geometry, answers: Iterable[Answer]) -> list[Answer]:
    """Return the answers that a flash of this geometry would not give; array data and unknown entries match."""
    table = cfi_table(geometry)
    wrong = []
    for answer in answers:
        address = (answer.offset & _ADDRESS_BITS) // geometry.bank_width
        if answer.command == Command.AUTOSELECT:
            ids = dict(zip(_ID_ADDRESSES, geometry.ids, strict=True))
            expected = None if address > 1 and ids.get(address) == BLANK_ID else ids.get(address)
        elif not geometry.size_known and address in SIZE_DEPENDENT_ENTRIES:
            expected = None
        else:
            expected = table[address] if address < CFI_TABLE_SIZE else 0
        if expected not in (None, answer.value):
            wrong.append(answer)
    return wrong


def identifiers_in(answers: Sequence[Answer], width: int) -> dict[int, int]:
    """The identifiers that were read, by their number from 0 to 3."""
    read = _read(answers, Command.AUTOSELECT, width)
    return {number: read[address] for number, address in enumerate(_ID_ADDRESSES) if address in read}


def geometry_in(answers: Sequence[Answer], width: int) -> Geometry | None:
    """The geometry that a complete query of the table tells; None where entries of it were not read."""
    table = _read(answers, Command.CFI_QUERY, width)
    count = table.get(_REGIONS_AT, 0)
    places = [_REGIONS_AT + 1 + 4 * number for number in range(count)]
    if not places or any(place + byte not in table for place in places for byte in range(4)):
        return None
    regions = tuple(
        Region((table[at] | table[at + 1] << 8) + 1, (table[at + 2] | table[at + 3] << 8) << 8) for at in places
    )
    ids = identifiers_in(answers, width)
    size = sum(region.sectors * region.sector for region in regions)
    try:
        return Geometry(
            size,
            min(region.sector for region in regions),
            width,
            ids=(ids.get(0, 0), ids.get(1, 0), ids.get(2, BLANK_ID), ids.get(3, BLANK_ID)),
            command_set=CommandSet.CFI02,
            layout=regions if len(regions) > 1 else (),
        )
    except GeometryError:
        return None


def _read(answers: Sequence[Answer], command: Command, width: int) -> Mapping[int, int]:
    """The values that were read after a command, by address in units of the width."""
    return {(answer.offset & _ADDRESS_BITS) // width: answer.value for answer in answers if answer.command == command}

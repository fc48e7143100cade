"""What a guest was told by the CFI table and by identifiers, in words."""

from __future__ import annotations

import pytest

from replay.cfi import cfi_table
from replay.geometry import Geometry
from tracetool.analysis.inspection import Inspection, Moment
from tracetool.explain.answers import answer_words

VIRT = Geometry(64 << 20, 256 << 10, 4, 2, ids=(0x89, 0x18, 0, 0))
OVMF = Geometry(528 << 10, 4 << 10, 1)
QUERY, IDENTIFIERS = 0x98, 0x90


def answer(geometry: Geometry, command: int, offset: int, value: int) -> str:
    event = {"event": "io_read", "offset": offset, "size": geometry.bank_width, "value": value}
    return answer_words(Inspection(event, Moment(command, 0, 0x80)), geometry)


@pytest.mark.parametrize(
    ("geometry", "command", "offset", "value", "said"),
    [
        (
            OVMF,
            QUERY,
            0x27,
            0x0E,
            "0x27 of the CFI table, the size of one chip: 0x0e, 2^14 B = 16 KiB, although the flash has",
        ),
        (VIRT, QUERY, 0x27 * 4, 0x190019, "0x27 of the CFI table, the size of one chip: 0x19, 2^25 B = 32 MiB."),
        (VIRT, QUERY, 0x21 * 4, 0x0A000A, "0x21 of the CFI table, the typical time of a block erase: 0x0a, 2^10 ms."),
        (VIRT, QUERY, 0x10 * 4, 0x510051, "0x10 of the CFI table, the table's mark: 0x51, 'Q'."),
        (OVMF, QUERY, 0x50, 0, "0x50 of the CFI table: 0x00."),
        (VIRT, IDENTIFIERS, 0, 0x890089, "Identifier 0, the manufacturer (0x89 is Intel): 0x89."),
        (VIRT, IDENTIFIERS, 0x40008, 0, "Identifier 2, the block's lock status (bit 0: locked): 0x00."),
        (OVMF, IDENTIFIERS, 0, 0x8918, "Identifier 0, manufacturer and device: 0x8918."),
        (VIRT, 0x70, 0, 0x800080, ""),
    ],
)
def test_an_answer_says_its_entry_and_what_it_means(
    geometry: Geometry, command: int, offset: int, value: int, said: str
) -> None:
    found = answer(geometry, command, offset, value)
    assert said in found
    assert bool(said) == bool(found)


def test_a_flash_of_528_kib_says_16_kib() -> None:
    assert answer(OVMF, QUERY, 0x27, cfi_table(OVMF)[0x27]).endswith("16 KiB, although the flash has 528 KiB.")

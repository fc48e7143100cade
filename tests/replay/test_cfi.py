"""The query table, the command bytes and the size of the write buffer."""

from __future__ import annotations

import pytest

from replay.cfi import CFI_TABLE_SIZE, SECTOR_BYTES, SIZE_DEPENDENT_ENTRIES, Opcode, Status, cfi_table, window_bytes
from replay.geometry import Geometry
from tests.replay.reference import query_table

VIRT_ARM = Geometry(64 << 20, 256 << 10, 4, 2)
"""The flash of a `virt` board: 256 blocks over two chips of 32 MiB."""


def test_the_table_of_a_virt_board() -> None:
    table = cfi_table(VIRT_ARM)
    assert len(table) == CFI_TABLE_SIZE == 0x52
    assert table[:0x10] == bytes(0x10)
    assert table[0x10:0x20].hex(" ") == "51 52 59 01 00 31 00 00 00 00 00 45 55 00 00 07"
    assert table[0x20:0x31].hex(" ") == "07 0a 00 04 04 04 00 19 02 00 0b 00 01 ff 00 00 02"
    assert table[0x31:0x40] == b"PRI10" + bytes(9) + b"\x01"
    assert table[0x40:] == bytes(0x12)


@pytest.mark.parametrize(
    ("geometry", "entries"),
    [
        (Geometry(528 << 10, 4096, 1), {0x27: 0x0E, 0x2A: 8, 0x2D: 131, 0x2E: 0, 0x2F: 16, 0x30: 0}),
        (Geometry(64 << 20, 4096, 1), {0x27: 26, 0x2D: 0xFF, 0x2E: 0x3F}),
        (Geometry(64 << 20, 256 << 10, 4), {0x27: 26, 0x2A: 11, 0x2D: 255, 0x2F: 0, 0x30: 4}),
        (Geometry(1 << 20, 64 << 10, 4, 1), {0x27: 18, 0x2D: 15, 0x2F: 64, 0x30: 0}),
        (Geometry(1 << 32, 512, 1), {0x27: 32, 0x2D: 0xFF, 0x2E: 0xFF, 0x2F: 2}),
        (Geometry(1 << 32, 1 << 31, 1), {0x2D: 1, 0x2F: 0, 0x30: 0}),
    ],
)
def test_entries_that_follow_from_the_geometry(geometry: Geometry, entries: dict[int, int]) -> None:
    table = cfi_table(geometry)
    assert {at: table[at] for at in entries} == entries


@pytest.mark.parametrize("bank", [1, 2, 4, 8])
@pytest.mark.parametrize("chip", [0, 1, 2, 4, 8])
def test_the_table_is_the_references(bank: int, chip: int) -> None:
    if chip <= bank:
        geometry = Geometry(24 << 20, 0x10000, bank, chip)
        entries = query_table(24 << 20, 0x10000, bank, bank // chip if chip else 1)
        assert cfi_table(geometry) == bytes(entries.get(at, 0) for at in range(0x52))


def test_the_entries_that_depend_on_the_size() -> None:
    one, other = cfi_table(VIRT_ARM), cfi_table(VIRT_ARM.resized((1 << 32) - (256 << 10)))
    assert {at for at in range(0x52) if one[at] != other[at]} == SIZE_DEPENDENT_ENTRIES


@pytest.mark.parametrize(
    ("bank", "chips", "size"), [(1, 1, 256), (2, 1, 2048), (2, 2, 4096), (4, 2, 4096), (8, 8, 16384)]
)
def test_the_write_buffer_of_a_bank(bank: int, chips: int, size: int) -> None:
    assert window_bytes(bank, chips) == size


def test_the_bytes_on_the_wire() -> None:
    assert {opcode.name: int(opcode) for opcode in Opcode} == {
        "READ_ARRAY_RESET": 0x00,
        "LOCK_CONFIRM": 0x01,
        "PROGRAM_ALTERNATE": 0x10,
        "BLOCK_ERASE": 0x20,
        "BLOCK_ERASE_ALTERNATE": 0x28,
        "PROGRAM": 0x40,
        "CLEAR_STATUS": 0x50,
        "LOCK_SETUP": 0x60,
        "READ_STATUS": 0x70,
        "READ_IDENTIFIER": 0x90,
        "CFI_QUERY": 0x98,
        "CONFIRM": 0xD0,
        "BUFFERED_PROGRAM": 0xE8,
        "AMD_RESET": 0xF0,
        "READ_ARRAY": 0xFF,
    }
    assert (Status.PROGRAM_ERROR, Status.ERASE_ERROR, Status.READY) == (0x10, 0x20, 0x80)
    assert SECTOR_BYTES == 512

from __future__ import annotations

import pytest

from tests.tracetool.uefi.boot.images import (
    AAVMF,
    AAVMF_2025,
    DATA_BYTES,
    FIRST,
    NAME_BYTES,
    OVMF,
    STATE,
    damaged,
    whole,
)
from tracetool.uefi.boot import Firmware, Rule, boot
from tracetool.uefi.variables import PLAIN_GUID

SECOND = 0xB8
"""Offset of the second variable."""


def verdict(firmware: Firmware, offset: int, data: bytes) -> str:
    found = boot(damaged(whole(firmware), offset, data), firmware)
    return f"{found.outcome}{' for good' * found.for_good}"


REFORMATTED, KEPT, HUNG = "reformatted", "kept", "hung for good"


@pytest.mark.parametrize(
    ("offset", "data", "aavmf", "aavmf_2025", "ovmf"),
    [
        pytest.param(0x37, b"\1", REFORMATTED, REFORMATTED, HUNG, id="revision"),
        pytest.param(0x20, b"\0\0\x08\0", REFORMATTED, REFORMATTED, HUNG, id="volume length"),
        pytest.param(0x32, b"\1\2", REFORMATTED, REFORMATTED, HUNG, id="checksum"),
        pytest.param(0x28, b"_FVX", REFORMATTED, REFORMATTED, HUNG, id="signature"),
        pytest.param(0x30, b"\x50\0", REFORMATTED, REFORMATTED, HUNG, id="header length"),
        pytest.param(0x30, b"\x49\0", REFORMATTED, REFORMATTED, HUNG, id="odd header length"),
        pytest.param(0x10, b"\1", REFORMATTED, REFORMATTED, HUNG, id="volume GUID"),
        pytest.param(0x3C, b"\0\x20", KEPT, KEPT, HUNG, id="block length"),
        pytest.param(0x38, b"\3\0", KEPT, KEPT, KEPT, id="block count"),
        pytest.param(0x00, b"\1", KEPT, KEPT, KEPT, id="zero vector"),
        pytest.param(0x2C, b"\0", KEPT, KEPT, KEPT, id="attributes"),
        pytest.param(0x34, b"\1", KEPT, KEPT, KEPT, id="extended header"),
        pytest.param(0x48, b"\1", REFORMATTED, REFORMATTED, HUNG, id="store GUID"),
        pytest.param(0x48, PLAIN_GUID, KEPT, REFORMATTED, KEPT, id="plain GUID"),
        pytest.param(0x58, b"\0", REFORMATTED, REFORMATTED, HUNG, id="store size"),
        pytest.param(0x58, b"\xff\xff\x7f", REFORMATTED, REFORMATTED, HUNG, id="larger size"),
        pytest.param(0x5C, b"\x5b", HUNG, HUNG, HUNG, id="format"),
        pytest.param(0x5D, b"\xff", HUNG, HUNG, HUNG, id="state"),
        pytest.param(0x5E, b"\1\2", KEPT, KEPT, KEPT, id="reserved"),
    ],
)
def test_one_damaged_field_of_the_headers(offset: int, data: bytes, aavmf: str, aavmf_2025: str, ovmf: str) -> None:
    found = [verdict(firmware, offset, data) for firmware in (AAVMF, AAVMF_2025, OVMF)]
    assert found == [aavmf, aavmf_2025, ovmf]


def test_a_store_of_plain_variables_is_misread_and_reclaimed() -> None:
    found = boot(damaged(whole(AAVMF), 0x48, PLAIN_GUID), AAVMF)
    assert not {variable.name for variable in found.taken_up} - {""}
    assert found.rules[-1] == Rule.V5


@pytest.mark.parametrize(("offset", "data"), [(0x28, b"_FVX"), (0x30, b"\x50\0")], ids=["signature", "header length"])
def test_what_no_real_firmware_was_seen_doing_is_not_called_measured(offset: int, data: bytes) -> None:
    assert not boot(damaged(whole(AAVMF), offset, data), AAVMF).measured
    assert boot(damaged(whole(AAVMF), 0x37, b"\1"), AAVMF).measured


@pytest.mark.parametrize(
    ("offset", "data", "words"),
    [
        (STATE, b"\x1f", "has the state 0x1f"),
        (STATE, b"\x3b", "has the state 0x3b"),
        (NAME_BYTES, b"\2\0", "is 2 bytes long"),
        (NAME_BYTES, b"\7\0", "is 7 bytes long"),
        (NAME_BYTES, b"\xff\xff\xff\xff", "reaches beyond"),
        (DATA_BYTES, b"\0\0\4\0", "reaches beyond"),
        (DATA_BYTES, b"\xff\xff\xff\xff", "reaches beyond"),
    ],
)
def test_newer_aavmf_formats_a_store_with_one_unsound_variable(offset: int, data: bytes, words: str) -> None:
    found = boot(damaged(whole(AAVMF), FIRST + offset, data), AAVMF_2025)
    assert found.outcome == "reformatted"
    assert [words in step.words for step in found.steps if step.rule == Rule.F4] == [True]
    assert boot(damaged(whole(AAVMF), FIRST + offset, data), AAVMF).outcome != "reformatted"


@pytest.mark.parametrize(
    ("offset", "data"),
    [(STATE, b"\x3d"), (STATE, b"\x3c"), (STATE, b"\x3e"), (STATE, b"\xff"), (0, b"\0\0")],
    ids=["deleted", "deleted after transition", "in transition", "unwritten", "no start id"],
)
def test_newer_aavmf_takes_every_legal_state_and_stops_where_the_list_does(offset: int, data: bytes) -> None:
    assert boot(damaged(whole(AAVMF), FIRST + offset, data), AAVMF_2025).outcome == "kept"


def test_a_name_without_its_end_is_unsound_but_for_a_variable_that_is_not_added() -> None:
    image = whole(AAVMF)
    name = image[FIRST + NAME_BYTES]
    unended = damaged(image, FIRST + 60 + name - 2, b"\xff\xff")
    assert boot(unended, AAVMF_2025).outcome == "reformatted"
    assert boot(damaged(unended, FIRST + STATE, b"\x7f"), AAVMF_2025).outcome == "kept"


def test_a_header_without_room_for_it_is_unsound() -> None:
    image = whole(AAVMF)
    end = len(image[:0x40000].rstrip(b"\xff")) + 3 & ~3
    header = bytearray(image[FIRST : FIRST + 60])
    header[NAME_BYTES : NAME_BYTES + 8] = (4).to_bytes(4, "little") + (0x40000 - 20 - end - 64).to_bytes(4, "little")
    image[end : end + 64] = header + b"a\0\0\0"
    assert boot(image, AAVMF_2025).outcome == "kept"
    image[0x40000 - 20 : 0x40000 - 18] = b"\xaa\x55"
    assert boot(image, AAVMF_2025).outcome == "reformatted"


@pytest.mark.parametrize("value", [0x00, 0x50, 0x70])
def test_ovmf_ignores_a_flash_whose_first_block_reads_as_a_status(value: int) -> None:
    image = whole(OVMF)
    image[:0x1000] = bytes([value]) * 0x1000
    found = boot(image, OVMF)
    assert (found.outcome, found.rules, bytes(found.image)) == ("ignored", (Rule.F3,), bytes(image))
    image[0xFFF] = 0x51
    assert boot(image, OVMF).outcome == "hung"


def test_ovmf_formats_without_a_store_header() -> None:
    found = boot(damaged(whole(OVMF), 0x37, b"\1"), OVMF)
    assert found.image[:0x48] == OVMF.headers[:0x48]
    assert set(found.image[0x48:0x1000]) == {0xFF}

from __future__ import annotations

import pytest

from tests.tracetool.uefi.boot.images import AAVMF, FIRST, OVMF, pending, reclaimed, whole
from tracetool.uefi.boot import Firmware, boot
from tracetool.uefi.boot.prospect import Prospect, Remedy, prospect

BOTH = pytest.mark.parametrize("firmware", [AAVMF, OVMF], ids=lambda firmware: firmware.name)


def told(found: Prospect) -> tuple[bool, int, Remedy | None, int]:
    return found.is_safe, len(found.lost), found.remedy, found.remedied


@BOTH
def test_a_whole_store_is_safe(firmware: Firmware) -> None:
    assert told(prospect(whole(firmware), firmware)) == (True, 0, None, 17)


@BOTH
def test_an_erased_target_is_saved_from_the_spare(firmware: Firmware) -> None:
    found = prospect(pending(firmware, target=b""), firmware)
    assert told(found) == (False, 17, Remedy.SPARE, 17)
    image = pending(firmware, target=b"")
    image[: firmware.store_bytes] = image[firmware.spare : firmware.spare + firmware.store_bytes]
    assert len(boot(image, firmware).taken_up) == 17


@BOTH
def test_damaged_headers_are_saved_by_those_of_an_empty_store(firmware: Firmware) -> None:
    image = whole(firmware)
    image[0x5C] = 0
    assert told(prospect(image, firmware)) == (False, 17, Remedy.HEADERS, 17)


@BOTH
def test_variables_behind_a_gap_are_lost_and_nothing_saves_them(firmware: Firmware) -> None:
    image = whole(firmware)
    image[FIRST : FIRST + 2] = b"\0\0"
    found = prospect(image, firmware)
    assert told(found) == (False, 16, None, 0)
    image = whole(firmware)
    image[firmware.store_bytes - 1] = 0
    assert prospect(image, firmware).is_safe


def test_a_store_in_use_whose_headers_are_erased_is_not_a_blank_one() -> None:
    image = whole(AAVMF)
    image[: AAVMF.store_bytes] = b"\xff" * AAVMF.store_bytes
    assert (prospect(image, AAVMF).erased, prospect(image, AAVMF).is_safe) == (True, False)
    blank = b"\xff" * AAVMF.volume_bytes
    assert (prospect(blank, AAVMF).erased, prospect(blank, AAVMF).is_safe) == (False, True)


def test_a_boot_that_hangs_once_loses_what_the_next_one_does_not_take_up() -> None:
    found = prospect(pending(OVMF, target=reclaimed(OVMF)[:0x50]), OVMF)
    assert found.following is not None
    assert (len(found.following.taken_up), len(found.lost), found.is_safe) == (17, 0, False)


def test_a_store_that_is_cut_may_hold_less_than_it_should() -> None:
    image = whole(AAVMF)
    image[0x100 : AAVMF.store_bytes] = b"\xff" * (AAVMF.store_bytes - 0x100)
    found = prospect(image, AAVMF)
    assert (found.cut, found.is_safe, found.lost) == (True, False, ())

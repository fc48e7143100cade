from __future__ import annotations

import pytest

from tests.tracetool.uefi.boot.images import AAVMF, FIRST, OVMF, pending, queued, reclaimed, variable, whole
from tracetool.uefi.boot import Boot, Firmware, Rule, boot

BOTH = pytest.mark.parametrize("firmware", [AAVMF, OVMF], ids=lambda firmware: firmware.name)
SLOT = 32
"""Where the queue begins in the working block."""


def queue(found: Boot, length: int = 80) -> bytes:
    start = found.firmware.working + SLOT
    return bytes(found.image[start : start + length])


@BOTH
def test_the_header_of_the_working_block_is_as_seen_on_real_flash(firmware: Firmware) -> None:
    assert firmware.queue_header[16:20].hex() == {AAVMF: "5be7c686", OVMF: "2caf2c64"}[firmware]


@BOTH
@pytest.mark.parametrize("offset", [0, 16, 20, 21, 24], ids=["GUID", "CRC", "flags", "padding", "size"])
def test_a_working_block_that_is_not_as_it_should_be_is_made_anew(firmware: Firmware, offset: int) -> None:
    image = pending(firmware)
    image[firmware.working + offset] ^= 1
    found = boot(image, firmware)
    assert found.outcome == "kept"
    assert queue(found) == b"\xff" * 80
    assert found.image[firmware.working : firmware.working + SLOT] == firmware.queue_header


@BOTH
def test_a_torn_working_block_is_taken_from_the_spare_without_its_open_write(firmware: Firmware) -> None:
    image = whole(firmware)
    start = firmware.working
    image[start : firmware.spare] = b"\xff" * firmware.working_bytes
    image[firmware.spare : firmware.spare + 112] = firmware.queue_header + queued(firmware)
    found = boot(image, firmware)
    assert found.outcome == "kept"
    assert queue(found) == queued(firmware, header=0xF8)


@BOTH
@pytest.mark.parametrize("record", [0xFF], ids=["record torn or spare under way"])
def test_a_write_without_a_complete_spare_is_dropped(firmware: Firmware, record: int) -> None:
    found = boot(pending(firmware, record=record), firmware)
    assert (found.outcome, len(found.taken_up)) == ("kept", 17)
    assert Rule.W4 in found.rules
    assert queue(found) == queued(firmware, header=0xF8, record=record)
    assert bytes(found.image[: firmware.store_bytes]) == bytes(whole(firmware)[: firmware.store_bytes])


@BOTH
def test_a_write_whose_destination_is_complete_is_marked(firmware: Firmware) -> None:
    found = boot(pending(firmware, target=reclaimed(firmware), record=0xF9), firmware)
    assert (found.outcome, len(found.taken_up)) == ("kept", 17)
    assert Rule.W5 in found.rules
    assert queue(found) == queued(firmware, header=0xF8, record=0xF9)


@BOTH
def test_complete_writes_are_passed_over(firmware: Firmware) -> None:
    image = pending(firmware, target=reclaimed(firmware), header=0xF8, record=0xF9)
    assert boot(image, firmware).outcome == "kept"
    image[firmware.working + 112 : firmware.working + 192] = queued(firmware)
    found = boot(image, firmware)
    assert found.outcome == "recovered"


def test_a_recovery_leaves_a_complete_write_and_an_erased_spare() -> None:
    found = boot(pending(AAVMF, target=reclaimed(AAVMF)[:FIRST]), AAVMF)
    assert queue(found) == queued(AAVMF, header=0xF8, record=0xF9)
    assert set(found.image[AAVMF.spare :]) == {0xFF}
    assert boot(found.image, AAVMF).outcome == "kept"


def test_a_recovery_writes_every_block_of_the_target() -> None:
    """The store of OVMF has 64 blocks."""
    new = reclaimed(OVMF).rstrip(b"\xff")
    big = variable("Big", bytes(range(256)) * 32)
    whole_store = new.ljust(len(new) + 3 & ~3, b"\xff") + big
    image = pending(OVMF, target=whole_store[: FIRST + 1])
    image[OVMF.spare : OVMF.spare + len(whole_store)] = whole_store
    found = boot(image, OVMF)
    assert (found.outcome, found.taken_up[-1].name, found.taken_up[-1].data) == ("recovered", "Big", big[-0x2000:])


@BOTH
def test_a_full_queue_starts_anew(firmware: Firmware) -> None:
    image = whole(firmware)
    slots = (firmware.working_bytes - SLOT) // 80
    full = queued(firmware, header=0xF8, record=0xF9) * slots
    image[firmware.working + SLOT : firmware.working + SLOT + len(full)] = full
    found = boot(image, firmware)
    assert found.outcome == "kept"
    assert {Rule.W2, Rule.W8} <= set(found.rules)
    assert queue(found) == b"\xff" * 80
    image[firmware.working + SLOT + len(full) - 80 : firmware.spare] = b"\xff" * (
        firmware.working_bytes - SLOT - len(full) + 80
    )
    assert Rule.W2 not in boot(image, firmware).rules


@BOTH
def test_programmed_bytes_behind_the_last_write_have_the_queue_start_anew(firmware: Firmware) -> None:
    image = pending(firmware, target=reclaimed(firmware))
    image[firmware.spare - 1] = 0
    found = boot(image, firmware)
    assert found.outcome == "recovered"
    assert {Rule.W6, Rule.W8} <= set(found.rules)
    assert found.image[firmware.spare - 1] == 0xFF


@pytest.mark.parametrize(
    ("writes", "private", "hangs"),
    [
        (1, 0, False),
        (2**64 - 2**32 + 1, 2**64 - 1, True),
        (1, 2**64 - 2**32, True),
        (1, 2**64 - 1, False),
        (2**64 - 1, 2**64 - 1, False),
    ],
    ids=["whole", "half of the writes", "half of the private size", "no private size", "neither"],
)
def test_torn_counts_of_a_write_header(writes: int, private: int, hangs: bool) -> None:
    """Where they lead out of memory the boot ends; the write was dropped before that, so the next one is sound."""
    found = boot(pending(AAVMF, header=0xFE, record=0xFF, writes=writes, private=private), AAVMF)
    assert (found.outcome, found.for_good) == (("hung" if hangs else "kept"), False)
    assert boot(found.image, AAVMF).outcome == "kept"


@pytest.mark.parametrize(("firmware", "lba"), [(AAVMF, 0x100), (OVMF, 0xF0)], ids=["AAVMF", "OVMF"])
def test_a_write_beyond_the_flash_is_not_carried_out(firmware: Firmware, lba: int) -> None:
    image = pending(firmware)
    image[firmware.working + 72 + 8 : firmware.working + 72 + 10] = lba.to_bytes(2, "little")
    found = boot(image, firmware)
    assert (found.outcome, found.measured) == ("kept", False)
    assert len(found.taken_up) == 17


def test_aavmf_carries_out_a_write_beyond_its_volume() -> None:
    """Seen on real firmware, in block 240."""
    image = pending(AAVMF)
    image[AAVMF.working + 72 + 8] = 0xF0
    found = boot(image, AAVMF)
    assert (found.outcome, found.measured, len(found.taken_up)) == ("kept", True, 17)
    assert "from 0x3c00000 on" in " ".join(step.words for step in found.steps)
    assert set(found.image[AAVMF.spare :]) == {0xFF}


def test_aavmf_copies_more_blocks_than_the_spare_has_where_the_sizes_of_a_write_are_damaged() -> None:
    """Seen on real firmware: the store comes from the spare, the queue from the flash behind the volume."""
    image = pending(AAVMF, target=reclaimed(AAVMF)[:FIRST])
    image[AAVMF.working + 72 + 16] = 0x58
    found = boot(image, AAVMF)
    assert (found.outcome, found.measured) == ("recovered", True)
    assert bytes(found.image[: AAVMF.store_bytes]) == reclaimed(AAVMF)
    assert not any(found.image[AAVMF.working : AAVMF.spare])
    assert boot(found.image, AAVMF).outcome == "kept"


def test_ovmf_writes_no_more_blocks_than_its_volume_has() -> None:
    image = pending(OVMF, target=reclaimed(OVMF))
    image[OVMF.working + 72 + 18] = 8
    found = boot(image, OVMF)
    assert (found.outcome, found.measured) == ("kept", False)

"""What real drivers do is not held against them, and what goes wrong in recorded situations is named."""

from __future__ import annotations

from functools import cache

import pytest

from tests.captures import capture_path, case_path
from tests.tracetool.logs import log
from tests.tracetool.traces import Audited, audited


@cache
def case(name: str) -> Audited:
    """A recorded situation, audited."""
    return audited(case_path(f"{name}.log.zst"))


def messages(found: Audited, rule: str) -> list[str]:
    """What a rule says."""
    return [finding.message for finding in found.findings(rule)]


def test_linux_mtd_s_buffered_writes_are_legal_and_begin_off_the_buffer() -> None:
    found = case("linux-mtd-buffered")
    assert {"NOR003", "NOR004"} & found.rules == set()
    (said,) = messages(found, "NOR005")
    assert said == "2 buffered writes at 0x60023 to 0x602e7 did not start at a multiple of the chip's buffer"


def test_u_boot_drives_one_chip_of_two() -> None:
    found = case("uboot-saveenv-qemu-2343")
    assert {"NOR003", "NOR004", "NOR005"} & found.rules == set()
    (finding,) = found.findings("NOR009", "virt.flash1")
    assert finding.count > 100


@pytest.mark.parametrize("name", ["aavmf-first-boot", "aavmf-reclaim", "aavmf-shell-padding"])
@pytest.mark.slow
def test_edk2_s_driver_breaks_none_of_silicon_s_rules_of_sequence(name: str) -> None:
    found = audited(capture_path(f"{name}/trace.log.zst"))
    assert {"NOR003", "NOR004", "NOR005", "NOR006", "NOR009", "SEQ007"} & found.rules == set()


def test_erases_of_small_sectors_took_the_block() -> None:
    (finding,) = case("erase-4k-sectors").findings("SEQ007")
    assert finding.message == (
        "2 erases asked for at 0x1000 and 0x2000 took all of block 0 (256 KiB), "
        "with 256 B that this trace had programmed since the last erase"
    )


@pytest.mark.parametrize(
    "name", ["linux-mtd-buffered", "uboot-saveenv-qemu-2343", "proxmox-efidisk", "sbsa-store-at-3M"]
)
def test_drivers_that_address_blocks_by_their_starts_lose_nothing(name: str) -> None:
    assert case(name).findings("SEQ007") == []


def test_the_writes_of_u_boot_are_refused_by_qemu_s_bug() -> None:
    (said,) = messages(case("uboot-saveenv-qemu-2343"), "SEQ002")
    assert said.startswith("63 buffered writes at ")
    assert said.endswith("for 0x1000: QEMU issue 2343. QEMU 9.0.1 would have stored all 63")


def test_an_error_bit_left_behind_is_the_driver_s_own_fault() -> None:
    refused = log("virt.flash1").reset().program(0x80000, 0).write(0, 0xE800E8).write(0, 0, wcycle=1)
    refused.event("io_write", "offset:0x2000 size:4 value:0x0001 wcycle:2").event("write", "block write finished")
    refused.event("io_write", "offset:0x2000 size:4 value:0xff00ff wcycle:3")
    refused.event("write_block_abort", "block write abort").event("mode_read_array", "read array mode")
    (said,) = messages(audited(refused.text), "SEQ002")
    assert said == "1 buffered write at 0x0000 refused or aborted: the words are not in the flash"


def test_text_stored_through_a_null_pointer_is_told_as_text_and_with_its_address() -> None:
    (said,) = messages(case("null-pointer-stores"), "SEQ001")
    assert "(text: 'kernel panic: task 7 at page 0x40" in said
    assert "guest-physical 0x0000 on virt-arm, a null pointer?" in said


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("virt.flash1", "2 writes (text: 'zebra') at 0x0100 (guest-physical 0x4000100 on virt-arm) started"),
        ("vexpress.flash1", "2 writes (text: 'zebra') at 0x0100 (guest-physical 0x44000100 on "),
        ("system.flash1", "2 writes (text: 'zebra') at 0x0100 started no command"),
    ],
)
def test_stray_text_is_read_in_words_of_any_size(device: str, said: str) -> None:
    stored = log(device).reset().write(0x100, int.from_bytes(b"zebr", "little")).write(0x104, ord("a"), size=1)
    assert messages(audited(stored.text), "SEQ001")[0].startswith(said)

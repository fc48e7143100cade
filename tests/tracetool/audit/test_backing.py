"""The smallest file that can back a flash: what it is never less than, and where none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.captures import case_path
from tests.tracetool.logs import Log, log
from tests.tracetool.traces import Audited, audited, reader
from tests.tracetool.uefi.stores import flash_image
from tracetool.analysis.options import Options
from tracetool.audit import Verdict, audit
from tracetool.audit.backing import host_totals
from tracetool.report.facts import host_words
from tracetool.report.formats.json import audit_document

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.audit import Audit, DeviceAudit

CODE, FLASH, PC = "virt.flash0", "virt.flash1", "system.flash0"
KIB, MIB = 1 << 10, 1 << 20
REGION = 64 * MIB


def written() -> Log:
    """A word in the first block."""
    return log(FLASH).reset().program(0x100, 1).read_array()


def sizes(device: DeviceAudit) -> tuple[int | None, int | None]:
    """The smallest file and what it saves."""
    return device.backing.bytes, device.saved_bytes


def with_image(trace: Log, image: Path, **options: dict[str, int]) -> Audited:
    """Audit a log of the flash whose image this is."""
    return audited(trace.text, options=Options(images={trace.device: image}, **options))  # type: ignore[arg-type]


def test_it_holds_the_store_however_little_of_it_is_written(tmp_path: Path) -> None:
    image = flash_image(tmp_path / "vars.fd", REGION, store=0)
    assert sizes(with_image(written(), image)[FLASH]) == (768 * KIB, REGION - 768 * KIB)
    assert sizes(audited(written().text, options=Options(extents={FLASH: 768 * KIB}))[FLASH])[0] == 768 * KIB


def test_it_holds_what_lies_behind_the_store(tmp_path: Path) -> None:
    image = flash_image(tmp_path / "both.fd", REGION, store=0, code=(2 * MIB, 3 * MIB))
    found = with_image(written(), image)[FLASH]
    assert (sizes(found)[0], found.backing.why) == (3 * MIB, "what its image holds")


def test_code_that_is_only_read_is_as_long_as_its_image_says(tmp_path: Path) -> None:
    image = flash_image(tmp_path / "code.fd", REGION, code=(0, 2 * MIB - 5))
    read = log(CODE, read_only=True).reset().write(0x100, 0x700070)
    assert sizes(with_image(read, image)[CODE]) == (2 * MIB, 62 * MIB)
    found = audited(read.text)
    assert sizes(found[CODE]) == (None, None)
    assert found.document["devices"][0]["saved_bytes"] is None


def test_what_was_not_judged_saves_nothing() -> None:
    assert sizes(audited(written().text)[FLASH]) == (None, None)
    cut = written().line("pflash_io_write virt.flash1: offset:0x0000 size:4 val")
    found = audited(cut.text, options=Options(extents={FLASH: 768 * KIB}))[FLASH]
    assert (found.verdict, sizes(found)) == (Verdict.INCONCLUSIVE, (None, None))
    outside = log(FLASH).reset().program(MIB, 1).read_array().line("pflash_io_write virt.flash1: offset:0x")
    found = audited(outside.text, options=Options(extents={FLASH: 768 * KIB}))[FLASH]
    assert (found.verdict, sizes(found)) == (Verdict.OUTSIDE_EXTENT, (None, None))


def test_an_untouched_flash_is_not_backed_by_nothing(tmp_path: Path) -> None:
    image = flash_image(tmp_path / "vars.fd", REGION, store=0)
    asked = log(FLASH).reset().write(0, 0x700070).read_status(0).read_array()
    for trace in (log(FLASH).reset(), asked):
        assert sizes(with_image(trace, image)[FLASH]) == (None, None)
    assert sizes(with_image(log(FLASH).reset().program(0, 1).read_array(), image)[FLASH])[0] == 768 * KIB


@pytest.mark.parametrize("device", [PC, "system.flash1"])
def test_on_pc_no_file_is_shorter_than_the_flash(device: str, tmp_path: Path) -> None:
    """A unified OVMF.fd has its code behind the store: a shorter file would have none."""
    image = flash_image(tmp_path / "OVMF.fd", 2 * MIB, store=0, code=(0x84000, 2 * MIB), fv_length=0x84000)
    trace = log(device).reset()
    for offset in (0x10, 0x1FF000):
        trace.write(offset, 0x40, size=1).write(offset, 0, wcycle=1, size=1)
    found = with_image(trace, image, extents={device: 2 * MIB})[device]
    assert sizes(found) == (2 * MIB, 0)


def test_a_board_that_is_sized_by_its_image_says_nothing_without_one() -> None:
    trace = log(PC).reset().write(0x10, 0x50, size=1)
    found = audited(trace.text, options=Options(extents={PC: 16 * KIB}))[PC]
    assert sizes(found) == (None, None)


def test_a_store_behind_code_ends_the_extent() -> None:
    trace, image = case_path("sbsa-store-at-3M.log.zst"), case_path("sbsa-store-at-3M.before.fd.zst")
    found = audited(trace, options=Options(images={"sbsa.flash1": image}))
    flash = found["sbsa.flash1"]
    assert flash.extent is not None
    assert (flash.verdict, flash.extent.bytes, sizes(flash)[0]) == (Verdict.WITHIN_EXTENT, 0x3C0000, 0x3C0000)
    assert (found.exit_code, found.findings("VAR004")) == (0, [])


def test_code_before_a_store_is_not_written_unnoticed(tmp_path: Path) -> None:
    image = flash_image(tmp_path / "flash.fd", REGION, store=0x200000, code=(0, 0x200000))
    found = with_image(log(FLASH).reset().program(0x40, 1).program(0x200100, 1).erase(0x40000), image)
    assert [(f.offset, f.count) for f in found.findings("VAR004")] == [(0x40, 2)]
    assert found[FLASH].verdict == Verdict.WITHIN_EXTENT


def test_an_image_that_tells_nothing_is_not_asked_for_again(tmp_path: Path) -> None:
    found = with_image(written(), flash_image(tmp_path / "blank.fd", REGION))[FLASH]
    assert found.verdict == Verdict.NO_EXTENT
    words = "its image is as long as the flash, and holds no UEFI variable store: give --extent virt.flash1=SIZE"
    assert found.verdict_reasons == (f"no extent is known: {words}",)


# --- all flashes of a guest --------------------------------------------------------------------------------------


def guest(tmp_path: Path, *, code: bool) -> Audit:
    """Audit a hundred guests with both flashes; without `code` the image of the firmware is not known."""
    images = {FLASH: flash_image(tmp_path / "vars.fd", REGION, store=0)}
    if code:
        images[CODE] = flash_image(tmp_path / "code.fd", REGION, code=(0, 2 * MIB))
    both = log(CODE, read_only=True).reset().of(written())
    return audit([reader(both.text)], Options(images=images), guests=100)


def test_a_hundred_guests_save_the_letters_twelve_gigabytes(tmp_path: Path) -> None:
    found = guest(tmp_path, code=True)
    total = host_totals(found.devices)
    assert total is not None
    assert (total.mapped, total.needed) == (128 * MIB, 2 * MIB + 768 * KIB)
    words = "a guest maps 128 MiB and needs 2.75 MiB; 100 guests 12.50 GiB and 0.27 GiB: 12.23 GiB less"
    assert host_words(found) == words
    assert audit_document(found)["host"]["saved_bytes_all_guests"] == 100 * (128 * MIB - 2 * MIB - 768 * KIB)


def test_without_the_code_image_there_is_no_total(tmp_path: Path) -> None:
    found = guest(tmp_path, code=False)
    assert host_totals(found.devices) is None
    assert host_words(found) == "no total: virt.flash0 (how much of it is code is not known without its image)"
    assert audit_document(found)["host"] is None

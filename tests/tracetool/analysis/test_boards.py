"""Which board a device is of, where several have one of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from replay.boards import boards
from replay.cfi_answers import Answer, differing
from tests.captures import case_path
from tests.tracetool.logs import Log, log
from tests.tracetool.traces import Audited, audited
from tests.tracetool.uefi.stores import flash_image, header
from tracetool.analysis.options import Options
from tracetool.audit import Verdict
from tracetool.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

FLASH = "virt.flash1"
MIB = 1 << 20


def query(value: int, trace: Log | None = None) -> Log:
    """The size of a chip asked from the query table, entry 0x27, at the end of a trace."""
    answer = f"offset:0x009c size:4 value:{value:#x} cmd:0x98 wcycle:1"
    return (trace or log(FLASH).reset()).write(0, 0x980098).event("io_read", answer)


def board(found: Audited, device: str = FLASH) -> tuple[str | None, tuple[str, ...]]:
    """The board that was chosen, and those it could be as well."""
    identity = found[device].identity
    assert identity is not None
    return identity.board, identity.others


def test_a_guess_is_said_in_the_report_and_in_the_document() -> None:
    found = audited(log(FLASH).reset().program(0, 1).read_array().text)
    assert board(found) == ("virt-arm", ("virt-riscv", "virt-loongarch"))
    geometry = found.document["devices"][0]["geometry"]
    assert (geometry["board"], geometry["board_guessed"]) == ("virt-arm", True)


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        (query(0x190019), ("virt-arm", ())),
        (query(0x180018), ("virt-riscv", ())),
        (query(0x170017), ("virt-loongarch", ())),
        (log(FLASH).reset().program(0x1800000, 1), ("virt-arm", ("virt-riscv",))),
        (log(FLASH).reset().program(0x3000000, 1), ("virt-arm", ())),
        (query(0x180018, log(FLASH).reset().program(0x1800000, 1)), ("virt-riscv", ())),
    ],
)
def test_what_the_trace_shows_comes_before_the_usual_board(trace: Log, expected: tuple[str, tuple[str, ...]]) -> None:
    found = audited(trace.text)
    assert board(found) == expected
    assert found.findings("TRC001") == []


def test_where_no_board_fits_the_answer_is_inconclusive() -> None:
    found = audited(query(0x1B001B).text, options=Options(extents={FLASH: 768 << 10}))
    assert found[FLASH].verdict == Verdict.INCONCLUSIVE
    assert found.findings("TRC001")
    with pytest.raises(UsageError, match="the trace erases blocks of 64 KiB"):
        audited(log(FLASH).reset().event("write_block_erase", "block erase offset:0x0 bytes:0x10000").text)


@pytest.mark.parametrize(("blocks", "expected", "region"), [(256, "virt-arm", 64 * MIB), (128, "virt-riscv", 32 * MIB)])
def test_the_store_that_a_driver_formats_tells_how_long_the_flash_is(
    blocks: int, expected: str, region: int, tmp_path: Path
) -> None:
    """In the image, or as the trace itself writes it."""
    image = flash_image(tmp_path / "vars.fd", MIB, store=0, blocks=blocks)
    found = audited(log(FLASH).reset().program(0x100, 1).text, options=Options(images={FLASH: image}))
    assert board(found) == (expected, ())
    words = header(blocks=blocks)
    data = [int.from_bytes(words[at : at + 4], "little") for at in range(0, len(words), 4)]
    trace = log(FLASH).reset().buffered(0, *data).read_array()
    both = log("virt.flash0", read_only=True).reset().of(trace)
    found = audited(both.text)
    assert (board(found), board(found, "virt.flash0")) == ((expected, ()), (expected, ()))
    assert found[FLASH].region_bytes == region


def test_the_model_answers_as_recorded_flashes_do() -> None:
    arm = boards()["virt-arm"].geometry(FLASH)
    assert arm is not None
    right = [Answer(0x90, 0, 4, 0x890089), Answer(0x90, 4, 4, 0x180018), Answer(0x98, 0x9C, 4, 0x190019)]
    assert differing(arm, right) == []
    wrong = [Answer(0x90, 0, 4, 0x200020), Answer(0x98, 0x9C, 4, 0x180018)]
    assert differing(arm, [*right, *wrong]) == wrong


# --- images of another length than the flash ---------------------------------------------------------------------

VARS = "system.flash1"


def test_a_volume_longer_than_its_store_is_as_long_as_the_store_on_pc(tmp_path: Path) -> None:
    image = flash_image(tmp_path / "volume", 4 * MIB, store=0, fv_length=0x84000)
    options = Options(images={VARS: image})
    found = audited(case_path("proxmox-efidisk.log.zst"), options=options)[VARS]
    assert (found.region_bytes, found.backing.bytes, found.saved_bytes) == (540672, 540672, 0)
    assert found.identity is not None
    assert "its image of 4 MiB is longer than its store" in found.identity.geometry_source
    assert "on pc the flash is as long as its file" in found.backing.why


def test_a_volume_that_the_guest_writes_behind_its_store_is_all_flash(tmp_path: Path) -> None:
    image = flash_image(tmp_path / "volume", 2 * MIB, store=0, fv_length=0x20000)
    trace = log(VARS).reset().write(0x1F000, 0x50, size=1).write(0x21000, 0x50, size=1)
    assert audited(trace.text, options=Options(images={VARS: image}))[VARS].region_bytes == 2 * MIB

"""`tracetool wear`: the forecast as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from tests.captures import capture_path
from tests.tracetool.cli.program import FIRST_BOOT, PADDING, SAMPLES
from tests.tracetool.ingest.test_uefi_vars import BOOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


@pytest.mark.slow
def test_the_text_tells_what_to_expect(quick: Quick) -> None:
    done = quick("wear", FIRST_BOOT, PADDING, "--width", "200")
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.text.splitlines()]
    assert "1:0 224 259,796 6,660 2 2 0 *" in lines
    assert "152 2 1 68% Hello" in lines
    assert "next boot adds 224 B, leaves 259,572 B free" in lines
    assert any("in boot 1,115 from now, when fewer than 10 KiB are free at ReadyToBoot" in line for line in lines)
    assert any("100,000 erases a block (Intel StrataFlash P30 data sheet)" in line for line in lines)


def test_the_text_fits_a_mail(quick: Quick) -> None:
    done = quick("wear", FIRST_BOOT, PADDING, "--width", "72")
    assert max(map(len, done.text.splitlines())) <= 72


def test_json_holds_every_boot_and_variable(quick: Quick) -> None:
    document = json.loads(quick("wear", FIRST_BOOT, PADDING, "--format", "json").out)
    assert (document["schema"], document["reclaims_below_bytes"]) == ("tracetool.wear/1", 0x2800)
    assert document["forecast"]["boots"] == [{"trace": 1, "boot": 0}]
    assert document["forecast"]["reclaimed_in"] == {"earliest": 1115, "latest": 1115}
    assert {row["variable"] for row in document["variables"] if row["trace"] == 1} == {"Hello", "MTC"}


def test_csv_has_one_row_a_boot(quick: Quick) -> None:
    rows = list(csv.DictReader(io.StringIO(quick("wear", FIRST_BOOT, PADDING, "--format", "csv").text)))
    assert [(row["trace"], row["added_bytes"]) for row in rows] == [("0", "2024"), ("1", "224")]


def test_without_a_forecast_the_text_says_why(quick: Quick) -> None:
    done = quick("wear", FIRST_BOOT)
    assert done.code == 0
    assert "no forecast" in done.text
    assert "the traces hold one boot" in done.text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([SAMPLES / "aavmf-shell-padding" / "flash1-after.fd.zst"], 3, "is a flash image, not a trace"),
        ([PADDING, "--endurance", "0"], 2, "--endurance"),
        ([PADDING, "--device", "virt.flash0"], 3, "no UEFI variable store"),
    ],
)
def test_what_has_no_answer_is_refused_in_a_line(
    arguments: list[str | Path], code: int, words: str, quick: Quick
) -> None:
    done = quick("wear", *arguments)
    assert done.code == code
    assert words in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.slow
def test_a_flash_and_uefi_vars_are_put_side_by_side(tmp_path: Path, quick: Quick) -> None:
    log = tmp_path / "uefi-vars.log"
    log.write_text("".join(f"4242@1700000000.{number:06d}:{line}\n" for number, line in enumerate(BOOT)))
    done = quick("wear", FIRST_BOOT, PADDING, "--against", log, "--width", "200")
    lines = [" ".join(line.split()) for line in done.text.splitlines()]
    assert "1:0 - 3 2,116 6,660 2 18.6 s pflash" in lines
    assert "0:0 5 2 9 24 - 2.1e-05 s uefi-vars" in lines
    document = json.loads(quick("wear", FIRST_BOOT, PADDING, "--against", log, "--format", "json").out)
    assert [row["requests"] for row in document["backends"]] == [None, 5]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--against", FIRST_BOOT], 3, "no uefi-vars event"),
        (["--against", "nowhere.log"], 3, "nowhere.log"),
        (["--against", FIRST_BOOT, "--format", "csv"], 2, "leave out --against"),
    ],
)
def test_what_is_no_log_of_uefi_vars_is_refused(options: list[str | Path], code: int, words: str, quick: Quick) -> None:
    done = quick("wear", FIRST_BOOT, *options)
    assert (done.code, done.out) == (code, b"")
    assert words in done.err


@pytest.mark.slow
def test_wear_is_told_by_module_where_a_log_of_the_code_is(quick: Quick) -> None:
    folder = capture_path("aavmf-who/README.md").parent
    args = (folder / "trace.log.zst", "--image", folder / "flash1-before.fd.zst", "--who-log", folder / "who.log.zst")
    document = json.loads(quick("wear", *args, "--format", "json").out)
    found = {row["module"]: row for row in document["modules"]}
    (boot,) = document["boots"]
    assert sum(row["erases"] for row in found.values()) == boot["erases"]
    assert sum(row["programmed_bytes"] for row in found.values()) == boot["programmed_bytes"]
    assert sum(row["added_bytes"] for row in found.values()) == boot["added_bytes"]
    assert sum(row["rewrites"] for row in found.values()) == boot["rewrites"]
    most = document["modules"][0]
    assert (most["module"], most["added_bytes"], most["rewrites"]) == ("BdsDxe", 1700, 12)
    assert found["FaultTolerantWriteDxe"]["erases"] == 6
    assert "modules by which code of the guest" in " ".join(quick("wear", *args).text.replace(":", "").split())

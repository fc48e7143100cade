"""Recorded runs compared."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import polars as pl
import pytest

import tracetool as tt
from tests.captures import capture_path
from tests.tracetool.cli.program import COMMAND, FIRST_BOOT, PADDING, children_seconds, environment
from tracetool.compression import zstd

if TYPE_CHECKING:
    from pathlib import Path

FLASH1 = "virt.flash1"


@pytest.mark.slow
def test_the_padding_sample_differs_from_the_first_boot_by_the_write_beyond_the_extent() -> None:
    found = tt.diff(FIRST_BOOT, PADDING)
    assert found.exit_code == 1
    assert found.verdicts.rows() == [(FLASH1, "within-extent", "outside-extent")]
    beyond = found.operations.filter(pl.col("offset_b") == 0x100000, pl.col("change") == "added")
    assert "program" in beyond["kind_b"].to_list()
    added = found.findings.filter(pl.col("change") == "added")
    assert {"EXT001", "EXT003", "EXT005"} <= set(added["rule"])
    assert found.findings.filter(pl.col("rule") == "RO001").is_empty(), "the same two stray stores in both"
    assert found.blocks.filter(pl.col("offset") == 0x100000)["bytes_programmed_b"].to_list() == [4]
    assert found.variables.select("variable", "value", "value_after").rows() == [("MTC", "1", "2")]
    backing = found.figures.filter(pl.col("figure") == "minimum_backing_bytes")
    assert backing.select("a", "b").rows() == [(0xC0000, 0x140000)]


@pytest.mark.parametrize("other", ["trace.log.zst", "trace.simple.zst"])
@pytest.mark.slow
def test_a_run_is_the_same_in_every_format(other: str) -> None:
    found = tt.diff(FIRST_BOOT, capture_path(f"aavmf-first-boot/{other}"))
    assert found.equal
    assert found.exit_code == 0
    assert found.same == found.a.operations == found.b.operations


@pytest.mark.slow
def test_what_is_the_same_in_an_incomplete_trace_is_no_answer() -> None:
    lossy = capture_path("lossy/trace.simple.zst")
    found = tt.diff(lossy, lossy)
    assert found.equal
    assert found.exit_code == 4
    assert any("34,393 events lost" in doubt for doubt in found.doubts)


@pytest.mark.slow
def test_the_images_tell_what_differed_before() -> None:
    folder = "aavmf-first-boot"
    before = {FLASH1: capture_path(f"{folder}/flash1-before.fd.zst")}
    after = {FLASH1: capture_path(f"{folder}/flash1-after.fd.zst")}
    trace = capture_path(f"{folder}/trace.log.zst")
    found = tt.diff(tt.open(trace, image=before), tt.open(trace, image=after))
    assert found.operations.is_empty()
    assert found.contents["bytes_before"].null_count() == 0


@pytest.mark.slow
def test_a_device_that_only_one_run_has_is_named() -> None:
    found = tt.diff(FIRST_BOOT, tt.open(FIRST_BOOT, device=FLASH1))
    assert found.verdicts.rows() == [("virt.flash0", "no-extent", None)]
    assert set(found.operations["device"]) == {"virt.flash0"}
    assert set(found.operations["change"]) == {"gone"}


def test_other_data_in_a_flash_of_the_amd_command_set_differ(tmp_path: Path) -> None:
    text = zstd.decompress(capture_path("cfi02/tour.log.zst").read_bytes())
    one, other = tmp_path / "one.log", tmp_path / "other.log"
    one.write_bytes(text)
    other.write_bytes(text.replace(b"offset:0x20102 size:2 value:0x1234", b"offset:0x20102 size:2 value:0x1235"))
    found = tt.diff(one, other).operations
    assert found.select("change", "offset_a", "differs").rows() == [("changed", 0x20102, ["data"])]


@pytest.mark.slow
def test_a_long_trace_against_itself_takes_less_than_three_audits() -> None:
    trace = capture_path("aavmf-reclaim/trace.log.zst")
    assert _processor_seconds("diff", trace, trace) < 3 * _processor_seconds("audit", trace)


def _processor_seconds(*arguments: str | Path) -> float:
    """Processor time of a command that ends with 0."""
    before = children_seconds()
    subprocess.run([*COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment())
    return children_seconds() - before

"""The same run gives the same answer, whichever way it was recorded, and a format can be forced."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.captures import capture_path, image_facts, sha256
from tests.tracetool.cli.program import FIRST_BOOT
from tests.tracetool.ctf_traces import needed_babeltrace
from tests.tracetool.simple_traces import Simple
from tracetool.ingest.formats import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

RECORDINGS = {"log": "trace.log.zst", "simple": "trace.simple.zst", "ctf": "ctf.tar.zst"}
CAPTURES = [
    "aavmf-first-boot",
    "aavmf-shell-padding",
    pytest.param("aavmf-reclaim", marks=pytest.mark.slow),
]


def recording(capture: str, form: str) -> Path:
    if form == "ctf":
        needed_babeltrace()
    return capture_path(f"{capture}/{RECORDINGS[form]}")


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.slow
def test_an_audit_says_the_same_of_every_recording(capture: str, quick: Quick) -> None:
    image = capture_path(f"{capture}/flash1-before.fd.zst")
    found: dict[str, dict[str, Any]] = {}
    for form in RECORDINGS:
        ended = quick("audit", recording(capture, form), "--image", image, "--format", "json")
        found[form] = {"code": ended.code} | json.loads(ended.out)
        assert found[form].pop("traces")[0]["format"] == ("text" if form == "log" else form)
    assert found["simple"] == found["log"]
    assert found["ctf"] == found["log"]


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("form", ["simple", "ctf"])
@pytest.mark.first_quick
def test_the_image_is_what_qemu_left(capture: str, form: str, tmp_path: Path, quick: Quick) -> None:
    image = capture_path(f"{capture}/flash1-before.fd.zst")
    target = tmp_path / "after.fd"
    assert quick("replay", recording(capture, form), "--image", image, "--write-image", target).code == 0
    written = target.read_bytes()
    assert (len(written), sha256(written)) == image_facts(f"{capture}/flash1-after.fd.zst")


@pytest.mark.parametrize(("form", "lost"), [("simple", 34393), ("ctf", 783)])
def test_a_recording_with_losses_is_inconclusive(form: str, lost: int, quick: Quick) -> None:
    ended = quick("audit", recording("lossy", form), "--format", "json")
    report = json.loads(ended.out)
    assert (ended.code, report["health"]["lost"]) == (4, lost)
    assert {device["verdict"] for device in report["devices"]} == {"inconclusive"}
    assert [finding["count"] for finding in report["findings"] if finding["rule"] == "TRC002"] == [lost]


def test_a_simple_trace_that_is_cut_or_damaged_is_inconclusive(tmp_path: Path, quick: Quick) -> None:
    trace = (
        Simple()
        .event("pflash_reset", "virt.flash1")
        .write(0xFF)
        .event("pflash_write", "virt.flash1", "read array mode")
    )
    path = tmp_path / "trace"
    extent = ("--extent", "virt.flash1=768K")
    path.write_bytes(trace.event("pflash_mode_read_array", "virt.flash1").data)
    whole = quick("audit", path, *extent)
    path.write_bytes(trace.data[:-3])
    cut = quick("audit", path, *extent)
    path.write_bytes(trace.data + b"\x07" * 40)
    damaged = quick("audit", path, *extent)
    assert (whole.code, cut.code, damaged.code) == (0, 4, 4)
    assert b"the last record is cut" in cut.out
    assert b"1 of 5 records were not understood" in damaged.out


@pytest.mark.parametrize("form", sorted(FORMATS.keys() - {"text"}))
def test_a_format_that_it_is_not_is_one_line(form: str, quick: Quick) -> None:
    ended = quick("info", FIRST_BOOT, "--input-format", form)
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 1
    assert ("leave out --input-format" in ended.err) == (form != "ctf")


def test_a_format_that_does_not_exist_is_one_line(quick: Quick) -> None:
    ended = quick("info", FIRST_BOOT, "--input-format", "xml")
    assert (ended.code, ended.err) == (
        2,
        f"tracetool: --input-format 'xml': give one of {', '.join(FORMATS)}\n",
    )


def test_a_format_can_be_forced(quick: Quick) -> None:
    assert quick("info", FIRST_BOOT, "--input-format", "text").code == 0


def test_what_was_recognised_is_said(quick: Quick) -> None:
    said = quick("info", recording("aavmf-first-boot", "simple")).out.decode()
    assert "QEMU's simple trace format, version 4, little-endian, by its first bytes, zstd" in said
    assert "monotonic clock" in said

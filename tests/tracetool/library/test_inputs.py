"""Traces as users name them: directories of runs, what lies beside them, traces inside them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.tracetool.runs.support import FIRST_BOOT, PADDING
from tracetool.library.inputs import named_traces

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Ended, Quick

LINE = "pflash_io_write virt.flash1: offset:0x0, size:4 bytes, value:0xff wcycle:0\n"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """What `audit-firmware -o runs` leaves."""
    folder = tmp_path / "runs"
    folder.mkdir()
    FIRST_BOOT.at(folder / "boot-1")
    PADDING.at(folder / "boot-2")
    (folder / "qemu.txt").write_text("")
    (folder / "vars.fd").write_bytes(bytes(1 << 16))
    return folder


def _document(ended: Ended) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.out)
    return found | {"traces": len(found["traces"])}


@pytest.mark.slow
def test_a_folder_of_runs_is_its_runs_in_order(runs: Path, quick: Quick) -> None:
    each = quick("audit", runs / "boot-1", runs / "boot-2", "--format", "json")
    whole = quick("audit", runs, "--format", "json")
    assert (whole.code, _document(whole)) == (each.code, _document(each))
    assert f"tracetool: {runs}: boot-1, boot-2, in this order\n" in whole.err


@pytest.mark.slow
def test_what_lies_beside_runs_and_is_no_trace_is_passed_over(runs: Path, quick: Quick) -> None:
    (runs / "notes").mkdir()
    ended = quick("audit", *sorted(runs.iterdir()), "--format", "json")
    assert (ended.code, _document(ended)["traces"]) == (1, 2)
    for name in ("notes", "qemu.txt", "vars.fd"):
        assert f"tracetool: {runs}/{name}: no run directory and no trace; passed over\n" in ended.err


@pytest.mark.slow
def test_runs_are_counted_by_number(tmp_path: Path) -> None:
    first = FIRST_BOOT.at(tmp_path / "boot-1")
    for number in (2, 10):
        shutil.copytree(first, tmp_path / f"boot-{number}")
    assert named_traces([str(tmp_path)]) == [f"{tmp_path}/boot-{number}" for number in (1, 2, 10)]


def test_a_trace_beside_runs_is_not_passed_over(runs: Path, quick: Quick) -> None:
    """Its first event stands behind other output, where recognising it takes reading on."""
    (runs / "other.log").write_text("a line\n" * 300_000 + LINE)
    assert named_traces([str(path) for path in sorted(runs.iterdir())])[2:] == [f"{runs}/other.log"]
    (runs / "other.log").write_text("a line\n" * 100_000 + LINE)
    ended = quick("audit", runs)
    assert (ended.code, "other.log (log)" in ended.err) == (3, True)


def test_a_file_that_is_missing_or_elsewhere_is_not_passed_over(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    given = [str(runs / "boot-1"), str(runs / "missing.log"), str(tmp_path / "empty.log")]
    assert named_traces(given) == given


@pytest.mark.slow
def test_the_trace_in_a_run_directory_is_that_run(runs: Path, quick: Quick) -> None:
    whole = quick("audit", runs / "boot-1", "--format", "json")
    inside = quick("audit", runs / "boot-1" / "trace.log.zst", "--format", "json")
    assert (inside.code, inside.out) == (whole.code, whole.out)
    alone = shutil.copy(runs / "boot-1" / "trace.log.zst", runs.parent)
    assert quick("audit", alone, "--format", "json").out != whole.out


def test_another_file_in_a_run_directory_is_itself(runs: Path, quick: Quick) -> None:
    shutil.copy(runs / "boot-2" / "trace.log.zst", runs / "boot-1" / "other.log.zst")
    assert quick("audit", runs / "boot-1" / "other.log.zst").code == 1


def test_a_trace_beside_a_broken_run_json_can_be_read(runs: Path, quick: Quick) -> None:
    (runs / "boot-1" / "run.json").write_text("{}")
    assert quick("audit", runs / "boot-1" / "trace.log.zst", "--read-only", "virt.flash0").code == 0

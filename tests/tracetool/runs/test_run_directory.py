from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.images import difference
from tests.tracetool.runs.support import FIRST_BOOT, PADDING, a_run
from tests.tracetool.viewmodel.samples import finished
from tracetool.errors import InputError
from tracetool.ingest import open_trace
from tracetool.runs.directory import read_run_directory, write_run
from tracetool.runs.run import NOT_STARTED, RECORDING
from tracetool.viewmodel.audit_session import Settings, start
from tracetool.viewmodel.timeline import Timeline
from tracetool.viewmodel.view_export import command_line

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


def test_a_damaged_description_is_named_with_its_file(tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "run.json").write_text("{")
    ended = quick("audit", tmp_path)
    assert (ended.code, ended.out) == (3, b"")
    assert ended.err.startswith(f"tracetool: {tmp_path}/run.json: is not JSON")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trace": "a\0b"}, r"'a\\x00b' is no name of a file"),
        ({"trace": ""}, "'' is no name of a file"),
        ({"state": "weird"}, "state is 'weird', and this program knows recording, finished, not-started"),
    ],
)
def test_a_hostile_description_is_one_line(changes: dict[str, Any], words: str, tmp_path: Path, quick: Quick) -> None:
    write_run(tmp_path, a_run(**changes))
    for command in ("info", "audit", "verify"):
        ended = quick(command, tmp_path)
        assert (ended.code, ended.err.count("\n")) == (3, 1)
        assert re.search(words, ended.err)


@pytest.mark.slow
def test_nothing_in_a_description_reaches_the_terminal_as_it_is(tmp_path: Path, quick: Quick) -> None:
    bad = "\x1b[2J\u202e"
    run = FIRST_BOOT.at(tmp_path / "run", command=(bad,), version=bad, cut=bad, missing=(bad,), notes=(bad,))
    for command in ("info", "audit", "verify"):
        ended = quick(command, run)
        assert not set(bad) & set(ended.text + ended.err) - set("[2J")


@pytest.mark.parametrize("name", ["/etc/passwd", "../trace.log"])
def test_a_description_does_not_lead_out_of_its_directory(name: str, tmp_path: Path) -> None:
    write_run(tmp_path, a_run(trace=name))
    with pytest.raises(InputError, match="leads out of the directory"):
        read_run_directory(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": NOT_STARTED, "exit_code": 1}, r"holds no trace: QEMU did not start \(exit code 1\)"),
        ({"trace": "other.log"}, "other.log: No such file or directory: QEMU logged no pflash event; record it again"),
        ({"trace": "empty.log", "state": RECORDING}, "empty.log: is empty: is still being recorded"),
        ({"trace": "empty.log"}, "empty.log: is empty: QEMU logged no pflash event"),
    ],
)
def test_a_run_without_a_trace_says_why(changes: dict[str, Any], words: str, tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "empty.log").touch()
    write_run(tmp_path, a_run(**changes))
    ended = quick("info", tmp_path)
    assert ended.code == 3
    assert pytest.approx(1) == ended.err.count("\n")
    with pytest.raises(InputError, match=words):
        _ = read_run_directory(str(tmp_path)).trace


# --- as a trace --------------------------------------------------------------------------------------------------


def _audited(quick: Quick, *arguments: str | Path) -> tuple[int, dict[str, Any], dict[str, Any]]:
    ended = quick("audit", *arguments, "--format", "json")
    document = json.loads(ended.out)
    (device,) = [entry for entry in document["devices"] if entry["name"] == "virt.flash1"]
    return ended.code, device, document


@pytest.mark.slow
def test_a_run_directory_needs_no_option(tmp_path: Path, quick: Quick) -> None:
    code, device, _ = _audited(quick, PADDING.at(tmp_path / "run"))
    assert (code, device["verdict"]) == (1, "outside-extent")
    assert device["extent_source"] == "FvLength of the variable store in its image"
    ended = quick("verify", tmp_path / "run")
    assert ended.code == 0
    assert "no image" not in ended.text


def test_info_says_what_was_run_and_what_is_missing(tmp_path: Path, quick: Quick) -> None:
    run = FIRST_BOOT.at(tmp_path / "run", missing=("the weather",), notes=("-snapshot",), started=1.0, ended=3.5)
    lines = [line.strip().partition("  ") for line in quick("info", run).text.splitlines()[1:]]
    facts = {name: text.strip() for name, _, text in lines}
    assert facts["run"] == "qemu-system-aarch64 7.2.22, exit code 0 after 2.5 s"
    assert facts["command"] == "qemu-system-aarch64 -M virt"
    assert facts["virt.flash1 image"] == "/vars.fd (raw), writable, 64 MiB, changed after the run"
    assert (facts["missing"], facts["note"]) == ("the weather", "-snapshot")


def test_options_come_before_what_the_directory_says(tmp_path: Path, quick: Quick) -> None:
    run = PADDING.at(tmp_path / "run")
    code, device, _ = _audited(quick, run, "--extent", "2M")
    assert (code, device["verdict"], device["extent_source"]) == (0, "within-extent", "--extent")


@pytest.mark.parametrize("command", ["info", "events", "operations", "blocks", "findings", "audit"])
@pytest.mark.first_quick
def test_every_command_takes_a_run_directory(command: str, tmp_path: Path, quick: Quick) -> None:
    ended = quick(command, FIRST_BOOT.at(tmp_path / "run"))
    assert (ended.code, ended.err) == (0, "")
    assert "virt.flash1" in ended.text


def test_a_command_does_not_write_over_a_run(tmp_path: Path, quick: Quick) -> None:
    run = FIRST_BOOT.at(tmp_path / "run")
    ended = quick("audit", run, "-o", run / "trace.log.zst")
    assert (ended.code, "would be overwritten" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": RECORDING}, "is still being recorded, or its recorder was killed"),
        ({"signal": 9, "exit_code": None}, "QEMU was ended by signal 9"),
        ({"cut": "the disk was full"}, "the disk was full"),
    ],
)
def test_a_run_that_may_lack_its_end_is_inconclusive(
    changes: dict[str, Any], words: str, tmp_path: Path, quick: Quick
) -> None:
    code, device, _ = _audited(quick, FIRST_BOOT.at(tmp_path / "run", **changes))
    assert (code, device["verdict"]) == (4, "inconclusive")
    assert any(words in reason for reason in device["verdict_reasons"])


@pytest.mark.slow
def test_an_image_that_is_not_the_recorded_one_is_refused(tmp_path: Path, quick: Quick) -> None:
    run = FIRST_BOOT.at(tmp_path / "run")
    image = run / "before" / "virt.flash1.fd"
    image.write_bytes(b"XXXX" + image.read_bytes()[4:])
    for command in ("audit", "verify", "replay"):
        ended = quick(command, run)
        assert (ended.code, ended.out) == (3, b"")
        assert "before/virt.flash1.fd: is not the image that was recorded" in ended.err
    assert quick("audit", run, "--image", f"virt.flash1={image}").code == 0


@pytest.mark.slow
def test_the_terminal_app_knows_what_the_audit_knows(tmp_path: Path, quick: Quick) -> None:
    first, second = FIRST_BOOT.at(tmp_path / "run 1"), FIRST_BOOT.at(tmp_path / "run 2")
    session = finished(start([open_trace(str(first))], Settings()))
    assert session.operations.filter(pl.col("kind") == "erase")["bytes_changed"].null_count() == 0
    assert command_line(Timeline(session)) == f"tracetool operations '{first}'"
    both = finished(start([open_trace(str(run)) for run in (first, second)], Settings()))
    _, device, _ = _audited(quick, first, second)
    (seen,) = [found for found in both.audit.devices if found.name == "virt.flash1"]
    assert (seen.verdict, list(seen.verdict_reasons)) == (device["verdict"], device["verdict_reasons"])


@pytest.mark.slow
def test_runs_that_follow_each_other_are_boots_of_one_machine(tmp_path: Path, quick: Quick) -> None:
    first, second = FIRST_BOOT.at(tmp_path / "run-1"), PADDING.at(tmp_path / "run-2")
    code, _, document = _audited(quick, first, second)
    assert code == 1
    assert not [found for found in document["findings"] if found["rule"] == "TRC007"]


@pytest.mark.slow
def test_an_image_that_changed_between_two_runs_is_said(tmp_path: Path, quick: Quick) -> None:
    first, second = FIRST_BOOT.at(tmp_path / "run-1"), FIRST_BOOT.at(tmp_path / "run-2")
    code, device, document = _audited(quick, first, second)
    assert (code, device["verdict"]) == (4, "inconclusive")
    (found,) = [found for found in document["findings"] if found["rule"] == "TRC007"]
    assert "run-2/trace.log.zst is not, or not certainly, the one after" in found["message"]
    assert quick("verify", first, second).code == 4


@pytest.mark.slow
def test_the_contents_after_a_change_are_those_that_the_run_began_with(tmp_path: Path, quick: Quick) -> None:
    first, second = FIRST_BOOT.at(tmp_path / "run-1"), FIRST_BOOT.at(tmp_path / "run-2")
    ended = quick("replay", first, second, "--write-image", f"virt.flash1={tmp_path / 'out.fd'}")
    assert ended.code == 4, ended.err
    assert difference(tmp_path / "out.fd", second / "after" / "virt.flash1.fd") == ""


# --- snapshots ---------------------------------------------------------------------------------------------------

SNAPSHOT = ("qemu-system-aarch64", "-M", "virt", "-snapshot")
SNAPSHOTS: list[dict[str, Any]] = [{"snapshot": True}, {"snapshot": None, "command": SNAPSHOT}]


@pytest.mark.parametrize("facts", SNAPSHOTS, ids=["noted", "recorded before it was noted"])
def test_an_image_that_qemu_left_as_it_was_is_not_compared(facts: dict[str, Any], tmp_path: Path, quick: Quick) -> None:
    run = FIRST_BOOT.at(tmp_path / "run", **facts)
    ended = quick("verify", run, "--format", "json")
    assert ended.code == 0, ended.text
    (device,) = [found for found in json.loads(ended.out)["devices"] if found["name"] == "virt.flash1"]
    assert [(check["check"], check["standing"]) for check in device["checks"]] == [("self-check", "proved")]
    assert "its image: QEMU discarded the guest's writes" in device["not_compared"][0]
    code, device, _ = _audited(quick, run)
    assert (code, device["verdict"]) == (0, "within-extent")


@pytest.mark.slow
def test_an_image_that_is_given_is_compared_all_the_same(tmp_path: Path, quick: Quick) -> None:
    run = FIRST_BOOT.at(tmp_path / "run", snapshot=True)
    assert quick("verify", run, "--after", f"virt.flash1={run}/before/virt.flash1.fd").code == 1


@pytest.mark.slow
def test_a_run_after_a_snapshot_begins_with_what_was_there_before_it(tmp_path: Path, quick: Quick) -> None:
    first, second = FIRST_BOOT.at(tmp_path / "run-1", snapshot=True), FIRST_BOOT.at(tmp_path / "run-2")
    code, device, document = _audited(quick, first, second)
    assert (code, device["verdict"]) == (0, "within-extent")
    assert not [found for found in document["findings"] if found["rule"] == "TRC007"]
    assert quick("verify", first, second).code == 0


@pytest.mark.slow
def test_an_image_that_was_changed_after_a_snapshot_is_said(tmp_path: Path, quick: Quick) -> None:
    first, second = FIRST_BOOT.at(tmp_path / "run-1", snapshot=True), PADDING.at(tmp_path / "run-2")
    _, _, document = _audited(quick, first, second)
    assert [found for found in document["findings"] if found["rule"] == "TRC007"]

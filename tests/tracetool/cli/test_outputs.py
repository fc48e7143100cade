"""Where commands write: a file, standard output or `-` get the same bytes, and what is read is never written over."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import COMMAND, FIRST_BOOT, PADDING, environment
from tests.tracetool.ctf_traces import EventType, Packet, write_trace
from tests.tracetool.runs.support import FIRST_BOOT as FIRST_BOOT_RUN
from tracetool.errors import UsageError
from tracetool.ingest.inputs import keep_inputs
from tracetool.report.formats import REPORTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

USAGE = 2
FORMATS = [
    *(("audit", form) for form in REPORTS),
    *((command, form) for command in ("operations", "blocks", "findings") for form in ("table", "csv", "parquet")),
    *(("events", form) for form in ("table", "jsonl")),
    *((command, form) for command in ("verify", "wear") for form in ("text", "json")),
    ("wear", "csv"),
]


@pytest.mark.parametrize(("command", "form"), FORMATS)
@pytest.mark.slow
def test_a_file_a_pipe_and_a_dash_get_the_same(
    command: str, form: str, tmp_path: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trace = PADDING if command != "events" else FIRST_BOOT
    options = [command, trace, "--format", form]
    piped, dashed, filed = quick(*options), quick(*options, "-o", "-"), quick(*options, "-o", "out")
    assert piped.code == dashed.code == filed.code
    assert piped.out == dashed.out == (tmp_path / "out").read_bytes()
    assert (filed.out, piped.out != b"") == (b"", True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("option", ["--write-image", "--storage"])
@pytest.mark.parametrize("value", ["-", "virt.flash1=-"])
def test_an_image_is_not_written_to_standard_output(
    option: str, value: str, tmp_path: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = quick("replay", PADDING, option, value)
    assert (ended.code, ended.out) == (USAGE, b"")
    assert f"tracetool: {option} -: an image is a file of its own; give FILE" in ended.err
    assert not list(tmp_path.iterdir())


def test_a_run_is_not_recorded_to_standard_output(
    tmp_path: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["record", "-o", "-", "--", "qemu"], ["audit-firmware", "-o", "-", "aavmf"]):
        ended = quick(*command)
        assert (ended.code, "-o -: a run is a directory; name one" in ended.err) == (USAGE, True)


# --- inputs are kept ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_standard_input_is_not_written_over(tmp_path: Path) -> None:
    trace = tmp_path / "trace.log"
    trace.write_text("pflash_reset a: reset\n")
    (tmp_path / "link.log").hardlink_to(trace)
    for name in ("trace.log", "link.log"):
        for command in ("export", "audit"):
            with trace.open("rb") as file:
                ended = _with_input([command, "-", "-o", str(tmp_path / name)], file.fileno())
            assert (ended[0], b"is read by this command, and would be overwritten" in ended[1]) == (USAGE, True)
    assert trace.read_text() == "pflash_reset a: reset\n"


def _with_input(command: list[str], descriptor: int) -> tuple[int, bytes]:
    done = subprocess.run([*COMMAND, *command], stdin=descriptor, capture_output=True, env=environment(), check=False)
    return done.returncode, done.stderr


def test_standard_output_that_is_the_trace_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace.log"
    trace.write_text("pflash_reset a: reset\n")
    with trace.open("a") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", file)
        for output in (None, "-"):
            with pytest.raises(UsageError, match="standard output: is read by this command"):
                keep_inputs([output], [trace])


def test_every_file_of_a_trace_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = FIRST_BOOT_RUN.at(tmp_path / "run")
    ctf = tmp_path / "session" / "ust" / "uid" / "0" / "64-bit"
    write_trace(ctf, [EventType("qemu:pflash_reset", {"name": "str"})], [[Packet([(0, 1, ("f",))])]])
    monkeypatch.chdir(run)
    of_run = ["run.json", "trace.log.zst", "before/virt.flash1.fd", "after/virt.flash1.fd"]
    for given in (run, run / "trace.log.zst", "."):
        for name in of_run:
            with pytest.raises(UsageError, match="is read by this command, and would be overwritten"):
                keep_inputs([name], [given])
    for name in ("metadata", "ch_0"):
        with pytest.raises(UsageError, match="is read by this command"):
            keep_inputs([ctf / name], [tmp_path / "session"])
    (run / "report.txt").touch()
    keep_inputs(["report.txt", "new.txt", "/dev/null"], [run, tmp_path / "session", "-"])


def test_two_outputs_are_not_one_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("out")
    with pytest.raises(UsageError, match="is written twice"):
        keep_inputs([tmp_path / "out", tmp_path / "link"], [])


def test_the_program_refuses_in_one_line(tmp_path: Path, quick: Quick) -> None:
    run = FIRST_BOOT_RUN.at(tmp_path / "run")
    ended = quick("operations", run, "-o", run / "before/virt.flash1.fd")
    assert (ended.code, ended.err.count("\n")) == (USAGE, 1)

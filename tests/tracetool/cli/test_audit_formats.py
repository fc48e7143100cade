"""The reports of `tracetool audit`, from outside."""

from __future__ import annotations

import pty
import subprocess
from os import close
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import COMMAND, FIRST_BOOT, PADDING, environment
from tests.tracetool.logs import log
from tracetool.report.formats import REPORTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick


@pytest.mark.parametrize("output_format", REPORTS)
@pytest.mark.slow
def test_a_file_gets_the_bytes_that_standard_output_gets(output_format: str, tmp_path: Path, quick: Quick) -> None:
    target = tmp_path / "out"
    shown = quick("audit", "--format", output_format, PADDING)
    written = quick("audit", "--format", output_format, PADDING, "-o", target)
    assert (target.read_bytes(), written.out) == (shown.out, b"")
    assert (shown.code, shown.err) == (written.code, "")
    assert shown.out.endswith(b"\n")


@pytest.mark.parametrize("output_format", REPORTS)
@pytest.mark.slow
def test_exit_codes_are_those_of_the_text(output_format: str, tmp_path: Path, quick: Quick) -> None:
    incomplete = tmp_path / "t.log"
    incomplete.write_text(log("virt.flash1").reset().program(0, 1).without("io_write").text)
    cases = ([PADDING], [FIRST_BOOT], [FIRST_BOOT, "--fail-on", "warning"], [incomplete])
    codes = [quick("audit", *arguments, "--format", output_format).code for arguments in cases]
    assert codes == [1, 0, 1, 4]
    assert quick("audit", incomplete, "--allow-inconclusive", "--format", output_format).code == 0


@pytest.mark.slow
def test_a_page_is_not_written_to_a_terminal() -> None:
    leader, follower = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "audit", str(PADDING), "--format", "html"],
        stdout=follower,
        stderr=subprocess.PIPE,
        env=environment(TERM="xterm"),
        check=False,
    )
    close(follower)
    close(leader)
    assert done.returncode == 2
    assert done.stderr.decode() == "tracetool: --format html is a page for a browser: give -o FILE, or redirect it\n"


@pytest.mark.parametrize("output_format", sorted(REPORTS.keys() - {"text"}))  # which names no trace that is whole
@pytest.mark.first_quick
def test_standard_input_is_reported_on(output_format: str, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    with PADDING.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        shown = quick("audit", "-", "--format", output_format)
    assert (shown.code, shown.err) == (1, "")
    assert "standard input" in shown.text


@pytest.mark.parametrize("output_format", REPORTS)
def test_a_trace_whose_name_is_not_utf_8_is_reported_on(output_format: str, tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "bad\udcff.log"
    path.write_text(log("virt.flash1").reset().program(0, 1).read_array().text)
    shown = quick("audit", path, "--extent", "768K", "--format", output_format)
    assert (shown.code, shown.err) == (0, "")
    assert shown.text


@pytest.mark.slow
def test_the_policies_compared_are_on_the_page(quick: Quick) -> None:
    shown = quick("audit", PADDING, "--policy", "all", "--format", "html").text
    assert "Policies compared" in shown
    assert "Policies compared" not in quick("audit", PADDING, "--format", "html").text

"""`--follow`: commands on a trace that is still written, and guests that are ended at the first finding."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.captures import capture_path
from tests.patience import PATIENCE_S
from tests.tracetool.cli.program import COMMAND, PADDING, children_seconds, environment, tracetool
from tests.tracetool.recording.scene import Scene
from tracetool.compression import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tracetool.cli.program import Quick


@pytest.fixture(scope="module")
def text() -> bytes:
    """The padding sample."""
    return zstd.decompress(PADDING.read_bytes())


class Running:
    """The program on a file or pipe that the test writes; what it says is read as it comes."""

    def __init__(self, *arguments: str | Path, pipe: bool = False) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdin=subprocess.PIPE if pipe else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        self.timer = threading.Timer(PATIENCE_S, self.process.kill)
        self.timer.start()

    def until(self, words: str) -> str:
        """The line on standard error that has these words."""
        assert self.process.stderr is not None
        for line in iter(self.process.stderr.readline, b""):
            if words in line.decode():
                return line.decode()
        raise AssertionError(f"{words!r} is not said")

    def end(self) -> tuple[int, str]:
        """Exit code and standard output."""
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out.decode()


@pytest.fixture
def running() -> Iterator[list[Running]]:
    """Processes that are killed at the end of the test."""
    found: list[Running] = []
    yield found
    for each in found:
        each.timer.cancel()
        each.process.kill()
        each.process.communicate()


@pytest.mark.slow
def test_a_finding_is_said_while_the_log_grows_and_ctrl_c_reports(
    tmp_path: Path, text: bytes, running: list[Running]
) -> None:
    path = tmp_path / "guest.log"
    cut = text.index(b"offset:0x100000") - 200
    path.write_bytes(text[:cut])
    program = Running("audit", "--follow", path)
    running.append(program)
    program.until("RO001")
    with path.open("ab") as file:
        file.write(text[cut:])
    assert "error EXT001 virt.flash1: 1 program of 4 B" in program.until("EXT001")
    program.process.send_signal(signal.SIGINT)
    code, report = program.end()
    assert code == 130
    assert report == tracetool("audit", PADDING).text


@pytest.mark.slow
def test_a_pipe_is_audited_until_its_writer_closes_it(text: bytes, running: list[Running]) -> None:
    program = Running("audit", "--follow", "-", "--format", "json", pipe=True)
    running.append(program)
    assert program.process.stdin is not None
    program.process.stdin.write(text[:-3000])
    program.process.stdin.flush()
    program.until("RO001")
    program.process.stdin.write(text[-3000:])
    code, out = program.end()
    assert code == 1
    assert json.loads(out)["verdict"] == "outside-extent"


@pytest.mark.slow
def test_fail_fast_ends_at_the_first_finding_that_fails(tmp_path: Path, text: bytes, running: list[Running]) -> None:
    path = tmp_path / "guest.log"
    path.write_bytes(text)
    program = Running("audit", "--follow", "--fail-fast", path)
    running.append(program)
    code, report = program.end()
    assert code == 1
    assert report.startswith("OUTSIDE-EXTENT")


@pytest.mark.parametrize("command", ["events", "operations", "info"])
@pytest.mark.slow
def test_rows_of_a_pipe_are_those_of_a_file(command: str, tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "guest.log"
    path.write_bytes(text)
    followed = tracetool(command, "--follow", "-", stdin=text)
    afterwards = tracetool(command, path)
    assert (followed.code, afterwards.code) == (0, 0)
    # An operation is written when it has ended, and what it touched of the variables is known only afterwards.
    shown = 40 if command == "operations" else 200
    lines = [sorted(line[:shown].rstrip() for line in ended.text.splitlines()) for ended in (followed, afterwards)]
    if command == "info":
        lines = [[line for line in each if "guest.log" not in line and "standard input" not in line] for each in lines]
    assert [" ".join(line.split()) for line in lines[0]] == [" ".join(line.split()) for line in lines[1]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["audit", "--fail-fast", PADDING], "give --follow"),
        (["audit", "--follow", "--variables", PADDING], "--variables looks at the whole trace"),
        (["audit", "--follow", "--policy", "all", PADDING], "--policy all looks at the whole trace"),
        (["audit", "--follow", PADDING, PADDING], "--follow reads one trace on"),
        (["audit", "--follow", "--extent", "768K", PADDING], "--extent: name the device"),
        (["audit", "--follow", "--boot", "last", PADDING], "no last boot yet"),
        (["operations", "--follow", "--where", "var == MTC", PADDING], "not by what is known of them later"),
        (["events", "--follow", "--format", "parquet", "-o", "x", PADDING], "in rows"),
        (["events", "--follow", "--input-format", "ctf", PADDING], "--follow reads a log"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_a_line(arguments: list[str | Path], words: str, quick: Quick) -> None:
    done = quick(*arguments)
    assert done.code == 2
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_a_packed_trace_is_not_followed(quick: Quick) -> None:
    done = quick("audit", "--follow", PADDING)
    assert (done.code, len(done.err.splitlines())) == (3, 1)
    assert "is packed with zstd" in done.err


@pytest.mark.slow
def test_a_recorded_guest_is_ended_at_the_first_finding(tmp_path: Path) -> None:
    scene = Scene(tmp_path, sample="aavmf-shell-padding")
    ended = scene.record("--follow", "--fail-fast", FAKE_END="wait")
    assert ended.code == 1
    assert "error EXT001 virt.flash1: 1 program of 4 B" in ended.err
    assert "virt.flash1: program at 0x100000, 4 B" in ended.err
    assert "a finding that fails: the guest is ended" in ended.err
    assert scene.run.signal == signal.SIGTERM
    assert ended.text.count("OUTSIDE-EXTENT") == 1


@pytest.mark.slow
def test_a_recorded_guest_without_a_finding_that_fails_goes_on(tmp_path: Path) -> None:
    ended = Scene(tmp_path).record("--fail-fast")
    assert ended.code == 0
    assert "RO001" not in ended.err, "only --follow says what is found"


@pytest.mark.slow
def test_following_a_long_log_takes_little_more_than_reading_it(tmp_path: Path, running: list[Running]) -> None:
    whole, path = tmp_path / "whole.log", tmp_path / "guest.log"
    with zstd.open(capture_path("aavmf-reclaim/trace.log.zst")) as stream:
        data = stream.read()
    whole.write_bytes(data)
    path.touch()
    program = Running("audit", "--follow", path, "--format", "json")
    running.append(program)
    size = len(data) // 100 + 1
    for start in range(0, len(data), size):
        with path.open("ab") as file:
            file.write(data[start : start + size])
        time.sleep(0.03)
    program.until("WEAR001")
    used = _processor_seconds_until_idle(program.process.pid)
    program.process.send_signal(signal.SIGINT)
    code, out = program.end()
    assert code == 130
    before = children_seconds()
    afterwards = tracetool("audit", whole, "--format", "json")
    once = children_seconds() - before
    said, expected = json.loads(out), json.loads(afterwards.text)
    assert said["devices"] == expected["devices"]
    assert said["findings"] == expected["findings"]
    assert used < 2 * once, f"{used:.1f} s against {once:.1f} s"


def _processor_seconds_until_idle(pid: int) -> float:
    """Processor time of a process, once two seconds of waiting for more cost it under a hundredth of a core."""
    for _ in range(30):
        used = _processor_seconds(pid)
        time.sleep(2)
        if _processor_seconds(pid) - used < 0.02:
            return used
    raise AssertionError("it is never idle")


def _processor_seconds(pid: int) -> float:
    """Processor time of a process so far; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

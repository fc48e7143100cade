"""A program that should be a QEMU and is not, or hangs: said in one line, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from replay.behaviour import Behaviour
from tests.captures import ROOT
from tests.patience import PATIENCE_S, wait_until
from tests.tracetool.cli.program import PADDING
from tracetool.errors import EmulatorError, MissingDependencyError
from tracetool.qemu import emulator as module
from tracetool.qemu.about import About, about
from tracetool.qemu.emulator import emulator

if TYPE_CHECKING:
    from tests.tracetool.cli.program import Quick

UNREADABLE = 3

_NEVER = """#!{python}
import pathlib, os, time
pathlib.Path("{mark}").write_text(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """A program that starts, says nothing and does not end."""
    path = tmp_path / "qemu-system-silent"
    path.write_text(_NEVER.format(python=sys.executable, mark=tmp_path / "pid"))
    path.chmod(0o755)
    return path


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_program_that_says_nothing_is_given_up_and_ended(silent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 2)
    begin = time.monotonic()
    with pytest.raises(EmulatorError, match="does not answer as a QEMU does: QEMU says nothing: timed out"):
        about(str(silent))
    assert time.monotonic() - begin < 20
    assert not _lives(int((silent.parent / "pid").read_text()))


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [(signal.SIGINT, 130, "tracetool: interrupted\n"), (signal.SIGTERM, 143, ""), (signal.SIGHUP, 129, "")],
)
@pytest.mark.slow
def test_a_signal_ends_the_program_that_was_started_and_leaves_nothing(
    number: signal.Signals, code: int, words: str, silent: Path
) -> None:
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    start += "from tracetool.cli import main; main()"
    command = [sys.executable, "-c", start, "verify", str(PADDING), "--qemu-binary", str(silent)]
    settings = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(silent.parent)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=settings) as running:
        mark = silent.parent / "pid"
        wait_until(lambda: mark.exists() and mark.read_text(), "the program was not started")
        running.send_signal(number)
        _, err = running.communicate(timeout=PATIENCE_S)
    assert (running.returncode, err.decode()) == (code, words)
    assert not _lives(int(mark.read_text()))
    assert not list(silent.parent.glob("tracetool-*"))


def test_a_program_that_is_no_qemu_is_named(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no program")
    for program, error, words in (
        ("/bin/true", EmulatorError, r"QEMU ended: is /bin/true a QEMU\?; name a qemu-system-... program"),
        ("qemu-system-aarch65", MissingDependencyError, "no such program; name a"),
        (str(tmp_path / "qemu-system-mips"), MissingDependencyError, "apt-get install -y qemu-system-mips"),
        (str(text), MissingDependencyError, "is not executable"),
    ):
        with pytest.raises(error, match=words):
            about(program)


def test_what_a_program_says_before_it_ends_is_in_the_message(tmp_path: Path) -> None:
    with (
        pytest.raises(EmulatorError, match=r"it said: no such board$"),
        emulator("/bin/sh", ["-c", "echo no such board >&2"], tmp_path / "said"),
    ):
        pass


def test_the_command_line_says_what_to_install(quick: Quick) -> None:
    ended = quick("verify", PADDING, "--qemu-binary", "/nowhere/qemu-system-aarch64")
    assert (ended.code, ended.out) == (UNREADABLE, b"")
    assert ended.err == (
        "tracetool: /nowhere/qemu-system-aarch64: no such program; on Debian: apt-get install -y qemu-system-arm\n"
    )


@pytest.mark.parametrize(("version", "names"), [("5.2.0", False), ("6.0.0", True), ("10.1.2", True)])
def test_devices_have_names_since_6(version: str, names: bool) -> None:
    found = About("/q", version, "arm", frozenset(), Behaviour.DIRECT)
    assert found.names_devices == names

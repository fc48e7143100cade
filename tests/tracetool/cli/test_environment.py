"""The command line where paths, environments and names are not as one would have them."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.captures import case_path
from tests.patience import PATIENCE_S, wait_until
from tests.tracetool.cli.program import COMMAND, PADDING, environment
from tests.tracetool.logs import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.tracetool.cli.program import Quick

FOUND, USAGE, UNREADABLE, INTERRUPTED = 1, 2, 3, 130
HOSTILE = "x\x1b]0;owned\x07\x9b31m\u202e\u2028\u200b[bold]"


def one_line(err: str) -> str:
    (line,) = err.splitlines()
    assert line.startswith("tracetool: ")
    assert "internal error" not in line
    assert line.isprintable()
    return line


# --- waiting -----------------------------------------------------------------------------------------------------


def _waits(number: int) -> bool:
    """Whether a process sleeps with polars loaded, at five looks one after the other."""
    for _ in range(5):
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        if state != "S" or "polars" not in Path(f"/proc/{number}/maps").read_text():
            return False
        time.sleep(0.05)
    return True


@pytest.fixture(name="fifo")
def _fifo(tmp_path: Path) -> Path:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    return fifo


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "-"],
        pytest.param(["events", "FIFO"], marks=pytest.mark.slow),
        ["audit", str(PADDING), "--image", "FIFO"],
        pytest.param(["export", str(PADDING), "--format", "csv", "-o", "FIFO"], marks=pytest.mark.slow),
    ],
    ids=["standard input", "trace", "image", "output"],
)
@pytest.mark.slow
def test_ctrl_c_ends_a_program_that_waits(arguments: list[str], fifo: Path) -> None:
    command = [*COMMAND, *(str(fifo) if argument == "FIFO" else argument for argument in arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), **pipes) as running:  # type: ignore[call-overload]
        wait_until(lambda: running.poll() is not None or _waits(running.pid), "it does not wait")
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_S) == INTERRUPTED
        assert running.stderr.read() == b"tracetool: interrupted\n"


# --- paths -------------------------------------------------------------------------------------------------------


def _loop(folder: Path) -> str:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    return str(folder / "a")


BAD_PATHS: dict[str, Callable[[Path], str]] = {
    "a symlink loop": _loop,
    "a user that does not exist": lambda _: "~nosuchuser/file",
    "a name too long": lambda folder: str(folder / ("x" * 300)),
    "a file as a folder": lambda folder: str(folder / "trace.log" / "x"),
}


@pytest.mark.parametrize("bad", BAD_PATHS.values(), ids=BAD_PATHS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "BAD"],
        ["info", "BAD"],
        ["audit", "TRACE", "--image", "BAD"],
        ["audit", "TRACE", "-o", "BAD"],
        ["replay", "TRACE", "--write-image", "virt.flash1=BAD"],
        ["verify", "TRACE", "--after", "virt.flash1=BAD"],
        ["export", "TRACE", "--format", "csv", "-o", "BAD"],
    ],
    ids=" ".join,
)
def test_a_path_that_leads_nowhere_is_one_line(
    arguments: list[str], bad: Callable[[Path], str], tmp_path: Path, quick: Quick
) -> None:
    trace = tmp_path / "trace.log"
    trace.write_text(log("virt.flash1").reset().erase(0).text)
    path = bad(tmp_path)
    ended = quick(*(argument.replace("TRACE", str(trace)).replace("BAD", path) for argument in arguments))
    assert ended.code in (USAGE, UNREADABLE)
    line = one_line(ended.err.splitlines()[-1])
    assert Path(path).name[:40] in line or "not known" in line


def test_a_folder_whose_name_begins_with_a_tilde_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: Quick
) -> None:
    (tmp_path / "~dir").mkdir()
    (tmp_path / "~dir" / "trace.log").write_text(log("virt.flash1").reset().text)
    monkeypatch.chdir(tmp_path)
    assert quick("events", "~dir/trace.log", "-o", "~dir/out").code == 0
    assert (tmp_path / "~dir" / "out").exists()


def test_a_home_is_expanded_behind_an_equals_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: Quick
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "flash.fd").write_bytes(bytes(1 << 20))
    assert quick("audit", PADDING, "--image", "virt.flash1=~/flash.fd").code == FOUND


# --- environments ------------------------------------------------------------------------------------------------


def _run(setup: str, *arguments: str, **changes: str) -> subprocess.CompletedProcess[bytes]:
    shell = ["sh", "-c", f'{setup} "$@"', "sh", *COMMAND, *arguments]
    return subprocess.run(shell, capture_output=True, env=environment(**changes), check=False, timeout=PATIENCE_S)


@pytest.mark.slow
def test_a_user_without_home_and_name_gets_an_answer() -> None:
    """As under `docker run -u 65533`."""
    code = (
        "import pwd\n"
        "def unknown(number): raise KeyError(number)\n"
        "pwd.getpwuid = unknown\n"
        "from tracetool.viewmodel.state_file import state_folder\n"
        "from tracetool.tui.keys import keys_path, read_keys\n"
        "assert state_folder() is None\n"
        "assert read_keys(keys_path()) == ({}, None)\n"
        "from tracetool.cli import main; main()\n"
    )
    home = {name: value for name, value in environment().items() if name != "HOME" and not name.startswith("XDG_")}
    command = [COMMAND[0], "-c", code, "audit", str(PADDING)]
    done = subprocess.run(command, capture_output=True, env=home, check=False)
    assert (done.returncode, done.stderr) == (FOUND, b"")


@pytest.mark.slow
def test_a_folder_that_was_removed_under_the_program_is_no_crash(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = _run(f'cd "{gone}"; rmdir "{gone}"; exec', "audit", str(PADDING))
    assert done.returncode == FOUND
    done = _run(f'cd "{gone.parent}"; mkdir gone; cd gone; rmdir "{gone}"; exec', "audit", "trace.log", "-o", "x")
    assert done.returncode == UNREADABLE
    one_line(done.stderr.decode())


@pytest.mark.parametrize(
    "locale", ["C", *(pytest.param(name, marks=pytest.mark.slow) for name in ("C.UTF-8", "POSIX"))]
)
@pytest.mark.slow
def test_names_that_are_no_utf_8_are_read_and_shown_under_any_locale(locale: str, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/tr\xff\xe4ce.log"
    Path(os.fsdecode(name)).write_text(log("virt.flash1").reset().text)
    command = [*map(os.fsencode, COMMAND), b"info", name]
    done = subprocess.run(command, capture_output=True, env=environment(LC_ALL=locale), check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"tr\udcff\udce4ce.log" in done.stdout


# --- the terminal ------------------------------------------------------------------------------------------------


def _on_a_terminal(*arguments: str) -> str:
    """What a terminal of its own gets from standard output and standard error."""
    leader, follower = pty.openpty()
    settings = environment(TERM="xterm", NO_COLOR="1")
    with subprocess.Popen([*COMMAND, *arguments], stdin=follower, stdout=follower, stderr=follower, env=settings):
        os.close(follower)
        said = b"".join(_all_of(leader))
    os.close(leader)
    return said.decode("utf-8", "surrogateescape")


def _all_of(descriptor: int) -> Iterator[bytes]:
    try:
        while data := os.read(descriptor, 1 << 16):
            yield data
    except OSError:  # the other side is gone
        return


def _harmful(text: str) -> set[str]:
    """Characters that a terminal would obey, besides those that the progress bar sends on purpose."""
    return {c for c in text if not c.isprintable() and c not in "\r\n\x1b"} | ({"OSC"} if "\x1b]" in text else set())


@pytest.fixture(name="hostile", params=["log", "tar"])
def _hostile(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A trace whose file, members and device mean harm to a terminal."""
    file = tmp_path / f"{HOSTILE.replace('/', '')}.{request.param}"
    if request.param == "log":
        file.write_text(
            log(f"[red]\x9b[bold]{chr(0x202E)}").reset().erase(0).text + "pflash_reset \x1b]0;x\x07: reset\n"
        )
    else:
        folder = tmp_path / "ust"
        folder.mkdir()
        (folder / "metadata").write_bytes(b"\xc1\x1f\xfc\x75nonsense")
        with tarfile.open(file, "w") as archive:
            archive.add(folder, HOSTILE)
    return str(file)


@pytest.mark.slow
@pytest.mark.parametrize("command", [["info"], ["audit"], ["events"], ["operations"], ["findings"], ["explain"]])
def test_nothing_of_a_trace_is_obeyed_by_a_terminal(command: list[str], hostile: str) -> None:
    said = _on_a_terminal(*command, hostile, *(["1"] if command == ["explain"] else []))
    assert said
    assert not _harmful(said)


@pytest.mark.parametrize("name", ["escpath.tar", "c1-name.simple.zst"])
@pytest.mark.parametrize("command", ["info", "audit"])
@pytest.mark.first_quick
def test_recorded_names_that_mean_harm_are_shown(name: str, command: str, quick: Quick) -> None:
    ended = quick(command, case_path(name))
    assert not {c for c in ended.text + ended.err if not c.isprintable() and c != "\n"}


@pytest.mark.slow
def test_a_device_name_is_no_markup(tmp_path: Path) -> None:
    trace = tmp_path / "trace.log"
    trace.write_text(log("[red]x[/red]").reset().erase(0).text)
    assert "[red]x[/red]" in _on_a_terminal("audit", str(trace))


def test_machine_formats_keep_names_as_they_are(quick: Quick) -> None:
    ended = quick("audit", case_path("c1-name.simple.zst"), "--format", "json")
    assert "\\u009b" in ended.text or "\x9b" in ended.text


# --- settings of libraries ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_settings_of_polars_and_numpy_are_not_inherited_by_what_is_started() -> None:
    code = """
import os, sys
from tracetool.cli.command import command

class Told:
    def find_spec(self, name, *_):
        if name == "numpy._core":
            told.add(os.environ.get("OPENBLAS_NUM_THREADS"))

@command(threads=1, resident=True)
def threads():
    import polars
    print(told, polars.thread_pool_size(), [name for name in os.environ if any(part in name for part in PARTS)])

told, PARTS = set(), ("BLAS", "POLARS", "RJEM")
sys.meta_path.insert(0, Told())
threads.main([], standalone_mode=False)
"""
    settings = {
        name: value
        for name, value in environment().items()
        if not any(part in name for part in ("BLAS", "POLARS", "RJEM"))
    }
    expected = "{'1'} 1 []\n"
    assert subprocess.check_output([sys.executable, "-c", code], env=settings, text=True) == expected

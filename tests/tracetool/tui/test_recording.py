"""The app over a guest that is being recorded, in a terminal."""

from __future__ import annotations

import os
import shlex
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.patience import wait_until
from tests.terminal import PROGRAM
from tests.tracetool.cli.program import tracetool
from tests.tracetool.recording.scene import Scene

if TYPE_CHECKING:
    from tests.terminal import Terminal

pytestmark = pytest.mark.slow

WAITS = {"FAKE_END": "wait"}
EVENTS = "18,585 events"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def record(terminal: Terminal, scene: Scene, *options: str, **settings: str) -> None:
    """Start to record a guest that is shown."""
    variables = [f"{name}={value}" for name, value in {**scene.settings, **settings}.items()]
    command = ["record", "--view", *options, "-o", str(scene.folder / "run"), "--", *scene.command]
    terminal.run(f"trap : INT; env {shlex.join(variables)} {PROGRAM} {shlex.join(command)}", (150, 30))


def is_whole(scene: Scene) -> bool:
    """True if the images after the run were kept."""
    run = scene.run
    return run.state == "finished" and all(flash.after is not None for flash in run.flashes)


def test_a_guest_is_shown_and_ended_with_the_app(terminal: Terminal, scene: Scene) -> None:
    record(terminal, scene, **WAITS)
    terminal.wait("the guest's output goes into")
    terminal.wait(f"trace.log, {EVENTS}, following")
    assert "the guest speaks" not in terminal.screen()
    terminal.send("q")
    terminal.wait("The guest is still running")
    terminal.send("s")
    terminal.wait(f"{EVENTS}, following")
    terminal.send("q", "e")
    terminal.wait("ended with 4", "keys are echoed")  # the stand-in does not handle the signal
    assert is_whole(scene)
    assert scene.run.signal == signal.SIGTERM
    assert (scene.folder / "run" / "guest.out").read_text() == "the guest speaks\n"


def test_a_guest_that_runs_on_is_waited_for(terminal: Terminal, scene: Scene) -> None:
    record(terminal, scene, **WAITS)
    terminal.wait(f"{EVENTS}, following")
    terminal.send("q")
    terminal.wait("The guest is still running")
    terminal.send("Down", "Enter")
    terminal.wait("the guest goes on", "Ctrl-C ends it")
    assert scene.run.state == "recording"
    terminal.send("C-c")
    terminal.wait("ended with", "keys are echoed")
    assert is_whole(scene)
    assert scene.run.relayed == ("SIGINT",)


def test_a_guest_that_ends_is_said_and_its_run_is_complete(terminal: Terminal, scene: Scene) -> None:
    record(terminal, scene)
    terminal.wait("the guest ended with exit code 0", "is complete")
    terminal.wait("WITHIN-EXTENT", EVENTS)
    assert is_whole(scene)
    terminal.send("q")
    terminal.wait("ended with 0", "keys are echoed")
    assert tracetool("audit", scene.folder / "run").code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_recorder_ends_the_guest_too(terminal: Terminal, scene: Scene, number: int) -> None:
    record(terminal, scene, FAKE_SIGNALS=str(scene.folder / "signals"), **WAITS)
    terminal.wait(f"{EVENTS}, following")
    os.kill(_parent_of(scene.command[0]), number)
    wait_until(lambda: is_whole(scene), "the run directory is not complete")
    assert (scene.folder / "signals").read_text().split() == [signal.Signals(number).name]


def _parent_of(program: str) -> int:
    """The process that started a program, which is a script."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cmdline").read_bytes().split(b"\0")[1:2] == [program.encode()]:
                return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    raise AssertionError(f"{program} does not run")


def test_a_guest_that_does_not_start_is_not_shown(terminal: Terminal, scene: Scene) -> None:
    record(terminal, scene, FAKE_END="fail", FAKE_TRACE="")
    seen = terminal.wait("ended with 7", "keys are echoed")
    assert "qemu-system-fake: no such thing" in seen
    assert "QEMU did not start (exit code 7)" in seen


def test_what_needs_the_terminal_is_refused(terminal: Terminal, scene: Scene) -> None:
    terminal.run(f"{PROGRAM} record --view -- {shlex.join([*scene.command, '-display', 'curses'])}", (150, 30))
    assert "-display: the terminal is the app's" in terminal.wait("ended with 2")
    assert "record --view needs a terminal" in tracetool("record", "--view", "--", *scene.command).err
    assert not (scene.folder / "flash-run-1").exists()

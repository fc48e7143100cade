"""Recording with a program that stands for QEMU: how it ends, and what is kept."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import PATIENCE_S, wait_until
from tests.requirements import lacking
from tests.tracetool.cli.program import COMMAND, FIRST_BOOT, environment, tracetool
from tests.tracetool.logs import log
from tests.tracetool.recording.scene import Scene
from tracetool.errors import UsageError
from tracetool.qemu import about
from tracetool.recording.record import plan_recording
from tracetool.runs.directory import read_run_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tracetool.cli.program import Quick


REGION = 64 << 20
CAP_SYS_ADMIN = 21
"""Number of the capability. Ref: linux/capability.h."""

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(tmp_path: Path, quick: Quick) -> Scene:
    return Scene(tmp_path, quick=quick)


def _audit(scene: Scene, name: str = "run") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(tracetool("audit", scene.folder / name, "--format", "json").out)
    return document


def test_a_run_leaves_a_directory_and_the_verdict(scene: Scene) -> None:
    before = scene.contents("vars.fd")
    ended = scene.record()
    assert ended.code == 0, ended.err
    assert ended.text.startswith("the guest speaks\n\nWITHIN-EXTENT")
    run = scene.run
    assert (run.state, run.exit_code, run.signal, run.cut, run.notes) == ("finished", 0, None, None, ())
    assert (run.version, run.machine, run.board, run.backend) == ("7.2.22", "virt", "virt-arm", "log")
    assert run.command == tuple(scene.command)
    code, store = run.flashes
    assert (code.name, code.read_only, code.after) == ("virt.flash0", True, code.before)
    assert store.before is not None
    assert store.after is not None
    assert (store.name, store.read_only, store.extent_bytes) == ("virt.flash1", False, 0xC0000)
    assert (store.before.sha256, scene.contents("run/before/virt.flash1.fd")) == (before, before)
    assert store.after.sha256 == scene.contents("vars.fd") == scene.contents("run/after/virt.flash1.fd")
    assert sorted(path.name for path in (scene.folder / "run").iterdir()) == [
        "after",
        "before",
        "run.json",
        "trace.log",
    ]


def test_copies_take_no_room_for_zeros(scene: Scene) -> None:
    scene.record()
    taken = sum(path.stat().st_blocks * 512 for path in (scene.folder / "run").rglob("*.fd"))
    assert taken < 2 << 20


def test_the_guest_s_own_end_does_not_hide_the_verdict(tmp_path: Path, quick: Quick) -> None:
    scene = Scene(tmp_path, "aavmf-shell-padding", quick)
    ended = scene.record(FAKE_END="fail")
    assert ended.code == 1
    assert "OUTSIDE-EXTENT" in ended.text
    assert "tracetool: QEMU ended with exit code 7\n" in ended.err


def test_a_qemu_that_does_not_start_has_its_own_message_and_code(scene: Scene) -> None:
    ended = scene.record(FAKE_END="fail", FAKE_TRACE="", FAKE_IMAGE="")
    assert (ended.code, ended.out) == (7, b"the guest speaks\n")
    message, said = ended.err.splitlines()
    assert message == "qemu-system-fake: no such thing"
    again = f"{scene.folder}/run can be used again"
    assert said == f"tracetool: QEMU did not start (exit code 7): nothing was recorded, {again}"
    assert tracetool("audit", scene.folder / "run").err.endswith("holds no trace: QEMU did not start (exit code 7)\n")
    assert scene.record().code == 0


def test_a_qemu_that_is_killed_leaves_what_was_recorded(scene: Scene) -> None:
    ended = scene.record(FAKE_END="kill")
    assert ended.code == 4
    assert "tracetool: QEMU was ended by signal 9\n" in ended.err
    assert "QEMU was ended by signal 9: what it still held is missing" in ended.text
    assert (scene.run.exit_code, scene.run.signal) == (None, 9)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_the_guest_s_and_the_run_is_finished(number: signal.Signals, scene: Scene) -> None:
    process = scene.start()
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, b"WITHIN-EXTENT" in out) == (0, True), err
    assert (scene.folder / "signals").read_text() == f"{number.name}\n"
    assert (scene.run.state, scene.run.relayed, scene.run.stopped_after) == ("finished", (number.name,), None)
    assert f", {number.name} passed on to it" in tracetool("info", scene.folder / "run").text


def test_a_guest_ends_after_its_seconds(scene: Scene) -> None:
    ended = scene.record("--seconds", "0.5", FAKE_END="wait", FAKE_SIGNALS=str(scene.folder / "signals"))
    assert (ended.code, "WITHIN-EXTENT" in ended.text) == (0, True), ended.err
    assert (scene.folder / "signals").read_text() == "SIGINT\n"
    assert (scene.run.stopped_after, scene.run.relayed, scene.run.exit_code) == (0.5, (), 0)
    assert ", stopped by the recorder after 0.5 s" in tracetool("info", scene.folder / "run").text


def test_a_guest_that_ends_before_its_seconds_was_not_stopped(scene: Scene) -> None:
    assert scene.record("--seconds", "60").code == 0
    assert scene.run.stopped_after is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_during_the_copy_of_an_image_leaves_nothing(number: signal.Signals, scene: Scene) -> None:
    """The guest is not started; the copy takes long because its image is a large one."""
    with scene.image.open("r+b") as file:
        file.truncate(1 << 40)
    process = subprocess.Popen(
        [*COMMAND, "record", "-o", str(scene.folder / "run"), "--", *scene.command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=environment(**scene.settings, TMPDIR=str(scene.folder)),
    )
    wait_until((scene.folder / "run" / "before" / ".virt.flash1.fd.tmp").exists, "no copy was begun")
    process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (130 if number == signal.SIGINT else 128 + number, b"")
    assert not (scene.folder / "run").exists()
    assert not list(scene.folder.glob("tracetool-*"))


def test_a_recorder_that_is_killed_leaves_a_directory_that_says_so(scene: Scene) -> None:
    process = scene.start()
    (guest,) = scene.children(process)
    process.kill()
    process.wait(PATIENCE_S)
    os.kill(guest, signal.SIGTERM)  # the guest goes on until then
    process.communicate(timeout=PATIENCE_S)
    document = _audit(scene)
    (device,) = [device for device in document["devices"] if device["name"] == "virt.flash1"]
    assert device["verdict"] == "inconclusive"
    assert "its recorder was killed" in device["verdict_reasons"][0]
    assert device["totals"]["erases"] == 23
    assert scene.run.state == "recording"


def test_a_terminal_that_was_left_raw_is_given_back(scene: Scene) -> None:
    ours, theirs = pty.openpty()
    settings = termios.tcgetattr(theirs)
    with subprocess.Popen(
        [*COMMAND, "record", "-o", str(scene.folder / "run"), "--", *scene.command],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(**scene.settings | {"FAKE_END": "wait"}),
    ) as process:
        wait_until((scene.folder / "run" / "trace.log").exists, "the guest was not started")
        termios.tcsetattr(theirs, termios.TCSANOW, [0, 0, 0, 0, *settings[4:]])
        for guest in scene.children(process):
            os.kill(guest, signal.SIGKILL)
        process.wait(PATIENCE_S)
    assert termios.tcgetattr(theirs) == settings
    os.close(ours)
    os.close(theirs)


# --- the disk ----------------------------------------------------------------------------------------------------


def may_mount() -> bool:
    """True with the capability CAP_SYS_ADMIN, which root has outside of containers."""
    (capabilities,) = re.findall(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return bool(int(capabilities, 16) >> CAP_SYS_ADMIN & 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own: room for the copies, not for the trace."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = f"no file system can be mounted here: {done.stderr.strip()}"
        if not may_mount():
            pytest.skip(reason)
        lacking(reason)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_and_what_was_recorded_is_kept(scene: Scene, small_disk: Path) -> None:
    ended = tracetool("record", "-o", small_disk / "run", "--", *scene.command, **scene.settings)
    assert "No space left" in ended.err
    run = read_run_directory(str(small_disk / "run")).run
    assert run.cut == "the disk ran full while the guest ran: events may be missing"
    assert "virt.flash1: its image after the run was not copied: No space left on device" in run.missing
    (store,) = [flash for flash in run.flashes if flash.name == "virt.flash1"]
    assert store.after is not None
    assert (store.after.file, store.after.sha256) == (None, scene.contents("vars.fd"))
    assert "the disk ran full" in tracetool("audit", small_disk / "run").text
    assert "its image after the run was not copied" in tracetool("info", small_disk / "run").text
    assert ended.code == 4


def test_no_room_for_the_first_copy_means_no_guest(scene: Scene, small_disk: Path) -> None:
    (scene.image).write_bytes(b"\xff" * (2 << 20))
    ended = tracetool("record", "-o", small_disk / "run", "--", *scene.command, **scene.settings)
    assert (ended.code, ended.out) == (3, b"")
    assert "No space left on device: no copy of the image; the guest was not started" in ended.err
    assert not list(small_disk.iterdir())


# --- what is refused ---------------------------------------------------------------------------------------------


def test_a_directory_that_holds_something_is_left_alone(scene: Scene) -> None:
    (scene.folder / "run").mkdir()
    (scene.folder / "run" / "mine").touch()
    ended = scene.record()
    assert (ended.code, ended.out) == (2, b"")
    assert "exists and is not empty; name another directory with -o" in ended.err
    assert (scene.folder / "run" / "mine").exists()


def test_a_qemu_that_ends_before_the_guest_runs_has_not_started(scene: Scene) -> None:
    """It has reset its flash by then, and logged that."""
    (scene.folder / "recorded.log").write_text(log("virt.flash1").reset().text)
    ended = scene.record(FAKE_END="fail", FAKE_IMAGE="")
    assert (ended.code, scene.run.state) == (7, "not-started")
    ended = scene.record(FAKE_IMAGE="")
    assert (ended.code, scene.run.state) == (4, "finished"), "it ran, and its guest did nothing"


def test_an_image_that_is_no_file_is_refused(scene: Scene) -> None:
    scene.image.unlink()
    os.mkfifo(scene.image)
    ended = scene.record()
    assert (ended.code, "vars.fd: is neither a regular file nor a block device" in ended.err) == (3, True)
    assert not (scene.folder / "run").exists()


def test_an_image_that_is_not_there_is_named(scene: Scene) -> None:
    scene.image.unlink()
    ended = scene.record()
    assert (ended.code, ended.out) == (3, b"")
    assert ended.err == (
        f"tracetool: {scene.image}: the flash image cannot be read: No such file or directory; "
        "the guest was not started\n"
    )
    assert not (scene.folder / "run").exists()


def test_an_image_that_is_locked_for_writing_is_refused(scene: Scene) -> None:
    """The lock is the one that a QEMU with the image open holds; a process does not see its own."""
    scene.quick = None
    with scene.image.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 101)
        ended = scene.record()
    assert (ended.code, "another QEMU has it open for writing" in ended.err) == (3, True)
    assert scene.record().code == 0


def test_a_name_that_qemu_takes_for_a_pattern_is_refused(scene: Scene) -> None:
    ended = tracetool("record", "-o", scene.folder / "100%d", "--", *scene.command)
    assert (ended.code, "takes a % in the name of its log for a pattern" in ended.err) == (2, True)


def test_runs_are_numbered_where_no_directory_is_named(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scene.folder)
    for _ in range(2):
        tracetool("record", *scene.command, **scene.settings)
    assert [path.name for path in sorted(scene.folder.glob("flash-run-*"))] == ["flash-run-1", "flash-run-2"]


def test_the_command_for_the_audit_can_be_pasted(scene: Scene) -> None:
    ended = tracetool("record", "-o", scene.folder / "a run", "--", *scene.command, **scene.settings)
    (line,) = [line for line in ended.err.splitlines() if "the same as: " in line]
    again = tracetool(*shlex.split(line.partition("the same as: ")[2])[1:])
    assert (again.code, again.out) == (ended.code, ended.out.partition(b"the guest speaks\n\n")[2])


# --- backends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has", ["log", "simple", "log simple", "ust"])
def test_a_qemu_s_backends_are_seen_from_what_it_writes(
    has: str, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_BACKENDS", has)
    about.query.cache_clear()
    assert about.about(scene.command[0]).backends == {"log", "simple"} & set(has.split())


def test_a_backend_that_this_qemu_lacks_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    about.query.cache_clear()
    with pytest.raises(UsageError, match=r"--backend simple: qemu-system-aarch64 .* was built without it; it has log"):
        plan_recording(scene.command, "simple")
    with pytest.raises(UsageError, match=r"--backend ust: qemu-system-aarch64 .* was built without it; it has log"):
        plan_recording(scene.command, "ust")
    monkeypatch.setenv("FAKE_BACKENDS", "ust")
    about.query.cache_clear()
    with pytest.raises(UsageError, match="it has neither log nor simple"):
        plan_recording(scene.command)
    about.query.cache_clear()


def test_the_simple_backend_writes_the_trace_of_a_run(scene: Scene) -> None:
    simple = scene.folder / "recorded.simple"
    assert tracetool("export", FIRST_BOOT, "-o", simple).code == 0
    ended = scene.record("--backend", "simple", FAKE_BACKENDS="simple", FAKE_TRACE=str(simple))
    assert (ended.code, scene.run.trace) == (0, "trace.simple"), ended.err
    assert "WITHIN-EXTENT" in ended.text

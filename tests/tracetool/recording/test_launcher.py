"""Commands that start QEMU themselves: what they start is recorded, or it is said why not and what to do."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.patience import PATIENCE_S, wait_until
from tests.tracetool.cli.program import COMMAND, Ended, environment, tracetool
from tests.tracetool.recording.scene import Scene
from tracetool.runs.directory import read_run_directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.tracetool.cli.program import Quick

USAGE = 2

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A QEMU that is in PATH, and a working directory for scripts."""
    (tmp_path / "bin").mkdir()
    scene = Scene(tmp_path)
    (tmp_path / "qemu-system-aarch64").rename(tmp_path / "bin" / "qemu-system-aarch64")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    for name, value in {**scene.settings, "TMPDIR": f"{tmp_path}/temporary"}.items():
        monkeypatch.setenv(name, value)
    return scene


def _options(scene: Scene) -> str:
    return shlex.join(scene.command[1:])


def _script(scene: Scene, text: str, name: str = "launch.sh") -> str:
    path = scene.folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f"./{name}"


def _recorded(scene: Scene, *command: str, options: Sequence[str] = (), **settings: str) -> Ended:
    arguments = ["record", "-o", str(scene.folder / "run"), *options, "--", *command]
    return tracetool(*arguments, stdin=None, **settings)


def test_what_a_script_starts_is_recorded(scene: Scene) -> None:
    script = _script(scene, f'echo before; qemu-system-aarch64 "$@" {_options(scene)}; echo "after $?"')
    ended = _recorded(scene, script, "-m", "256")
    assert (ended.code, ended.text.startswith("before\nthe guest speaks\nafter 0\n")) == (0, True), ended.err
    assert "WITHIN-EXTENT" in ended.text
    run = scene.run
    program = str(scene.folder / "bin" / "qemu-system-aarch64")
    assert (run.program, run.command[0], run.command[1:3]) == (program, program, ("-m", "256"))
    assert (run.launcher, run.state, run.board) == ((script, "-m", "256"), "finished", "virt-arm")
    assert Path(run.executable or "").name.startswith("python")
    assert "started by" in tracetool("info", scene.folder / "run").text


@pytest.mark.parametrize("command", ["timeout 60 QEMU", "nice -n 1 PATH", "sh -c 'QEMU \"$@\"' sh", "env A=1 PATH"])
def test_a_command_before_a_qemu_is_no_hindrance(command: str, scene: Scene) -> None:
    path = str(scene.folder / "bin" / "qemu-system-aarch64")
    words = command.replace("QEMU", "qemu-system-aarch64").replace("PATH", path)
    ended = _recorded(scene, *shlex.split(words), *scene.command[1:])
    assert ended.code == 0, ended.err
    assert scene.run.program == path


def test_makefiles_and_variables_name_a_qemu_by_its_path(scene: Scene) -> None:
    other = scene.folder / "build dir" / "qemu-system-aarch64"
    other.parent.mkdir()
    other.write_bytes((scene.folder / "bin" / other.name).read_bytes())
    other.chmod(0o755)
    script = _script(scene, f'"$QEMU" {_options(scene)}')
    assert _recorded(scene, script, QEMU=str(other)).code == 0
    assert scene.run.program == str(other)
    script = _script(scene, f'eval "$1"; "$QEMU" {_options(scene)}')
    ended = tracetool("record", "-o", "run b", "--", "env", f"QEMU={other}", script, ":")
    assert (ended.code, read_run_directory("run b").run.program) == (0, str(other)), ended.err


def test_two_guests_of_one_script_are_two_runs(scene: Scene) -> None:
    guest = f"qemu-system-aarch64 {_options(scene)}"
    ended = _recorded(scene, _script(scene, f"{guest}; {guest}"))
    assert ended.text.count("WITHIN-EXTENT") == 2, ended.err
    assert read_run_directory("run-2").run.state == "finished"
    assert ended.code == 0


def test_a_guest_in_the_background_is_waited_for(scene: Scene) -> None:
    ended = _recorded(scene, _script(scene, f"(sleep 1; qemu-system-aarch64 {_options(scene)}) & sleep 0.5"))
    assert (ended.code, "WITHIN-EXTENT" in ended.text) == (0, True), ended.err


def test_questions_to_a_qemu_are_its_own(scene: Scene) -> None:
    asks = "qemu-system-aarch64 -M virt > answer"
    ended = _recorded(scene, _script(scene, f"{asks}; qemu-system-aarch64 {_options(scene)}"))
    assert (ended.code, (scene.folder / "answer").read_text()) == (0, "the guest speaks\n"), ended.err
    assert not (scene.folder / "run-2").exists()


def test_the_script_sees_qemu_s_end(scene: Scene) -> None:
    ended = _recorded(scene, _script(scene, f'qemu-system-aarch64 {_options(scene)}; echo "code $?"'), FAKE_END="fail")
    assert "code 7\n" in ended.text
    assert scene.run.exit_code == 7


# --- what is not reached -----------------------------------------------------------------------------------------


def test_a_qemu_by_its_own_path_is_said_with_what_to_do(scene: Scene) -> None:
    """It is a copy of a program that is no script, so that the process is called so."""
    hidden = scene.folder / "opt" / "qemu-system-x86_64"
    hidden.parent.mkdir()
    hidden.write_bytes(Path("/bin/sleep").read_bytes())
    hidden.chmod(0o755)
    ended = _recorded(scene, _script(scene, f"{hidden} 3"))
    assert (ended.code, ended.out) == (USAGE, b"")
    said, refused = ended.err.splitlines()
    assert said.startswith(f"tracetool: {hidden} is started by its own path, so it is not recorded")
    assert f"run tracetool record -- {hidden} 3, or add to its options: -trace 'pflash*' -D trace.log" in said
    assert "./launch.sh: nothing was recorded: " in refused
    assert not (scene.folder / "run").exists()


def test_a_script_without_a_qemu_is_no_audit_of_nothing(scene: Scene) -> None:
    ended = _recorded(scene, _script(scene, "true"))
    assert (ended.code, ended.out) == (USAGE, b"")
    assert "it started no QEMU by a name in PATH" in ended.err
    assert "-trace 'pflash*' -D trace.log -msg timestamp=on" in ended.err
    assert not (scene.folder / "run").exists()


def test_a_script_that_fails_has_its_own_code(scene: Scene) -> None:
    ended = _recorded(scene, _script(scene, "echo wrong >&2; exit 9"))
    assert (ended.code, ended.err) == (9, "wrong\ntracetool: ./launch.sh ended with exit code 9\n")


def test_a_guest_without_flash_and_one_that_is_refused_say_why(scene: Scene) -> None:
    for options, words in (
        ("-bios b.fd", "-bios b.fd: it loads firmware"),
        (f"-D x {_options(scene)}", "leave -D out"),
    ):
        ended = _recorded(scene, _script(scene, f"qemu-system-aarch64 {options}"))
        assert (ended.code, words in ended.err.splitlines()[-1]) == (USAGE, True), ended.err


def test_a_program_that_answers_as_a_qemu_is_one_whatever_its_name(scene: Scene) -> None:
    (scene.folder / "bin" / "qemu-system-aarch64").rename(scene.folder / "my build")
    assert _recorded(scene, "./my build", *scene.command[1:]).code == 0
    assert (scene.run.program, scene.run.launcher) == (str(scene.folder / "my build"), ())


# --- its end -----------------------------------------------------------------------------------------------------


def test_the_guest_of_a_script_ends_after_its_seconds(scene: Scene) -> None:
    script = _script(scene, f"qemu-system-aarch64 {_options(scene)}")
    ended = _recorded(
        scene, script, options=["--seconds", "3"], FAKE_END="wait", FAKE_SIGNALS=str(scene.folder / "signals")
    )
    assert (ended.code, "WITHIN-EXTENT" in ended.text) == (0, True), ended.err
    assert (scene.run.stopped_after, scene.run.relayed, scene.run.exit_code) == (3, (), 0)
    assert not list((scene.folder / "temporary").iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_script_and_guest(number: signal.Signals, scene: Scene) -> None:
    script = _script(scene, f"qemu-system-aarch64 {_options(scene)}")
    process = subprocess.Popen(
        [*COMMAND, "record", "-o", str(scene.folder / "run"), "--", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=environment(FAKE_END="wait", FAKE_SIGNALS=str(scene.folder / "signals")),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"the guest speaks\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, b"WITHIN-EXTENT" in out) == (0, True), err
    assert (scene.folder / "signals").read_text() == f"{number.name}\n"
    assert scene.run.relayed == (number.name,)


def test_a_guest_whose_recorder_is_killed_by_its_script_ends(scene: Scene, quick: Quick) -> None:
    """As the QEMU would for which it stands."""
    script = _script(
        scene, f"qemu-system-aarch64 {_options(scene)} &\nuntil [ -s run/trace.log ]; do sleep 0.1; done; kill -9 $!"
    )
    mark = scene.folder / "lives"
    (scene.folder / "bin" / "qemu-system-aarch64").rename(scene.folder / "the fake")
    _script(scene, f'echo $$ > {mark}; exec "{scene.folder}/the fake" "$@"', "bin/qemu-system-aarch64")
    ended = _recorded(scene, script, FAKE_END="wait")
    assert ended.code == 4, ended.err
    assert "its recorder was killed" in ended.text
    wait_until(lambda: not Path(f"/proc/{int(mark.read_text())}").exists(), "the guest lives")
    assert quick("audit", scene.folder / "run").code == 4

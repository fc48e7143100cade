"""The QEMU that was named is the one that is asked and run, wherever others of its name lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tracetool.cli.program import PADDING
from tests.tracetool.recording.scene import Scene
from tracetool.runs.directory import read_run_directory

if TYPE_CHECKING:
    from tests.tracetool.cli.program import Quick

NAME = "qemu-system-aarch64"
NAMED = [f"./{NAME}", f"../build/{NAME}", f"{{}}/build/{NAME}", f"~/build/{NAME}"]

pytestmark = pytest.mark.slow


@pytest.fixture
def build(tmp_path: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The working directory, with a QEMU in it that notes each start; the one in PATH notes its own."""
    for folder in ("build", "in path"):
        (tmp_path / folder).mkdir()
    scene = Scene(tmp_path / "build", quick=quick)
    (tmp_path / "build" / NAME).rename(tmp_path / "build" / "the fake")
    for folder in ("build", "in path"):
        program = tmp_path / folder / NAME
        program.write_text(f'#!/bin/sh\necho "{folder}" >> "{tmp_path}/ran"\nexec "{tmp_path}/build/the fake" "$@"\n')
        program.chmod(0o755)
    monkeypatch.chdir(tmp_path / "build")
    monkeypatch.setenv("PATH", f"{tmp_path}/in path:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in scene.settings.items():
        monkeypatch.setenv(name, value)
    return scene


def _ran(build: Scene) -> set[str]:
    return set((build.folder.parent / "ran").read_text().splitlines())


@pytest.mark.parametrize("name", NAMED)
def test_record_runs_it(name: str, build: Scene, quick: Quick) -> None:
    named = name.format(build.folder.parent)
    ended = quick("record", "-o", build.folder / "run", "--", named, *build.command[1:])
    assert ended.code == 0, ended.err
    assert _ran(build) == {"build"}
    assert Path(build.run.program).resolve() == build.folder / NAME
    assert (build.run.arguments[0], build.run.command[0]) == (build.run.program, named)


@pytest.mark.parametrize("name", NAMED)
def test_verify_drives_it(name: str, build: Scene, quick: Quick) -> None:
    ended = quick("verify", PADDING, "--qemu-binary", name.format(build.folder.parent))
    assert (ended.code, _ran(build)) == (3, {"build"})  # it has no flash to be driven


@pytest.mark.parametrize("name", NAMED)
def test_audit_firmware_boots_it(name: str, build: Scene, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SERIAL", "Shell> ")
    monkeypatch.setenv("FAKE_IMAGE", f"{build.folder}/runs/vars.fd")
    (build.folder / "small.fd").write_bytes(b"\0\0\0\x14" + bytes(508))
    (build.folder / "store.fd").write_bytes(bytes(512))
    files = [str(build.folder / "small.fd"), str(build.folder / "store.fd")]
    named = name.format(build.folder.parent)
    ended = quick("audit-firmware", "-o", build.folder / "runs", "--qemu-binary", named, *files)
    assert ended.code == 0, ended.err
    assert _ran(build) == {"build"}
    run = read_run_directory(str(build.folder / "runs" / "boot-1")).run
    assert Path(run.program).resolve() == build.folder / NAME


def test_a_name_alone_is_the_one_in_path(build: Scene, quick: Quick) -> None:
    assert quick("record", "-o", build.folder / "run", "--", NAME, *build.command[1:]).code == 0
    assert _ran(build) == {"in path"}

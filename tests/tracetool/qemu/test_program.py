"""The file that a name stands for is the one that a shell would run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tracetool.errors import MissingDependencyError
from tracetool.qemu.program import program_path

NAME = "qemu-system-aarch64"


def _program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('#!/bin/sh\nreadlink -f "$0"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory `here`, with a program in it, beside another of its name in PATH, and one at home."""
    for folder in ("here", "here/build", "in path", "home"):
        _program(tmp_path / folder / NAME)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", f"{tmp_path}/in path:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        (f"./{NAME}", None, "here"),
        (f"build/{NAME}", None, "here/build"),
        (f"../in path/{NAME}", None, "in path"),
        (f"{{}}/here/{NAME}", None, "here"),
        (NAME, None, "in path"),
        (NAME, "build:{}/in path", "here/build"),
        (NAME, ":{}/in path", "here"),
        (NAME, "{}/in path:", "in path"),
        (NAME, "", "here"),
        (NAME, "nowhere:./build:", "here/build"),
    ],
)
def test_the_path_is_that_of_the_file_a_shell_runs(
    name: str, path: str | None, expected: str, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path is not None:
        monkeypatch.setenv("PATH", path.format(folders))
    found = program_path(name.format(folders))
    assert Path(found).is_absolute()
    assert Path(found).resolve() == folders / expected / NAME
    assert subprocess.run([found], capture_output=True, text=True, check=True, env=os.environ | {"PATH": "/bin"}).stdout


def test_a_tilde_is_the_home_directory(folders: Path) -> None:
    assert program_path(f"~/{NAME}") == str(folders / "home" / NAME)


def test_a_folder_that_is_called_like_a_home_is_taken_as_it_is(folders: Path) -> None:
    program = _program(folders / "here" / "~nosuchuser" / NAME)
    assert program_path(f"~nosuchuser/{NAME}") == str(program)


def test_a_program_that_cannot_be_run_is_refused_with_the_reason(folders: Path) -> None:
    Path("text").write_text("no program")
    Path("loop").symlink_to("loop")
    Path("only-here").write_text("#!/bin/sh\n")
    for name, words in (
        ("./text", "is not executable"),
        ("./build", "is a directory"),
        ("./loop", "cannot be run: Too many levels of symbolic links"),
        ("./missing", "no such program; name a"),
        ("./qemu-system-mips", "no such program; on Debian: apt-get install -y qemu-system-mips"),
        (f"~nosuchuser/{NAME}", "no such program"),
        ("only-here", "no such program in PATH; ./only-here is another file"),
        ("", "no such program"),
        ("./a\0b", "cannot be run"),
        (f"{folders}/here/{NAME}/more", "no such program"),
    ):
        with pytest.raises(MissingDependencyError) as caught:
            program_path(name)
        assert words in str(caught.value), name

"""The plugin is compiled once, without a warning, and what is missing is said."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.requirements import needed_program
from tracetool.errors import InputError, MissingDependencyError
from tracetool.who import build
from tracetool.who.build import built_plugin

SOURCE = Path(build.__file__).with_name("plugin.c")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)


@pytest.mark.slow
def test_it_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    needed_program("gcc", "gcc")
    plugin = built_plugin()
    made = plugin.stat()
    monkeypatch.setenv("CC", "/bin/false")
    assert built_plugin() == plugin
    assert plugin.stat().st_mtime_ns == made.st_mtime_ns
    assert not [path for path in plugin.parent.iterdir() if path != plugin]


def test_it_has_no_warning() -> None:
    compiler = needed_program("gcc", "gcc")
    warnings = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror"]
    command = [compiler, "-std=gnu11", "-O2", "-fPIC", "-fsyntax-only", *warnings, str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("compiler", "message"),
    [("/bin/false", "/bin/false does not compile the plugin"), ("no-such-compiler", "no-such-compiler: No such file")],
)
def test_a_compiler_that_fails_is_said(compiler: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(MissingDependencyError, match=message) as error:
        built_plugin()
    assert "apt-get install -y gcc" in str(error.value)


def test_no_compiler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingDependencyError, match=r"no C compiler: .*apt-get install -y gcc"):
        built_plugin()


def test_a_cache_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    with pytest.raises(InputError, match="no place for the compiled plugin; set XDG_CACHE_HOME"):
        built_plugin()


def test_without_a_home_there_is_no_shared_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU runs the plugin: one that another user put into a shared directory must not be taken."""
    monkeypatch.setattr(build, "user_folder", lambda *_: None)
    with pytest.raises(InputError, match="no home directory; set XDG_CACHE_HOME"):
        built_plugin()

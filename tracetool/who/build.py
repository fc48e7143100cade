"""Compilation of the plugin, at its first use, into the user's cache."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from platformdirs import user_cache_path

from tracetool.errors import InputError, MissingDependencyError
from tracetool.paths import user_folder
from tracetool.sanitize import sanitize

__all__ = ["built_plugin"]

_COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-std=gnu11")
_INSTALL = "QEMU's plugin that says who wrote is compiled at its first use: apt-get install -y gcc libc6-dev"


def built_plugin() -> Path:
    """The compiled plugin, from the cache if this source was compiled before.

    Raises:
        MissingDependencyError: there is no C compiler, or it fails; names the packages.
        InputError: the cache cannot be written.
    """
    source = files("tracetool.who").joinpath("plugin.c").read_bytes()
    cache = user_folder(user_cache_path, "tracetool")
    if cache is None:  # no shared place will do: QEMU runs what lies there
        raise InputError("no place for the compiled plugin: there is no home directory; set XDG_CACHE_HOME")
    plugin = cache / f"who-{hashlib.sha256(source).hexdigest()[:16]}.so"
    if not plugin.is_file():
        try:
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                # Named only once it is complete: two may compile at the same time.
                _compile(source, Path(folder)).replace(plugin)
        except OSError as error:
            raise InputError(
                f"{cache}: {error.strerror}: no place for the compiled plugin; set XDG_CACHE_HOME"
            ) from error
    return plugin


def _compile(source: bytes, folder: Path) -> Path:
    plugin, text = folder / "who.so", folder / "who.c"
    text.write_bytes(source)
    command = [*_compiler(), *FLAGS, str(text), "-o", str(plugin)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    except OSError as error:
        raise MissingDependencyError(f"{command[0]}: {error.strerror}; {_INSTALL}, or set CC") from error
    if done.returncode or not plugin.is_file():
        said = sanitize((done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0])
        raise MissingDependencyError(f"{command[0]} does not compile the plugin: {said}; {_INSTALL}, or set CC")
    return plugin


def _compiler() -> list[str]:
    """The compiler's command: that of CC, else the first that is installed."""
    given = shlex.split(os.environ.get("CC", ""))
    found = next((name for name in _COMPILERS if shutil.which(name)), None)
    if given:
        return given
    if found is None:
        raise MissingDependencyError(f"no C compiler: {_INSTALL}")
    return [found]

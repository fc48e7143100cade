"""The file that a QEMU's name stands for: the one that a shell would run, and no other."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path

from tracetool.errors import MissingDependencyError
from tracetool.paths import user_path
from tracetool.qemu.machines import package_of

__all__ = ["PREFIX", "is_qemu", "program_path", "programs_in_path"]

PREFIX = "qemu-system-"
_QEMU = re.compile(r"qemu-system-.+|qemu-kvm|kvm|qemu")
_MISSING = "no such program"
_NAME_ONE = f"name a {PREFIX}... program"


def program_path(name: str) -> str:
    """Give the absolute path of the file that a shell would run under this name; links are not resolved.

    A name with a slash is that file, relative to the working directory, and `~` is expanded. Any other is looked for
    in PATH, where an empty entry is the working directory. Whoever asks a QEMU something and runs it later uses this
    path for both.

    Raises:
        MissingDependencyError: there is no such file, or it cannot be run; says why, and what to install.
    """
    path = str(user_path(name)) if os.sep in name else _search_path(name)
    if path is None:
        here = f" in PATH; ./{name} is another file" if name and Path(name).is_file() else ""
        raise MissingDependencyError(f"{name}: no such program{here}; {_remedy(name)}")
    why = _why_not_run(path)
    if why is not None:
        raise MissingDependencyError(f"{name}: {why}; {_remedy(name) if why == _MISSING else _NAME_ONE}")
    return str(Path(path).absolute())


def _remedy(name: str) -> str:
    package = package_of(Path(name).name.removeprefix(PREFIX))
    return f"on Debian: apt-get install -y {package}" if package else _NAME_ONE


def _search_path(name: str) -> str | None:
    """Give the absolute path of the first program of this name in PATH; None: there is none."""
    places = (str(Path(folder, name).absolute()) for folder in os.get_exec_path())
    return next((path for path in places if name and _why_not_run(path) is None), None)


def is_qemu(path: str) -> bool:
    """Whether a program is called as QEMU's system emulators are; what it is, it has to be asked."""
    return _QEMU.fullmatch(Path(path).name) is not None


def programs_in_path() -> dict[str, str]:
    """Give the absolute path of each program in PATH that is called as a QEMU, by name."""
    found: dict[str, str] = {}
    for folder in os.get_exec_path():
        with contextlib.suppress(OSError):
            for path in Path(folder).absolute().iterdir():
                if is_qemu(path.name) and _why_not_run(str(path)) is None:
                    found.setdefault(path.name, str(path))
    return found


def _why_not_run(path: str) -> str | None:
    """Why this file cannot be run; None if it can."""
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _MISSING
    except (OSError, ValueError) as error:
        return f"cannot be run: {getattr(error, 'strerror', None) or error}"
    if stat.S_ISDIR(mode):
        return "is a directory"
    return None if os.access(path, os.X_OK) else "is no program that may be executed"

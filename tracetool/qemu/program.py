"""Resolution of a program name to a file, as a shell does it."""

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
    """Resolve a program name to an absolute path; symbolic links stay.

    A name with a slash is relative to the working directory, and `~` is expanded. Others are searched in PATH, where an
    empty entry is the working directory. Callers query and run a QEMU by the same resolved path.

    Raises:
        MissingDependencyError: no such file, or not executable; has the reason and the package to install.
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
    """Return the absolute path of the first program of this name in PATH, None if there is none."""
    places = (str(Path(folder, name).absolute()) for folder in os.get_exec_path())
    return next((path for path in places if name and _why_not_run(path) is None), None)


def is_qemu(path: str) -> bool:
    """True if a file is named like a QEMU system emulator; only a query tells what it is."""
    return _QEMU.fullmatch(Path(path).name) is not None


def programs_in_path() -> dict[str, str]:
    """Return the programs in PATH that are named like a QEMU: name to absolute path."""
    found: dict[str, str] = {}
    for folder in os.get_exec_path():
        with contextlib.suppress(OSError):
            for path in Path(folder).absolute().iterdir():
                if is_qemu(path.name) and _why_not_run(str(path)) is None:
                    found.setdefault(path.name, str(path))
    return found


def _why_not_run(path: str) -> str | None:
    """Return why a file cannot be run, None if it can."""
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _MISSING
    except (OSError, ValueError) as error:
        return f"cannot be run: {getattr(error, 'strerror', None) or error}"
    if stat.S_ISDIR(mode):
        return "is a directory"
    return None if os.access(path, os.X_OK) else "is not executable"

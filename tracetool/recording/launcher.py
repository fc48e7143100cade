"""Recording of the QEMUs that a command starts, as a script or `make run` does.

A directory first in the command's PATH holds a shim for each QEMU in PATH, which records that QEMU with the arguments
of the call (`tracetool.recording.shim`). Paths of a QEMU in the command's arguments and environment are replaced
likewise. A QEMU started by a path inside a script is not recorded, but detected and reported.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tracetool.qemu.program import is_qemu, program_path, programs_in_path
from tracetool.runs.place import is_run_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["OPTIONS", "Launch", "Stray", "launch_of"]

OPTIONS = "-trace 'pflash*' -D trace.log -msg timestamp=on"
"""Options to trace the flash of a QEMU by hand."""

_LOOK_S = 1.0
_SCRIPT = """#!/bin/sh
: > {running}/$$
exec {python} -P -m tracetool.recording.shim {folder} {program} "$@"
"""


@dataclass(frozen=True)
class Stray:
    """QEMU started without a shim: its file and arguments."""

    program: str
    arguments: tuple[str, ...]


@dataclass
class Launch:
    """Command prepared so that the QEMUs it starts are recorded.

    Attributes:
        folder: directory of the shims and their messages.
        command: command line with the paths of QEMUs replaced.
        environment: its environment.
        strays: QEMUs that are not recorded, by process.
    """

    folder: Path
    command: list[str]
    environment: dict[str, str]
    strays: dict[int, Stray] = field(default_factory=dict)
    _looked: float = 0.0

    def running(self) -> list[int]:
        """Return the processes of active shims."""
        found = []
        for entry in os.scandir(self.folder / "running"):
            pid = int(entry.name)
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                Path(entry.path).unlink(missing_ok=True)
                continue
            except PermissionError:  # it was started with sudo
                pass
            found.append(pid)
        return found

    def goes_on(self) -> bool:
        """Return True while a QEMU is being recorded; search for strays once a second."""
        running = self.running()
        if time.monotonic() - self._looked > _LOOK_S:
            self._looked = time.monotonic()
            self.strays |= dict(_strays(os.getpid(), set(running)))
        return bool(running)

    def recorded(self) -> list[str]:
        """Return the run directories in the order of their guests' start."""
        paths = (text.get("run") for text in self._left("runs"))
        return [path for path in paths if path is not None and is_run_directory(path)]

    def passed_over(self) -> list[str]:
        """Return why shims passed a QEMU through unrecorded, such as one without a flash."""
        return [text["reason"] for text in self._left("passed")]

    def _left(self, kind: str) -> Iterator[dict[str, str]]:
        for path in sorted((self.folder / kind).iterdir(), key=lambda path: int(path.name)):
            with suppress(ValueError):
                yield json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def launch_of(
    command: Sequence[str],
    run: Path,
    backend: str,
    seconds: float | None = None,
    *,
    who: bool = False,
    rerunnable: bool = False,
) -> Iterator[Launch]:
    """Prepare a command for the time of the block.

    Args:
        command: the user's command.
        run: run directory of its first QEMU; that of the second has the suffix `-2`, and so on.
        backend: see `plan_recording`.
        seconds: time limit of each guest.
        who: see `plan_recording`.
        rerunnable: likewise.

    Raises:
        MissingDependencyError: no such program.
    """
    with tempfile.TemporaryDirectory(prefix="tracetool-") as name:
        folder = Path(name)
        for part in ("bin", "running", "runs", "passed"):
            (folder / part).mkdir()
        described = {"run": str(run.absolute()), "backend": backend, "command": list(command), "seconds": seconds}
        described |= {"who": who, "rerunnable": rerunnable}
        (folder / "launch.json").write_text(json.dumps(described), encoding="utf-8")
        for program_name, path in programs_in_path().items():
            _write_shim(path, folder, folder / "bin" / program_name)
        words = [program_path(command[0]), *(_replaced(word, folder) for word in command[1:])]
        environment = {key: _replaced(value, folder) for key, value in os.environ.items()}
        environment["PATH"] = os.pathsep.join([str(folder / "bin"), *os.get_exec_path()])
        yield Launch(folder, words, environment)


def _write_shim(program: str, folder: Path, place: Path) -> None:
    """Write the shim of a QEMU."""
    words = {"running": folder / "running", "python": sys.executable, "folder": folder, "program": program}
    place.write_text(_SCRIPT.format(**{key: shlex.quote(str(word)) for key, word in words.items()}))
    place.chmod(0o755)


_PATH = re.compile(r"([\w-]+=)?(.*/[^/]+)")


def _replaced(word: str, folder: Path) -> str:
    """Replace the path of a QEMU by its shim; return other words unchanged."""
    match = _PATH.fullmatch(word)
    if match is None or not is_qemu(match[2]) or not os.access(match[2], os.X_OK) or Path(match[2]).is_dir():
        return word
    home = Path(tempfile.mkdtemp(dir=folder))
    place = home / Path(match[2]).name
    _write_shim(program_path(match[2]), folder, place)
    return (match[1] or "") + str(place)


def _strays(pid: int, recording: set[int]) -> Iterator[tuple[int, Stray]]:
    """Iterate over the QEMUs below a process, except recorded ones."""
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                if child not in recording:
                    yield from _strays(child, recording)
                    yield from _stray(child)


def _stray(pid: int) -> Iterator[tuple[int, Stray]]:
    with suppress(OSError):
        program = str(Path(f"/proc/{pid}/exe").readlink())
        if is_qemu(program):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:-1]
            yield pid, Stray(program, tuple(map(os.fsdecode, words)))

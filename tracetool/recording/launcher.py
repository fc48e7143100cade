"""A command that starts QEMU itself, as a script or `make run` does: what it starts is recorded.

A directory that comes first in its PATH holds a program for each QEMU that is in PATH: it records what it is called
with, in place of that QEMU (`tracetool.recording.shim`). A path of a QEMU among the command's arguments, or as a
variable of its environment, is replaced likewise. What a script starts by a path that is written in it is not reached;
it is seen, and said.
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
"""What is added to a QEMU's options by hand, so that it traces its flash."""

_LOOK_S = 1.0
_SCRIPT = """#!/bin/sh
: > {running}/$$
exec {python} -P -m tracetool.recording.shim {folder} {program} "$@"
"""


@dataclass(frozen=True)
class Stray:
    """A QEMU that was started by a path that no program stands before: the file, and its arguments."""

    program: str
    arguments: tuple[str, ...]


@dataclass
class Launch:
    """A command prepared so that the QEMUs it starts are recorded.

    Attributes:
        folder: the directory of the programs that stand for QEMUs, and of what they leave to be known.
        command: with the paths of QEMUs replaced.
        environment: its own.
        strays: QEMUs that are not recorded.
    """

    folder: Path
    command: list[str]
    environment: dict[str, str]
    strays: dict[int, Stray] = field(default_factory=dict)
    _looked: float = 0.0

    def running(self) -> list[int]:
        """The processes that record a QEMU at this moment."""
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
        """Whether a QEMU is still being recorded; strays are looked for on the way, once a second."""
        running = self.running()
        if time.monotonic() - self._looked > _LOOK_S:
            self._looked = time.monotonic()
            self.strays |= dict(_strays(os.getpid(), set(running)))
        return bool(running)

    def recorded(self) -> list[str]:
        """The run directories, in the order in which their guests were started."""
        paths = (text.get("run") for text in self._left("runs"))
        return [path for path in paths if path is not None and is_run_directory(path)]

    def passed_over(self) -> list[str]:
        """Why QEMUs that were started were not recorded: they have no flash."""
        return [text["reason"] for text in self._left("passed")]

    def _left(self, kind: str) -> Iterator[dict[str, str]]:
        for path in sorted((self.folder / kind).iterdir(), key=lambda path: int(path.name)):
            with suppress(ValueError):
                yield json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def launch_of(command: Sequence[str], run: Path, backend: str, seconds: float | None = None) -> Iterator[Launch]:
    """Prepare a command for the time of the block.

    Args:
        command: as the user gave it.
        run: where its first QEMU is recorded; a second goes to a directory beside it, with `-2` at its end.
        backend: as `plan_recording` has it.
        seconds: how long each guest may run.

    Raises:
        MissingDependencyError: there is no such program.
    """
    with tempfile.TemporaryDirectory(prefix="tracetool-") as name:
        folder = Path(name)
        for part in ("bin", "running", "runs", "passed"):
            (folder / part).mkdir()
        described = {"run": str(run.absolute()), "backend": backend, "command": list(command), "seconds": seconds}
        (folder / "launch.json").write_text(json.dumps(described), encoding="utf-8")
        for program_name, path in programs_in_path().items():
            _stand_for(path, folder, folder / "bin" / program_name)
        words = [program_path(command[0]), *(_replaced(word, folder) for word in command[1:])]
        environment = {key: _replaced(value, folder) for key, value in os.environ.items()}
        environment["PATH"] = os.pathsep.join([str(folder / "bin"), *os.get_exec_path()])
        yield Launch(folder, words, environment)


def _stand_for(program: str, folder: Path, place: Path) -> None:
    """Write the program that records in place of a QEMU."""
    words = {"running": folder / "running", "python": sys.executable, "folder": folder, "program": program}
    place.write_text(_SCRIPT.format(**{key: shlex.quote(str(word)) for key, word in words.items()}))
    place.chmod(0o755)


_PATH = re.compile(r"([\w-]+=)?(.*/[^/]+)")


def _replaced(word: str, folder: Path) -> str:
    """Put the program that stands for a QEMU in place of its path; other words stay."""
    match = _PATH.fullmatch(word)
    if match is None or not is_qemu(match[2]) or not os.access(match[2], os.X_OK) or Path(match[2]).is_dir():
        return word
    home = Path(tempfile.mkdtemp(dir=folder))
    place = home / Path(match[2]).name
    _stand_for(program_path(match[2]), folder, place)
    return (match[1] or "") + str(place)


def _strays(pid: int, recording: set[int]) -> Iterator[tuple[int, Stray]]:
    """QEMUs below a process, but for those that are being recorded."""
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

"""The program in a new process, as users start it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.captures import ROOT
from tests.requirements import needed_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Quick = Callable[..., "Ended"]

SAMPLES = ROOT / "samples"
PADDING = SAMPLES / "aavmf-shell-padding" / "trace.log.zst"
FIRST_BOOT = SAMPLES / "aavmf-first-boot" / "trace.log.zst"

COMMAND = (sys.executable, "-P", "-c", "from tracetool.cli import main; main()")

_SETTINGS = ("NO_COLOR", "FORCE_COLOR", "PYTHONUNBUFFERED")


@dataclass(frozen=True)
class Ended:
    """Exit code and output of the program."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode()


def environment(**changes: str) -> dict[str, str]:
    """Environment without the settings of the user and the terminal."""
    kept = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "1000"} | changes


def children_seconds() -> float:
    """Processor time of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tracetool(*arguments: str | Path, stdin: bytes | None = None, **changes: str) -> Ended:
    """Run the program; keywords are environment variables."""
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    return _ended([*COMMAND, *map(str, arguments)], env=environment(**changes), **options)


def tracetool_as_user(*arguments: str | Path) -> Ended:
    """Run the program; root, too, may write only to files whose permissions allow it."""
    drop = (needed_program("setpriv", "util-linux"), "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
    return _ended([*drop, *COMMAND, *map(str, arguments)], env=environment(), stdin=subprocess.DEVNULL)


def _ended(command: list[str], **options: Any) -> Ended:  # noqa: ANN401  those of subprocess.run
    done = subprocess.run(command, capture_output=True, check=False, **options)
    return Ended(done.returncode, done.stdout, done.stderr.decode())

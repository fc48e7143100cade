"""The program in a new process, as users start it."""

from __future__ import annotations

import os
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


def tracetool(*arguments: str | Path, stdin: bytes | None = None, as_user: bool = False, **changes: str) -> Ended:
    """Run the program; keywords are environment variables.

    `as_user` takes root's right to write to files whose permissions deny it.
    """
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    command = [*COMMAND, *map(str, arguments)]
    if as_user and os.geteuid() == 0:
        command = [needed_program("setpriv", "util-linux"), "--bounding-set=-dac_override", *command]
    done = subprocess.run(command, capture_output=True, env=environment(**changes), check=False, **options)
    return Ended(done.returncode, done.stdout, done.stderr.decode())

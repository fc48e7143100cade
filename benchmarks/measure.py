"""Run programs and measure wall time, processor time and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["ROOT", "Run", "best", "python", "rate", "run", "tracetool"]

ROOT = Path(__file__).resolve().parents[1]

# Python may keep compiled modules, as it does for users.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

_KEPT = 1 << 16
"""Bytes of a program's output."""


@dataclass(frozen=True)
class Run:
    """Cost of a program: seconds, and its peak resident set in bytes."""

    seconds: float
    cpu_seconds: float
    memory: int
    code: int
    out: bytes = b""


def run(
    arguments: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    started: Callable[[int], object] = lambda _: None,
) -> Run:
    """Run a program to its end; the end of its standard output is kept. `started` gets its process number.

    Processor time and memory are those of the program and of its children that it waited for. The memory is at least
    the peak of this process, which keeps little for that reason.
    """
    begin = time.perf_counter()
    with subprocess.Popen(
        list(map(str, arguments)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT | dict(environment or {}),
        cwd=ROOT,
    ) as process:
        started(process.pid)
        out = b""
        while process.stdout and (piece := process.stdout.read1(_KEPT)):  # type: ignore[attr-defined]
            out = (out + piece)[-_KEPT:]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begin
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, process.returncode, out)


def best(arguments: Sequence[str | Path], times: int = 3, environment: Mapping[str, str] | None = None) -> Run:
    """Fastest of several runs: disturbances only make a run slower."""
    return min((run(arguments, environment) for _ in range(times)), key=lambda found: found.seconds)


def python(code: str) -> list[str]:
    """Command line of a Python that runs some code."""
    return [sys.executable, "-c", code]


def tracetool(*arguments: str | Path) -> list[str | Path]:
    """Command line of this checkout's program."""
    return [sys.executable, "-c", "from tracetool.cli import main; main()", *arguments]


def rate(trace: Path, times: int = 3) -> dict[str, float]:
    """Events and seconds of the fastest of several readings of a trace."""
    runs = [run([sys.executable, "-m", "benchmarks.rate", trace]) for _ in range(times)]
    return min((json.loads(found.out) for found in runs), key=lambda found: float(found["seconds"]))

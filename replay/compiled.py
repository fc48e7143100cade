"""The machine compiled: `machine.run` over int64 arrays, some fifty times as fast as over lists."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

from replay import spans
from replay.compiling import Preparation, announce, cache_base, compile_kernel, have_numba, kernel_file
from replay.pointers import pointers
from replay.state import BYTE_ARRAYS, Chip, Rows, Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[int, int, int], int]

__all__ = ["compile_beside", "compiled_run", "is_compiled"]

KERNEL = (
    "replay.backing",
    "replay.behaviour",
    "replay.cfi",
    "replay.columns",
    "replay.state",
    "replay.spans",
    "replay.contents",
    "replay.selfcheck",
    "replay.cycles",
    "replay.inference",
    "replay.reads",
    "replay.machine",
    "replay.machine_at",
)
"""Every module whose functions or constants the compiled machine is made of."""


NAME = "the flash model"

_ENTRY = "run_at"
_NULL = subprocess.DEVNULL
_COMPILE = "from replay.compiled import compiled_run; compiled_run()"

_beside: list[subprocess.Popen[bytes]] = []
"""The process that compiles for this one, if there is one."""


@cache
def is_compiled() -> bool:
    """Whether the machine need only be loaded."""
    return any(cache_base().glob(f"{_ENTRY}-*")) and kernel_file(_ENTRY, KERNEL).read() is not None


@cache
def compiled_run() -> Run:
    """`machine_at.run_at`, compiled or out of the cache; see there for its arguments.

    Raises:
        ImportError: there is no numba.
    """
    if _beside:
        announce(NAME)
        _beside.pop().wait()
    return compile_kernel(NAME, KERNEL, _ENTRY, _prepare)


def compile_beside(other: str = "") -> None:
    """Have the machine compiled by a process of its own, into the cache, while this one does something else.

    Does nothing where there is but one processor or nowhere to keep the code, or it has been compiled already.

    Args:
        other: the kernel that this process is about to compile.
    """
    if other == NAME or _beside or (os.cpu_count() or 1) < 2 or not have_numba() or is_compiled():  # noqa: PLR2004
        return
    folder = cache_base()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(folder, os.W_OK):
            command = [sys.executable, "-c", _COMPILE]
            _beside.append(subprocess.Popen(command, stdin=_NULL, stdout=_NULL, stderr=_NULL))  # noqa: S603  ourselves
    except OSError:  # then it is compiled when it is needed
        return


def _prepare() -> Preparation:
    from numba import types  # noqa: PLC0415  numba is imported where it is needed, which is once

    known = pointers()
    chip = [known.octets if field in BYTE_ARRAYS else known.integers for field in Chip._fields]
    annotations = {
        "int": types.int64,
        "Integers": known.integers,
        "NDArray[np.uint8]": known.octets,
        "Chip": types.NamedTuple(chip, Chip),
        "Rows": types.NamedUniTuple(known.integers, len(Rows._fields), Rows),
        "Steps": types.NamedUniTuple(known.integers, len(Steps._fields), Steps),
    }
    return Preparation(annotations, known.replacements | spans.REPLACEMENTS)

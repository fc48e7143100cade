"""The machine compiled: `machine.run` over int64 arrays, some fifty times as fast as over lists."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from replay import spans
from replay.compiling import Preparation, cache_base, compile_kernel, kernel_file
from replay.pointers import pointers
from replay.state import BYTE_ARRAYS, Chip, Rows, Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[int, int, int], int]

__all__ = ["compiled_run", "is_compiled"]

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


_ENTRY = "run_at"


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
    return compile_kernel("the flash model", KERNEL, _ENTRY, _prepare)


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

"""The machine compiled: `machine.run` over int64 arrays, some fifty times as fast as over lists."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from replay import spans
from replay.compiling import INNER, compile_kernel
from replay.pointers import pointers
from replay.state import BYTE_ARRAYS, Chip, Rows, Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Run = Callable[[NDArray[np.int64], int, int], tuple[int, int]]

__all__ = ["compiled_run"]

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


@cache
def compiled_run() -> Run:
    """`machine_at.run_at`, compiled or out of the cache; it takes the addresses of a `Chip`, `Rows` and `Steps`.

    Raises:
        ImportError: there is no numba.
    """
    from numba import njit, types  # noqa: PLC0415  numba is imported where it is needed, which short traces do not

    known = pointers()
    chip = [known.octets if field in BYTE_ARRAYS else known.integers for field in Chip._fields]
    annotations = {
        "int": types.int64,
        "Sequence[int]": known.addresses,
        "NDArray[np.uint8]": known.octets,
        "Chip": types.NamedTuple(chip, Chip),
        "Rows": types.NamedUniTuple(known.integers, len(Rows._fields), Rows),
        "Steps": types.NamedUniTuple(known.integers, len(Steps._fields), Steps),
    }
    replacements = known.replacements | {plain: njit(**INNER)(other) for plain, other in spans.REPLACEMENTS.items()}
    return compile_kernel(
        "the flash model", KERNEL, "run_at", annotations, replacements=replacements, error_model="numpy"
    )

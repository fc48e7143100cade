"""The machine compiled: `machine.run` over int64 arrays, some fifty times as fast as over lists."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from replay import pointers, spans
from replay.compiling import INNER, Replacements, compile_kernel
from replay.state import Chip, Rows, Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Run = Callable[[NDArray[np.int64], int, int], tuple[int, int]]

__all__ = ["addresses_of", "compiled_run"]

KERNEL = (
    "replay.state",
    "replay.spans",
    "replay.contents",
    "replay.selfcheck",
    "replay.cycles",
    "replay.inference",
    "replay.reads",
    "replay.machine",
    "replay.pointers",
)
"""Every module whose functions or constants the compiled machine is made of."""

CONSTANTS = ("replay.backing", "replay.behaviour", "replay.cfi", "replay.columns")

_BYTES = frozenset({"storage", "storage_mask", "backing", "backing_mask", "window", "touched", "blob"})


def addresses_of(chip: Chip, rows: Rows, steps: Steps) -> NDArray[np.int64]:
    """What `compiled_run` takes: where each array begins. The arrays must outlive the call, and be contiguous."""
    arrays: tuple[Any, ...] = (*chip, *rows, *steps)
    return np.array([array.ctypes.data for array in arrays], np.int64)


@cache
def compiled_run() -> Run:
    """`pointers.run_at`, compiled or out of the cache.

    Raises:
        ImportError: there is no numba.
    """
    from numba import njit, types  # noqa: PLC0415  numba is imported where it is needed, which short traces do not

    integers, octets = types.CPointer(types.int64), types.CPointer(types.uint8)
    chip = [octets if field in _BYTES else integers for field in Chip._fields]
    known = {
        "int": types.int64,
        "Sequence[int]": types.Array(types.int64, 1, "C"),
        "NDArray[np.uint8]": octets,
        "Chip": types.NamedTuple(chip, Chip),
        "Rows": types.NamedUniTuple(integers, len(Rows._fields), Rows),
        "Steps": types.NamedUniTuple(integers, len(Steps._fields), Steps),
    }
    replacements: Replacements = {
        spans.copy_bytes: njit(**INNER)(spans.copy_bytes_one_by_one),
        spans.fill_bytes: njit(**INNER)(spans.fill_bytes_one_by_one),
        pointers.integers_at: _pointer(integers),
        pointers.bytes_at: _pointer(octets),
    }
    return compile_kernel(
        "the flash model", [*CONSTANTS, *KERNEL], "run_at", known, replacements=replacements, error_model="numpy"
    )


def _pointer(kind: Any) -> Any:  # noqa: ANN401  numba has no types
    """An intrinsic that takes an address for a pointer.

    Ref: numba documentation, "Extending Numba", `numba.extending.intrinsic`.
    """
    from numba import types  # noqa: PLC0415
    from numba.extending import intrinsic  # noqa: PLC0415

    def at(typing: Any, address: Any) -> Any:  # noqa: ANN401, ARG001  numba's protocol
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return kind(types.int64), generate

    return intrinsic(at)

"""Arrays as bare pointers, for kernels that are compiled.

An array is seven values to numba, passed from function to function and counted; with thirty arrays pointers make a
kernel's compilation ten times as fast, and the kernel too. They have no bounds: what indexes them is checked before.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableSequence

    from numpy.typing import NDArray

    Integers = MutableSequence[int]
    Octets = NDArray[np.uint8]

__all__ = ["Pointers", "addresses_of", "bytes_at", "integers_at", "pointers"]


def integers_at(address: int) -> Integers:
    """The 64-bit integers at an address; only in compiled code, where an intrinsic takes its place."""
    raise NotImplementedError(address)


def bytes_at(address: int) -> Octets:
    """The bytes at an address; only in compiled code, where an intrinsic takes its place."""
    raise NotImplementedError(address)


def addresses_of(arrays: Iterable[NDArray[Any]]) -> NDArray[np.int64]:
    """Where each array begins. They must be contiguous, and outlive the call that uses the addresses."""
    return np.array([array.ctypes.data for array in arrays], np.int64)


class Pointers(NamedTuple):
    """numba's types of pointers to 64-bit integers and to bytes, and the intrinsics that make them of addresses."""

    integers: Any
    octets: Any
    replacements: dict[Any, Any]


@cache
def pointers() -> Pointers:
    """The pointers that kernels use.

    Raises:
        ImportError: there is no numba.
    """
    from numba import types  # noqa: PLC0415  numba is imported where it is needed, which short traces do not

    integers, octets = types.CPointer(types.int64), types.CPointer(types.uint8)
    return Pointers(integers, octets, {integers_at: _maker(integers), bytes_at: _maker(octets)})


def _maker(kind: Any) -> Any:  # noqa: ANN401  numba has no types
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

"""Comparison of two contents of a flash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.findings.phrases import count_of
from tracetool.sizes import format_offset, format_size
from tracetool.verify.verification import Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["first_difference"]

_SHOWN = 8
"""Bytes shown of each of the two."""


def first_difference(
    found: NDArray[np.uint8],
    expected: NDArray[np.uint8],
    *,
    start: int = 0,
    known: NDArray[np.bool_] | None = None,
) -> tuple[Place, str] | None:
    """Find the first difference of two contents and describe it; None if they are equal.

    Args:
        found: uint8.
        expected: uint8, of the same range.
        start: offset of the range in the flash.
        known: bool mask of the known bytes of `expected`; None: all.
    """
    if len(found) != len(expected):
        longer, shorter = format_size(len(expected)), format_size(len(found))
        place = Place(offset=start + min(len(found), len(expected)), expected=longer, found=shorter)
        return place, f"{shorter} instead of {longer}"
    wrong = found != expected if known is None else known & (found != expected)
    if not wrong.any():
        return None
    at = int(wrong.argmax())
    one, other = (data[at : at + _SHOWN].tobytes().hex(" ") for data in (expected, found))
    words = f"{count_of(int(wrong.sum()), 'byte')}, the first at {format_offset(start + at)}: {other} instead of {one}"
    return Place(None, None, start + at, one, other), words

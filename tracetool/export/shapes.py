"""Which variant of its event each row is written as: the newest that has room for all the row holds."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tracetool.events import EVENT_NAMES, NAMELESS_DEVICE, Variant, variants

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["Group", "Shaped", "columns_of", "shape"]

_COLUMNS = ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "region", "text")
_NAMELESS = 1 << len(_COLUMNS)
_EVENT = _NAMELESS << 1


class Group(NamedTuple):
    """Rows of one variant: their places in the frame, rising."""

    variant: Variant
    rows: NDArray[np.intp]


class Shaped(NamedTuple):
    """The rows of a frame by variant, and the places of those that no variant has room for."""

    groups: list[Group]
    left: NDArray[np.intp]


@cache
def _variant(key: int) -> Variant | None:
    held = {name for bit, name in enumerate(_COLUMNS) if key >> bit & 1}
    nameless = bool(key & _NAMELESS)
    fitting = [v for v in variants(EVENT_NAMES[key // _EVENT]) if v.columns <= held and (nameless or v.named)]
    return max(fitting, key=lambda v: (len(v.columns & held), nameless and not v.named), default=None)


def shape(frame: pl.DataFrame) -> Shaped:
    """Sort the rows of a canonical frame by the variant they are written as.

    Rows of the device without a name are written as the QEMUs did that gave none, where those had the event.
    """
    keys = frame["event"].to_physical().to_numpy().astype(np.int64) * _EVENT
    for bit, name in enumerate(_COLUMNS):
        keys += frame[name].is_not_null().to_numpy().astype(np.int64) << bit
    keys += (frame["device"] == NAMELESS_DEVICE).to_numpy() * _NAMELESS
    groups, left = [], []
    different, which = np.unique(keys, return_inverse=True)
    for number, key in enumerate(different.tolist()):
        rows = np.flatnonzero(which == number)
        variant = _variant(key)
        if variant is None:
            left.append(rows)
        else:
            groups.append(Group(variant, rows))
    return Shaped(groups, np.sort(np.concatenate([np.empty(0, np.intp), *left])))


def columns_of(variant: Variant, rows: pl.DataFrame) -> list[pl.Series]:
    """The arguments of the variant, a column each, as the frame holds them; `ro` as "1" or "0"."""
    found = []
    for argument in variant.arguments:
        if argument.column == "end":
            found.append(rows["offset"] + rows["length"] - 1)
        elif argument.column == "ro":
            found.append(rows["text"].replace({"ro": "1", "rw": "0"}))
        else:
            found.append(rows[argument.column])
    return found

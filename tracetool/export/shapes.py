"""Variants of events for rows to be written: the newest that has a place for all values of the row."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tracetool.events import EVENT_NAMES, NAMELESS_DEVICE, Variant, variants
from tracetool.ingest.binary_columns import ARGUMENT_COLUMNS, held_columns

if TYPE_CHECKING:
    import re

    import polars as pl
    from numpy.typing import NDArray

__all__ = ["Group", "Shaped", "Strings", "argument_columns", "shape"]

_NAMELESS = 1 << len(ARGUMENT_COLUMNS)
_LEAVE_OUT = _NAMELESS << 1
_EVENT = _LEAVE_OUT << 1
_UNFIT = -1


class Strings(NamedTuple):
    """Devices and texts that a format can hold: a pattern for the whole string, and its limit in bytes."""

    device: re.Pattern[str]
    device_bytes: int
    text: re.Pattern[str]
    text_bytes: int

    def held(self, frame: pl.DataFrame) -> NDArray[np.bool_]:
        """Rows whose strings the format can hold."""
        good = np.ones(frame.height, np.bool_)
        for name, pattern, length in (
            ("device", self.device, self.device_bytes),
            ("text", self.text, self.text_bytes),
        ):
            for string in frame[name].unique().drop_nulls().to_list():
                if not pattern.fullmatch(string) or len(string.encode()) > length:
                    good &= (frame[name] != string).fill_null(value=True).to_numpy()
        return good


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
    held = {name for bit, name in enumerate(ARGUMENT_COLUMNS) if key >> bit & 1}
    fitting = [v for v in variants(EVENT_NAMES[key // _EVENT]) if v.columns <= held and (v.named or key & _NAMELESS)]
    leave_out = bool(key & _LEAVE_OUT)
    return max(fitting, key=lambda v: (len(v.columns & held), v.named is not leave_out), default=None)


def shape(frame: pl.DataFrame, strings: Strings, *, leave_out: bool) -> Shaped:
    """Sort the rows of a canonical frame by the variant they are written as.

    Args:
        frame: the rows.
        strings: what the format can hold.
        leave_out: rows of the nameless device are written without a name, as by QEMU before 6.0.
    """
    nameless = _NAMELESS | (_LEAVE_OUT if leave_out else 0)
    keys = frame["event"].to_physical().to_numpy().astype(np.int64) * _EVENT + held_columns(frame)
    keys += (frame["device"] == NAMELESS_DEVICE).to_numpy() * nameless
    keys[~strings.held(frame)] = _UNFIT
    groups, left = [], []
    different, which = np.unique(keys, return_inverse=True)
    for number, key in enumerate(different.tolist()):
        rows = np.flatnonzero(which == number)
        variant = _variant(key) if key != _UNFIT else None
        if variant is None:
            left.append(rows)
        else:
            groups.append(Group(variant, rows))
    return Shaped(groups, np.sort(np.concatenate([np.empty(0, np.intp), *left])))


def argument_columns(variant: Variant, rows: pl.DataFrame) -> list[pl.Series]:
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

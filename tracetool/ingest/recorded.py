"""Events as the binary backends record them, into the columns of the canonical frame, a chunk at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import CATALOGUE, EVENTS_SCHEMA, NAMELESS_DEVICE, EventType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tracetool.events import Argument, Variant

    Integers = NDArray[np.int64]

__all__ = ["NAMELESS", "NO_NAME", "NUMBERS", "columns_of", "strings_of"]

NUMBERS = ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "region")
"""The columns that hold numbers, in the order of the kernels."""

NO_NAME = "(null)"
"""A device without a name: the binary backends record no characters, the log prints this."""

_NUMPY: dict[str, type[np.generic]] = {
    "size": np.uint8,
    "value": np.uint32,
    "cmd": np.uint8,
    "wcycle": np.uint8,
    "counter": np.uint64,
}
_BITS = (1 << 64) - 1
_EVENT_OF = pl.Series("event", [variant.event for variant in CATALOGUE], EventType)
NAMELESS = np.array([not variant.named for variant in CATALOGUE])
"""For each variant, whether it leaves out the device."""
_HAS = np.array([sum(1 << at for at, name in enumerate(NUMBERS) if name in v.columns) for v in CATALOGUE], np.uint16)
"""For each variant a bit for each of the numbers it fills."""


def _shown(variant: Variant) -> Argument | None:
    """The argument whose number goes into the text."""
    return next((a for a in variant.arguments if a.radix and a.column in ("text", "ro")), None)


_SHOWN = {kind: shown for kind, variant in enumerate(CATALOGUE) if (shown := _shown(variant)) is not None}


def columns_of(
    kinds: NDArray[np.integer],
    numbers: Sequence[Integers],
    shown: Integers,
    words: tuple[Integers, Integers],
    strings: Sequence[str],
    *,
    own: bool = False,
) -> Iterator[pl.Series]:
    """The columns event, device, offset, ... text of a chunk's events.

    Args:
        kinds: for each event, the place of its variant in the catalogue.
        numbers: for each of `NUMBERS`, its values; those an event does not have are ignored. A length below 0 is none.
        shown: numbers that are shown in the text.
        words: for each event the number of its device and of its text in `strings`, from 1 on.
        strings: the strings.
        own: the numbers may become part of the frame: those of the type of its column are not copied.
    """
    present = np.flatnonzero(np.bincount(kinds, minlength=len(CATALOGUE)))
    yield _EVENT_OF[pl.Series(kinds)]
    yield _devices(kinds, present, words[0], strings)
    has = _HAS.take(kinds)
    for at, name in enumerate(NUMBERS):
        yield _number(name, _values(name, numbers[at], kinds, present), has & (1 << at) != 0, own=own)
    yield _texts(kinds, present, shown, words[1], strings)


def strings_of(pool: bytes, ends: Sequence[int]) -> list[str]:
    """The strings in a pool of their bytes, where each ends after a 0."""
    return [pool[start:end].decode("utf-8", "replace") for start, end in pairwise(ends)]


def _values(name: str, values: Integers, kinds: NDArray[np.integer], present: Integers) -> Integers:
    """The values of a column, with those that the events' names imply."""
    for kind in present:
        if name in CATALOGUE[kind].fixed:
            values[kinds == kind] = CATALOGUE[kind].fixed[name]
    return values


def _number(name: str, values: Integers, has: NDArray[np.bool_], *, own: bool) -> pl.Series:
    dtype = EVENTS_SCHEMA[name]
    if not has.any():
        return pl.Series(name, [None], dtype).new_from_index(0, len(values))
    if name == "length":
        has &= values >= 0
    column = pl.Series(name, values.astype(_NUMPY.get(name, np.int64), copy=not own), dtype)
    return column if has.all() else column.zip_with(pl.Series(has), pl.Series(name, [None], dtype))


def _words(name: str, codes: Integers, strings: Sequence[str]) -> pl.Series:
    table = pl.Series(name, [None, *strings], dtype=EVENTS_SCHEMA[name])
    # `gather` asks the query engine, which is slow for a chunk.
    return table[pl.Series(codes.astype(np.uint32))]


def _devices(kinds: NDArray[np.integer], present: Integers, codes: Integers, strings: Sequence[str]) -> pl.Series:
    names = [string or NO_NAME for string in strings]
    if NAMELESS[present].any():
        codes = np.where(NAMELESS[kinds], len(names) + 1, codes)
        names.append(NAMELESS_DEVICE)
    return _words("device", codes, names)


def _texts(
    kinds: NDArray[np.integer], present: Integers, shown: Integers, codes: Integers, strings: Sequence[str]
) -> pl.Series:
    column = _words("text", codes, strings)
    for kind in set(_SHOWN) & set(present.tolist()):
        rows = np.flatnonzero(kinds == kind)
        column = column.scatter(rows, [_show(_SHOWN[kind], int(value)) for value in shown[rows]])
    return column


def _show(argument: Argument, value: int) -> str:
    return ("rw", "ro")[value] if argument.column == "ro" else argument.show(value & _BITS)

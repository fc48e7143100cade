"""Events whose arguments have been read, into the columns of the canonical frame, a chunk at a time."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import CATALOGUE, EVENTS_SCHEMA, NAMELESS_DEVICE, EventType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tracetool.events import Argument, Variant

    Integers = NDArray[np.int64]

__all__ = [
    "ANY",
    "ARGUMENT_COLUMNS",
    "LIMITS",
    "NAMELESS",
    "NO_NAME",
    "NUMBERS",
    "event_columns",
    "held_columns",
    "nullable",
    "nulls",
]

NUMBERS = ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "region")
"""The columns that hold numbers, in the order of the kernels."""

ARGUMENT_COLUMNS = (*NUMBERS, "text")
"""The columns that arguments of events fill."""

NO_NAME = "(null)"
"""A device without a name: the binary backends record no characters, the log prints this."""

ANY = (-1 << 63, (1 << 63) - 1)
"""The limits of a number that can be anything."""

_USUAL = (0, (1 << 63) - 1)

LIMITS = {
    "offset": _USUAL,
    "size": (0, 0xFF),
    "value": (-1 << 31, 0xFFFF_FFFF),  # it may have been extended by its sign
    "cmd": (0, 0xFF),
    "wcycle": (0, 0xFF),
    "counter": ANY,
    "length": _USUAL,
    "region": _USUAL,
    "end": _USUAL,
    "ro": (0, 1),
    "text": ANY,
    "digits": ANY,
    "*": ANY,
}
"""The least and the largest number that an argument can be recorded as, by its column, as signed numbers."""

_NUMPY: dict[str, type[np.generic]] = {
    "size": np.uint8,
    "value": np.uint32,
    "cmd": np.uint8,
    "wcycle": np.uint8,
    "counter": np.uint64,
}
_BITS = (1 << 64) - 1
_TABLES = 8
_EVENT_OF = pl.Series("event", [variant.event for variant in CATALOGUE], EventType)
NAMELESS = np.array([not variant.named for variant in CATALOGUE])
"""True for each variant without a device."""
_HAS = np.array([sum(1 << at for at, name in enumerate(NUMBERS) if name in v.columns) for v in CATALOGUE], np.uint8)
"""For each variant a bit for each of the numbers it fills."""

_HAS_OF = pl.Series(_HAS)
_ENDS = np.array([any(argument.column == "end" for argument in variant.arguments) for variant in CATALOGUE])
"""For each variant, True if its length is computed from an end; null where the end precedes the start."""


def _shown(variant: Variant) -> Argument | None:
    """The argument whose number goes into the text."""
    return next((a for a in variant.arguments if a.radix and a.column in ("text", "ro")), None)


_SHOWN = {kind: shown for kind, variant in enumerate(CATALOGUE) if (shown := _shown(variant)) is not None}


def event_columns(
    kinds: NDArray[np.integer],
    numbers: Sequence[NDArray[np.integer]],
    shown: Integers | None,
    words: tuple[NDArray[np.integer], NDArray[np.integer]],
    strings: Sequence[str],
    *,
    present: Integers | None = None,
    own: bool = False,
) -> Iterator[pl.Series]:
    """The columns event, device, offset, ... text of a chunk's events.

    Args:
        kinds: for each event, the place of its variant in the catalogue.
        numbers: for each of `NUMBERS`, its values; those an event does not have are ignored. A length below 0 is none.
        shown: numbers that are shown in the text; None: their texts are among the strings.
        words: for each event the number of its device and of its text in `strings`, from 1 on.
        strings: the strings.
        present: the places that are in `kinds`, where that is known.
        own: the frame may keep the arrays of `numbers`: those of the column's type are not copied.
    """
    if present is None:
        present = np.flatnonzero(np.bincount(kinds, minlength=len(CATALOGUE)))
    # `[]` gathers at once; `Series.gather` asks the query engine, which is slow for a chunk.
    places = pl.Series(kinds)
    yield _EVENT_OF[places]
    yield _devices(kinds, present, words[0], strings)
    has = _HAS_OF[places].to_numpy()
    for at, name in enumerate(NUMBERS):
        yield _number(at, _values(name, numbers[at], kinds, present), has, present, own=own)
    yield _texts(kinds, present, shown, words[1], strings)


def _values(
    name: str, values: NDArray[np.integer], kinds: NDArray[np.integer], present: Integers
) -> NDArray[np.integer]:
    """The values of a column, with those that the events' names imply."""
    for kind in present:
        if name in CATALOGUE[kind].fixed:
            values[kinds == kind] = CATALOGUE[kind].fixed[name]
    return values


def _number(at: int, values: NDArray[np.integer], has: NDArray[np.uint8], present: Integers, *, own: bool) -> pl.Series:
    name, held = NUMBERS[at], _HAS[present] >> at & 1
    dtype = EVENTS_SCHEMA[name]
    if not held.any():
        return nulls(name, len(values))
    column = pl.Series(name, values.astype(_NUMPY.get(name, np.int64), copy=not own), dtype)
    known = (has & (1 << at)) != 0 if not held.all() else None
    if name == "length" and _ENDS[present].any():
        known = values >= 0 if known is None else known & (values >= 0)
    return column if known is None else nullable(column, known)


def held_columns(frame: pl.DataFrame) -> Integers:
    """For each row, a bit for each of `ARGUMENT_COLUMNS` that has a value: int64."""
    held = np.zeros(frame.height, np.int64)
    for bit, name in enumerate(ARGUMENT_COLUMNS):
        held |= frame[name].is_not_null().to_numpy().astype(np.int64) << bit
    return held


def nullable(column: pl.Series, known: NDArray[np.bool_]) -> pl.Series:
    """The column with nulls where its values are not known."""
    return column if known.all() else column.zip_with(pl.Series(known), _null(column.name))


@cache
def _null(name: str) -> pl.Series:
    """One null of a column of `EVENTS_SCHEMA`."""
    return pl.Series(name, [None], EVENTS_SCHEMA[name])


def nulls(name: str, length: int) -> pl.Series:
    """A column of `EVENTS_SCHEMA` without values."""
    return _null(name).new_from_index(0, length)


def _devices(
    kinds: NDArray[np.integer], present: Integers, codes: NDArray[np.integer], strings: Sequence[str]
) -> pl.Series:
    names = [string or NO_NAME for string in strings]
    if NAMELESS[present].any():
        codes = np.where(NAMELESS[kinds], len(names) + 1, codes)
        names.append(NAMELESS_DEVICE)
    table = _table("device", tuple(names))
    if codes.size and codes.min() == codes.max():
        return table.new_from_index(int(codes[0]) - 1, len(codes))
    return table[pl.Series((codes - 1).astype(np.uint32))]


@lru_cache(_TABLES)
def _table(name: str, strings: tuple[str, ...]) -> pl.Series:
    """The strings of a chunk as a column to gather from; most chunks of a trace have the same."""
    return pl.Series(name, strings, EVENTS_SCHEMA[name])


def _texts(
    kinds: NDArray[np.integer],
    present: Integers,
    shown: Integers | None,
    codes: NDArray[np.integer],
    strings: Sequence[str],
) -> pl.Series:
    if not codes.size or codes.max() == 0:
        column = nulls("text", len(codes))
    else:
        # A table with a null would be slow to gather from.
        table = _table("text", ("", *strings))
        column = nullable(table[pl.Series(codes.astype(np.uint32, copy=False))], codes != 0)
    if shown is None:
        return column
    for kind in set(_SHOWN) & set(present.tolist()):
        rows = np.flatnonzero(kinds == kind)
        column = column.scatter(rows, [_show(_SHOWN[kind], int(value)) for value in shown[rows]])
    return column


def _show(argument: Argument, value: int) -> str:
    return ("rw", "ro")[value] if argument.column == "ro" else argument.show(value & _BITS)

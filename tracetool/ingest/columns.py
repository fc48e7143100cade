"""Matched groups of text into the columns of the canonical frame, a chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import ACCESS_SIZES, CATALOGUE, EVENT_CODES, EVENTS_SCHEMA, NAMELESS_DEVICE, EventType

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tracetool.events import Argument

    Places = npt.NDArray[np.intp]
    Integers = npt.NDArray[np.int64 | np.uint64]

__all__ = ["LINE", "Part", "columns_of"]

LINE = "line"
"""A column beside those of the canonical frame, dropped before it is delivered: the line an event stands in."""

NUMBERS = ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "region")
HEX = 16
_EVENT_OF = np.array([EVENT_CODES[variant.event] for variant in CATALOGUE], dtype=np.uint8)


@dataclass(slots=True)
class Part:
    """The events of one variant, or those of them that have one device.

    Attributes:
        kind: the variant's place in the catalogue.
        device: their device; None where each has its own, which is the first of its groups, or has none.
        values: the groups that a pattern matched, of all events in order, flat.
    """

    kind: int
    device: str | None = None
    values: list[str] = field(default_factory=list)


class _Numbers:
    """One nullable integer column being filled."""

    def __init__(self, name: str, length: int) -> None:
        self._name = name
        dtype = np.uint64 if name == "counter" else np.int64
        self._values: npt.NDArray[np.int64 | np.uint64] = np.zeros(length, dtype=dtype)
        self._known = np.zeros(length, dtype=np.bool_)

    def put(self, places: Places, values: Integers | int) -> None:
        self._values[places] = values
        self._known[places] = True

    def at(self, places: Places) -> npt.NDArray[np.int64 | np.uint64]:
        return self._values[places]

    def series(self) -> pl.Series:
        column = pl.Series(self._name, self._values).cast(EVENTS_SCHEMA[self._name])
        if self._known.all():
            return column
        return pl.select(pl.when(pl.Series(self._known)).then(column).alias(self._name)).to_series()


class _Words:
    """One column of few different strings being filled."""

    def __init__(self, name: str, length: int) -> None:
        self._name = name
        self._codes = np.zeros(length, dtype=np.uint32)
        self._words: dict[str, int] = {}

    def put(self, places: Places, values: Sequence[str]) -> None:
        words = self._words
        if _all_same(values):
            self._codes[places] = words.setdefault(values[0], len(words) + 1)
        else:
            self._codes[places] = [words.setdefault(value, len(words) + 1) for value in values]

    def series(self) -> pl.Series:
        words = [None, *(word.encode("latin-1").decode("utf-8", "replace") for word in self._words)]
        return pl.Series(self._name, words, dtype=EVENTS_SCHEMA[self._name]).gather(pl.Series(self._codes))


def _all_same(values: Sequence[str]) -> bool:
    return values.count(values[0]) == len(values)


def _integers(printed: Sequence[str], argument: Argument) -> Integers:
    if argument.radix != HEX:
        same = _all_same(printed)
        return np.full(len(printed), int(printed[0])) if same else np.array(list(map(int, printed)), dtype=np.int64)
    dtype = pl.UInt64 if argument.column == "counter" else pl.Int64
    return pl.Series(printed).str.to_integer(base=HEX, dtype=dtype).to_numpy()


class _Columns:
    """The columns of a chunk, filled variant by variant."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._numbers: dict[str, _Numbers] = {}
        self._words = {name: _Words(name, length) for name in ("device", "text")}

    def number(self, name: str) -> _Numbers:
        if name not in self._numbers:
            self._numbers[name] = _Numbers(name, self._length)
        return self._numbers[name]

    def fill(self, part: Part, places: Places) -> None:
        variant, groups = CATALOGUE[part.kind], part.values
        first = int(variant.named and part.device is None)
        step = len(variant.arguments) + first
        device = NAMELESS_DEVICE if part.device is None else part.device
        self._words["device"].put(places, groups[::step] if first else [device])
        for name, value in variant.fixed.items():
            self.number(name).put(places, value)
        for at, argument in enumerate(variant.arguments, first):
            self._put(argument, places, groups[at::step])

    def _put(self, argument: Argument, places: Places, printed: Sequence[str]) -> None:
        if argument.column == "text":
            self._words["text"].put(places, printed)
        elif argument.column == "ro":
            self._words["text"].put(places, ["ro" if flag == "1" else "rw" for flag in printed])
        elif argument.column == "end":
            self._put_length(places, _integers(printed, argument))
        else:
            self.number(argument.column).put(places, _integers(printed, argument))
        if argument.sizes:
            self._put_sizes(places, printed)

    def _put_length(self, places: Places, ends: Integers) -> None:
        starts = self.number("offset").at(places)
        sane = (starts <= ends) & (ends - starts < np.iinfo(np.int64).max)
        self.number("length").put(places[sane], (ends - starts + 1)[sane])

    def _put_sizes(self, places: Places, printed: Sequence[str]) -> None:
        digits = np.array(list(map(len, printed)))
        for size in ACCESS_SIZES:
            self.number("size").put(places[digits == 2 * size], size)

    def series(self) -> list[pl.Series]:
        numbers = [self._numbers[name].series() for name in NUMBERS if name in self._numbers]
        return [*numbers, *(words.series() for words in self._words.values())]


def columns_of(order: Sequence[int], parts: Sequence[Part]) -> list[pl.Series]:
    """The columns event, device, offset, ... text of a chunk's events; columns nothing was put in are left out.

    Args:
        order: for each event, the place of its part.
        parts: the events, sorted by kind and device.
    """
    places = np.array(order, dtype=np.uint8)
    kinds = np.array([part.kind for part in parts], dtype=np.uint8)
    filled = _Columns(len(order))
    for place in np.flatnonzero(np.bincount(places, minlength=len(parts))).tolist():
        filled.fill(parts[place], np.flatnonzero(places == place))
    event = pl.Series("event", _EVENT_OF[kinds[places]]).cat.to(EventType)
    return [event, *filled.series()]

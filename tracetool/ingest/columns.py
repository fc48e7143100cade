"""Matched groups of text into the columns of the canonical frame, a chunk at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import CATALOGUE, EVENT_CODES, EVENTS_SCHEMA, NAMELESS_DEVICE, EventType

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tracetool.events import Argument, Variant

__all__ = ["LINE", "columns_of", "series_of"]

LINE = "line"
"""A column beside those of the canonical frame, dropped before it is delivered: the line an event stands in."""

NUMBERS = ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "region")
_EVENT_OF = np.array([EVENT_CODES[variant.event] for variant in CATALOGUE], dtype=np.uint8)
_DIGITS_TO_SIZE = {2: 1, 4: 2, 8: 4, 16: 8}

Places = "npt.NDArray[np.intp]"


class _Numbers:
    """One nullable integer column being filled."""

    def __init__(self, name: str, length: int) -> None:
        dtype = np.uint64 if name == "counter" else np.int64
        self._name = name
        self._values: npt.NDArray[np.int64 | np.uint64] = np.zeros(length, dtype=dtype)
        self._known = np.zeros(length, dtype=np.bool_)

    def put(self, places: npt.NDArray[np.intp], values: Sequence[int] | int) -> None:
        self._values[places] = values
        self._known[places] = True

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

    def put(self, places: npt.NDArray[np.intp], values: Sequence[str]) -> None:
        words = self._words
        self._codes[places] = [words.setdefault(value, len(words) + 1) for value in values]

    def series(self) -> pl.Series:
        words = [None, *(word.encode("latin-1").decode("utf-8", "replace") for word in self._words)]
        return pl.Series(self._name, words, dtype=EVENTS_SCHEMA[self._name]).gather(pl.Series(self._codes))


class _Columns:
    """The columns of a chunk, filled variant by variant."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.numbers: dict[str, _Numbers] = {}
        self.words = {name: _Words(name, length) for name in ("device", "text")}

    def number(self, name: str) -> _Numbers:
        return self.numbers.setdefault(name, _Numbers(name, self.length))

    def fill(self, variant: Variant, places: npt.NDArray[np.intp], rows: Sequence[tuple[str, ...]]) -> None:
        groups = list(zip(*rows, strict=True))
        device = groups.pop(0) if variant.named else [NAMELESS_DEVICE] * len(rows)
        self.words["device"].put(places, device)
        for name, value in variant.fixed.items():
            self.number(name).put(places, value)
        starts: list[int] = []
        for argument, printed in zip(variant.arguments, groups, strict=True):
            starts = self._put(argument, places, printed, starts)

    def _put(
        self, argument: Argument, places: npt.NDArray[np.intp], printed: Sequence[str], before: list[int]
    ) -> list[int]:
        if argument.column == "text":
            self.words["text"].put(places, printed)
            return before
        if argument.column == "ro":
            self.words["text"].put(places, ["ro" if flag == "1" else "rw" for flag in printed])
            return before
        values = [int(text, 16) for text in printed] if argument.radix == 16 else list(map(int, printed))  # noqa: PLR2004
        if argument.column == "end":
            self._put_length(places, before, values)
            return before
        self.number(argument.column).put(places, values)
        if argument.sizes:
            self._put_sizes(places, printed)
        return values

    def _put_length(self, places: npt.NDArray[np.intp], starts: list[int], ends: list[int]) -> None:
        for place, start, end in zip(places, starts, ends, strict=True):
            if start <= end and end - start + 1 < 1 << 63:
                self.number("length").put(np.array([place]), end - start + 1)

    def _put_sizes(self, places: npt.NDArray[np.intp], printed: Sequence[str]) -> None:
        for place, digits in zip(places, printed, strict=True):
            if len(digits) in _DIGITS_TO_SIZE:
                self.number("size").put(np.array([place]), _DIGITS_TO_SIZE[len(digits)])

    def series(self) -> list[pl.Series]:
        numbers = [self.numbers[name].series() for name in NUMBERS if name in self.numbers]
        return [*numbers, *(words.series() for words in self.words.values())]


def columns_of(kinds: Sequence[int], rows: dict[int, list[tuple[str, ...]]]) -> list[pl.Series]:
    """The columns event, device, offset, ... text of a chunk's events; columns nothing was put in are left out.

    Args:
        kinds: for each event, the place of its variant in the catalogue.
        rows: for each of those, the groups its pattern matched, in order.
    """
    kind = np.array(kinds, dtype=np.uint8)
    filled = _Columns(len(kinds))
    for place, groups in rows.items():
        filled.fill(CATALOGUE[place], np.flatnonzero(kind == place), groups)
    event = pl.Series("event", _EVENT_OF[kind]).cat.to(EventType)
    return [event, *filled.series()]


def series_of(name: str, values: Sequence[int | None]) -> pl.Series:
    """A column of the canonical frame."""
    return pl.Series(name, values, dtype=EVENTS_SCHEMA[name])

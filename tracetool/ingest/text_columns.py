"""Matched groups of text into the columns of the canonical frame, a chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import CATALOGUE
from tracetool.ingest import binary_columns
from tracetool.ingest.binary_columns import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from tracetool.events import Argument

    Places = npt.NDArray[np.intp]
    Integers = npt.NDArray[np.int64 | np.uint64]

__all__ = ["LINE", "Part", "part_columns"]

LINE = "line"
"""Column of line numbers beside those of the canonical frame; dropped before the frame is delivered."""

HEX = 16


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


def _all_same(values: Sequence[str]) -> bool:
    return values.count(values[0]) == len(values)


def _integers(printed: Sequence[str], argument: Argument) -> Integers:
    if argument.radix != HEX:
        same = _all_same(printed)
        return np.full(len(printed), int(printed[0])) if same else np.array(list(map(int, printed)), dtype=np.int64)
    dtype = pl.UInt64 if argument.column == "counter" else pl.Int64
    return pl.Series(printed).str.to_integer(base=HEX, dtype=dtype).to_numpy()


class _Columns:
    """Arguments of `binary_columns.event_columns` for a chunk, filled part by part."""

    def __init__(self, length: int) -> None:
        self.numbers = {name: np.zeros(length, np.uint64 if name == "counter" else np.int64) for name in NUMBERS}
        self.words = {name: np.zeros(length, np.uint32) for name in ("device", "text")}
        self.strings: dict[str, int] = {}

    def fill(self, part: Part, places: Places) -> None:
        variant, groups = CATALOGUE[part.kind], part.values
        first = int(variant.named and part.device is None)
        step = len(variant.arguments) + first
        if variant.named:
            self._put_words("device", places, groups[::step] if part.device is None else [part.device])
        for at, argument in enumerate(variant.arguments, first):
            self._put(argument, places, groups[at::step])

    def _put_words(self, name: str, places: Places, values: Sequence[str]) -> None:
        known = self.strings
        if _all_same(values):
            self.words[name][places] = known.setdefault(values[0], len(known) + 1)
        else:
            self.words[name][places] = [known.setdefault(value, len(known) + 1) for value in values]

    def _put(self, argument: Argument, places: Places, printed: Sequence[str]) -> None:
        if argument.column == "text":
            self._put_words("text", places, printed)
        elif argument.column == "ro":
            self._put_words("text", places, ["ro" if flag == "1" else "rw" for flag in printed])
        elif argument.column == "end":
            starts, ends = self.numbers["offset"][places], _integers(printed, argument)
            sane = (starts <= ends) & (ends - starts < np.iinfo(np.int64).max)
            self.numbers["length"][places] = np.where(sane, ends - starts + 1, -1)
        else:
            self.numbers[argument.column][places] = _integers(printed, argument)
        if argument.sizes:
            self.numbers["size"][places] = np.array(list(map(len, printed))) // 2


def part_columns(order: Sequence[int], parts: Sequence[Part]) -> Iterator[pl.Series]:
    """The columns event, device, offset, ... text of a chunk's events.

    Args:
        order: for each event, the place of its part.
        parts: the events, sorted by kind and device.
    """
    places = np.array(order, dtype=np.uint8)
    kinds = np.array([part.kind for part in parts], dtype=np.uint8)
    filled = _Columns(len(order))
    for place in np.flatnonzero(np.bincount(places, minlength=len(parts))).tolist():
        filled.fill(parts[place], np.flatnonzero(places == place))
    strings = [word.encode("latin-1").decode("utf-8", "replace") for word in filled.strings]
    words = filled.words["device"], filled.words["text"]
    return binary_columns.event_columns(kinds[places], list(filled.numbers.values()), None, words, strings, own=True)

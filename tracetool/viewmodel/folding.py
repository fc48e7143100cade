"""A snapshot as rows of hex; long sections of erased, zero or unknown bytes are folded into a line each."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from tracetool.analysis.snapshot import Block, Snapshot

__all__ = ["ROW_BYTES", "FoldedRows", "Section", "folded_rows"]

ROW_BYTES = 16
"""Bytes of one row of hex."""

SHORTEST_FOLD = 4
"""Least rows that are folded."""

_ROUND = 1 << 10

KINDS = ("data", "erased", "zeros", "unknown")
"""Kinds of rows; all but the first can be folded."""

_WORDS = {"erased": "erased (0xff)", "zeros": "zeros", "unknown": "not known"}


class Section(NamedTuple):
    """Rows of one kind: bytes from `start` to `end`; `folded` into one line or not."""

    start: int
    end: int
    kind: str
    folded: bool

    @property
    def lines(self) -> int:
        """Number of lines."""
        return 1 if self.folded else -(-(self.end - self.start) // ROW_BYTES)

    @property
    def words(self) -> str:
        """Text of a fold."""
        length = self.end - self.start
        size = format_size(length) if length % _ROUND == 0 else f"{length:,} bytes"
        return f"{size} {_WORDS.get(self.kind, self.kind)}"


@dataclass(frozen=True)
class FoldedRows:
    """Sections of a snapshot in order, and the lines they take."""

    sections: tuple[Section, ...]
    _ends: tuple[int, ...]

    @property
    def lines(self) -> int:
        """Number of lines."""
        return self._ends[-1] if self._ends else 0

    def at_line(self, line: int) -> tuple[Section, int]:
        """Section and first offset of a line; IndexError beyond the last."""
        if not 0 <= line < self.lines:
            raise IndexError(line)
        number = bisect_right(self._ends, line)
        found = self.sections[number]
        return found, found.start + (line - (self._ends[number] - found.lines)) * ROW_BYTES

    def line_of(self, offset: int) -> int:
        """The line that shows a byte; the last where the flash ends before it."""
        number = bisect_right(self.sections, offset, key=lambda section: section.start) - 1
        if number < 0:
            return 0
        found = self.sections[number]
        into = 0 if found.folded else min((offset - found.start) // ROW_BYTES, found.lines - 1)
        return self._ends[number] - found.lines + into


def folded_rows(snapshot: Snapshot, marked: Iterable[tuple[int, int]] = ()) -> FoldedRows:
    """Fold a snapshot; rows that hold a byte of a `marked` range (offset, end) are never folded."""
    kinds = list(_join(_runs(snapshot)))
    for start, end in _rows_of(marked):
        kinds = list(_join(_kept_open(kinds, start, end)))
    found = tuple(_folded(start, end, kind) for start, end, kind in kinds)
    return FoldedRows(found, tuple(accumulate(section.lines for section in found)))


def _rows_of(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The rows that ranges in order lie in, as ranges; those that meet are one."""
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        low, high = start // ROW_BYTES * ROW_BYTES, -(-end // ROW_BYTES) * ROW_BYTES
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


_Run = tuple[int, int, str]


def _folded(start: int, end: int, kind: str) -> Section:
    return Section(start, end, kind, folded=kind != "data" and end - start >= SHORTEST_FOLD * ROW_BYTES)


def _kept_open(runs: Iterable[_Run], start: int, end: int) -> Iterator[_Run]:
    """The runs, with the rows from `start` to `end` as data."""
    for low, high, kind in runs:
        inner = max(low, start), min(high, end)
        if kind == "data" or inner[0] >= inner[1]:
            yield low, high, kind
            continue
        pieces = ((low, inner[0], kind), (*inner, "data"), (inner[1], high, kind))
        yield from (piece for piece in pieces if piece[0] < piece[1])


def _join(runs: Iterable[_Run]) -> Iterator[_Run]:
    """Join neighbours of one kind."""
    for kind, alike in groupby(runs, key=itemgetter(2)):
        found = list(alike)
        yield found[0][0], found[-1][1], kind


def _runs(snapshot: Snapshot) -> Iterator[_Run]:
    size = snapshot.rest.block_bytes
    for number in range(-(-len(snapshot) // size)):
        start, end = number * size, min((number + 1) * size, len(snapshot))
        if not snapshot.knows_any(number):
            yield start, end, "unknown"
        elif snapshot.touched(number):
            yield from _runs_of_block(snapshot.block(number), start)
        else:
            remembered = snapshot.rest.runs
            if number not in remembered:
                remembered[number] = tuple(_runs_of_block(snapshot.block(number), start))
            yield from remembered[number]


def _runs_of_block(block: Block, base: int) -> Iterator[_Run]:
    kinds = _row_kinds(block)
    edges = np.flatnonzero(np.diff(kinds)) + 1
    for low, high in zip([0, *edges.tolist()], [*edges.tolist(), len(kinds)], strict=True):
        yield base + low * ROW_BYTES, base + min(high * ROW_BYTES, len(block.data)), KINDS[int(kinds[low])]


def _row_kinds(block: Block) -> NDArray[np.int64]:
    """Index in `KINDS` of each row; rows are compared as two words, as this runs for every moment shown."""
    data, known = _words(block.data), _words(block.known.view(np.uint8))
    all_known = (known == _ALL_KNOWN).all(axis=1)
    tests = [
        (known == 0).all(axis=1),
        all_known & (data == _ALL_ERASED).all(axis=1),
        all_known & (data == 0).all(axis=1),
    ]
    return np.select(tests, [KINDS.index(kind) for kind in ("unknown", "erased", "zeros")], 0)


_ALL_KNOWN, _ALL_ERASED = np.uint64(0x0101010101010101), np.uint64(0xFFFFFFFFFFFFFFFF)


def _words(column: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Rows of two words; a short last row is filled with its last byte."""
    short = -len(column) % ROW_BYTES
    whole = np.pad(column, (0, short), mode="edge") if short else np.ascontiguousarray(column)
    return whole.view(np.uint64).reshape(-1, 2)

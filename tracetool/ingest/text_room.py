"""The kernel of the text scanner with its tables and room, plain or compiled; rows out as columns."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from replay.compiling import Preparation, compile_kernel
from replay.pointers import addresses_of, pointers
from tracetool.events import CATALOGUE, EVENTS_SCHEMA, PREFIX
from tracetool.ingest import text_kernel as kernel
from tracetool.ingest import word_kernel
from tracetool.ingest.columns import LINE
from tracetool.ingest.patterns import USUAL_DIGITS
from tracetool.ingest.recorded import NUMBERS, columns_of, strings_of
from tracetool.ingest.scanner import Left, Read, Scanned
from tracetool.ingest.text_kernel import Room, Tables
from tracetool.ingest.word_kernel import REACH, WORD, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

    from tracetool.events import Argument, Variant
    from tracetool.ingest.chunk import Clock, Shape

    Compiled = Callable[[int, int], int]

__all__ = ["TextScanner", "compiled_scan", "prepare_scan"]

MODULES = ("replay.pointers", word_kernel.__name__, kernel.__name__)

ROWS = 1 << 12
"""Rows there is room for at first."""

STRINGS = 1 << 10
"""Different strings in a chunk; lines with more of them are left to the parser."""

POOL = 1 << 16
SPANS = 1 << 12

MARKER = "tracing_mark_write: "
"""What ftrace puts before a text that a program writes. Ref: Linux Documentation/trace/ftrace.rst, trace_marker."""

SHAPES: tuple[tuple[Shape, Clock], ...] = (
    ("bare", "none"),
    ("pid@time", "wall"),
    ("iso8601", "wall"),
    ("ftrace", "boot-relative"),
)
"""In the order of the kernel's numbers."""

NEWLINE = 0x0A
HEX = 16
_SMALL = ("size", "cmd", "wcycle")
_LARGE = tuple(name for name in NUMBERS if name not in _SMALL)
_COLUMNS = {name: place for place, name in enumerate((*_SMALL, *_LARGE))}
_OCTETS = ("kinds", "shapes", "small", "pool")
_PER_ROW = {
    "kinds": 1,
    "shapes": 1,
    "small": len(_SMALL),
    "large": len(_LARGE),
    "lines": 1,
    "times": 1,
    "threads": 1,
    "strings": 2,
}
"""The parts of the room with entries for each row, and how many."""

_TIMED = np.array([clock != "none" for _, clock in SHAPES])
_THREADED = np.array([shape in ("pid@time", "ftrace") for shape, _ in SHAPES])


class _Literals:
    """Texts as the kernel compares them: words and masks."""

    def __init__(self) -> None:
        self.table: list[int] = []
        self.words: list[int] = []
        self._known: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of a text; `NOTHING` for none."""
        if not text:
            return kernel.NOTHING
        if text not in self._known:
            self._known[text] = len(self._known)
            data = text.encode("ascii")
            pieces = [data[at : at + WORD] for at in range(0, len(data), WORD)]
            self.table += [len(self.words) // 2, len(pieces), len(data)]
            for piece in pieces:
                mask = b"\xff" * len(piece)
                self.words += [
                    int.from_bytes(octets.ljust(WORD, b"\0"), "little", signed=True) for octets in (piece, mask)
                ]
        return self._known[text]


def _is_usual(variant: Variant) -> bool:
    """Whether the kernel can read it: plain numbers, then perhaps a text to the end of the line."""
    texts = [argument for argument in variant.arguments if not argument.radix]
    plain = all(a.column in _COLUMNS and not a.sizes for a in variant.arguments if a.radix)
    return plain and (not texts or (texts == [variant.arguments[-1]] and not variant.pieces[-1]))


def _kinds_by_source() -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for kind, variant in enumerate(CATALOGUE):
        if _is_usual(variant):
            found.setdefault(variant.source, []).append(kind)
    return found


_USUAL = _kinds_by_source()


def _step(variant: Variant, argument: Argument, literals: _Literals) -> tuple[int, int, int]:
    if not argument.radix:
        return kernel.TEXT_TO_END, literals.number(variant.texts[0]), len(variant.texts)
    if argument.column == "size" and variant.accesses:
        return kernel.ACCESS_SIZE, _COLUMNS["size"], 1
    what = kernel.HEXADECIMAL if argument.radix == HEX else kernel.DECIMAL
    return what, _COLUMNS[argument.column], USUAL_DIGITS[argument.column, argument.radix]


def _steps(variant: Variant, literals: _Literals) -> list[int]:
    steps: list[int] = []
    for piece, argument in zip(variant.pieces, variant.arguments, strict=False):
        prefix = "0x" if argument.conversion.startswith("0x") else ""
        steps += [literals.number(piece + prefix), *_step(variant, argument, literals)]
    if not variant.arguments or variant.arguments[-1].radix:
        steps += [literals.number(variant.pieces[-1]), kernel.END_OF_LINE, 0, 0]
    return steps


@cache
def _tables() -> Tables:
    """The catalogue, and a few texts that are no event's."""
    literals = _Literals()
    # Texts come before what is also a piece of another event, so that those of a variant stand in a row.
    for text in (PREFIX, MARKER, *(text for variant in CATALOGUE for text in variant.texts)):
        literals.number(text)
    groups, variants, steps = list[int](), list[int](), list[int]()
    for source, kinds in _USUAL.items():
        groups += [literals.number(f"{source} "), len(variants) // kernel.VARIANT, len(kinds), 0]
        for kind in kinds:
            found = _steps(CATALOGUE[kind], literals)
            variants += [kind, CATALOGUE[kind].named, len(steps) // kernel.STEP, len(found) // kernel.STEP]
            steps += found
    return Tables(_names(list(_USUAL)), groups, variants, steps, literals.table, literals.words)


def _names(sources: list[str]) -> list[int]:
    """The hash table of events' names: their numbers from 1 on."""
    names = [0] * (1 << (4 * len(sources)).bit_length())
    for number, source in enumerate(sources, 1):
        end = f"{PREFIX}{source}"[-WORD:].encode("ascii")
        slot = spread(int.from_bytes(end, "little", signed=True)) % len(names)
        while names[slot]:
            slot = (slot + 1) % len(names)
        names[slot] = number
    return names


@cache
def compiled_scan() -> Compiled:
    """The kernel, compiled or out of the cache: `scan_at`.

    Raises:
        ImportError: there is no numba.
    """
    return compile_kernel("the reader of logs", MODULES, "scan_at", _prepare)


def _prepare() -> Preparation:
    known = pointers()
    return prepare_scan(known.integers, known.octets)


def prepare_scan(integers: Any, octets: Any) -> Preparation:  # noqa: ANN401
    """What the kernel's functions are compiled with.

    Args:
        integers: numba's type of arrays of integers, or of pointers to them.
        octets: likewise of bytes.
    """
    from numba import types  # noqa: PLC0415  numba is imported where it is needed, which is once

    annotations = {
        "int": types.int64,
        "Bits": types.uint64,
        "Octets": octets,
        "Tables": types.NamedUniTuple(integers, len(Tables._fields), Tables),
        "Room": types.NamedTuple([octets if name in _OCTETS else integers for name in Room._fields], Room),
    }
    return Preparation(annotations, pointers().replacements | word_kernel.REPLACEMENTS)


class TextScanner:
    """Reads lines into rows: lists in plain Python, arrays for compiled code.

    Args:
        compiled: run compiled code, which needs numba.
    """

    def __init__(self, *, compiled: bool = True) -> None:
        self._compiled = compiled_scan() if compiled else None
        tables = _tables()
        # What the kernel keeps in the groups is its own.
        self._tables = (
            Tables(*(self._integers(table) for table in tables))
            if compiled
            else tables._replace(groups=[*tables.groups])
        )
        self._capacity = ROWS
        self._room = self._new_room()
        self._addresses: NDArray[np.int64] | None = None
        """Of the arrays of tables and room, as they are now."""

    # --- lines in ------------------------------------------------------------------------------------------------

    def scan(self, data: bytearray, start: int, end: int, line: int) -> Read:
        """Read whole lines; see `Scanner.scan`.

        Raises:
            ValueError: the last of them has no newline, or not enough follows them in the buffer.
        """
        if end + REACH > len(data) or (end > start and data[end - 1] != NEWLINE):
            raise ValueError(f"no whole lines, or less than {REACH} bytes behind them")
        carry, left = self._room.carry, list[Left]()
        rows = int(carry[kernel.ROWS])
        carry[kernel.POSITION], carry[kernel.LINE] = start, line
        while (why := self._run(data, end)) != kernel.DONE:
            if why == kernel.FULL_ROWS:
                self._grow()
            left += self._left()
        left += self._left()
        last = self._last(data) if carry[kernel.ROWS] > rows else None
        return Read(int(carry[kernel.LINE]) - line, left, last)

    def _last(self, data: bytearray) -> tuple[int, str]:
        """The number of the last row's line, and what stands before the event in it."""
        carry = self._room.carry
        start = int(carry[kernel.LAST_START])
        head = data[start : data.index(PREFIX.encode(), start)]
        return int(self._room.lines[carry[kernel.ROWS] - 1]), head.decode("ascii")

    def _run(self, data: bytearray, end: int) -> int:
        if self._compiled is None:
            return kernel.scan(data, end, self._tables, self._room)
        if self._addresses is None:
            arrays: tuple[Any, ...] = (np.zeros(0, np.uint8), *self._tables, *self._room)
            self._addresses = addresses_of(arrays)
        self._addresses[0] = np.frombuffer(data, np.uint8).ctypes.data
        return self._compiled(self._addresses.ctypes.data, end)

    def _left(self) -> list[Left]:
        """The spans that are left, which are handed out once."""
        carry = self._room.carry
        flat = [int(number) for number in self._room.spans[: kernel.SPAN * carry[kernel.SPANS]]]
        carry[kernel.SPANS] = 0
        return [Left(*flat[at : at + kernel.SPAN]) for at in range(0, len(flat), kernel.SPAN)]

    # --- rows out ------------------------------------------------------------------------------------------------

    def take(self) -> Scanned | None:
        """The rows since the last call; see `Scanner.take`."""
        room, count = self._room, int(self._room.carry[kernel.ROWS])
        if not count:
            return None
        kinds = self._column(room.kinds, np.uint8)
        ends = [int(end) for end in room.ends[: room.carry[kernel.STRINGS] + 1]]
        columns = columns_of(
            kinds,
            [self._number(name) for name in NUMBERS],
            np.zeros(0, np.int64),
            (self._column(room.strings), self._column(room.strings, at=1)),
            strings_of(bytes(room.pool[: room.carry[kernel.POOL]]), ends),
            own=True,
        )
        lines = pl.Series(LINE, self._column(room.lines))
        rows = pl.DataFrame([lines, self._times(), self._threads(), *columns])
        shapes = Counter({shape: rows for (shape, _), rows in zip(SHAPES, self._shapes(), strict=True) if rows})
        clocks = {clock for (_, clock), rows in zip(SHAPES, self._shapes(), strict=True) if rows}
        nameless = not self._column(room.strings).all()
        # Columns of the frame may be views of the room, which is not filled again.
        self._room, self._addresses = self._new_room(), None
        return Scanned(rows, shapes, clocks, nameless)

    def _shapes(self) -> list[int]:
        """How many rows have each shape."""
        return [int(rows) for rows in self._room.carry[kernel.SHAPES : kernel.SHAPES + len(SHAPES)]]

    def _number(self, name: str) -> NDArray[Any]:
        at = _COLUMNS[name]
        if name in _SMALL:
            return self._column(self._room.small, np.uint8, at=at)
        return self._column(self._room.large, at=at - len(_SMALL))

    def _times(self) -> pl.Series:
        return self._known("time_ns", self._column(self._room.times), _TIMED)

    def _threads(self) -> pl.Series:
        return self._known("thread", self._column(self._room.threads).astype(np.uint32), _THREADED)

    def _known(self, name: str, values: NDArray[np.integer], which: NDArray[np.bool_]) -> pl.Series:
        """A column that only rows of some shapes have."""
        met = np.array(self._shapes()) > 0
        column, none = pl.Series(name, values), pl.Series(name, [None], EVENTS_SCHEMA[name])
        if which[met].all():
            return column
        if not which[met].any():
            return none.new_from_index(0, len(values))
        return column.zip_with(pl.Series(which.take(self._column(self._room.shapes, np.uint8))), none)

    def _column(self, values: Any, dtype: DTypeLike = np.int64, *, at: int = 0) -> NDArray[Any]:  # noqa: ANN401
        """One column's values of the rows."""
        start = at * self._capacity
        return np.asarray(values[start : start + int(self._room.carry[kernel.ROWS])], dtype)

    # --- room ----------------------------------------------------------------------------------------------------

    def _integers(self, values: Any) -> Any:  # noqa: ANN401  a list or an int64 array
        return values if self._compiled is None else np.array(values, np.int64)

    def _empty(self, size: int, *, octets: bool = False) -> Any:  # noqa: ANN401
        if self._compiled is None:
            return bytearray(size) if octets else [0] * size
        return np.empty(size, np.uint8 if octets else np.int64)

    def _new_room(self) -> Room:
        rows = self._capacity
        carry = [0] * kernel.CARRY_SLOTS
        carry[kernel.ROOM_ROWS] = rows
        carry[kernel.ROOM_SPANS] = SPANS
        carry[kernel.ROOM_STRINGS] = STRINGS
        carry[kernel.ROOM_POOL] = POOL
        carry[kernel.SLOT_MASK] = 4 * STRINGS - 1
        carry[kernel.NAME_MASK] = len(self._tables.names) - 1
        per_row = {name: self._empty(rows * columns, octets=name in _OCTETS) for name, columns in _PER_ROW.items()}
        return Room(
            **per_row,
            pool=self._empty(POOL + REACH, octets=True),
            ends=self._integers([0] * (STRINGS + 1)),
            slots=self._integers([0] * (4 * STRINGS)),
            spans=self._empty(SPANS * kernel.SPAN),
            carry=self._integers(carry),
        )

    def _grow(self) -> None:
        """Twice the room for rows."""
        old, rows = self._room, self._capacity
        self._capacity = 2 * rows
        new = self._new_room()
        for name, columns in _PER_ROW.items():
            source, target = getattr(old, name), getattr(new, name)
            for at in range(columns):
                target[2 * rows * at : 2 * rows * at + rows] = source[rows * at : rows * (at + 1)]
        old.carry[kernel.ROOM_ROWS] = 2 * rows
        self._room = old._replace(**{name: getattr(new, name) for name in _PER_ROW})
        self._addresses = None

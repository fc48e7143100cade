"""Blocks of rows from babeltrace2, into the columns of the canonical frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from tracetool.babeltrace import layout
from tracetool.babeltrace.layout import NO_TIME, Column
from tracetool.events import ACCESS_SIZES, CATALOGUE, READABLE
from tracetool.ingest.binary_columns import ANY, LIMITS, NUMBERS, event_columns, nullable
from tracetool.ingest.names import LONGEST_DEVICE, TEXT
from tracetool.sanitize import excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Columns", "EventClass", "Field", "Layouts", "Rows", "layouts"]

LOW_16 = 0xFFFF
LOW_32 = 0xFFFF_FFFF
LOW_64 = (1 << 64) - 1
_EXTRA = layout.NUMBERS.index("extra")


class Field(NamedTuple):
    """An argument, described to the child process.

    Attributes:
        name: of the field in the trace.
        target: column of `layout.NUMBERS` for its number, or one of `layout.STRINGS`.
        required: without it the event is another variant's.
    """

    name: str
    target: str
    required: bool


Layouts = dict[str, list[tuple[int, bool, list[Field]]]]


def _extra_of(kind: int) -> str | None:
    """What the column `extra` has in a variant's events: `text`, `ro`, `end` or `digits`."""
    integers = [a.column for a in CATALOGUE[kind].arguments if a.radix and a.column in ("text", "ro", "end")]
    return next(iter(integers + [column for _, column in CATALOGUE[kind].recorded if column == "digits"]), None)


_EXTRAS = {kind: extra for kind in range(len(CATALOGUE)) if (extra := _extra_of(kind)) in ("end", "digits")}
"""Meaning of `extra`, for variants in which it goes into a number column."""


def _fields(kind: int) -> list[Field]:
    strings = {argument.name for argument in CATALOGUE[kind].arguments if not argument.radix}
    fields = []
    for name, column in CATALOGUE[kind].recorded:
        target = column if column in NUMBERS else "extra"
        # LTTng's events have no `end`: QEMU omits the arguments after one of varying width.
        if column != "*":
            fields.append(Field(name, "text" if name in strings else target, column != "end"))
    return fields


def layouts() -> Layouts:
    """The event catalogue for the child process; see `tracetool.babeltrace.classes.Classes`."""
    return {source: [(kind, CATALOGUE[kind].named, _fields(kind)) for kind in own] for source, own in READABLE.items()}


@dataclass(frozen=True, slots=True)
class EventClass:
    """A class of pflash's events in this trace.

    Attributes:
        name: as in the trace.
        kind: place of its variant in the catalogue; -1 if it is none of them.
        known: the catalogue has events of the name.
        numbers: which of `layout.NUMBERS` its events fill.
        clock: its events have a time.
        epoch: which counts from the Unix epoch.
        process: its events have a process.
        thread: its events have a thread.
        of_process: the process of all its events, where they do not have it themselves; None if it is not known.
    """

    name: str
    kind: int
    known: bool
    numbers: Sequence[int]
    clock: bool
    epoch: bool
    process: bool
    thread: bool
    of_process: int | None

    @property
    def nameless(self) -> bool:
        """Its events do not say which device they come from."""
        return self.kind >= 0 and not CATALOGUE[self.kind].named

    @property
    def ranges(self) -> list[tuple[int, tuple[int, int]]]:
        """The numbers that do not take any value: which of `layout.NUMBERS`, the least and the largest."""
        names = [(at, layout.NUMBERS[at]) for at in self.numbers]
        columns = [(at, (_extra_of(self.kind) or "text") if at == _EXTRA else name) for at, name in names]
        return [(at, LIMITS[column]) for at, column in columns if LIMITS[column] != ANY]

    @property
    def sizes(self) -> list[tuple[int, list[int]]]:
        """The numbers that are the size of an access: which of `layout.NUMBERS`, and all that they can be."""
        variant, names = CATALOGUE[self.kind], [layout.NUMBERS[at] for at in self.numbers]
        if not variant.accesses:
            return []
        digits = [2 * size for size in ACCESS_SIZES] if _EXTRAS.get(self.kind) == "digits" else None
        allowed = {"size": list(ACCESS_SIZES), "extra": digits}
        return [(at, sizes) for at, name in zip(self.numbers, names, strict=True) if (sizes := allowed.get(name))]


class Rows(NamedTuple):
    """The events of a block.

    Attributes:
        frame: columns of `EVENTS_SCHEMA`, without trace, boot and seq; only of the events that were understood.
        understood: for each row of the block, whether it is among them.
        damaged: of the first of the others, number of the message, reason, and excerpt.
    """

    frame: pl.DataFrame
    understood: Flags
    damaged: list[tuple[int, str, str]]


class Columns:
    """Makes frames of blocks; keeps the classes and words they refer to, each by its number, from 1 on."""

    def __init__(self) -> None:
        self._classes: list[EventClass] = []
        self._words: list[str] = []
        self._bad_devices = self._bad_texts = np.array([False])

    def add_class(self, described: EventClass) -> None:
        """Add what the events of the next class are."""
        self._classes.append(described)

    def set_words(self, words: Sequence[str]) -> None:
        """Set the strings that are devices and texts; their bytes as Latin-1."""
        unprintable = [TEXT.fullmatch(word) is None for word in words]
        self._bad_texts = np.array([False, *unprintable])
        self._bad_devices = self._bad_texts | np.array([False, *(len(word) > LONGEST_DEVICE for word in words)])
        self._words = [word.encode("latin-1").decode("utf-8", "replace") for word in words]

    def rows(self, block: Integers, damages: int) -> Rows:
        """The events of a block.

        Args:
            block: int64, columns by rows; see `tracetool.babeltrace.layout`.
            damages: how many damaged ones are described.
        """
        classes = (block[Column.CODES] & LOW_16) - 1
        reasons = self._reasons(block, classes)
        understood = reasons == ""
        damaged = [
            (int(block[Column.MESSAGE, row]), str(reasons[row]), self._excerpt(block, classes, row))
            for row in np.flatnonzero(~understood)[:damages].tolist()
        ]
        if understood.all():
            return Rows(self._frame(block, classes), understood, damaged)
        return Rows(self._frame(block[:, understood], classes[understood]), understood, damaged)

    def _each(self, classes: Integers, values: Sequence[Any], dtype: Any) -> NDArray[Any]:  # noqa: ANN401
        """For each row the value of its class."""
        found: NDArray[Any] = np.array(values, dtype=dtype)[classes]
        return found

    def _reasons(self, block: Integers, classes: Integers) -> NDArray[np.object_]:
        """The reason for which each row is damaged; empty for sound rows."""
        reasons = np.full(classes.size, "", dtype=np.object_)
        for number in np.flatnonzero(np.bincount(classes)).tolist():
            one = self._classes[number]
            rows = np.flatnonzero(classes == number)
            if one.kind < 0:
                reasons[rows] = "arguments do not match the event" if one.known else "unknown pflash event"
                continue
            for at, (least, largest) in one.ranges:
                values = block[Column.FIRST_NUMBER + at, rows]
                reasons[rows[(values < least) | (values > largest)]] = "value out of range"
            for at, sizes in one.sizes:
                reasons[rows[~np.isin(block[Column.FIRST_NUMBER + at, rows], sizes)]] = "value out of range"
        devices, texts = _words_of(block)
        reasons[self._bad_devices[devices] | self._bad_texts[texts]] = "text that no event has"
        return reasons

    def _excerpt(self, block: Integers, classes: Integers, row: int) -> str:
        one = self._classes[int(classes[row])]
        values = [f"{layout.NUMBERS[at]}:{int(block[Column.FIRST_NUMBER + at, row]) & LOW_64:#x}" for at in one.numbers]
        return excerpt(" ".join([one.name, *values]))

    def _frame(self, block: Integers, classes: Integers) -> pl.DataFrame:
        kinds = self._each(classes, [one.kind for one in self._classes], np.int64)
        numbers = [block[Column.FIRST_NUMBER + layout.NUMBERS.index(name)] for name in NUMBERS]
        shown = block[Column.FIRST_NUMBER + _EXTRA]
        self._fill_from_extra(kinds, classes, numbers, shown)
        clock = self._each(classes, [one.clock for one in self._classes], np.bool_) & (block[Column.TIME] != NO_TIME)
        process = self._each(classes, [one.process or one.of_process is not None for one in self._classes], np.bool_)
        thread = self._each(classes, [one.thread for one in self._classes], np.bool_)
        return pl.DataFrame(
            [
                *event_columns(kinds, numbers, shown, _words_of(block), self._words),
                nullable(pl.Series("time_ns", block[Column.TIME].copy()), clock),
                nullable(pl.Series("process", self._processes(block, classes)), process),
                nullable(pl.Series("thread", (block[Column.THREAD] & LOW_32).astype(np.uint32)), thread),
            ]
        )

    def _processes(self, block: Integers, classes: Integers) -> NDArray[np.uint32]:
        """The process of each row, where it is known."""
        found = block[Column.PROCESS] & LOW_32
        for number, one in enumerate(self._classes):
            if one.of_process is not None:
                found[classes == number] = one.of_process & LOW_32
        processes: NDArray[np.uint32] = found.astype(np.uint32)
        return processes

    def _fill_from_extra(self, kinds: Integers, classes: Integers, numbers: list[Integers], shown: Integers) -> None:
        """Make lengths of ends, and sizes of numbers of digits. No event of today's that is common has them."""
        offset, size, length = (NUMBERS.index(name) for name in ("offset", "size", "length"))
        present = set(np.flatnonzero(np.bincount(kinds)).tolist())
        for kind in present & set(_EXTRAS):
            extra, rows = _EXTRAS[kind], np.flatnonzero(kinds == kind)
            if extra == "digits":
                numbers[size][rows] = shown[rows] // 2
            elif extra == "end":
                known = self._each(classes[rows], [_EXTRA in one.numbers for one in self._classes], np.bool_)
                spans = shown[rows] - numbers[offset][rows]
                sane = known & (spans >= 0) & (spans < np.iinfo(np.int64).max)
                numbers[length][rows] = np.where(sane, spans + 1, -1)


def _words_of(block: Integers) -> tuple[Integers, Integers]:
    """The numbers of the devices and of the texts."""
    return block[Column.CODES] >> layout.DEVICE_SHIFT & LOW_16, block[Column.CODES] >> layout.TEXT_SHIFT & LOW_16

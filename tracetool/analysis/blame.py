"""Which operation stored a byte of the flash last, and which gave it its value, before the firmware copied it."""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from tracetool.timeline.code import CODE_SCHEMA
from tracetool.timeline.operations import INTENTS, KINDS, PARTS, label
from tracetool.uefi.touches import Intent, Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from tracetool.analysis.history import History
    from tracetool.uefi.store_timeline import StoreTimeline
    from tracetool.uefi.touches import Copy, Event

__all__ = ["BLAME_SCHEMA", "Blame", "Origin", "Span"]

_UNKNOWN = "??"

RESTART, IMAGE = "restart", "image"
"""In place of an operation's kind: a restart reloaded the bytes from the image file; they were there from the start."""

_SOURCES = pl.Enum([*KINDS, RESTART, IMAGE])
_WRITER: dict[str, pl.DataType | type[pl.DataType]] = {
    "trace": pl.UInt16,
    "seq": pl.Int64,
    "time_ns": pl.Int64,
    "kind": _SOURCES,
    "intent": pl.Enum(INTENTS),
    **CODE_SCHEMA,
}
BLAME_SCHEMA = pl.Schema(
    {
        "offset": pl.Int64(),
        "length": pl.Int64(),
        "value": pl.String(),
        "part": pl.Enum(PARTS),
        "variable": pl.String(),
        **_WRITER,
        "copies": pl.UInt32(),
        "first_offset": pl.Int64(),
        **{f"first_{name}": dtype for name, dtype in _WRITER.items()},
    }
)
"""One row a range of bytes of one origin, by offset. `value`: the bytes in hex, `??` where one is not known;
`ff*262144` for more than 16 that are all the same. `trace` and
`seq`: the event with which they were last stored, whether or not that changed them; `time_ns`, `kind`, `intent` and the
code (`pc`, `by`, `chain`; null without a log of it) are those of its operation. `kind` is `restart` where a restart
reloaded the image file, `image` where they were there before the trace. `first_...`: who gave them that value, and at
which offset: programs that changed nothing are passed over, and so are copies, `copies` of them, for which the firmware
erased its variable store and wrote it again."""

_CARRIES = (Intent.REWRITE, Intent.RECLAIM)
"""Purposes for which the live store is erased and written again: what is the same after it was copied."""

_HEADERS = (Part.VOLUME_HEADER, Part.STORE_HEADER)


class Origin(NamedTuple):
    """A change of storage by its number (-1: none, the bytes were there before the trace) and the first byte of it."""

    change: int
    offset: int


class Span(NamedTuple):
    """A range of bytes, the end exclusive: which change stored it last, and which gave it its value.

    `copies`: how often the firmware copied it in between. `touch`: the row of the timeline's touches that says what
    the bytes are, -1 for none.
    """

    start: int
    end: int
    last: Origin
    first: Origin
    copies: int
    touch: int


class Blame:
    """Writers of the bytes of one device.

    Args:
        history: its contents.
        operations: its operations (`OPERATIONS_SCHEMA`), by trace and first event.
        timeline: the life of its variable store, by which copies are followed; None: none are.
    """

    def __init__(self, history: History, operations: pl.DataFrame, timeline: StoreTimeline | None = None) -> None:
        self._history = history
        self._carried = None if timeline is None else _Carried(timeline)
        self._operations = operations.select(
            pl.col("kind").cast(pl.String), *(name for name in _WRITER if name not in ("seq", "kind"))
        )
        self._first = _keys(operations, "first_seq")
        self._last = _keys(operations, "last_seq")

    def frame(self, start: int, end: int, position: int) -> pl.DataFrame:
        """Who put the bytes from `start` to `end` there, at a position of the history; a frame of `BLAME_SCHEMA`."""
        contents = self._history.snapshot(position).read(start, end - start)
        told = [self._row(span, start, contents.data, contents.known) for span in self._joined(start, end, position)]
        return pl.DataFrame(told, schema=BLAME_SCHEMA, orient="row")

    def spans(self, start: int, end: int, position: int) -> Iterator[Span]:
        """Ranges of one origin, by offset; neighbours may have the same."""
        for low, high, number in self._history.writers(start, end, position):
            if self._carried is None or number < 0:
                yield Span(low, high, Origin(number, low), Origin(number, low), 0, -1)
            else:
                yield from self._followed(low, high, number)

    def _followed(self, low: int, high: int, number: int) -> Iterator[Span]:
        """The bytes that a change stored, each followed back through the copies of the firmware."""
        stored = self._history.stored_by(number, low, high)
        # Ranges of the result, where they lay at the time of a change, how often copied, and what they are.
        left = [(low, high, number, low, 0, -1)]
        while left:
            start, end, change, at, copies, touch = left.pop()
            for piece in self._sources(change, at, at + end - start):
                here = slice(start - low + piece.start - at, start - low + piece.end - at)
                base = start + piece.start - at
                found = touch if copies else piece.touch
                kept = self._kept(piece, stored.data[here], stored.known[here])
                for first, last, source in kept:
                    if source is None:
                        origin = Origin(change, piece.start + first)
                        last_origin = Origin(number, base + first)
                        yield Span(base + first, base + last, last_origin, origin, copies, found)
                    else:
                        copied = copies + piece.copied
                        left.append((base + first, base + last, source.change, source.offset, copied, found))

    def _sources(self, number: int, start: int, end: int) -> Iterator[_Piece]:
        """Where the bytes that a change stored may come from, piece by piece."""
        event = self._history.event(number + 1)
        if event is None:
            yield _Piece(start, end, None, start, -1)
            return
        whole = [_Piece(start, end, None, start, -1)]
        for piece in whole if self._carried is None else self._carried.pieces(event, start, end):
            if piece.before is None and self._history.programs(number):  # it may have changed nothing
                yield piece._replace(before=event, source=piece.start, was=_Was.WRITTEN, copied=False)
            else:
                yield piece

    def _kept(
        self, piece: _Piece, data: NDArray[np.uint8], known: NDArray[np.bool_]
    ) -> Iterator[tuple[int, int, Origin | None]]:
        """Ranges within a piece, and by which change the same bytes were there before the copy; None: they were not."""
        length = piece.end - piece.start
        if piece.before is None:
            yield 0, length, None
            return
        trace, seq = piece.before
        position = self._history.position(trace, seq - 1)
        shift = piece.source - piece.start
        for low, high, number in self._history.writers(piece.start + shift, piece.end + shift, position):
            here = slice(low - shift - piece.start, high - shift - piece.start)
            old = self._history.stored_by(number, low, high)
            same = (old.data == data[here]) & old.known & known[here]
            if piece.was != _Was.ANY and (piece.was == _Was.ERASED) != self._history.erases(number):
                same[:] = False
            edges = [0, *(np.flatnonzero(np.diff(same)) + 1).tolist(), len(same)]
            for first, last in pairwise(edges):
                origin = Origin(number, low + first) if same[first] else None
                yield here.start + first, here.start + last, origin

    # --- rows ----------------------------------------------------------------------------------------------------

    def _joined(self, start: int, end: int, position: int) -> Iterator[Span]:
        """The spans, neighbours of the same operations as one."""
        whole: Span | None = None
        for span in sorted(self.spans(start, end, position)):
            if whole is not None and self._key(whole) == self._key(span):
                whole = whole._replace(end=span.end)
            else:
                if whole is not None:
                    yield whole
                whole = span
        if whole is not None:
            yield whole

    def _key(self, span: Span) -> tuple[Any, ...]:
        named = (None, None) if self._carried is None else self._carried.named(span.touch)
        shift = span.first.offset - span.start
        return self._operation(span.last.change), self._operation(span.first.change), shift, span.copies, named

    def _operation(self, change: int) -> int:
        """The row of a change's operation; -1: none, a restart reloaded the bytes; -2: no change."""
        event = self._history.event(change + 1)
        if event is None:
            return -2
        at = int(self._first.searchsorted(_key(*event), side="right")) - 1
        return at if event[1] >= 0 and at >= 0 and self._last[at] >= _key(*event) else -1

    def _row(self, span: Span, start: int, data: NDArray[np.uint8], known: NDArray[np.bool_]) -> tuple[Any, ...]:
        here = slice(span.start - start, span.end - start)
        part, variable = (None, None) if self._carried is None else self._carried.named(span.touch)
        last, first = self._writer(span.last.change), self._writer(span.first.change)
        return (
            *(span.start, span.end - span.start, _value(data[here], known[here]), part, variable),
            *(last[name] for name in _WRITER),
            *(span.copies, span.first.offset),
            *(first[name] for name in _WRITER),
        )

    def _writer(self, change: int) -> Mapping[str, Any]:
        found: dict[str, Any] = dict.fromkeys(_WRITER)
        event = self._history.event(change + 1)
        operation = self._operation(change)
        if event is None:
            return found | {"kind": IMAGE}
        if operation >= 0:
            found |= self._operations.row(operation, named=True)
        else:
            found["kind"] = RESTART
        intent = None if self._carried is None else self._carried.intent(event)
        return found | {"trace": event[0], "seq": event[1], "intent": intent or found["intent"]}


_MOST_EQUAL = 16


def _value(data: NDArray[np.uint8], known: NDArray[np.bool_]) -> str:
    """Bytes as the column `value` has them."""
    if not known.any() or (known.all() and (data == data[0]).all()):
        byte = f"{data[0]:02x}" if known[0] else _UNKNOWN
        return byte * len(data) if len(data) <= _MOST_EQUAL else f"{byte}*{len(data)}"
    text = data.tobytes().hex(" ").split(" ")
    return "".join(byte if sure else _UNKNOWN for byte, sure in zip(text, known.tolist(), strict=True))


class _Was(Enum):
    """What bytes were before a copy."""

    ANY = 1
    ERASED = 2
    """Free space, as it now is."""
    WRITTEN = 3
    """Not free space, in which a variable is written: its bytes that are 0xff only happen to be the same."""


class _Piece(NamedTuple):
    """Bytes that one event stored, and the event before which they may have lain at `source`; None: they did not.

    `was`: what the bytes there must have been to be the same. `copied`: the firmware copied them, and did not only
    program once more what was there.
    """

    start: int
    end: int
    before: Event | None
    source: int
    touch: int
    was: _Was = _Was.ANY
    copied: bool = True


class _Touched(NamedTuple):
    """A row of the timeline's touches (`TOUCHES_SCHEMA`); `end` is exclusive."""

    offset: int
    end: int
    part: str
    intent: str
    copy: int | None
    variable: str | None
    rewrite: int | None


class _Carried:
    """What the firmware carries over when it erases its live store and writes it again."""

    def __init__(self, timeline: StoreTimeline) -> None:
        touches = timeline.touches.with_columns(pl.col("part", "intent").cast(pl.String)).sort(
            "trace", "seq", maintain_order=True
        )
        self._keys = _keys(touches, "seq")
        end = (pl.col("offset") + pl.col("length")).alias("end")
        self._copies = timeline.copies
        self._rows = [_Touched(*row) for row in touches.select("offset", end, *_Touched._fields[2:]).iter_rows()]
        begun: dict[int, int] = {}
        for key, row in zip(self._keys.tolist(), self._rows, strict=True):
            if row.rewrite is not None:
                begun.setdefault(row.rewrite, key)
        self._begun = sorted(begun.values())
        """Events that began to erase the live store."""
        self._kept: list[list[Copy]] = [[] for _ in self._begun]
        """The copies that each reclaim took over, by offset."""
        for copy in sorted(timeline.copies, key=lambda copy: copy.header.offset):
            if copy.kept_from is not None and copy.born is not None:
                self._kept[bisect_right(self._begun, _key(*copy.born)) - 1].append(copy)

    def named(self, touch: int) -> tuple[str | None, str | None]:
        """Part of the flash and name of the variable of a touch."""
        if touch < 0:
            return None, None
        return label(self._rows[touch].part), self._rows[touch].variable

    def intent(self, event: Event) -> str | None:
        """What an event was for, if it had but one purpose."""
        intents = {self._rows[at].intent for at in self._of(event)}
        return label(intents.pop()) if len(intents) == 1 else None

    def _of(self, event: Event) -> range:
        key = _key(*event)
        return range(int(self._keys.searchsorted(key)), int(self._keys.searchsorted(key, side="right")))

    def pieces(self, event: Event, start: int, end: int) -> Iterator[_Piece]:
        """The bytes that an event stored, by what the firmware meant with them."""
        touches = sorted(self._of(event), key=lambda at: self._rows[at].offset)
        at = start
        for touch in touches:
            low, high = max(self._rows[touch].offset, at), min(self._rows[touch].end, end)
            if low >= high:
                continue
            if at < low:
                yield from self._unchanged(event, at, low, touches)
            yield from self._pieces(event, low, high, self._rows[touch].intent, touch)
            at = high
        if at < end:
            yield from self._unchanged(event, at, end, touches)

    def _unchanged(self, event: Event, low: int, high: int, touches: list[int]) -> Iterator[_Piece]:
        """Bytes at either end of a program that it did not change, and that no touch therefore has."""
        for touch in touches:
            copy = self._copy(touch)
            if copy is not None and copy.header.offset <= low and high <= copy.header.end:
                return self._pieces(event, low, high, self._rows[touch].intent, touch)
        intents = [self._rows[at].intent for at in touches if self._rows[at].intent in _CARRIES]
        return self._pieces(event, low, high, intents[0] if intents else "", -1)

    def _pieces(self, event: Event, low: int, high: int, intent: str, touch: int) -> Iterator[_Piece]:
        phase = bisect_right(self._begun, _key(*event)) - 1
        if intent not in _CARRIES or phase < 0:
            yield _Piece(low, high, None, low, touch)
            return
        before = _event(self._begun[phase])
        if intent == Intent.REWRITE:
            copy = self._copy(touch)
            new = copy is not None and (copy.added is None or copy.added >= before)
            yield _Piece(low, high, before, low, touch, _Was.WRITTEN if new else _Was.ANY)
            return
        for copy in self._kept[phase]:  # moved, and some of their bytes are only erased
            start, end = max(low, copy.header.offset), min(high, copy.header.end)
            if start < end:
                if low < start:
                    yield self._outside(low, start, before, touch)
                yield _Piece(start, end, before, start + _moved(copy), touch)
                low = end
        if low < high:
            yield self._outside(low, high, before, touch)

    def _outside(self, low: int, high: int, before: Event, touch: int) -> _Piece:
        """Bytes of a reclaim that are of no variable which it kept."""
        if self._copy(touch) is not None:  # another one was there
            return _Piece(low, high, None, low, touch)
        of_headers = touch >= 0 and self._rows[touch].part in _HEADERS
        return _Piece(low, high, before, low, touch, _Was.ANY if of_headers else _Was.ERASED)

    def _copy(self, touch: int) -> Copy | None:
        number = self._rows[touch].copy if touch >= 0 else None
        return None if number is None else self._copies[number]


def _moved(copy: Copy) -> int:
    """How far a copy has moved from where a reclaim took it."""
    return 0 if copy.kept_from is None else copy.kept_from.header.offset - copy.header.offset


_SEQ_BITS = 40


def _key(trace: int, seq: int) -> int:
    """A number by which events are in order; that of a restart (seq -1) comes before its trace's."""
    return (trace << _SEQ_BITS) + seq


def _event(key: int) -> Event:
    return key >> _SEQ_BITS, key & ((1 << _SEQ_BITS) - 1)


def _keys(table: pl.DataFrame, seq: str) -> NDArray[np.int64]:
    return (table["trace"].cast(pl.Int64) * (1 << _SEQ_BITS) + table[seq]).to_numpy()

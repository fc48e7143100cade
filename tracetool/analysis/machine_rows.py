"""Events as rows of the machine, and which of them a flash can log."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.cfi02.facts import UNLOCK_ADDRESSES
from replay.columns import ABSENT, ABSENT_COUNTER, TEXTS, RowKind, Text
from replay.tables import RowColumns
from tracetool.events import CFI01_ONLY, CFI02_ONLY, EVENT_CODES, EVENT_NAMES, OPENING
from tracetool.ingest.integers import codes_of, fill
from tracetool.timeline.sums import NO_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = [
    "CAUSED",
    "IO_CODES",
    "STORES",
    "WIDEST_ACCESS",
    "caused",
    "from_each_realize",
    "integers_of",
    "kinds_of",
    "possible",
    "reset_as_read_array",
    "to_cfi02_rows",
    "to_rows",
]

_KINDS = {kind.name.lower(): kind for kind in RowKind} | {"postload_cb": RowKind.POSTLOAD, "write": RowKind.WRITE_TEXT}
_CFI01_KINDS = {name: kind for name, kind in _KINDS.items() if name not in CFI02_ONLY | {"timer_expired"}}
_CFI02_KINDS = {name: kind for name, kind in _KINDS.items() if name not in CFI01_ONLY} | {"reset": RowKind.IDLE}
_CFI02_QUIET = {"mode_read_array": RowKind.IDLE}


def _table(kinds: Mapping[str, RowKind]) -> NDArray[np.uint8]:
    return np.array([kinds.get(name, RowKind.OTHER) for name in EVENT_NAMES], np.uint8)


_KIND_OF_CODE = _table(_CFI01_KINDS)
_CFI02_KIND_OF_CODE = _table(_CFI02_KINDS)
_NAMELESS_CFI02_KIND_OF_CODE = _table(_CFI02_KINDS | _CFI02_QUIET)

IO_CODES = (RowKind.IO_READ, RowKind.IO_WRITE, RowKind.READ, RowKind.OUTER_READ, RowKind.OUTER_WRITE)
"""Row kinds that are accesses of the guest."""

STORES = (RowKind.DATA_WRITE, RowKind.DATA_WRITE_BLOCK)
"""Row kinds that only a writable flash logs."""

CAUSED = (
    *STORES,
    RowKind.WRITE_TEXT,
    RowKind.MODE_READ_ARRAY,
    RowKind.WRITE_BLOCK_ERASE,
    RowKind.WRITE_BLOCK_START,
    RowKind.WRITE_BLOCK_FLUSH,
    RowKind.READ_STATUS,
    RowKind.DEVICE_INFO,
    RowKind.IO_READ,
)
"""Row kinds that no device logs before a bus write brought it out of read array."""
WIDEST_ACCESS = 8
"""Bytes of the widest access of the guest."""
_IS_PLACED = np.isin(np.arange(len(RowKind)), (*IO_CODES, *STORES))
_OF_ITSELF = tuple(EVENT_CODES[name] for name in (*OPENING, "postload_cb"))
_HAS_VALUE = np.isin(np.arange(len(RowKind)), (RowKind.IO_WRITE, *STORES))

_NUMBERS = ("seq", "offset", "size", "value", "cmd", "wcycle", "length", "boot")
_OTHER_TEXT = -2
"""Code of a text that the model never predicts."""
_TEXTS = pl.Enum([TEXTS[text] for text in Text])
"""Texts of `write` events, in the order of their codes."""

_REALIZE = EVENT_CODES["realize"]


def kinds_of(events: pl.DataFrame) -> NDArray[np.uint8]:
    """The row kind (`replay.columns.RowKind`, uint8) of each event."""
    kinds: NDArray[np.uint8] = _KIND_OF_CODE.take(codes_of(events))
    return kinds


def caused(events: pl.DataFrame) -> int:
    """Count the events that only an access by the guest causes: all but those of the device's own start."""
    codes = codes_of(events)
    return len(events) - sum(int(np.count_nonzero(codes == code)) for code in _OF_ITSELF)


def from_each_realize(events: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The events, cut before each `pflash_realize`: with it a QEMU starts."""
    starts = np.flatnonzero(codes_of(events) == _REALIZE).tolist()
    cuts = [0, *(start for start in starts if start), len(events)]
    for start, end in pairwise(cuts):
        yield events[start:end]


def integers_of(column: pl.Series, absent: int = ABSENT) -> NDArray[np.int64]:
    """A column's integers, int64, `absent` where it is null; not to be written to."""
    return _filled(column, absent, np.empty(len(column), np.int64))


def _filled(column: pl.Series, absent: int, room: NDArray[np.int64]) -> NDArray[np.int64]:
    """The column's integers, in `room` unless they lie in memory as they are needed."""
    nulls = column.null_count()
    if not nulls and column.dtype == pl.Int64:
        return column.to_numpy()
    if nulls == len(column):
        room.fill(absent)
    else:
        fill(column, room, absent)
    return room


def to_rows(events: pl.DataFrame) -> RowColumns:
    """The machine's columns for the events of one device, in order."""
    # One block: freed in small pieces, memory goes back to the system, and each chunk's comes in anew, page by page.
    rows = RowColumns(*np.empty((len(RowColumns._fields), len(events)), np.int64))
    rows.kind[:] = kinds_of(events)
    rows.text.fill(ABSENT)
    texts = events["text"]
    if texts.null_count() < len(texts):
        told = texts.is_not_null().arg_true().to_numpy()
        rows.text[told] = integers_of(texts.drop_nulls().cast(_TEXTS, strict=False), _OTHER_TEXT)
    numbers = {name: (events[name], ABSENT) for name in _NUMBERS}
    numbers["counter"] = events["counter"], ABSENT_COUNTER
    numbers["time_ns"] = events["time_ns"], NO_TIME
    return rows._replace(**{name: _filled(*known, getattr(rows, name)) for name, known in numbers.items()})


_WITH_COMMAND = (
    RowKind.UNLOCK0_FAILED,
    RowKind.UNLOCK1_FAILED,
    RowKind.WRITE_START,
    RowKind.WRITE_FAILED,
    RowKind.WRITE_UNKNOWN,
    RowKind.WRITE_INVALID,
    RowKind.WRITE_INVALID_COMMAND,
    RowKind.WRITE_INVALID_STATE,
)
_UNLOCK_ADDRESS = f"{UNLOCK_ADDRESSES[0]:#06x}"


def to_cfi02_rows(events: pl.DataFrame, *, quiet: bool) -> RowColumns:
    """The machine's columns for the events of one CFI02 device, in order.

    An inner event's command byte is in `value`, the unlock address of `unlock0_failed` in `length`. `quiet`: the
    events are those of a release that logs `reset` for commands that are given up, and for nothing else.
    """
    kinds = (_NAMELESS_CFI02_KIND_OF_CODE if quiet else _CFI02_KIND_OF_CODE).take(codes_of(events))
    rows = to_rows(events)._replace(kind=kinds.astype(np.int64))
    commands = np.isin(kinds, _WITH_COMMAND)
    failed = kinds == RowKind.UNLOCK0_FAILED
    if not commands.any():
        return rows
    length = rows.length.copy()
    if failed.any():
        right = (events["text"] == _UNLOCK_ADDRESS).fill_null(value=False).to_numpy()
        length[failed] = np.where(right[failed], UNLOCK_ADDRESSES[0], _OTHER_TEXT)
    return rows._replace(value=np.where(commands, rows.cmd, rows.value), length=length)


def possible(rows: RowColumns, region: int) -> NDArray[np.bool_]:
    """Mask of rows that a flash of `region` bytes can log: accesses of 1 to 8 bytes inside it, erases inside it."""
    found = np.ones(len(rows.kind), np.bool_)
    # Few rows are doubtful: only of those do the kind and the very end matter.
    doubtful = (rows.offset < 0) | (rows.offset > region - WIDEST_ACCESS)
    doubtful |= (rows.size < 1) | (rows.size > WIDEST_ACCESS)
    places = np.flatnonzero(doubtful)
    places = places[_IS_PLACED[rows.kind[places]]]
    offset, size = rows.offset[places], rows.size[places]
    found[places] = (offset >= 0) & (size >= 1) & (size <= WIDEST_ACCESS) & (offset <= region - size)
    unvalued = np.flatnonzero(rows.value < 0)
    found[unvalued[_HAS_VALUE[rows.kind[unvalued]]]] = False
    erases = np.flatnonzero((rows.kind == RowKind.WRITE_BLOCK_ERASE) | (rows.kind == RowKind.SECTOR_ERASE_START))
    offset, length = rows.offset[erases], rows.length[erases]
    found[erases] = (offset >= 0) & (length > 0) & (length <= region) & (offset <= region - length)
    return found


def reset_as_read_array(events: pl.DataFrame) -> pl.Expr:
    """In the series' first patch every `reset` after the first event is a return to read array."""
    event = pl.col("event")
    name = pl.when(event == "reset").then(pl.lit("mode_read_array")).otherwise(event.cast(pl.String))
    return name.cast(events.schema["event"]).alias("event")

"""Events as rows of the machine, and which of them a flash can log."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import ABSENT, ABSENT_COUNTER, TEXT_CODES, RowKind
from replay.tables import RowColumns
from tracetool.events import EVENT_CODES, EVENT_NAMES
from tracetool.timeline.operations import NO_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "CAUSED",
    "IO_CODES",
    "STORES",
    "caused",
    "from_each_realize",
    "integers_of",
    "kinds_of",
    "possible",
    "reset_as_read_array",
    "to_rows",
]

_NAMES = {kind.name.lower(): kind for kind in RowKind} | {"postload_cb": RowKind.POSTLOAD, "write": RowKind.WRITE_TEXT}
_KIND_OF_CODE = np.array([_NAMES.get(name, RowKind.OTHER) for name in EVENT_NAMES], np.uint8)

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
_WIDEST_ACCESS = 8
_IS_PLACED = np.isin(np.arange(len(RowKind)), (*IO_CODES, *STORES))
_HAS_VALUE = np.isin(np.arange(len(RowKind)), (RowKind.IO_WRITE, *STORES))

_OTHER_TEXT = -2
"""Code of a text that the model never predicts."""

_OF_ITSELF = np.array([name in ("reset", "realize", "postload_cb") for name in EVENT_NAMES])
_REALIZE = EVENT_CODES["realize"]


def kinds_of(events: pl.DataFrame) -> NDArray[np.uint8]:
    """The row kind (`replay.columns.RowKind`, uint8) of each event."""
    kinds: NDArray[np.uint8] = _KIND_OF_CODE[events["event"].to_physical().to_numpy()]
    return kinds


def caused(events: pl.DataFrame) -> int:
    """Count the events that only an access by the guest causes: all but those of the device's own start."""
    return len(events) - int(np.count_nonzero(_OF_ITSELF[events["event"].to_physical().to_numpy()]))


def from_each_realize(events: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The events, cut before each `pflash_realize`: with it a QEMU starts."""
    starts = np.flatnonzero(events["event"].to_physical().to_numpy() == _REALIZE).tolist()
    cuts = [0, *(start for start in starts if start), len(events)]
    for start, end in pairwise(cuts):
        yield events[start:end]


def integers_of(column: pl.Series, absent: int = ABSENT) -> NDArray[np.int64]:
    """A column's integers, int64, `absent` where it is null; not to be written to."""
    nulls = column.null_count()
    if nulls == len(column):
        return np.full(len(column), absent, np.int64)
    integers = column.cast(pl.Int64)
    return (integers.fill_null(absent) if nulls else integers).to_numpy()


def _texts(events: pl.DataFrame) -> NDArray[np.int64]:
    texts = events["text"]
    if texts.null_count() == len(texts):
        return np.full(len(texts), ABSENT, np.int64)
    codes = np.full(len(texts), ABSENT, np.int64)
    said = texts.is_not_null().to_numpy()
    known = texts.drop_nulls().replace_strict(TEXT_CODES, default=_OTHER_TEXT, return_dtype=pl.Int64)
    codes[said] = known.to_numpy()
    return codes


def to_rows(events: pl.DataFrame) -> RowColumns:
    """The machine's columns for the events of one device, in order."""
    return RowColumns(
        seq=integers_of(events["seq"]),
        kind=kinds_of(events).astype(np.int64),
        **{name: integers_of(events[name]) for name in ("offset", "size", "value", "cmd", "wcycle", "length", "boot")},
        counter=integers_of(events["counter"].reinterpret(signed=True), ABSENT_COUNTER),
        text=_texts(events),
        time_ns=integers_of(events["time_ns"], NO_TIME),
    )


def possible(rows: RowColumns, region: int) -> NDArray[np.bool_]:
    """Mask of rows that a flash of `region` bytes can log: accesses of 1 to 8 bytes inside it, erases inside it."""
    wrong = (rows.offset < 0) | (rows.size < 1) | (rows.size > _WIDEST_ACCESS) | (rows.offset > region - rows.size)
    wrong |= (rows.value < 0) & _HAS_VALUE[rows.kind]
    wrong &= _IS_PLACED[rows.kind]
    erases = np.flatnonzero(rows.kind == RowKind.WRITE_BLOCK_ERASE)
    offset, length = rows.offset[erases], rows.length[erases]
    wrong[erases] = (offset < 0) | (length <= 0) | (length > region) | (offset > region - length)
    return ~wrong


def reset_as_read_array(events: pl.DataFrame) -> pl.Expr:
    """In the series' first patch every `reset` after the first event is a return to read array."""
    event = pl.col("event")
    name = pl.when(event == "reset").then(pl.lit("mode_read_array")).otherwise(event.cast(pl.String))
    return name.cast(events.schema["event"]).alias("event")

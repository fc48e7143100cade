"""The kernel of the simple format with its tables and room; rows out as columns."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tracetool.events import ACCESS_SIZES, CATALOGUE, PREFIX, READABLE
from tracetool.ingest.binary_columns import ANY, LIMITS, NAMELESS, NUMBERS, event_columns
from tracetool.ingest.interning import StringTable
from tracetool.ingest.simple_codes import LONGEST, Field, Id
from tracetool.ingest.simple_kernel import Reader, Rows, Tables
from tracetool.ingest.simple_records import THREADS

try:
    from tracetool.ingest.native import walk
except ImportError:
    from tracetool.ingest.simple_kernel import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from tracetool.events import Variant

__all__ = ["SimpleBuffers"]

Row = tuple[int, ...]
"""An entry of a table of the kernel."""

STRINGS = 1 << 10
"""Different strings in a chunk at first; with more of them it ends early, and the next has room for more."""

MOST_STRINGS = 1 << 16
POOL_BYTES = 2 * LONGEST
"""Of the strings in a chunk at first."""

LOSSES = 1 << 10

_COLUMNS: dict[str, tuple[DTypeLike, int]] = {
    "kinds": (np.uint8, 1),
    "times": (np.int64, 1),
    "processes": (np.uint32, 1),
    "wide": (np.int64, Field.SHOWN + 1),
    "narrow": (np.uint8, Field.WCYCLE - Field.SHOWN),
    "values": (np.uint32, 1),
    "devices": (np.uint32, 1),
    "texts": (np.uint32, 1),
}
"""The type of each array of `Rows`, and how many columns it holds. But for the counters it is that of the frame."""

_FIELDS = {field.name.lower(): field for field in Field} | {
    "cmd": Field.COMMAND,
    "text": Field.SHOWN,
    "ro": Field.SHOWN,
    "*": Field.DROP,
}
"""Field of the kernel for an argument, by its column."""


def _field(variant: Variant, column: str) -> Row:
    """The field of a recorded number, the bits that it has not, and a bit for each size that it can be."""
    if column == "digits" or (column == "size" and variant.accesses):
        sizes = [2 * size for size in ACCESS_SIZES] if column == "digits" else ACCESS_SIZES
        return _FIELDS[column], ~0xF, sum(1 << size for size in sizes)
    return _FIELDS[column], 0 if LIMITS[column] == ANY else ~LIMITS[column][1], 0


def _fields(variant: Variant) -> list[Row]:
    """Field, mask and sizes of each recorded argument of a variant."""
    strings = {argument.name for argument in variant.arguments if not argument.radix}
    own = [(Field.TEXT, 0, 0) if name in strings else _field(variant, column) for name, column in variant.recorded]
    return [(Field.DEVICE, 0, 0), *own] if variant.named else own


@cache
def _tables() -> tuple[Tables, dict[str, int]]:
    """The catalogue for the kernel, and the first variant of each event's name."""
    variants, fields, names = list[Row](), list[Row](), dict[str, int]()
    eras = {since: era for era, since in enumerate(sorted({v.since for v in CATALOGUE if not v.named}), 1)}
    for source, kinds in READABLE.items():
        own = [(kind, CATALOGUE[kind]) for kind in kinds]
        names[source] = len(variants)
        for kind, variant in own:
            layout = _fields(variant)
            strings = sum(field in (Field.DEVICE, Field.TEXT) for field, *_ in layout)
            era = 0 if variant.named else eras[variant.since]
            variants.append((kind, int(kind == own[-1][0]), len(fields), strings, len(layout) - strings, era))
            fields += layout
    return Tables(_columns(variants), _columns(fields)), names


def _columns(rows: Sequence[Row]) -> list[memoryview]:
    return [np.array(column, np.int64).data for column in zip(*rows, strict=True)]


def _number(columns: dict[str, NDArray[Any]], field: Field) -> NDArray[Any]:
    """The column of a field."""
    column: NDArray[Any] = columns["values"][0]
    if field <= Field.SHOWN:
        column = columns["wide"][field].view(np.uint64 if field == Field.COUNTER else np.int64)
    elif field <= Field.WCYCLE:
        column = columns["narrow"][field - Field.SIZE]
    return column


class SimpleBuffers:
    """Reads records of a buffer into rows.

    Args:
        buffer: holds the records.
        big: 1 where numbers have their high byte first.
        rows: how many there is room for.

    Attributes:
        reader: state of the kernel; see `simple_kernel.Reader`.
        threads: the trace names threads in place of processes.
        nameless: rows of the last chunk have no device name.
    """

    def __init__(self, buffer: bytearray, big: int, rows: int) -> None:
        tables, self._first = _tables()
        self._names: list[int] = [Id.UNNAMED]
        self._losses = np.empty(3 * LOSSES, np.int64)
        self._capacity = rows
        self._buffer_bytes = len(buffer)
        self.reader = Reader(buffer, big, tables, self._losses.data)
        self.reader.strings = StringTable(STRINGS, POOL_BYTES)
        self._columns: dict[str, NDArray[Any]]
        self._clear()
        self._named = False
        self.threads = False
        self.nameless = False

    @property
    def losses(self) -> list[tuple[int, int, int]]:
        """The losses since the last chunk: number of the record, row, how many events."""
        flat = self._losses[: 3 * self.reader.lost].tolist()
        return list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))

    def name(self, number: int, event: str) -> None:
        """Map an id to the name of an event.

        A pflash event that the catalogue does not have stays without a name, and its records count as damage.
        """
        if number >= len(self._names):
            self._names += [Id.UNNAMED] * (number + 1 - len(self._names))
        if event.startswith(PREFIX):
            self._names[number] = self._first.get(event.removeprefix(PREFIX), -Id.PFLASH) + Id.PFLASH
        else:
            self._names[number] = Id.ANOTHER
            self.threads = self.threads or event == THREADS
        self._named = False

    def walk(self, end: int) -> int:
        """Read the records of the buffer, as far as `end`; see `simple_kernel.walk`.

        Raises:
            ValueError: that is not in the buffer.
        """
        if not 0 <= self.reader.position <= end <= self._buffer_bytes:
            raise ValueError(
                f"no records from {self.reader.position} to {end} in a buffer of {self._buffer_bytes} bytes"
            )
        if not self._named:
            self.reader.names, self._named = np.array(self._names, np.int64).data, True
        self.reader.end = end
        return walk(self.reader)

    def take(self) -> pl.DataFrame:
        """The rows since the last call: columns of `EVENTS_SCHEMA`, without trace, boot and seq."""
        count, strings = self.reader.rows.count, self.reader.strings
        columns = {name: column[:, :count] for name, column in self._columns.items()}
        kinds, times, processes = (columns[name][0] for name in ("kinds", "times", "processes"))
        present = np.flatnonzero(self._present)
        self.nameless = bool(NAMELESS[present].any())
        series = event_columns(
            kinds,
            [_number(columns, _FIELDS[name]) for name in NUMBERS],
            columns["wide"][Field.SHOWN],
            (columns["devices"][0], columns["texts"][0]),
            strings.strings(),
            present=present,
            own=True,
        )
        frame = pl.DataFrame([pl.Series("time_ns", times), *self._threads(processes), *series])
        if strings.count == strings.capacity < MOST_STRINGS:
            self.reader.strings = StringTable(4 * strings.capacity, 4 * POOL_BYTES)
        self._clear()
        return frame

    def _threads(self, numbers: NDArray[np.uint32]) -> tuple[pl.Series, pl.Series]:
        """The columns process and thread; the simple backend notes the process alone."""
        process, thread = (pl.Series(name, numbers) for name in ("process", "thread"))
        if self.threads:
            process = pl.Series("process", [None], pl.UInt32).new_from_index(0, len(numbers))
        elif process.min() == 0:
            process = process.set(process == 0, None)  # what a trace without one was converted to
        return process, thread

    def _clear(self) -> None:
        # Columns of the frame are views of the old arrays.
        self._columns = {
            name: np.empty((columns, self._capacity), dtype) for name, (dtype, columns) in _COLUMNS.items()
        }
        flat = {name: array.ravel().data for name, array in self._columns.items()}
        self._present = np.zeros(len(CATALOGUE), np.uint8)
        self.reader.rows = Rows(self._capacity, flat | {"present": self._present.data})
        self.reader.strings.clear()
        self.reader.other = self.reader.lost = self.reader.device = 0

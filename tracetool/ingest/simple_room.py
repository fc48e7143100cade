"""The kernel of the simple format with its tables and room, plain or compiled; rows out as columns."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from replay.compiling import Preparation, compile_kernel, have_numba
from replay.pointers import addresses_of, pointers
from tracetool.events import CATALOGUE
from tracetool.ingest import byte_kernel
from tracetool.ingest import simple_kernel as kernel
from tracetool.ingest.recorded import NAMELESS, NUMBERS, columns_of, strings_of
from tracetool.ingest.simple_kernel import Room, Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tracetool.events import Variant

    Compiled = Callable[[int, int, int], int]

__all__ = ["SimpleRoom"]

STRINGS = 1 << 10
"""Different strings in a chunk; with more of them it ends early."""

LOSSES = 1 << 10

_PER_ROW = {"kinds": 1, "times": 1, "threads": 1, "numbers": kernel.NUMBERS, "shown": 1, "words": 2}
"""The columns of `Room` that have so many entries a row."""

_FIELDS = {name: code for code, name in enumerate(NUMBERS)} | {
    "end": kernel.END,
    "ro": kernel.READ_ONLY,
    "digits": kernel.DIGITS,
    "*": kernel.DROP,
}


def _fields(variant: Variant) -> list[int]:
    """What the recorded arguments of a variant are, in the kernel's terms."""
    strings = {argument.name for argument in variant.arguments if not argument.radix}
    codes = _FIELDS | {"size": kernel.ACCESS} if variant.accesses else _FIELDS
    own = [
        (kernel.TEXT if name in strings else kernel.SHOWN) if column == "text" else codes[column]
        for name, column in variant.recorded
    ]
    return [kernel.DEVICE, *own] if variant.named else own


@cache
def _tables() -> tuple[list[int], list[int], list[int], dict[str, int]]:
    """The groups, variants and fields of the catalogue, and the group of each event's name."""
    groups, variants, fields, names = list[int](), list[int](), list[int](), dict[str, int]()
    eras = {since: era for era, since in enumerate(sorted({v.since for v in CATALOGUE if not v.named}), 1)}
    for source in dict.fromkeys(variant.source for variant in CATALOGUE):
        own = [(kind, variant) for kind, variant in enumerate(CATALOGUE) if variant.source == source]
        names[source] = len(groups) // 2
        groups += [len(variants) // 4, len(own)]
        for kind, variant in own:
            layout = _fields(variant)
            variants += [kind, len(fields), len(layout), 0 if variant.named else eras[variant.since]]
            fields += layout
    return groups, variants, fields, names


@cache
def _compiled() -> Compiled:
    modules = ("replay.pointers", byte_kernel.__name__, kernel.__name__)
    return compile_kernel("the reader of simple traces", modules, "walk_at", _prepare)


def _prepare() -> Preparation:
    from numba import types  # noqa: PLC0415  numba is imported where it is needed, which is once

    known = pointers()
    annotations = {
        "int": types.int64,
        "Octets": known.octets,
        "Tables": types.NamedUniTuple(known.integers, len(Tables._fields), Tables),
        "Room": types.NamedTuple([known.octets if name == "pool" else known.integers for name in Room._fields], Room),
    }
    return Preparation(annotations, known.replacements | byte_kernel.REPLACEMENTS)


class SimpleRoom:
    """Reads records of a buffer into rows: lists in plain Python, arrays once compiled code takes over.

    Args:
        rows: how many there is room for.
    """

    def __init__(self, rows: int) -> None:
        groups, variants, fields, self._groups = _tables()
        self._compiled: Compiled | None = None
        self._names: list[int] = []
        self._tables = Tables(self._names, groups, variants, fields)
        self._room = Room(
            **{name: [0] * (rows * width) for name, width in _PER_ROW.items()},
            pool=bytearray(2 * kernel.LONGEST),
            ends=[0] * (STRINGS + 1),
            slots=[0] * (4 * STRINGS),
            losses=[0] * (3 * LOSSES),
            carry=[0] * kernel.CARRY_SLOTS,
        )
        carry = self._room.carry
        carry[kernel.ROOM_ROWS] = rows
        carry[kernel.ROOM_STRINGS] = STRINGS
        carry[kernel.ROOM_POOL] = 2 * kernel.LONGEST
        carry[kernel.ROOM_LOSSES] = LOSSES
        carry[kernel.SLOT_MASK] = 4 * STRINGS - 1
        self.threads = False
        """Whether the trace names threads in place of processes."""
        self.nameless = False
        """Whether rows of the last chunk do not say which device they come from."""

    @property
    def carry(self) -> Any:  # noqa: ANN401  a list or an int64 array
        """The kernel's counts; see there."""
        return self._room.carry

    @property
    def losses(self) -> list[tuple[int, int, int]]:
        """The losses since the last chunk: number of the record, row, how many events."""
        count = self.carry[kernel.LOSSES]
        flat = [int(number) for number in self._room.losses[: 3 * count]]
        return list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))

    def name(self, number: int, event: str | None) -> None:
        """Give the id `number` its meaning: a pflash event by its name without the prefix, None for any other.

        A pflash event that the catalogue does not have stays without a name, and its records count as damage.
        """
        names = self._names
        names += [kernel.UNNAMED] * (number + 1 - len(names))
        group = kernel.ANOTHER if event is None else self._groups.get(event, -kernel.FIRST_GROUP) + kernel.FIRST_GROUP
        names[number] = group
        self.carry[kernel.ROOM_NAMES] = len(names)

    def compile(self, rows: int) -> bool:
        """Go on with compiled code and room for so many rows, where there is numba; whether that began now.

        There must be no rows that were not taken yet.
        """
        if self._compiled is not None or not have_numba():
            return False
        self._compiled = _compiled()
        columns: dict[str, Any] = {name: np.array(column, np.int64) for name, column in self._room._asdict().items()}
        columns["pool"] = np.frombuffer(self._room.pool, np.uint8)
        columns["carry"][kernel.ROOM_ROWS] = rows
        for name, width in _PER_ROW.items():
            columns[name] = np.zeros(rows * width, np.int64)
        self._room = Room(**columns)
        tables: dict[str, Any] = {name: np.array(table, np.int64) for name, table in self._tables._asdict().items()}
        self._tables = Tables(**tables)
        return True

    def walk(self, buffer: bytearray, end: int, big: int) -> int:
        """Read the records of the buffer, as far as `end`; see `simple_kernel.walk`."""
        if self._compiled is None:
            return kernel.walk(buffer, end, big, self._tables, self._room)
        names: Any = np.array(self._names or [0], np.int64)
        arrays: tuple[Any, ...] = (np.frombuffer(buffer, np.uint8), *self._tables._replace(names=names), *self._room)
        return self._compiled(addresses_of(arrays).ctypes.data, end, big)

    def take(self) -> pl.DataFrame:
        """The rows since the last call: columns of `EVENTS_SCHEMA`, without trace, boot and seq."""
        room, carry = self._room, self.carry
        count, capacity = int(carry[kernel.ROWS]), int(carry[kernel.ROOM_ROWS])

        def column(values: Sequence[int], at: int = 0) -> NDArray[np.int64]:
            return np.asarray(values[at * capacity : at * capacity + count], np.int64)

        ends = [int(end) for end in room.ends[: carry[kernel.STRINGS] + 1]]
        kinds = column(room.kinds)
        self.nameless = bool(NAMELESS[kinds].any())
        columns = columns_of(
            kinds,
            [column(room.numbers, at) for at in range(kernel.NUMBERS)],
            column(room.shown),
            (column(room.words), column(room.words, 1)),
            strings_of(bytes(room.pool[: carry[kernel.POOL]]), ends),
        )
        # The room is filled again: what would be no copy but a view must be one.
        times, threads = column(room.times).copy(), column(room.threads).astype(np.uint32)
        # The simple backend notes the process alone; 0 is what a trace without one was converted to.
        process, thread = (pl.Series(name, threads) for name in ("process", "thread"))
        if self.threads:
            process = pl.Series("process", [None], pl.UInt32).new_from_index(0, count)
        elif not threads.all():
            process = process.set(process == 0, None)
        frame = pl.DataFrame([pl.Series("time_ns", times), process, thread, *columns])
        self._clear()
        return frame

    def _clear(self) -> None:
        carry = self.carry
        for slot in (kernel.ROWS, kernel.OTHER, kernel.LOSSES, kernel.STRINGS, kernel.POOL):
            carry[slot] = 0
        self._room.slots[:] = [0] * len(self._room.slots)

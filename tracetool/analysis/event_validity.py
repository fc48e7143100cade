"""Which events a flash can log, and what some of them mean in an early QEMU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import RowKind
from tracetool.analysis.machine_rows import IO_CODES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.tables import RowColumns

__all__ = ["CAUSED", "STORES", "possible", "reset_as_read_array"]

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


def possible(rows: RowColumns, region: int) -> NDArray[np.bool_]:
    """Which rows a flash of `region` bytes can log: accesses of 1 to 8 bytes inside it, erases inside it."""
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

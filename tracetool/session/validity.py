"""Which events a flash can log, and what some of them mean in an early QEMU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import RowKind
from tracetool.session.rows import IO_CODES

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
_WITH_PLACE = (*IO_CODES, *STORES)
_WIDEST_ACCESS = 8
_IS_PLACED = np.isin(np.arange(len(RowKind)), _WITH_PLACE)
_IS_VALUELESS = ~np.isin(np.arange(len(RowKind)), (RowKind.IO_WRITE, *STORES))


def possible(events: pl.DataFrame, kinds: NDArray[np.uint8], region: int) -> NDArray[np.bool_]:
    """Which events a flash of `region` bytes can log: accesses of 1 to 8 bytes inside it, erases inside it."""
    if _plain(events, kinds, region):
        return np.ones(len(kinds), np.bool_)
    offset = events["offset"].fill_null(-1).to_numpy()
    size = events["size"].cast(pl.Int64).fill_null(0).to_numpy()
    placed = np.isin(kinds, _WITH_PLACE)
    sized = (size >= 1) & (size <= _WIDEST_ACCESS)
    inside = (offset >= 0) & (offset <= region - size)
    valued = events["value"].is_not_null().to_numpy() | ~np.isin(kinds, (RowKind.IO_WRITE, *STORES))
    erase = kinds == RowKind.WRITE_BLOCK_ERASE
    return np.where(placed, sized & inside & valued, ~erase | _possible_erases(events, region))


def _plain(events: pl.DataFrame, kinds: NDArray[np.uint8], region: int) -> bool:
    """Whether extremes and counts show that all of the events can be; where they do not, it may still be so."""
    offset, size, value = events["offset"], events["size"], events["value"]
    low, high, narrow, wide = offset.min(), offset.max(), size.min(), size.max()
    if low is None or narrow is None or low < 0 or narrow < 1 or wide > _WIDEST_ACCESS:  # type: ignore[operator]
        return False
    if high > region - _WIDEST_ACCESS:  # type: ignore[operator]
        return False
    valued = value.is_not_null() | pl.Series(_IS_VALUELESS[kinds])
    whole = offset.is_not_null() & size.is_not_null() & valued & pl.Series(_IS_PLACED[kinds])
    if int(whole.sum()) != int(np.count_nonzero(_IS_PLACED[kinds])):
        return False
    erases = np.flatnonzero(kinds == RowKind.WRITE_BLOCK_ERASE)
    return not len(erases) or bool(_possible_erases(events[erases], region).all())


def _possible_erases(erases: pl.DataFrame, region: int) -> NDArray[np.bool_]:
    """Which erases a flash of `region` bytes can log."""
    offset, length = erases["offset"].fill_null(-1).to_numpy(), erases["length"].fill_null(0).to_numpy()
    return (offset >= 0) & (length > 0) & (length <= region) & (offset <= region - length)


def reset_as_read_array(events: pl.DataFrame) -> pl.Expr:
    """In the series' first patch every `reset` after the first event is a return to read array."""
    event = pl.col("event")
    name = pl.when(event == "reset").then(pl.lit("mode_read_array")).otherwise(event.cast(pl.String))
    return name.cast(events.schema["event"]).alias("event")

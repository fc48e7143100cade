"""Integers of a frame's columns, as arrays in which null is a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

try:
    from tracetool.ingest.arrow import fill
except ImportError:  # not compiled

    def fill(column: pl.Series, room: NDArray[np.int64] | NDArray[np.uint8], absent: int) -> None:
        """Copy a column's integers, or the codes of its enumeration, into an array; unsigned ones by their bits."""
        values = column.to_physical().to_numpy(masked=True)
        room[:] = values.data.astype(room.dtype)
        room[values.mask] = absent


if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

__all__ = ["codes_of", "fill"]


def codes_of(events: pl.DataFrame) -> NDArray[np.uint8]:
    """The code of each event (`EVENT_CODES`, uint8)."""
    codes = np.empty(len(events), np.uint8)
    fill(events["event"], codes, 0)
    return codes

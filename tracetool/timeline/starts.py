"""Elapsed time of rows since the first event of their trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["elapsed", "start_of"]


def start_of(starts: Sequence[int | None]) -> pl.Expr:
    """The recorded time of the first event of each row's trace (Int64, ns); null where it is not known.

    Args:
        starts: that time of each trace, by the trace's number (column `trace`).
    """
    times = pl.Series(starts, dtype=pl.Int64)
    numbers = pl.int_range(len(starts), eager=True, dtype=pl.Int64)
    return pl.col("trace").cast(pl.Int64).replace_strict(numbers, times, default=None, return_dtype=pl.Int64)


def elapsed(starts: Sequence[int | None]) -> pl.Expr:
    """The time of each row (column `time_ns`) since the first event of its trace (Int64, ns); see `start_of`."""
    return pl.col("time_ns") - start_of(starts)

"""Lists of frames that grow."""

from __future__ import annotations

from typing import TypeVar

import polars as pl

__all__ = ["merge_short"]

_LONG = 1 << 16
"""Rows of a frame that stays as it is."""

Rows = TypeVar("Rows", pl.DataFrame, pl.Series)


def merge_short(frames: list[Rows]) -> None:
    """Merge the last frame with those before it that are not longer: of many small ones, few are left."""
    while len(frames) > 1 and len(frames[-2]) <= len(frames[-1]) < _LONG:
        frames[-2:] = [pl.concat(frames[-2:], rechunk=True)]

"""Line numbers of events, run-length encoded: a run is events on consecutive lines."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    import polars as pl

__all__ = ["LineIndex"]

RUNS = 1 << 16
"""Runs kept at most; later events of a log with more (mostly other programs' lines) have no line number."""


class LineIndex:
    """Lines (1-based) of events by their number, taken in as the events are read."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._shifts: list[int] = []
        self._known = 0

    def add(self, lines: pl.Series, base: int) -> None:
        """Take in the lines of the next events, the first of which is event `base`."""
        if self._known < base or lines.is_empty():
            return
        numbers = lines.to_numpy()
        last = self._shifts[-1] if self._shifts else None
        if numbers[0] - base == last and (np.diff(numbers) == 1).all():
            self._known = base + len(lines)
            return
        shifts = numbers - np.arange(base, base + len(lines))
        new = np.flatnonzero(np.diff(shifts, prepend=shifts[0] - 1 if last is None else last))
        room = RUNS - len(self._starts)
        self._known = base + (len(lines) if len(new) <= room else int(new[room]))
        self._starts += (base + new[:room]).tolist()
        self._shifts += shifts[new[:room]].tolist()

    def lines_of(self, seqs: Collection[int]) -> dict[int, int]:
        """The lines of these events, without those that are not known."""
        known = [seq for seq in seqs if 0 <= seq < self._known]
        return {seq: seq + self._shifts[bisect_right(self._starts, seq) - 1] for seq in known}

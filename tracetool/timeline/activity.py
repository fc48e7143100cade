"""Activity: operations of each kind over time, in a histogram with a fixed number of bins.

Where an operation lies beyond the last bin all double their width, so memory does not grow with the trace and the
result does not depend on the chunk size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import OpKind
from tracetool.timeline.operations import KINDS, label
from tracetool.timeline.sums import NO_TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.timeline.sums import Sums

__all__ = ["ACTIVITY_SCHEMA", "BINS", "UNITS", "Activity"]

BINS = 128
"""Bins of one trace."""

UNITS = ("ns", "event")
"""Unit of positions: nanoseconds, or pflash events in a trace without times."""

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "device": pl.Categorical(),
    "trace": pl.UInt16,
    "unit": pl.Enum(UNITS),
    "start": pl.Int64,
    "length": pl.Int64,
    "kind": pl.Enum(KINDS),
    "operations": pl.Int64,
}
ACTIVITY_SCHEMA = pl.Schema(_COLUMNS)
"""One row a bin and kind of operation that is in it; empty bins have none. `start` is the bin's first position, a
`time_ns` or a `seq` of the trace, `length` how many positions it holds."""

_NONE = len(KINDS)
_LABELS = (label(kind.name) for kind in sorted(OpKind))
_CODES = np.array([KINDS.index(name) if name in KINDS else _NONE for name in _LABELS])
_CODES[OpKind.NONE] = KINDS.index("incomplete")
"""The index in `KINDS` of each `OpKind`; `_NONE` for one that is no operation."""


class _Histogram:
    """The operations of one trace, by position and kind."""

    def __init__(self, *, timed: bool, origin: int) -> None:
        self.timed = timed
        self.origin = origin
        self.width = 1
        self.counts = np.zeros((BINS, len(KINDS) + 1), np.int64)
        self._latest = origin

    def add(self, kinds: NDArray[np.int64], seqs: NDArray[np.int64], times: NDArray[np.int64]) -> None:
        """Count operations; one without a time in a trace that has times counts where the one before it does."""
        positions = seqs - self.origin
        if self.timed:
            known = np.where(times == NO_TIME, -1, np.arange(len(times)))
            last = np.maximum.accumulate(known)
            filled = np.where(last < 0, self._latest, times[np.maximum(last, 0)])
            self._latest = int(filled[-1])
            positions = np.maximum(filled - self.origin, 0)  # a clock that was set back stays at the beginning
        self._widen(int(positions.max()))
        places = positions // self.width * self.counts.shape[1] + _CODES[kinds]
        self.counts += np.bincount(places, minlength=self.counts.size).reshape(self.counts.shape)

    def _widen(self, highest: int) -> None:
        while highest >= BINS * self.width:
            pairs = self.counts.reshape(BINS // 2, 2, -1).sum(axis=1)
            self.counts = np.concatenate([pairs, np.zeros_like(pairs)])
            self.width *= 2


class Activity:
    """Collector of the operations of one device over time, trace by trace."""

    def __init__(self) -> None:
        self._traces: dict[int, _Histogram] = {}

    def add(self, sums: Sums) -> None:
        """Count the operations of a batch."""
        trace, times = sums.trace, sums["time_ns"]
        if trace not in self._traces:
            timed = bool(times[0] != NO_TIME)
            self._traces[trace] = _Histogram(timed=timed, origin=int(times[0]) if timed else 0)
        self._traces[trace].add(sums["kind"], sums["first_seq"], times)

    def table(self, device: str) -> pl.DataFrame:
        """The bins as a frame of `ACTIVITY_SCHEMA`, by trace, start and kind."""
        rows = []
        for trace, found in self._traces.items():
            unit = UNITS[0] if found.timed else UNITS[1]
            bins, kinds = np.nonzero(found.counts[:, :_NONE])
            rows += [
                (device, trace, unit, found.origin + int(at) * found.width, found.width, KINDS[kind], count)
                for at, kind, count in zip(bins, kinds, found.counts[bins, kinds].tolist(), strict=True)
            ]
        return pl.DataFrame(rows, schema=ACTIVITY_SCHEMA, orient="row")

"""Times for formats in which time only goes forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl
    from numpy.typing import NDArray

__all__ = ["Clock"]


class Clock:
    """Turns a trace's times, chunk by chunk, into nanoseconds since its first event that never go back.

    A clock that was set back, as in concatenated logs, continues from its last time. Rows without a time get
    that of the row before. A trace without any times counts its events, a nanosecond each.

    Args:
        timed: whether the trace has any times.
    """

    def __init__(self, *, timed: bool) -> None:
        self.timed = timed
        self.start: int | None = None
        self._last: int | None = None
        self._now = 0
        self._set_back = 0
        self._untimed = 0

    def forward(self, times: pl.Series, seqs: pl.Series) -> NDArray[np.int64]:
        """The rows' times: int64, in nanoseconds. `times` are `time_ns`, null where unknown; `seqs` rise."""
        if not self.timed:
            return seqs.to_numpy().astype(np.int64)
        self._untimed += times.null_count()
        filled = times.fill_null(strategy="forward")
        known = filled.drop_nulls()
        if self._last is None and not len(known):
            return np.zeros(len(times), np.int64)
        if self._last is None:
            self.start = self._last = int(known[0])
        values = filled.fill_null(self._last).to_numpy()
        steps = np.diff(values, prepend=self._last)
        self._set_back += int((steps < 0).sum())
        out: NDArray[np.int64] = self._now + np.cumsum(np.maximum(steps, 0))
        self._last, self._now = int(values[-1]), int(out[-1])
        return out

    def remarks(self) -> Iterator[str]:
        """Changes made to the trace's times, a sentence each."""
        if not self.timed:
            yield "the trace has no times: each event is a nanosecond after the one before"
        elif self._untimed:
            yield f"{self._untimed:,} times are not known; those of the events before are taken"
        if self._set_back:
            yield f"the trace's clock was set back {self._set_back:,} times; here it goes on from where it was"

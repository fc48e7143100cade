"""A trace kept in memory: events for the tables, and for later replays without the file."""

from __future__ import annotations

from bisect import bisect_right
from copy import copy
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import EVENTS_SCHEMA
from tracetool.ingest.trace_reader import ReaderOver
from tracetool.timeline.touched import with_operations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tracetool.ingest import TraceReader

__all__ = ["CachedTrace"]

_NARROW = ("offset", "length", "region", "counter")
"""Columns that mostly fit into 32 bits."""

_SCHEMA = {name: dtype for name, dtype in EVENTS_SCHEMA.items() if name not in ("trace", "seq")}


class CachedTrace(ReaderOver):
    """A `TraceReader` that reads the trace once and keeps it; later reads, and windows of rows, come from memory.

    The seq of an event is its row. Columns that a chunk does not use take no room.
    """

    def __init__(self, reader: TraceReader) -> None:
        super().__init__(reader)
        self._frames: list[pl.DataFrame] = []
        self._starts: list[int] = []
        self._complete = False
        self.events = 0
        self.on_reread: Callable[[int, int | None], None] | None = None
        """Called with the events given and their number while kept events are read again."""
        self.label: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame
        """Replaces the device names in windows and selections by those shown."""

    @property
    def rereadable(self) -> bool:
        """Always: what was read is kept, even of a stream."""
        return True

    def again(self, report: Callable[[int, int | None], None]) -> CachedTrace:
        """The same kept events, whose later reads are reported elsewhere."""
        other: CachedTrace = copy(self)
        other.on_reread, other._complete = report, True
        return other

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Frames of `EVENTS_SCHEMA`; as `TraceReader.chunks`."""
        if self._complete:
            for start, frame in self.kept(trace):
                if self.on_reread is not None:
                    self.on_reread(start, self.events)
                yield frame
            return
        self._frames, self._starts, self.events = [], [], 0
        for frame in self._inner.chunks(trace):
            self._keep(frame)
            yield frame
        self._complete = True

    def _keep(self, frame: pl.DataFrame) -> None:
        # In this order: whoever looks while the trace is read sees no event whose frame is not there.
        self._frames.append(_slim(frame))
        self._starts.append(self.events)
        self.events += len(frame)

    def kept(self, trace: int = 0) -> Iterator[tuple[int, pl.DataFrame]]:
        """What was read: frames of `EVENTS_SCHEMA`, each with the seq of its first event."""
        for start, frame in zip(self._starts, self._frames, strict=True):
            yield start, _whole(frame, trace, start)

    # --- windows -------------------------------------------------------------------------------------------------

    def rows(self, start: int, count: int, trace: int = 0) -> pl.DataFrame:
        """Events `start` to `start + count`, as a frame of `EVENTS_SCHEMA`."""
        pieces = [EVENTS_SCHEMA.to_frame()]
        end = min(start + count, self.events)
        at = max(bisect_right(self._starts, start) - 1, 0)
        while start < end and at < len(self._frames):
            first = start - self._starts[at]
            piece = self._frames[at].slice(first, end - start)
            pieces.append(_whole(piece, trace, start))
            start += len(piece)
            at += 1
        return self.label(pl.concat(pieces))

    def gather(self, seqs: NDArray[np.int64], trace: int = 0) -> pl.DataFrame:
        """The events with these ascending seqs, as a frame of `EVENTS_SCHEMA`."""
        pieces = [EVENTS_SCHEMA.to_frame()]
        chunk = np.searchsorted(self._starts, seqs, side="right") - 1
        for at in np.unique(chunk).tolist():
            mine = seqs[chunk == at]
            piece = self._frames[at][mine - self._starts[at]]
            pieces.append(_whole(piece, trace, 0).with_columns(pl.Series("seq", mine, pl.Int64)))
        return self.label(pl.concat(pieces))

    def select(self, condition: pl.Expr, trace: int = 0, operations: pl.DataFrame | None = None) -> NDArray[np.int64]:
        """The seqs (int64, ascending) of the events for which a condition on `EVENTS_SCHEMA` holds.

        With `operations` (`OPERATIONS_SCHEMA`) the condition can also be on what theirs touched.
        """
        frames = (self.label(frame) for _, frame in self.kept(trace))
        joined = frames if operations is None else (with_operations(frame, operations) for frame in frames)
        found = [frame.lazy().filter(condition).select("seq").collect()["seq"].to_numpy() for frame in joined]
        return np.concatenate([np.zeros(0, np.int64), *found])


def _slim(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop the columns that follow from a row's place, and narrow the others."""
    columns = [frame[name] for name in _SCHEMA if frame[name].null_count() < len(frame)]
    return pl.DataFrame([_narrow(column) if column.name in _NARROW else column for column in columns])


def _narrow(column: pl.Series) -> pl.Series:
    try:
        return column.cast(pl.UInt32)
    except pl.exceptions.InvalidOperationError:  # a damaged line may say anything
        return column


def _whole(frame: pl.DataFrame, trace: int, start: int) -> pl.DataFrame:
    """Restore the frame of `EVENTS_SCHEMA` from a slim one."""
    have = frame.schema
    columns = [
        pl.col(name).cast(dtype) if name in have else pl.lit(None, dtype).alias(name) for name, dtype in _SCHEMA.items()
    ]
    seqs = pl.int_range(start, start + pl.len(), dtype=pl.Int64).alias("seq")
    return frame.select(pl.lit(trace, pl.UInt16).alias("trace"), seqs, *columns).select(EVENTS_SCHEMA.names())

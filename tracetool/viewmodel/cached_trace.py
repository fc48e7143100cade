"""A trace kept in memory: events for the tables, and for later replays without the file."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
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

_AT_ONCE = 1 << 16
"""Most events of a kept frame that are made whole at once: that doubles their room, and several are in work."""

_SCHEMA = {name: dtype for name, dtype in EVENTS_SCHEMA.items() if name not in ("trace", "seq")}


class CachedTrace(ReaderOver):
    """A `TraceReader` that reads the trace once and keeps it; later reads, and windows of rows, come from memory.

    The seq of an event is its row. Columns that a chunk does not use take no room.
    """

    growing = False
    """True where more was to come when this was read."""

    def __init__(self, reader: TraceReader, on_reread: Callable[[int, int | None], None] | None = None) -> None:
        super().__init__(reader)
        self._frames: list[pl.DataFrame] = []
        self._starts: list[int] = []
        self._complete = False
        self.events = 0
        self.on_reread = on_reread
        """Called with the events given and their number while kept events are read again."""
        self.label: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame
        """Replaces the device names in windows and selections by those shown."""

    @property
    def rereadable(self) -> bool:
        """Always: what was read is kept, even of a stream."""
        return True

    def again(self, report: Callable[[int, int | None], None], end: int | None = None) -> CachedTrace:
        """The same kept events, or those before number `end`, whose later reads are reported elsewhere."""
        other: CachedTrace = copy(self)
        other.on_reread, other._complete = report, True
        if end is not None and end < self.events:
            count = bisect_left(self._starts, end)
            other._starts, other.events = self._starts[:count], end
            other._frames = [*self._frames[: count - 1], self._frames[count - 1].head(end - self._starts[count - 1])]
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

    def _merge_short(self) -> None:
        """Merge the last frame with those before it that are not longer: a replay takes time for each frame."""
        frames, starts = self._frames, self._starts
        while len(frames) > 1 and len(frames[-2]) <= len(frames[-1]) < _AT_ONCE:
            both = pl.concat([_whole(frame, 0, start) for start, frame in zip(starts[-2:], frames[-2:], strict=True)])
            frames[-2:], starts[-2:] = [_slim(both)], [starts[-2]]

    def kept(self, trace: int = 0) -> Iterator[tuple[int, pl.DataFrame]]:
        """What was read: frames of `EVENTS_SCHEMA`, each with the seq of its first event."""
        for first, frame in self._pieces(0):
            yield first, _whole(frame, trace, first)

    def of_device(self, device: str, start: int, trace: int = 0) -> Iterator[pl.DataFrame]:
        """The events of all devices of a name in the trace, from event `start` on; frames as of `chunks`, none empty.

        A device with few events costs little in a long trace: only those are made whole.
        """
        for first, frame in self._pieces(start):
            if self.on_reread is not None:
                self.on_reread(first, self.events)
            rows = (frame["device"] == device).arg_true()
            if len(rows) == len(frame):
                yield _whole(frame, trace, first)
            elif len(rows):
                yield _whole(frame[rows], trace, 0).with_columns(seq=first + rows.cast(pl.Int64))

    def _pieces(self, start: int) -> Iterator[tuple[int, pl.DataFrame]]:
        """The slim frames from event `start` on, none too long, each with the seq of its first event."""
        begin = max(bisect_right(self._starts, start) - 1, 0)
        for first, frame in zip(self._starts[begin:], self._frames[begin:], strict=True):
            for at in range(max(start - first, 0), len(frame), _AT_ONCE):
                yield first + at, frame.slice(at, _AT_ONCE)

    # --- windows -------------------------------------------------------------------------------------------------

    def rows(self, start: int, count: int, trace: int = 0) -> pl.DataFrame:
        """Events `start` to `start + count`, as a frame of `EVENTS_SCHEMA`."""
        pieces: list[pl.DataFrame] = []
        end = min(start + count, self.events)
        at = max(bisect_right(self._starts, start) - 1, 0)
        while start < end and at < len(self._frames):
            first = start - self._starts[at]
            piece = self._frames[at].slice(first, end - start)
            pieces.append(_whole(piece, trace, start))
            start += len(piece)
            at += 1
        return self.label(pl.concat(pieces) if pieces else EVENTS_SCHEMA.to_frame())

    def gather(self, seqs: NDArray[np.int64], trace: int = 0) -> pl.DataFrame:
        """The events with these ascending seqs, as a frame of `EVENTS_SCHEMA`."""
        pieces: list[pl.DataFrame] = []
        chunk = np.searchsorted(self._starts, seqs, side="right") - 1
        for at in np.unique(chunk).tolist():
            mine = seqs[chunk == at]
            piece = self._frames[at][mine - self._starts[at]]
            pieces.append(_whole(piece, trace, 0).with_columns(pl.Series("seq", mine, pl.Int64)))
        return self.label(pl.concat(pieces) if pieces else EVENTS_SCHEMA.to_frame())

    def select(self, condition: pl.Expr, trace: int = 0, operations: pl.DataFrame | None = None) -> NDArray[np.int64]:
        """The seqs (int64, ascending) of the events for which a condition on `EVENTS_SCHEMA` holds.

        With `operations` (`OPERATIONS_SCHEMA`) the condition can also be on `OF_OPERATIONS` of theirs.
        """
        frames = (self.label(frame) for _, frame in self.kept(trace))
        joined = frames if operations is None else (with_operations(frame, operations) for frame in frames)
        found = [frame.lazy().filter(condition).select("seq").collect()["seq"].to_numpy() for frame in joined]
        return np.concatenate([np.zeros(0, np.int64), *found])


def _slim(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop the columns that follow from a row's place, and narrow the others."""
    return pl.DataFrame([frame[name].shrink_dtype() for name in _SCHEMA if frame[name].null_count() < len(frame)])


def _whole(frame: pl.DataFrame, trace: int, start: int) -> pl.DataFrame:
    """Restore the frame of `EVENTS_SCHEMA` from a slim one."""
    have = frame.schema
    made = {
        "trace": pl.lit(trace, pl.UInt16),
        "seq": pl.int_range(start, start + pl.len(), dtype=pl.Int64),
        **{name: pl.col(name) if name in have else pl.lit(None) for name in _SCHEMA},
    }
    return frame.select(made[name].cast(dtype).alias(name) for name, dtype in EVENTS_SCHEMA.items())

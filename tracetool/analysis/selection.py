"""Parts of a trace that are traces: whole operations, and what brings each device to where the part begins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from tracetool.events import EVENTS_SCHEMA, OPENING
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.trace_reader import ReaderOver

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from tracetool.ingest import Health, TraceReader

    Spans = Mapping[str, "Span"]

__all__ = ["Remembered", "SelectedEvents", "Span", "spans_of", "with_ends"]

_NEVER = (1 << 62) - 1


class Span(NamedTuple):
    """Events of a device from each of `first` to that of `last` (int64, ascending, both inclusive)."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def holds(self, seqs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True for the events that lie in one of the ranges."""
        at = np.searchsorted(self.first, seqs, side="right") - 1
        held = at >= 0
        held[held] = seqs[held] <= self.last[at[held]]
        return held


def with_ends(operations: pl.DataFrame) -> pl.DataFrame:
    """All operations of one trace (`OPERATIONS_SCHEMA`) by device and first event, with their `end_seq` (int64).

    The events that QEMU logs for the last access of an operation come after `last_seq`, which is that access: they end
    where the next operation of the device begins.
    """
    ends = (pl.col("first_seq").shift(-1) - 1).over("device").fill_null(_NEVER)
    return operations.sort("device", "first_seq").with_columns(end_seq=ends)


def spans_of(operations: pl.DataFrame) -> dict[str, Span]:
    """The events of some operations (`with_ends`), by device."""
    return {
        str(device): Span(part["first_seq"].to_numpy(), part["end_seq"].to_numpy())
        for (device,), part in operations.group_by("device", maintain_order=True)
    }


class Remembered(ReaderOver):
    """A trace whose events are kept, for many readings."""

    def __init__(self, inner: TraceReader) -> None:
        super().__init__(inner)
        self._frames = list(inner.chunks())

    @property
    def rereadable(self) -> bool:
        """Its events are in memory."""
        return True

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Give the events out once more; see `TraceReader.chunks`."""
        for frame in self._frames:
            yield frame.with_columns(pl.lit(trace, EVENTS_SCHEMA["trace"]).alias("trace"))


class SelectedEvents(ReaderOver):
    """Some events of a trace, numbered from 0; the others count as lost, so that none takes it for the whole.

    Events with which a device begins are kept; with `begin` each device also begins with a reset where its first event
    is none of those, as in a run of QEMU that found the flash as it was then.

    Args:
        inner: the whole trace.
        spans: what is kept, by device.
        begin: see above.
    """

    def __init__(self, inner: TraceReader, spans: Spans, *, begin: bool = False) -> None:
        super().__init__(inner)
        self._spans = spans
        self._begin = begin
        self.left_out = 0
        """Events that are not in the part, as of the last chunk."""

    @property
    def health(self) -> Health:
        """That of the whole trace, with what was left out among the losses."""
        health = self._inner.health
        return replace(health, lost=health.lost + self.left_out) if self.left_out else health

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        numbering = Numbering(trace)
        begun: set[str] = set()
        self.left_out = 0
        for frame in self._inner.chunks(trace):
            kept = frame.filter(self._kept(frame))
            self.left_out += frame.height - kept.height
            if not kept.is_empty():
                whole = self._opened(kept, begun) if self._begin else kept
                yield numbering.apply(whole.drop("trace", "boot", "seq"))

    def _kept(self, frame: pl.DataFrame) -> pl.Series:
        seqs, devices = frame["seq"].to_numpy(), frame["device"]
        # What begins a device before the part is replaced by the reset that begins it.
        kept = np.zeros(len(seqs), np.bool_) if self._begin else frame["event"].is_in(OPENING).to_numpy().copy()
        for device, span in self._spans.items():
            mine = (devices == device).to_numpy()
            kept[mine] |= span.holds(seqs[mine])
        return pl.Series(kept)

    def _opened(self, frame: pl.DataFrame, begun: set[str]) -> pl.DataFrame:
        """The frame with a reset before the first event of each device that does not begin with one."""
        pieces, start = [], 0
        devices = frame["device"].cast(pl.String)
        for device in devices.unique(maintain_order=True):
            if device in begun:
                continue
            begun.add(device)
            at = int((devices == device).arg_max() or 0)
            if str(frame["event"][at]) not in OPENING:
                names = ("time_ns", "process", "thread", "device", "trace", "boot", "seq")
                reset = frame[at].select(*names, pl.lit("reset", EVENTS_SCHEMA["event"]).alias("event"))
                pieces += [frame[start:at], reset]
                start = at
        return pl.concat([*pieces, frame[start:]], how="diagonal")

"""An export: the events of a trace, or of one of its devices, with the losses between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

import polars as pl

from tracetool.analysis.boots import Chosen
from tracetool.analysis.naming import events_of
from tracetool.analysis.selection import SelectedEvents
from tracetool.ingest.numbering import Numbering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.options import Options
    from tracetool.ingest import TraceReader

__all__ = ["Failure", "Job", "Loss"]


@dataclass(frozen=True, slots=True)
class Loss:
    """Missing events. `count` is 0 where their number is unknown; `time_ns` is that of the event before."""

    count: int
    time_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The host could not write the image here; `text` is QEMU's message."""

    text: str


@dataclass
class Job:
    """One trace to be written.

    Attributes:
        reader: the trace.
        options: of the devices; only `options.device` is written, where it is given.
        events: events written by the last pass.
        seen: events seen by the last pass, those of other devices included.
        losses: how many had been given out before each place where events were lost, in the last pass.
        failures: the same of each place where the host failed.
        left_out: events of other devices, processes and boots, or not of the part, in the last pass. They end up as a
            loss at the end, so that an audit of what is written does not take it for all that there was.
    """

    reader: TraceReader
    options: Options
    events: int = 0
    seen: int = 0
    losses: list[int] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    left_out: int = 0

    @property
    def lossy(self) -> bool:
        """True if the last pass met losses or damage of the trace itself."""
        return len(self.losses) > (self.left_out > 0)

    def untold_losses(self) -> list[str]:
        """Remark, for a format that cannot hold losses, where the last pass met any."""
        health = self.reader.health
        lost = health.lost or health.lost_places or self.left_out
        incomplete = lost or health.damaged or health.truncated or health.host_write_failures
        return ["the trace does not show everything, and the file does not say so"] if incomplete else []

    def frames(self) -> Iterator[pl.DataFrame]:
        """The events as frames of `EVENTS_SCHEMA`, none empty, numbered from 0 without gaps."""
        for piece in self.pieces():
            if isinstance(piece, pl.DataFrame):
                yield piece

    def pieces(self) -> Iterator[pl.DataFrame | Loss | Failure]:
        """The same frames, cut where events were lost or the host failed.

        What could not be read of the trace is a loss at its end, one event for each damaged line and for a cut.
        """
        self.events = self.seen = self.left_out = 0
        self.losses.clear()
        self.failures.clear()
        numbering = Numbering(0)
        marks = _Marks(self.reader)
        selection = Chosen(self.reader, self.options)
        for frame in selection.chunks():
            self.seen += frame.height
            for piece in marks.cut(frame):
                chosen = self._noted(piece)
                if not isinstance(chosen, pl.DataFrame):
                    yield chosen
                elif chosen.height:
                    yield numbering.apply(chosen)
        for mark in marks.rest():
            self._noted(mark)
            yield mark
        self.left_out += selection.left_out
        if self.left_out:
            mark = Loss(self.left_out)
            self._noted(mark)
            yield mark
        if isinstance(self.reader, SelectedEvents):
            # Its health has them as lost, so they are marked already.
            self.left_out += self.reader.left_out

    def _noted(self, piece: pl.DataFrame | Loss | Failure) -> pl.DataFrame | Loss | Failure:
        """Count the piece, and reduce it to the one device."""
        if isinstance(piece, Loss):
            self.losses.append(self.events)
        elif isinstance(piece, Failure):
            self.failures.append(self.events)
        else:
            device = self.options.device
            whole = piece.height
            piece = piece if device is None else piece.filter(events_of(device))
            self.events += piece.height
            self.left_out += whole - piece.height
        return piece


class _Marks:
    """Places between events, taken from the reader's health as it grows."""

    def __init__(self, reader: TraceReader) -> None:
        self._reader = reader
        self._given: set[str] = set()
        self._placed = 0
        self._time: int | None = None

    def cut(self, frame: pl.DataFrame) -> Iterator[pl.DataFrame | Loss | Failure]:
        """The frame in pieces, with the marks that lie before or in it."""
        start = 0
        for seq, mark in self._new(int(frame["seq"][-1])):
            at = int(frame["seq"].search_sorted(seq))
            if at > start:
                yield self._noted(frame[start:at])
            start = max(start, at)
            yield self._made(mark)
        if start < frame.height:
            yield self._noted(frame[start:])

    def rest(self) -> Iterator[Loss | Failure]:
        """The marks after the last event, and one for what has no place."""
        for _, mark in self._new(None):
            yield self._made(mark)
        health = self._reader.health
        count = max(health.lost - self._placed, 0) + health.damaged + (health.truncated is not None)
        if count:
            yield Loss(count, self._time)

    def _new(self, last: int | None) -> list[tuple[int, int | str]]:
        """Marks up to event `last` that were not given out yet, by the event they precede: counts and texts."""
        health = self._reader.health
        marks: list[tuple[int, int | str, str]] = []
        marks += [(place.seq, place.count, f"loss {at}") for at, place in enumerate(health.lost_places)]
        marks += [(place.seq, place.text, f"failure {at}") for at, place in enumerate(health.host_write_failures)]
        due = [(seq, mark, key) for seq, mark, key in marks if key not in self._given and (last is None or seq <= last)]
        self._given.update(key for _, _, key in due)
        return sorted(((seq, mark) for seq, mark, _ in due), key=itemgetter(0))

    def _made(self, mark: int | str) -> Loss | Failure:
        if isinstance(mark, str):
            return Failure(mark)
        self._placed += mark
        return Loss(mark, self._time)

    def _noted(self, frame: pl.DataFrame) -> pl.DataFrame:
        times = frame["time_ns"].drop_nulls()
        self._time = int(times[-1]) if len(times) else self._time
        return frame

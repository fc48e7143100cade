"""A trace of QEMU's simple backend, version 4, as a `TraceReader`.

Ref: QEMU docs/devel/tracing.rst, "Simpletrace"; checked on traces of real QEMUs.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.ingest.formats.simple import HEADER_BYTES
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.reader import Reader, ReadOptions
from tracetool.ingest.simple_buffers import SimpleBuffers
from tracetool.ingest.simple_codes import EVENT_HEAD, HEAD, Reason, Stop
from tracetool.ingest.simple_records import MAX_ID, load, next_record, read_mappings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import TraceMeta

__all__ = ["SimpleTrace"]

BUFFER = 1 << 18
"""Bytes that are read at once: four of the longest record, and few enough to stay in the processor's cache."""

EXCERPT = 32
"""Bytes that are shown of a damaged record."""

SHORTEST_RECORD = 48
"""Of a pflash event, in bytes: by it there is room for the rows of a chunk."""

_REASONS = {
    Reason.ARGUMENTS: "arguments do not match the event",
    Reason.RANGE: "value out of range",
    Reason.TEXT: "text that no event has",
    Reason.UNNAMED: "event whose name is not known",
}


class _Reading:
    """One pass over the records."""

    def __init__(self, trace: SimpleTrace, source: Source, number: int) -> None:
        self._trace = trace
        self._health = trace.health
        self._source = source
        self._numbering = Numbering(number)
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._room = SimpleBuffers(self._buffer, trace.big, trace.options.chunk_bytes // SHORTEST_RECORD + 1)
        self._reader = self._room.reader
        self._end = 0
        self._before = 0
        """Bytes of the trace before those in the buffer."""
        self._delivered = 0
        """Bytes of the trace before the last frame."""
        self._due = False
        """Events are to be delivered before there are many; see `Source.due`."""
        self._astray_at = -1
        """Records before the place where no record stood, the last time."""

    def frames(self) -> Iterator[pl.DataFrame]:
        """The frames of the trace; its health is current with each."""
        more = True
        while more:
            more = self._fill()
            yield from self._walk()
        left = self._end - self._reader.position
        cut = f"the last record is cut: {left:,} bytes of it, from byte {self._before + self._end - left:,} on"
        self._health.truncated = self._source.truncated or (cut if left else self._health.truncated)
        yield from self._deliver()

    def _fill(self) -> bool:
        """Read on until the buffer is full; False at the end of the trace."""
        done = self._reader.position
        self._view[: self._end - done] = self._view[done : self._end]
        self._before += done
        self._end -= done
        self._reader.position = 0 if self._before else HEADER_BYTES
        while self._end < len(self._buffer):
            count = self._source.readinto(self._view[self._end :])
            if not count:
                return False
            self._end += count
            self._due = self._source.due()
            if self._due:
                break
        return True

    # --- records -------------------------------------------------------------------------------------------------

    def _walk(self) -> Iterator[pl.DataFrame]:
        """The frames of the complete records in the buffer."""
        going = True
        while going:
            why = self._room.walk(self._end)
            if why == Stop.FULL:
                yield from self._deliver()
            elif why == Stop.MAPPING:
                going = self._take_names()
            elif why == Stop.DAMAGED:
                self._pass_over()
            elif why == Stop.BROKEN:
                self._look_for_more()
            else:
                going = False
        if self._due or self._before + self._reader.position - self._delivered >= self._trace.options.chunk_bytes:
            yield from self._deliver()

    def _deliver(self) -> Iterator[pl.DataFrame]:
        room, health, base = self._room, self._health, self._numbering.seq
        self._delivered = self._before + self._reader.position
        health.other += self._reader.other
        for number, row, count in room.losses:
            health.lose(number, base + row, count)
        frame = self._numbering.apply(room.take())
        health.events += frame.height
        health.lines = self._reader.records
        health.understood = health.lines - health.other - health.damaged
        if self._trace.options.progress:
            self._trace.options.progress(self._source.bytes_read, self._source.total)
        if frame.height:
            self._trace.meta.nameless = self._trace.meta.nameless or room.nameless
            self._trace.meta.clocks.add("monotonic")
            yield frame

    def _take_names(self) -> bool:
        """Read the names of events at the position; False if one is incomplete."""
        reader, data, big = self._reader, self._view[: self._end], self._trace.big
        try:
            for number, name, end in read_mappings(data, reader.position, big):
                if number < MAX_ID:
                    self._room.name(number, name)
                reader.position = end
        except ValueError:
            self._look_for_more()
            return True
        return reader.position + HEAD > self._end or load(data, reader.position, HEAD, big) != 0

    # --- damage --------------------------------------------------------------------------------------------------

    def _pass_over(self) -> None:
        """Count the event at the position as damaged, and skip it."""
        at = self._reader.position
        self._damage(_REASONS[Reason(self._reader.reason)], at)
        length = load(self._view[: self._end], at + HEAD + 16, 4, self._trace.big)
        self._reader.position = at + HEAD + length

    def _look_for_more(self) -> None:
        """Skip to the next plausible record; the bytes before it count as one damaged record."""
        at = self._reader.position
        if self._reader.records != self._astray_at:
            self._damage("no record stands there", at)
            self._astray_at = self._reader.records
        found = next_record(self._view[: self._end], at + 1, self._trace.big)
        # A record may begin in the last bytes, and continue in the next buffer.
        self._reader.position = found if found >= 0 else max(at + 1, self._end - HEAD - EVENT_HEAD)

    def _damage(self, reason: str, at: int) -> None:
        health, meta = self._health, self._trace.meta
        self._reader.records += 1
        number, place = self._reader.records, f"{reason}, byte {self._before + at:,}"
        if self._trace.options.strict:
            raise InputError(
                f"{meta.name}: record {number:,}: {place}; without --strict such records are counted and left out"
            )
        health.damage(number, place, bytes(self._view[at : min(at + EXCERPT, self._end)]).hex(" "))


class SimpleTrace(Reader):
    """A trace of QEMU's simple backend; see `TraceReader` and `Reader`.

    Args:
        meta: facts about it.
        big: 1: its numbers have their high byte first.
        source: see `Reader`.
        options: how it is read.
    """

    def __init__(
        self,
        meta: TraceMeta,
        big: int,
        source: Source | None = None,
        options: ReadOptions = ReadOptions(),  # noqa: B008  it is frozen
    ) -> None:
        super().__init__(meta, options, source)
        self.big = big

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        with closing(self.open()) as source:
            self.begin()
            yield from _Reading(self, source, trace).frames()

"""A log, or anything else that holds events as text, as a `TraceReader`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import InputError
from tracetool.ingest.chunk import Health
from tracetool.ingest.columns import LINE
from tracetool.ingest.line_index import LineIndex
from tracetool.ingest.lines import pieces
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.parser import TextParser
from tracetool.ingest.source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tracetool.ingest.chunk import TraceMeta
    from tracetool.ingest.lines import Piece
    from tracetool.ingest.scanner import Scanner
    from tracetool.ingest.source import Source

__all__ = ["TextTrace"]

Progress = "Callable[[int, int | None], None]"


class _Reading:
    """One pass over the text: pieces in, canonical frames out."""

    def __init__(self, parser: TextParser, health: Health, meta: TraceMeta, trace: int, index: LineIndex) -> None:
        self._parser = parser
        self._health = health
        self._meta = meta
        self._numbering = Numbering(trace)
        self._scanned: list[pl.DataFrame] = []
        self._index = index

    def feed(self, piece: Piece, scanner: Scanner | None) -> None:
        """Read some lines."""
        first = self._health.lines + 1
        if piece.overlong is not None:
            self._health.lines += 1
            self._parser.overlong(first, piece.overlong.decode("latin-1"), marked=piece.marked)
        elif piece.last:
            self._health.lines += 1
            self._parser.finish(first, piece.data.decode("latin-1"))
        elif scanner is not None:
            self._scan(piece.data, scanner, first)
        else:
            self._health.lines += piece.data.count(b"\n")
            self._parser.parse_block(piece.data.decode("latin-1"), first)
        self._health.unterminated = piece.last

    def _scan(self, data: bytes, scanner: Scanner, first: int) -> None:
        scanned = scanner.scan(data)
        self._health.lines += scanned.lines
        if scanned.rows.height:
            self._scanned.append(scanned.rows.with_columns(pl.col(LINE) + first))
            self._meta.shapes[scanned.shape] += scanned.rows.height
            self._meta.clocks.add(scanned.clock)
            self._meta.nameless = self._meta.nameless or scanned.nameless
        self._parser.parse((first + line, data[start:end].decode("latin-1")) for line, start, end in scanned.left)

    def take(self) -> pl.DataFrame:
        """The events since the last call."""
        base = self._numbering.seq
        frame = self._parser.take()
        if self._scanned:
            frame = pl.concat([frame, *self._scanned], how="diagonal").sort(LINE, maintain_order=True)
            self._scanned.clear()
        self._parser.notes.settle(self._health, frame[LINE].to_list() if self._parser.notes else [], base)
        self._index.add(frame[LINE], base)
        self._health.understood = self._health.lines - self._health.other - self._health.damaged
        self._health.events += frame.height
        return self._numbering.apply(frame)


class TextTrace:
    """A text trace; see `TraceReader`.

    Args:
        meta: what is known of it.
        source: the open stream of a source that cannot be read twice; None for a file, which is opened by each call.
        strict: raise on the first damaged line.
        chunk_bytes: about so much text makes a frame.
        progress: called with the bytes read of the file and its size, before each frame.
        scanner: takes the lines it is sure of; the parser takes the others.
    """

    def __init__(
        self,
        meta: TraceMeta,
        source: Source | None = None,
        *,
        strict: bool = False,
        chunk_bytes: int = 4 << 20,
        progress: Callable[[int, int | None], None] | None = None,
        scanner: Scanner | None = None,
    ) -> None:
        self.meta = meta
        self.health = Health()
        self._index = LineIndex()
        self.rereadable = source is None
        self._stream = source
        self._used = False
        self._strict = strict
        self._chunk_bytes = chunk_bytes
        self._progress = progress
        self._scanner = scanner

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        with closing(self._open()) as source:
            self._reset()
            parser = TextParser(self.health, self.meta, strict=self._strict)
            reading = _Reading(parser, self.health, self.meta, trace, self._index)
            pending = 0
            for piece in pieces(source.read, self._chunk_bytes):
                reading.feed(piece, self._scanner)
                pending += piece.size
                if pending >= self._chunk_bytes:
                    pending = 0
                    yield from self._deliver(reading, source)
            self.health.truncated = source.truncated
            yield from self._deliver(reading, source)

    def lines_of(self, seqs: Collection[int]) -> dict[int, int]:
        """Which line each event stands in; see `LineReader`."""
        return self._index.lines_of(seqs)

    def _deliver(self, reading: _Reading, source: Source) -> Iterator[pl.DataFrame]:
        frame = reading.take()
        if self._progress:
            self._progress(source.bytes_read, source.total)
        if frame.height:
            yield frame

    def _open(self) -> Source:
        if self._stream is None:
            return open_source(self.meta.path)
        if self._used:
            raise InputError(f"{self.meta.name}: can be read only once; save it to a file first")
        self._used = True
        return self._stream

    def _reset(self) -> None:
        self.health = Health()
        self._index = LineIndex()
        self.meta.shapes.clear()
        self.meta.clocks.clear()
        self.meta.nameless = False

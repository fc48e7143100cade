"""A log, or anything else that holds events as text, as a `TraceReader`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl

from tracetool.ingest.line_index import LineIndex
from tracetool.ingest.lines import pieces
from tracetool.ingest.numbering import Numbering
from tracetool.ingest.parser import TextParser
from tracetool.ingest.reader import Reader, ReadOptions
from tracetool.ingest.scanner import usual_scanner
from tracetool.ingest.text_columns import LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from tracetool.ingest.lines import Piece
    from tracetool.ingest.scanner import TextScanner
    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import Health, TraceMeta

__all__ = ["Reading", "TextTrace"]

PARSED = 4 << 20
"""Largest chunk, in bytes, where the parser reads every line."""


class Reading:
    """One pass over the text: pieces in, canonical frames out."""

    def __init__(
        self, parser: TextParser, scanner: TextScanner | None, health: Health, meta: TraceMeta, numbering: Numbering
    ) -> None:
        self._parser = parser
        self._scanner = scanner
        self._health = health
        self._meta = meta
        self._numbering = numbering
        self.index = LineIndex()

    def feed(self, piece: Piece, *, cut: bool = False) -> None:
        """Read some lines; `cut`: a last one without newline is not whole."""
        first = self._health.lines + 1
        if piece.overlong is not None:
            self._health.lines += 1
            self._parser.overlong(first, piece.overlong.decode("latin-1"), marked=piece.marked)
        elif piece.last:
            self._health.lines += 1
            self._parser.finish(first, piece.text, cut=cut)
        elif self._scanner is not None:
            self._scan(self._scanner, piece, first)
        else:
            text = piece.text
            self._health.lines += text.count("\n")
            self._parser.parse(text, first)
        self._health.unterminated = piece.last

    def _scan(self, scanner: TextScanner, piece: Piece, first: int) -> None:
        read = scanner.scan(piece.data, piece.start, piece.end, first)
        self._health.lines += read.lines
        for span in read.left:
            self._parser.parse(piece.text_of(span.start, span.end), span.line)
        if read.last:
            self._parser.pass_over(*read.last)

    def _rows(self) -> pl.DataFrame:
        scanned = self._scanner.take() if self._scanner else None
        if scanned is None:
            return self._parser.take()
        self._meta.add(scanned.shapes, scanned.clocks, nameless=scanned.nameless)
        if not self._parser.waiting:
            return scanned.rows
        return pl.concat([self._parser.take(), scanned.rows], how="diagonal").sort(LINE, maintain_order=True)

    def take(self) -> pl.DataFrame:
        """The events since the last call."""
        base = self._numbering.seq
        frame = self._rows()
        self._parser.notes.settle(self._health, frame[LINE].to_list() if self._parser.notes else [], base)
        self.index.add(frame[LINE], base)
        self._health.understood = self._health.lines - self._health.other - self._health.damaged
        self._health.events += frame.height
        return self._numbering.apply(frame)


class TextTrace(Reader):
    """A text trace; see `TraceReader` and `Reader`.

    Args:
        meta: facts about it.
        source: see `Reader`.
        options: how it is read.
        new_scanner: makes the scanner that takes the usual lines; without one the parser reads every line.
    """

    def __init__(
        self,
        meta: TraceMeta,
        source: Source | None = None,
        options: ReadOptions = ReadOptions(),  # noqa: B008  it is frozen
        *,
        new_scanner: Callable[[], TextScanner | None] = usual_scanner,
    ) -> None:
        super().__init__(meta, options, source)
        self.new_scanner = new_scanner
        self._index = LineIndex()

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning; see `TraceReader.chunks`."""
        with closing(self.open()) as source:
            self.begin()
            parser, scanner = TextParser(self.health, self.meta, strict=self.options.strict), self.new_scanner()
            reading = Reading(parser, scanner, self.health, self.meta, Numbering(trace))
            self._index = reading.index
            most = self.options.chunk_bytes if scanner else min(self.options.chunk_bytes, PARSED)
            pending = 0
            for piece in pieces(source.readinto, self.options.chunk_bytes):
                reading.feed(piece, cut=source.truncated is not None)
                pending += piece.size
                if source.due() or pending >= most:  # in this order: what is due is seen also behind a full chunk
                    pending = 0
                    yield from self._deliver(reading, source)
            self.health.truncated = source.truncated or self.health.truncated
            parser.end()
            yield from self._deliver(reading, source)

    def lines_of(self, seqs: Collection[int]) -> dict[int, int]:
        """Line number of each event; see `LineReader`."""
        return self._index.lines_of(seqs)

    def _deliver(self, reading: Reading, source: Source) -> Iterator[pl.DataFrame]:
        frame = reading.take()
        if self.options.progress:
            self.options.progress(source.bytes_read, source.total)
        if frame.height:
            yield frame

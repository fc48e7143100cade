"""Lines of a stream of bytes, piece by piece; memory is bounded by one piece and one unfinished line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tracetool.ingest.escapes import without_escapes
from tracetool.ingest.text_codes import REACH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LIMIT", "Piece", "pieces"]

LIMIT = 1 << 20
"""Longest line that is kept, in bytes without its newline."""

READ = 1 << 19
MARK = b"pflash_"
HEAD = 128


class Piece(NamedTuple):
    """Some lines of the stream, valid until the next piece is asked for.

    Attributes:
        data: a buffer that holds them, and `REACH` bytes more behind them.
        start: where they begin.
        end: where they end: complete lines, each with its newline; the last of the stream may lack it.
        size: bytes of the stream that it covers.
        overlong: the beginning of a line beyond the limit, which is this piece; None for ordinary lines.
        marked: the overlong line holds `pflash_`.
        last: the stream ends here, without a newline.
    """

    data: bytearray
    start: int
    end: int
    size: int
    overlong: bytes | None = None
    marked: bool = False
    last: bool = False

    @property
    def text(self) -> str:
        """The lines, as the parser sees them."""
        return self.text_of(self.start, self.end)

    def text_of(self, start: int, end: int) -> str:
        """The text between two offsets of the buffer, without escape sequences, for the parser."""
        return without_escapes(str(memoryview(self.data)[start:end], "latin-1"))


class _Overlong:
    """A line beyond the limit, of which only the beginning is kept."""

    def __init__(self) -> None:
        self.head = b""
        self._tail = b""
        self._size = 0
        self._marked = False

    def add(self, data: bytes) -> None:
        self.head += data[: HEAD - len(self.head)]
        joined = self._tail + data
        self._marked = self._marked or MARK in joined
        self._tail = joined[-len(MARK) + 1 :]
        self._size += len(data)

    def piece(self, *, last: bool) -> Piece:
        return Piece(bytearray(), 0, 0, self._size, overlong=self.head, marked=self._marked, last=last)


def _first_overlong(buffer: bytearray, start: int, end: int) -> Piece | None:
    """The first line, if it is too long. No other line of a buffer can be."""
    newline = buffer.find(b"\n", start, end)
    if newline - start <= LIMIT:
        return None
    overlong = _Overlong()
    overlong.add(bytes(buffer[start : newline + 1]))
    return overlong.piece(last=False)


def pieces(readinto: Callable[[memoryview], int], size: int = READ) -> Iterator[Piece]:
    """Cut a stream into pieces of whole lines, in one buffer. What the lines are does not depend on `size`.

    Args:
        readinto: reads bytes into a buffer and returns their number, 0 at the end.
        size: bytes to read at a time; at most `READ` are.
    """
    buffer = bytearray(LIMIT + READ + REACH)
    view = memoryview(buffer)
    kept = 0
    overlong: _Overlong | None = None
    while count := readinto(view[kept : kept + min(size, READ)]):
        start, end = 0, kept + count
        if overlong:
            start = buffer.find(b"\n", 0, end) + 1
            overlong.add(bytes(buffer[: start or end]))
            if not start:
                continue
            yield overlong.piece(last=False)
            overlong = None
        stop = buffer.rfind(b"\n", max(start, kept), end) + 1
        if stop:
            first = _first_overlong(buffer, start, stop)
            if first:
                yield first
                start += first.size
            if start < stop:
                yield Piece(buffer, start, stop, stop - start)
            start = stop
        kept = end - start
        view[:kept] = view[start:end]
        if kept > LIMIT:
            overlong = _Overlong()
            overlong.add(bytes(buffer[:kept]))
            kept = 0
    if overlong:
        yield overlong.piece(last=True)
    elif kept:
        yield Piece(buffer, 0, kept, kept, last=True)

"""Lines out of a stream of bytes, piece by piece: what is held is one piece and one unfinished line, both bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LIMIT", "Piece", "pieces"]

LIMIT = 1 << 20
"""Longer lines, without their newline, are not kept: bytes."""

READ = 1 << 18
MARK = b"pflash_"
HEAD = 128


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of the stream.

    Attributes:
        data: complete lines, each with its newline but perhaps the last of the stream. Empty for an overlong line.
        size: bytes of the stream it stands for.
        overlong: the beginning of a line beyond the limit, which this piece stands for; None for ordinary lines.
        marked: the overlong line holds `pflash_`.
        last: the stream ends here, without a newline.
    """

    data: bytes
    size: int
    overlong: bytes | None = None
    marked: bool = False
    last: bool = False


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
        return Piece(b"", self._size, overlong=self.head, marked=self._marked, last=last)


def _split_overlong(block: bytes) -> tuple[Piece | None, bytes]:
    """The block without its first line, if that is too long. No other line of a block can be."""
    end = block.find(b"\n")
    if end <= LIMIT:
        return None, block
    overlong = _Overlong()
    overlong.add(block[: end + 1])
    return overlong.piece(last=False), block[end + 1 :]


def pieces(read: Callable[[int], bytes], size: int = READ) -> Iterator[Piece]:
    """Cut a stream into pieces of whole lines. What the lines are does not depend on `size`.

    Args:
        read: gives up to so many bytes, none at the end.
        size: bytes to read at a time; at most `READ` are.
    """
    tail = bytearray()
    overlong: _Overlong | None = None
    while data := read(min(size, READ)):
        if overlong:
            end = data.find(b"\n") + 1
            overlong.add(data[:end] if end else data)
            if not end:
                continue
            yield overlong.piece(last=False)
            overlong, data = None, data[end:]
        end = data.rfind(b"\n") + 1
        if end:
            first, block = _split_overlong(bytes(tail) + data[:end])
            yield from [first] if first else []
            if block:
                yield Piece(block, len(block))
            tail.clear()
        tail += data[end:]
        if len(tail) > LIMIT:
            overlong = _Overlong()
            overlong.add(bytes(tail))
            tail.clear()
    if overlong:
        yield overlong.piece(last=True)
    elif tail:
        yield Piece(bytes(tail), len(tail), last=True)

"""The layer for a compiled scanner: it takes the lines it is sure of and leaves the rest to the parser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections import Counter

    import polars as pl

    from tracetool.ingest.chunk import Clock, Shape

__all__ = ["Left", "Read", "Scanned", "Scanner"]


class Left(NamedTuple):
    """Lines in a row that a scanner leaves to the parser.

    Attributes:
        line: number of the first of them.
        lines: how many.
        start: where they begin.
        end: where they end, behind the last one's newline.
    """

    line: int
    lines: int
    start: int
    end: int


class Read(NamedTuple):
    """What became of some lines.

    Attributes:
        lines: how many they are.
        left: those that are left to the parser, in order.
        last: of the last line that was taken: its number, and what stands in it before the event. None if none was.
    """

    lines: int
    left: list[Left]
    last: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scanner made of the lines it took.

    Attributes:
        rows: the events, one a line: `line` (Int64, rising) and columns of `EVENTS_SCHEMA`; without trace, boot, seq.
        shapes: how many of them have each shape.
        clocks: what their times count from.
        nameless: some of them have no device name.
    """

    rows: pl.DataFrame
    shapes: Counter[Shape]
    clocks: set[Clock]
    nameless: bool = False


class Scanner(Protocol):
    """Takes only lines on which it agrees with the parser, which defines the format."""

    def scan(self, data: bytearray, start: int, end: int, line: int) -> Read:
        """Read whole lines, each with its newline.

        Args:
            data: holds the lines, and `word_kernel.REACH` bytes more.
            start: where the first begins.
            end: where the last ends.
            line: number of the first.
        """

    def take(self) -> Scanned | None:
        """What was taken since the last call; None if nothing was."""

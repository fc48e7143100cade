"""The layer for a compiled scanner: it takes the lines it is sure of and leaves the rest to the parser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl

    from tracetool.ingest.chunk import Clock, Shape

__all__ = ["Scanned", "Scanner"]


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scanner made of a piece of text.

    Attributes:
        rows: the events it understood, one a line: `line` (Int64, 0-based in the piece, rising) and columns of
            `EVENTS_SCHEMA`; without trace, boot and seq.
        left: of every other line: its number (0-based in the piece), where it begins and where it ends, without
            its newline.
        lines: all lines of the piece.
        shape: the shape of the lines understood.
        clock: what their times count from.
        nameless: some of them have no device name.
    """

    rows: pl.DataFrame
    left: list[tuple[int, int, int]]
    lines: int
    shape: Shape
    clock: Clock
    nameless: bool = False


class Scanner(Protocol):
    """Takes only lines on which it agrees with the parser, which defines the format."""

    def scan(self, data: bytes) -> Scanned:
        """Read a piece: complete lines, each with its newline."""

"""The layer before the parser: it takes the usual lines of a log and leaves the others to the parser."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from tracetool.events import PREFIX
from tracetool.ingest.binary_columns import NUMBERS, event_columns, nullable, nulls
from tracetool.ingest.interning import StringTable
from tracetool.ingest.text_codes import REACH, Head, Span, Stop
from tracetool.ingest.text_columns import LINE
from tracetool.ingest.text_log import Log, Rows
from tracetool.ingest.text_tables import new_tables

try:
    from tracetool.ingest.native import scan

    _IS_COMPILED = True
except ImportError:
    from tracetool.ingest.text_kernel import scan

    _IS_COMPILED = False

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.ingest.trace_reader import Clock, Shape

__all__ = ["Read", "Scanned", "TextScanner", "usual_scanner"]

ROWS = 1 << 12
"""Rows there is room for at first."""

STRINGS = 1 << 10
"""Different strings in a chunk; lines with more of them are left to the parser."""

POOL = 1 << 16
SPANS = 1 << 12
NEWLINE = 0x0A

SHAPES: dict[Head, tuple[Shape, Clock]] = {
    Head.BARE: ("bare", "none"),
    Head.PID_TIME: ("pid@time", "wall"),
    Head.ISO8601: ("iso8601", "wall"),
    Head.FTRACE: ("ftrace", "boot-relative"),
}
_TIMED = np.array([clock != "none" for _, clock in SHAPES.values()])
_THREADED = np.array([head in (Head.PID_TIME, Head.FTRACE) for head in Head])


class Read(NamedTuple):
    """Result of a scan over some lines.

    Attributes:
        lines: their number.
        left: the lines for the parser, in order.
        last: number and prefix of the last line that was taken; None if none was.
    """

    lines: int
    left: list[Span]
    last: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class Scanned:
    """Rows of the lines that a scanner took.

    Attributes:
        rows: the events, one a line: `line` (Int64, rising) and columns of `EVENTS_SCHEMA`; without trace, boot, seq.
        shapes: number of events by shape.
        clocks: epochs of their times.
        nameless: some have no device name.
    """

    rows: pl.DataFrame
    shapes: Counter[Shape]
    clocks: set[Clock]
    nameless: bool = False


class TextScanner:
    """Takes only lines on which it agrees with the parser, which defines the format."""

    def __init__(self) -> None:
        self._log = Log(new_tables(), StringTable(STRINGS, POOL), SPANS)
        self._rows = Rows(ROWS)

    def scan(self, data: bytearray, start: int, end: int, line: int) -> Read:
        """Read whole lines, each with its newline.

        Args:
            data: holds the lines, and `text_codes.REACH` bytes more.
            start: where the first begins.
            end: where the last ends.
            line: number of the first.

        Raises:
            ValueError: the last of them has no newline, or not enough follows them in the buffer.
        """
        if end + REACH > len(data) or (end > start and data[end - 1] != NEWLINE):
            raise ValueError(f"no whole lines, or less than {REACH} bytes behind them")
        log, left = self._log, list[Span]()
        before = self._rows.count
        log.data, log.position, log.line = data, start, line
        while (why := scan(log, self._rows, end)) != Stop.END:
            if why == Stop.ROWS:
                self._rows.grow()
            left += self._left()
        left += self._left()
        last = self._last(data) if self._rows.count > before else None
        return Read(log.line - line, left, last)

    def _last(self, data: bytearray) -> tuple[int, str]:
        """Number and prefix of the last row's line."""
        start = self._log.last_start
        head = data[start : data.index(PREFIX.encode(), start)]
        return int(self._rows.column("lines")[-1]), head.decode("ascii")

    def _left(self) -> list[Span]:
        """The spans for the parser, each returned once."""
        if not self._log.left:
            return []
        spans = np.asarray(self._log.spans)[: self._log.left]
        self._log.left = 0
        return [Span(*span) for span in spans.tolist()]

    # --- rows out ------------------------------------------------------------------------------------------------

    def take(self) -> Scanned | None:
        """The rows since the last call; None if there are none."""
        rows = self._rows
        if not rows.count:
            return None
        devices = rows.column("devices")
        columns = event_columns(
            rows.column("kinds"),
            [self._number(name) for name in NUMBERS],
            np.zeros(0, np.int64),
            (devices, rows.column("texts")),
            self._log.strings.strings(),
            present=np.flatnonzero(rows.present),
            own=True,
        )
        lines = pl.Series(LINE, rows.column("lines"))
        frame = pl.DataFrame([lines, self._times(), self._threads(), *columns])
        met = {SHAPES[head]: int(self._log.met[head]) for head in self._heads()}
        self._clear()
        return Scanned(
            frame,
            Counter({shape: count for (shape, _), count in met.items()}),
            {clock for _, clock in met},
            nameless=not devices.all(),
        )

    def _heads(self) -> list[Head]:
        """Heads met so far, in order of appearance."""
        met = [head for head in Head if self._log.met[head]]
        shapes = self._rows.column("shapes")
        return sorted(met, key=lambda head: int((shapes == head).argmax())) if len(met) > 1 else met

    def _clear(self) -> None:
        """Start new rows: columns of the frame may be views of the old ones."""
        self._rows = Rows(self._rows.room)
        self._log.strings.clear()
        self._log.device = 0
        self._log.met[:] = 0

    def _number(self, name: str) -> NDArray[Any]:
        column = self._rows.column(name)
        return column.view(np.uint64) if name == "counter" else column

    def _times(self) -> pl.Series:
        return self._known("time_ns", self._rows.column("times"), _TIMED)

    def _threads(self) -> pl.Series:
        return self._known("thread", self._rows.column("threads"), _THREADED)

    def _known(self, name: str, values: NDArray[np.integer], which: NDArray[np.bool_]) -> pl.Series:
        """A column that only rows of some shapes have."""
        met = np.asarray(self._log.met) > 0
        column = pl.Series(name, values)
        if which[met].all():
            return column
        if not which[met].any():
            return nulls(name, len(values))
        return nullable(column, which.take(self._rows.column("shapes")))


def usual_scanner() -> TextScanner | None:
    """A scanner where it is compiled; None where it is not, since the parser is quicker then."""
    return TextScanner() if _IS_COMPILED else None

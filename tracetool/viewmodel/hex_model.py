"""Contents of a flash at a moment, compared with another moment, as rows of hex."""

from __future__ import annotations

import re
from bisect import bisect_right
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from tracetool.findings.phrases import count_of
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset
from tracetool.uefi.structures import structure_at
from tracetool.uefi.varstore import read_variable_store
from tracetool.viewmodel.folding import ROW_BYTES, folded_rows

if TYPE_CHECKING:
    from tracetool.analysis.history import History
    from tracetool.analysis.snapshot import Snapshot
    from tracetool.uefi.varstore import VariableStore
    from tracetool.viewmodel.folding import FoldedRows

__all__ = ["Against", "HexModel", "HexRow", "moment_words", "patterns"]


class Against(Enum):
    """Moment to compare with; the value is its name in messages."""

    BEFORE = "the moment before"
    START = "the beginning of the trace"
    END = "the end of the trace"
    MARK = "the marked moment"


class HexRow(NamedTuple):
    """A line of the image: a fold's words, or bytes from an offset on.

    `data` holds None for a byte that is not known; `changed` is true for each byte that differs.
    """

    offset: int
    fold: str
    data: tuple[int | None, ...] = ()
    changed: tuple[bool, ...] = ()


class HexModel:
    """Hex rows of a device at one moment; positions are those of `History`.

    Args:
        history: of the device.
        position: the first moment; None: the end.
        store_start: where the volume of the UEFI variable store begins; None: there is none.
    """

    def __init__(self, history: History, position: int | None = None, store_start: int | None = None) -> None:
        self.history = history
        self._store_start = store_start
        self._store: VariableStore | None = None
        self.against = Against.BEFORE
        self.mark: int | None = None
        self._position = -1
        self.go(len(history) if position is None else position)

    # --- moments -------------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Number of changes made by this moment."""
        return self._position

    def go(self, position: int) -> None:
        """Go to a position."""
        position = min(max(position, 0), len(self.history))
        if position != self._position:
            self._position = position
            self._look()

    def go_to_event(self, trace: int, seq: int) -> None:
        """Go to the moment just after an event."""
        self.go(self.history.position(trace, seq))

    def step(self, *, forward: bool) -> bool:
        """Go to the next or previous change; return false where there is none."""
        found = self.history.next(self._position) if forward else self.history.previous(self._position)
        if found is not None:
            self.go(found)
        return found is not None

    def compare(self, against: Against) -> None:
        """Compare with another moment."""
        self.against = against
        self._look()

    def next_comparison(self) -> None:
        """Compare with the next choice."""
        choices = [choice for choice in Against if choice is not Against.MARK or self.mark is not None]
        at = choices.index(self.against) if self.against in choices else -1
        self.compare(choices[(at + 1) % len(choices)])

    def set_mark(self) -> None:
        """Mark this moment, and compare with it."""
        self.mark = self._position
        self.compare(Against.MARK)

    @property
    def other(self) -> int:
        """Position of the moment compared with."""
        if self.against is Against.BEFORE:
            before = self.history.previous(self._position)
            return 0 if before is None else before
        if self.against is Against.MARK and self.mark is not None:
            return self.mark
        return len(self.history) if self.against is Against.END else 0

    def _look(self) -> None:
        self._store = None
        self.snapshot: Snapshot = self.history.snapshot(self._position)
        self.changed = self.history.changed(self.other, self._position)
        self._starts = [start for start, _ in self.changed]
        self.rows: FoldedRows = folded_rows(self.snapshot, self.changed)

    # --- rows ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of lines."""
        return self.rows.lines

    def row(self, line: int) -> HexRow:
        """A line; IndexError beyond the last."""
        section, offset = self.rows.at_line(line)
        if section.folded:
            return HexRow(offset, section.words)
        block = self.snapshot.read(offset, min(ROW_BYTES, section.end - offset))
        data = tuple(
            byte if known else None for byte, known in zip(block.data.tolist(), block.known.tolist(), strict=True)
        )
        return HexRow(offset, "", data, tuple(self.is_changed(offset + at) for at in range(len(data))))

    def is_changed(self, offset: int) -> bool:
        """True if a byte differs."""
        at = bisect_right(self._starts, offset) - 1
        return at >= 0 and offset < self.changed[at][1]

    def line_of(self, offset: int) -> int:
        """The line that shows a byte."""
        return self.rows.line_of(offset)

    def first_changed(self) -> int | None:
        """The first byte that differs."""
        return self.changed[0][0] if self.changed else None

    def next_changed(self, offset: int, *, forward: bool) -> int | None:
        """The next run of bytes that differ; None where there is none."""
        if forward:
            return next((start for start, _ in self.changed if start > offset), None)
        return next((start for start, _ in reversed(self.changed) if start < offset), None)

    # --- words ---------------------------------------------------------------------------------------------------

    def where(self, *, several: bool) -> str:
        """The moment in words; `several`: the session has more than one trace."""
        return moment_words(self.history, self._position, several=several)

    def difference(self) -> str:
        """Number of bytes that differ, in words."""
        count = sum(end - start for start, end in self.changed)
        return f"{count:,} B unlike {self.against.value}" if count else f"as {self.against.value}"

    def byte_words(self, offset: int) -> str:
        """A byte, the one compared with, and the structure of the variable store that it belongs to, in words."""
        now, then = self._byte(self.snapshot, offset), self._byte(self.history.snapshot(self.other), offset)
        was = f", {then} at {self.against.value}" if self.is_changed(offset) else ""
        structure = self._structure(offset)
        return f"{format_offset(offset)}: {now}{was}{f' │ {sanitize(structure)}' if structure else ''}"

    def _structure(self, offset: int) -> str | None:
        if self._store_start is None:
            return None
        if self._store is None:
            read, limit = self.snapshot.known_bytes, len(self.snapshot)
            self._store = read_variable_store(read, self._store_start, limit=limit)
        return structure_at(self._store, offset)

    @staticmethod
    def _byte(snapshot: Snapshot, offset: int) -> str:
        block = snapshot.read(offset, 1)
        return f"{int(block.data[0]):02x}" if len(block.data) and block.known[0] else "not known"

    # --- finding -------------------------------------------------------------------------------------------------

    def find(self, wanted: list[bytes], start: int, *, forward: bool) -> int | None:
        """Offset of the next occurrence of one of the patterns from `start` on, or before it."""
        found = [self.snapshot.find(pattern, start, backwards=not forward) for pattern in wanted]
        places = [place for place in found if place is not None]
        return (min if forward else max)(places, default=None)


def moment_words(history: History, position: int, *, several: bool) -> str:
    """A moment of a device in words; `several`: the session has more than one trace."""
    event, count = history.event(position), len(history)
    if event is None:
        return f"before the first of {count_of(count, 'change')}"
    trace, seq = event
    cause = "the restart before it" if seq < 0 else f"event {seq:,}"
    where = f"{cause}, trace {trace}" if several else cause
    return f"change {position:,} of {count:,}: {where}"


_HEX = re.compile(r"(?:0x)?((?:[0-9a-f]{2}[\s:]*)+)", re.IGNORECASE | re.ASCII)


def patterns(text: str) -> list[bytes]:
    """Parse search patterns: `40 00 40 00` is bytes; other text is searched as UTF-8 and as the UTF-16 of UEFI.

    Quotes make a text of bytes: `"de ad"`.
    """
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    if not quoted and (found := _HEX.fullmatch(text.strip())):
        return [bytes.fromhex(re.sub(r"[\s:]", "", found[1]))]
    words = text[1:-1] if quoted else text.strip()
    encoded = [words.encode("utf-8", "surrogatepass"), words.encode("utf-16-le", "surrogatepass")]
    return [pattern for pattern in encoded if pattern]

"""Contents of a flash at a moment, compared with another moment, as rows of hex."""

from __future__ import annotations

import re
from bisect import bisect_right
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tracetool.analysis.snapshot import differences
from tracetool.errors import UsageError
from tracetool.findings.phrases import count_of
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset
from tracetool.uefi.structures import structure_at
from tracetool.uefi.varstore import read_variable_store
from tracetool.viewmodel.folding import ROW_BYTES, folded_rows
from tracetool.viewmodel.selection import settled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.analysis.history import History
    from tracetool.analysis.snapshot import Snapshot
    from tracetool.uefi.varstore import VariableStore
    from tracetool.viewmodel.folding import FoldedRows

__all__ = ["Against", "HexModel", "HexRow", "TornFlash", "known_contents", "moment_words", "patterns"]


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
    before: tuple[int | None, ...] = ()
    """The bytes of the moment compared with."""


class TornFlash(NamedTuple):
    """Contents that a power cut in the commit of an event leaves: no moment of the trace.

    Attributes:
        trace: number of the trace.
        seq: the event.
        start: where `contents` begin in the flash; the rest is as before the event.
        contents: the bytes.
        words: which cut it is.
    """

    trace: int
    seq: int
    start: int
    contents: bytes
    words: str


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
        self.torn: TornFlash | None = None
        self._position = -1
        self.go(len(history) if position is None else position)

    # --- moments -------------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Number of changes made by this moment."""
        return self._position

    def go(self, position: int) -> None:
        """Go to a position; a torn flash is left."""
        position = min(max(position, 0), len(self.history))
        if position != self._position or self.torn is not None:
            self._position, self.torn = position, None
            self._look()

    @property
    def at_end(self) -> bool:
        """True at the last moment, where no power cut is shown."""
        return self.torn is None and self._position == len(self.history)

    def continue_from(self, before: HexModel) -> None:
        """Show what a model of the same trace showed when that was shorter, or the end if it was there."""
        self.against = before.against
        self.mark = None if before.mark is None else self._same_position(before, before.mark)
        if before.torn is not None:
            self.show_torn(before.torn)
        else:
            self.go(len(self.history) if before.at_end else self._same_position(before, before.position))
            self._look()

    def _same_position(self, before: HexModel, position: int) -> int:
        event = before.history.event(position)
        return 0 if event is None else self.history.position(*event)

    def go_to_event(self, trace: int, seq: int) -> None:
        """Go to the moment just after an event."""
        self.go(self.history.position(trace, seq))

    def show_torn(self, torn: TornFlash) -> None:
        """Show what a power cut leaves, at the position of its event."""
        self.go_to_event(torn.trace, torn.seq)
        self.torn = torn
        self._look()

    def step(self, *, forward: bool) -> bool:
        """Go to the next or previous change; return false where there is none. A torn one is made whole, or undone."""
        if forward and self.torn is not None:
            self.go(self._position)
            return True
        found = self.history.next(self._position) if forward else self.history.previous(self._position)
        if found is not None:
            self.go(settled(self.history, found) if forward else found)
        return found is not None

    def step_of(self, start: int, end: int, *, forward: bool) -> bool:
        """Go to the next or previous change of bytes `start` to `end`; return false where there is none."""
        found = self.history.next_change(self._position, start, end, forward=forward)
        if found is not None:
            self.go(settled(self.history, found))
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
        self.snapshot, self.changed = self._contents()
        self._starts = [start for start, _ in self.changed]
        self.rows: FoldedRows = folded_rows(self.snapshot, self.changed)

    def _contents(self) -> tuple[Snapshot, list[tuple[int, int]]]:
        """What is shown, and where it differs."""
        history, torn = self.history, self.torn
        if torn is None:
            return history.snapshot(self._position), history.changed(self.other, self._position)
        before = history.previous(self._position) or 0
        snapshot = history.snapshot(before).replaced(torn.start, torn.contents)
        end = torn.start + len(torn.contents)
        spans = [(torn.start, end)]
        for low, high in history.touched(self.other, before):
            spans += [span for span in ((low, min(high, torn.start)), (max(low, end), high)) if span[0] < span[1]]
        return snapshot, differences(history.snapshot(self.other), snapshot, sorted(spans))

    # --- rows ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of lines."""
        return self.rows.lines

    def row(self, line: int) -> HexRow:
        """A line; IndexError beyond the last."""
        section, offset = self.rows.at_line(line)
        if section.folded:
            return HexRow(offset, section.words)
        length = min(ROW_BYTES, section.end - offset)
        data = _values(self.snapshot, offset, length)
        changed = tuple(self.is_changed(offset + at) for at in range(len(data)))
        before = _values(self.history.snapshot(self.other), offset, length) if any(changed) else data
        return HexRow(offset, "", data, changed, before)

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

    def offset_in(self, wanted: tuple[int, int] | None, here: int, *, moved: bool) -> int:
        """Where the cursor goes for a selected range; `here` is where it is, `moved` is true at a new moment.

        To the first byte that changed, in the range where one is given, else to its first byte.
        """
        start, end = wanted or (0, len(self.snapshot))
        if not moved:
            return here if wanted is None or start <= here < end else start
        changed = next((max(low, start) for low, high in self.changed if high > start and low < end), None)
        return changed if changed is not None else here if wanted is None else start

    def next_changed(self, offset: int, *, forward: bool) -> int | None:
        """The next run of bytes that differ; None where there is none."""
        if forward:
            return next((start for start, _ in self.changed if start > offset), None)
        return next((start for start, _ in reversed(self.changed) if start < offset), None)

    # --- words ---------------------------------------------------------------------------------------------------

    def where(self, *, several: bool) -> str:
        """The moment in words; `several`: the session has more than one trace."""
        if self.torn is not None:
            return f"no moment of the trace: {self.torn.words}"
        return moment_words(self.history, self._position, several=several)

    def difference(self) -> str:
        """Number of bytes that differ, in words."""
        count = sum(end - start for start, end in self.changed)
        return f"{count:,} B unlike {self.against.value}" if count else f"as {self.against.value}"

    @property
    def has_store(self) -> bool:
        """True where the flash has a UEFI variable store."""
        return self._store_start is not None

    @property
    def decoded(self) -> bool:
        """True once the structures of this moment are known."""
        return self._store is not None or self._store_start is None

    def decode(self) -> VariableStore | None:
        """Read the store of this moment; takes some milliseconds for a full one."""
        if self._store_start is None:
            return None
        snapshot = self.snapshot
        return read_variable_store(snapshot.known_bytes, self._store_start, limit=len(snapshot))

    def take_store(self, store: VariableStore | None) -> None:
        """Take the store of this moment, which `decode` read."""
        self._store = store

    def structures_in(self, start: int, end: int) -> str:
        """The structures that begin in bytes `start` to `end`, or the one that goes on; empty until decoded."""
        store = self._store
        if store is None:
            return ""
        before = structure_at(store, start - 1) if start else None
        names = dict.fromkeys(filter(None, (structure_at(store, offset) for offset in range(start, end))))
        new = [name for name in names if name != before]
        return sanitize(" · ".join(new)) if new else "│" if names else ""

    def byte_words(self, offset: int) -> str:
        """A byte, the one compared with, and the structure of the variable store that it belongs to, in words."""
        now, then = self._byte(self.snapshot, offset), self._byte(self.history.snapshot(self.other), offset)
        was = f", {then} at {self.against.value}" if self.is_changed(offset) else ""
        structure = self._structure(offset)
        return f"{format_offset(offset)}: {now}{was}{f' │ {sanitize(structure)}' if structure else ''}"

    def _structure(self, offset: int) -> str | None:
        return None if self._store is None else structure_at(self._store, offset)

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


def known_contents(snapshot: Snapshot) -> NDArray[np.uint8]:
    """All bytes of a flash, uint8.

    Raises:
        UsageError: a byte is not known.
    """
    whole = snapshot.whole()
    missing = np.flatnonzero(~whole.known)
    if len(missing):
        raise UsageError(
            f"{len(missing):,} of {len(whole.data):,} bytes are not known, the first at "
            f"{format_offset(int(missing[0]))}; --image gives the contents before the trace"
        )
    return whole.data


def _values(snapshot: Snapshot, offset: int, length: int) -> tuple[int | None, ...]:
    """Bytes; None for those that are not known."""
    block = snapshot.read(offset, length)
    return tuple(byte if known else None for byte, known in zip(block.data.tolist(), block.known.tolist(), strict=True))


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

"""Steps of fault tolerant write: its queue and its spare, followed change by change.

Ref: edk2 FaultTolerantWriteDxe; the order of the steps was seen in traces of AAVMF and OVMF, 2022.11 and 2025.02.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracetool.uefi.ftw import WORKING_BYTES, WRITE_BYTES, read_queue, read_working_header
from tracetool.uefi.touches import Intent, Part, SpareCopy
from tracetool.uefi.variables import VariableList, read_store_header, read_variable

if TYPE_CHECKING:
    from tracetool.uefi.ftw import Queue
    from tracetool.uefi.regions import Region
    from tracetool.uefi.variables import Read, VariableHeader

__all__ = ["QueueFollower", "SpareFollower", "may_become"]

_ORDER = (
    Intent.FTW_HEADER,
    Intent.FTW_RECORD,
    Intent.FTW_SPARE_COMPLETE,
    Intent.FTW_DESTINATION_COMPLETE,
    Intent.FTW_COMPLETE,
)
"""The order in which a write changes its queue."""


def may_become(now: bytes, then: bytes) -> bool:
    """True where programming, which clears bits only, can turn bytes into others of the same length."""
    return all(old & new == new for old, new in zip(now, then, strict=True))


@dataclass
class QueueFollower:
    """The queue of fault tolerant writes in the working block."""

    read: Read
    working: Region | None = None
    queue: Queue | None = None
    _step: int = 0
    """The latest step, by its place in `_ORDER`."""

    def renew(self, working: Region | None) -> None:
        """Decode the queue anew, in a working block that may have moved."""
        before, self.working = self.queue, working
        header = working and read_working_header(self.read, working.start, working.end - working.start)
        self.queue = None if not working or not header else read_queue(self.read, header, working.end)
        if before is None and self.queue is not None:
            self._step = _latest_step(self.queue)

    @property
    def writing(self) -> bool:
        """True while a write is in progress."""
        return self.queue is not None and bool(self.queue.writes) and not self.queue.writes[-1].complete

    def step(self, *, erased: bool) -> tuple[Intent, str | None]:
        """Take in a change of the working block: its purpose, and what is wrong with its turn."""
        before = self.queue
        self.renew(self.working)
        intent = self._intent(before, erased=erased)
        return intent, self._out_of_turn(intent)

    def part(self, offset: int, *, erased: bool) -> Part:
        """The part of the working block that a change begins in."""
        if erased or self.queue is None or offset < self.queue.header.offset + WORKING_BYTES:
            return Part.FTW_WORKING
        at = bisect_right([write.offset for write in self.queue.writes], offset) - 1
        in_header = at < 0 or offset < self.queue.writes[at].offset + WRITE_BYTES
        return Part.FTW_HEADER if in_header else Part.FTW_RECORD

    def _intent(self, before: Queue | None, *, erased: bool) -> Intent:
        if erased or self.queue is None or before is None or not self.queue.writes:
            return Intent.FTW_QUEUE
        write = self.queue.writes[-1]
        last = before.writes[-1] if before.writes else None
        if last is None or last.offset != write.offset:
            return Intent.FTW_HEADER
        if last.flags != write.flags:
            return Intent.FTW_COMPLETE if write.complete else Intent.FTW_HEADER
        if write.records and last.records and write.records[-1].flags != last.records[-1].flags:
            record = write.records[-1]
            if record.destination_complete:
                return Intent.FTW_DESTINATION_COMPLETE
            if record.spare_complete:
                return Intent.FTW_SPARE_COMPLETE
        return Intent.FTW_RECORD

    def _out_of_turn(self, intent: Intent) -> str | None:
        """Words for a step that comes before its turn."""
        if intent not in _ORDER:
            return None
        turn, last = _ORDER.index(intent), self._step
        self._step = turn
        # A write whose spare is not complete is given up by completing it: the driver does so after a power cut.
        given_up = intent == Intent.FTW_COMPLETE and last < _ORDER.index(Intent.FTW_SPARE_COMPLETE)
        return None if turn in (0, last, last + 1) or given_up else f"{intent} after {_ORDER[last]}"


def _latest_step(queue: Queue) -> int:
    """The latest step of a queue that was found as it is, by its place in `_ORDER`."""
    last = queue.writes[-1] if queue.writes else None
    if last is None or last.complete:
        return _ORDER.index(Intent.FTW_COMPLETE)
    records = last.records
    if records and records[-1].destination_complete:
        return _ORDER.index(Intent.FTW_DESTINATION_COMPLETE)
    if records and records[-1].spare_complete:
        return _ORDER.index(Intent.FTW_SPARE_COMPLETE)
    return _ORDER.index(Intent.FTW_RECORD if records else Intent.FTW_HEADER)


@dataclass
class SpareFollower:
    """The spare: the variables of the store that is copied there, and what it held before the write."""

    read: Read
    _copies: dict[int, SpareCopy] = field(default_factory=dict)
    """Variables of the copied store, by offset."""
    _variables: VariableList | None = None
    _before: bytes | None = None
    """Contents before the write's first erase, which the driver puts back at its end; None where they are not known."""
    _saved_for: int | None = None
    """Offset of the write header for which `_before` was saved."""

    def begin_erase(self, spare: Region, queue: Queue | None) -> None:
        """Save the contents at the first erase for a write, before the erase."""
        write = queue.writes[-1] if queue and queue.writes else None
        if write is not None and write.offset != self._saved_for:
            self._before = None if write.complete else self.read(spare.start, spare.end - spare.start)
            self._saved_for = write.offset
        self._variables, self._copies = None, {}

    def is_stray(self, spare: Region, low: int, high: int, working: Region | None) -> bool:
        """True for a program outside a write that neither puts old contents back nor copies the working block.

        The driver copies the working block to the spare to renew a full queue.
        """
        now = self.read(low, high - low)
        if now is None or (self._saved_for is not None and self._before is None):
            return False
        if self._before is not None and may_become(now, self._before[low - spare.start : high - spare.start]):
            return False
        queue = working and self.read(working.start + low - spare.start, high - low)
        return not queue or not may_become(now, queue)

    def programmed(self, low: int, high: int, store: int, store_bytes: int) -> list[tuple[int, int, SpareCopy]]:
        """Take in a program: the pieces of it that lie in variables, as start, end and variable.

        Args:
            low: offset of the first byte.
            high: end of the last.
            store: where the header of the copied store begins.
            store_bytes: its size; another one is no copy of the store.
        """
        if self._variables is None:
            found = read_store_header(self.read, store)
            if found is None or found.size != store_bytes:
                return []
            self._variables = VariableList(self.read, found)
        else:
            self._variables.change(low, high)
        variables = self._variables
        headers = [header for offset in variables.offsets(low, high) if (header := variables.at(offset))]
        if not headers and low == variables.end:  # the first byte of a start id, which OVMF programs on its own
            return [(low, high, self._copies.setdefault(low, SpareCopy()))]
        return [
            (max(low, header.offset), min(high, header.end), self._named(header, variables.store.end, low))
            for header in headers
        ]

    def _named(self, header: VariableHeader, store_end: int, low: int) -> SpareCopy:
        """The variable of a header, named anew where bytes from `low` on can belong to header or name."""
        copy = self._copies.setdefault(header.offset, SpareCopy())
        if low < header.data_offset and not header.abandoned:
            copy.guid = header.guid
            name = read_variable(self.read, header, store_end).name
            copy.name = None if not name or "\uffff" in name else name
        return copy

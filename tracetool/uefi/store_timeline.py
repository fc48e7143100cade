"""What each change of the flash did to the variable store: which variable, which part of it, and what for.

The store is decoded once and then followed change by change, so that the cost does not grow with its size. What the
firmware does with a store was seen in traces and boots of AAVMF and OVMF, 2022.11 and 2025.02.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from replay.columns import JournalKind
from tracetool.uefi.queue_steps import QueueFollower, SpareFollower, may_become
from tracetool.uefi.regions import nv_regions
from tracetool.uefi.touches import Copy, Fault, FaultyStep, Intent, Part, Touch, TouchTable, copies_of
from tracetool.uefi.variables import START_ID, STORE_HEADER_BYTES, State, VariableList, read_store_header, read_variable
from tracetool.uefi.volume import HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from replay.journal import StorageChange
    from tracetool.uefi.ftw import Queue
    from tracetool.uefi.regions import Region
    from tracetool.uefi.touches import Event, SpareCopy
    from tracetool.uefi.variables import VariableHeader

__all__ = ["Room", "StoreFollower", "StoreTimeline", "follow_store"]

_NEXT_STATES: dict[int, tuple[State, ...]] = {
    State.UNWRITTEN: (State.HEADER_VALID, State.ADDED),
    State.HEADER_VALID: (State.ADDED,),
    State.ADDED: (State.IN_DELETED_TRANSITION, State.DELETED),
    State.IN_DELETED_TRANSITION: (State.DELETED_AFTER_TRANSITION,),
}
"""The states that may follow each state."""


@dataclass
class StoreTimeline:
    """The life of a store.

    Attributes:
        touches: what each change did (`TOUCHES_SCHEMA`, in order).
        copies: every copy of a variable that the store ever held.
        faults: steps that the firmware should not take.
        start: where its volume begins in the flash.
        rooms: the room of the store from each event on that changed it, but for rewrites and reclaims under way.
    """

    touches: pl.DataFrame
    copies: tuple[Copy, ...]
    faults: tuple[FaultyStep, ...] = ()
    start: int = 0
    rooms: tuple[Room, ...] = ()


class Room(NamedTuple):
    """Room in a store from an event on (seq -1: before the trace).

    Offsets of its first variable, of the end of the list, and of its own end.
    """

    trace: int
    seq: int
    first: int
    list_end: int
    end: int


@dataclass
class _Phase:
    """A rewrite or reclaim of the live store, from its erase to the end of the writing."""

    intent: Intent
    before: dict[int, Copy]
    """Copies by offset before the erase."""
    end: int
    """End of the list before the erase."""
    store_end: int
    data: dict[int, bytes]
    """Data of the copies that were being replaced, by number: a reclaim keeps them unless it brings newer ones."""
    position: int = 0
    """End of the last program."""


@dataclass
class StoreFollower:
    """Follows the bytes of a volume that begins at `start`; all offsets are those of the flash."""

    start: int
    data: bytearray
    known: bytearray
    """1 for each known byte of `data`."""
    copies: list[Copy] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    faults: list[FaultyStep] = field(default_factory=list)
    live: dict[int, Copy] = field(default_factory=dict)
    """Copies in the list, by offset."""
    variables: VariableList | None = None
    regions: list[Region] = field(default_factory=list)
    phase: _Phase | None = None
    phases: int = 0
    """Rewrites and reclaims of the live store so far."""
    erased_beyond: bool = False
    """Blocks behind the store were erased since the live store was: the spare, where its place is not known."""
    start_byte: tuple[Event, int] | None = None
    """Event and offset of the first byte of a start id, programmed on its own at the end of the list."""
    all_known: bool = False
    rooms: list[Room] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ftw, self._spare = QueueFollower(self.read), SpareFollower(self.read)
        self._table = TouchTable()
        self.all_known = 0 not in self.known
        self._read_layout(None)
        self._name_all()
        self._note_room((0, -1))

    @property
    def queue(self) -> Queue | None:
        """The queue of fault tolerant writes; None where there is no working block."""
        return self._ftw.queue

    def read(self, offset: int, length: int) -> bytes | None:
        """Return bytes of the volume as it is now; see `tracetool.uefi.variables.Read`."""
        at = offset - self.start
        if at < 0 or length < 0 or at + length > len(self.data):
            return None
        if not self.all_known and self.known.find(0, at, at + length) >= 0:
            return None
        return bytes(self.data[at : at + length])

    # --- layout --------------------------------------------------------------------------------------------------

    def _read_layout(self, event: Event | None) -> None:
        """Decode the headers, the list and the queue anew."""
        limit = self.start + len(self.data)
        self.regions = nv_regions(self.read, limit=limit, start=self.start)
        header = read_store_header(self.read, self.start + HEADER_BYTES)
        if header is None or not header.first <= header.end <= limit:
            self.variables = None
            self._replace(list(self.live.values()), (), event)
        elif self.variables is None or self.variables.store != header:
            self.variables = VariableList(self.read, header)
            self._replace(list(self.live.values()), self.variables.headers, event)
        self._ftw.renew(self._region("FTW working"))

    def _region(self, name: str) -> Region | None:
        return next((region for region in self.regions if region.name == name), None)

    # --- changes -------------------------------------------------------------------------------------------------

    def change(self, trace: int, change: StorageChange) -> None:
        """Take in the next change of storage."""
        low, high = change.offset, change.offset + len(change.after)
        if low < self.start or high > self.start + len(self.data):
            low, high = max(low, self.start), min(high, self.start + len(self.data))
        event = (trace, change.seq)
        if low >= high:
            self._touch(event, change.offset, len(change.after), Part.OUTSIDE, Intent.OTHER)
            return
        before = self.data[low - self.start : high - self.start]
        if change.kind == JournalKind.ERASE:
            self._begin_phase(low, high)
            spare = self._region("FTW spare")
            if spare is not None and low < spare.end and high > spare.start:
                self._spare.begin_erase(spare, self.queue)
            self._store(change, low, high)
            self._erased(event, low, high)
        else:
            self._store(change, low, high)
            low, high = _changed(before, self.data[low - self.start : high - self.start], low)
            self._programmed(event, low, high)
        self._note_room(event)

    def _note_room(self, event: Event) -> None:
        variables = self.variables
        # The sizes of a variable whose state is not programmed yet may not be either.
        if self.phase is None and variables is not None and not _is_begun(variables.headers):
            store = variables.store
            room = Room(*event, store.first, variables.end, store.end)
            if not self.rooms or self.rooms[-1][2:] != room[2:]:
                self.rooms.append(room)

    def _store(self, change: StorageChange, low: int, high: int) -> None:
        here, there = slice(low - self.start, high - self.start), slice(low - change.offset, high - change.offset)
        if change.kind != JournalKind.FORGET:
            self.data[here] = change.after[there]
        if change.known is not None:
            self.known[here] = change.known[there]
            self.all_known = False
        elif not self.all_known:
            self.known[here] = b"\1" * (high - low)
            self.all_known = 0 not in self.known

    def _erased(self, event: Event, low: int, high: int) -> None:
        """Take in an erase, which may reach over several regions."""
        # Headers that are erased leave the place of the store known until it is written again.
        phase_end = self.phase.store_end if self.phase else self.start
        store_end = self.variables.store.end if self.variables else phase_end
        if low < (self.variables.store.first if self.variables else self.start + HEADER_BYTES):
            self._read_layout(event)
        elif self.variables is not None and low < store_end:
            self._parse(event, low, min(high, store_end))
        if low < store_end:
            end, phase = min(high, store_end), self.phase
            before = [] if phase is None else [copy for at, copy in sorted(phase.before.items()) if copy.live]
            erased = [copy.name or "?" for copy in before if copy.header.offset < end and copy.header.end > low]
            intent = Intent.OTHER if phase is None else phase.intent
            self._touch(event, low, end - low, Part.VARIABLES, intent, erased=erased or None)
            low = store_end
        self._touch_regions(event, low, high, erased=True)

    def _programmed(self, event: Event, low: int, high: int) -> None:
        """Take in the programming of the bytes from `low` to `high`."""
        store = self.variables.store if self.variables else None
        first = store.first if store else self.start + HEADER_BYTES + STORE_HEADER_BYTES
        if low < first:
            self._read_layout(event)
            part = Part.VOLUME_HEADER if low < self.start + HEADER_BYTES else Part.STORE_HEADER
            self._touch(event, low, min(high, first) - low, part, self.phase.intent if self.phase else Intent.FORMAT)
            low = first
        variables = self.variables
        if variables is not None and low < high and low < variables.store.end:
            self._variables(event, low, min(high, variables.store.end))
            low = variables.store.end
        if low < high:
            self._touch_regions(event, low, high, erased=False)

    def _touch_regions(self, event: Event, low: int, high: int, *, erased: bool) -> None:
        for region in self.regions:
            start, end = max(low, region.start), min(high, region.end)
            if start < end and region.name != "variables":
                self._region_touched(event, start, end, region.name, erased=erased)

    def _fault(self, fault: Fault, event: Event, offset: int, length: int, words: str) -> None:
        self.faults.append(FaultyStep(fault, *event, offset, length, words))

    def _touch(
        self,
        event: Event,
        offset: int,
        length: int,
        part: Part,
        intent: Intent | None,
        of: Copy | SpareCopy | None = None,
        *,
        erased: list[str] | None = None,
    ) -> None:
        rewrite = self.phases if intent in (Intent.REWRITE, Intent.RECLAIM) else None
        self.touches.append(Touch(*event, offset, length, part, intent, of, rewrite, erased))

    # --- variables -----------------------------------------------------------------------------------------------

    def _begin_phase(self, low: int, high: int) -> None:
        variables = self.variables
        if variables is None or high <= variables.store.first:
            return
        if low >= variables.store.end:
            self.erased_beyond = True
            return
        if self.phase is None and any(copy.live for copy in self.live.values()):
            # Where the working block is not known, an erase of the spare tells that a copy was made there.
            told_by_spare = self.erased_beyond and 0 in self.known
            reclaims = told_by_spare if self.queue is None else self.queue.pending is not None
            replaced = [copy for copy in self.live.values() if copy.header.state == State.IN_DELETED_TRANSITION]
            data = {copy.number: self._data(copy) for copy in replaced} if reclaims else {}
            self.phases += 1
            self.erased_beyond = False
            intent = Intent.RECLAIM if reclaims else Intent.REWRITE
            self.phase = _Phase(intent, dict(self.live), variables.end, variables.store.end, data)

    def _variables(self, event: Event, low: int, high: int) -> None:
        phase = self.phase
        if phase is not None:
            if low < phase.position or (phase.position >= phase.end and low > phase.position):
                self._end_phase(event)
                phase = None
            else:
                phase.position = high
        changed = self._parse(event, low, high)
        self._touch_start()
        touched = False
        for offset in self.variables.offsets(low, high) if self.variables else ():
            touched, copy = True, self.live[offset]
            start, end = max(low, offset), min(high, copy.header.end)
            intent = phase.intent if phase and offset in phase.before else changed.get(copy.number)
            self._touch(event, start, end - start, _part(copy.header, start, end), intent, copy)
        if touched:
            return
        if (low, high) == (self.variables.end, low + 1) and self._byte(low) == START_ID[0]:  # type: ignore[union-attr]
            self.start_byte = (event, low)
        else:
            self._touch(event, low, high - low, Part.FREE, phase.intent if phase else Intent.OTHER)
            if phase is None and high - low > 1:
                self._fault(Fault.WRONG_REGION, event, low, high - low, "free space programmed, and no variable there")

    def _byte(self, offset: int) -> int:
        return self.data[offset - self.start]

    def _touch_start(self) -> None:
        """Attribute the first byte of a start id, programmed on its own, to the variable that it began."""
        if self.start_byte is None or self.start_byte[1] not in self.live:
            return
        (event, offset), self.start_byte = self.start_byte, None
        copy = self.live[offset]
        copy.born = event
        self._touch(event, offset, 1, Part.HEADER, None, copy)

    def _parse(self, event: Event, low: int, high: int) -> dict[int, Intent]:
        """Decode the list anew where it changed; the intent of a change of state alone, by number of the copy."""
        if self.variables is None:
            return {}
        inside = self.variables.at(low)
        if inside is not None and inside.data_offset <= low and high <= inside.end:
            return {}  # data move no header
        before, after = self.variables.change(low, high)
        if before == after:
            return {}
        return self._replace([self.live[header.offset] for header in before], after, event)

    def _replace(self, old: list[Copy], headers: Iterable[VariableHeader], event: Event | None) -> dict[int, Intent]:
        """Replace copies by those of `headers`; returns intents of changes of state alone, by copy number."""
        intents: dict[int, Intent] = {}
        for copy in old:
            del self.live[copy.header.offset]
        by_offset = {copy.header.offset: copy for copy in old}
        for header in headers:
            known = by_offset.pop(header.offset, None) or self._remembered(header)
            copy = known or self._new(header, event)
            self.live[header.offset] = copy
            intent = self._state(copy, header, event)
            if intent is not None:
                intents[copy.number] = intent
        if self.phase is None:
            for gone in by_offset.values():
                gone.ended = gone.ended or event
        return intents

    def _new(self, header: VariableHeader, event: Event | None) -> Copy:
        copy = Copy(len(self.copies), header, born=event)
        self.copies.append(copy)
        return copy

    def _remembered(self, header: VariableHeader) -> Copy | None:
        """The copy at the same place before the erase, where it is written again."""
        if self.phase is None or self.phase.intent == Intent.RECLAIM:
            return None
        copy = self.phase.before.get(header.offset)
        return copy if copy is not None and may_become(header.guid, copy.header.guid) else None

    def _state(self, copy: Copy, header: VariableHeader, event: Event | None) -> Intent | None:
        """Take in a header; returns the intent of a change of its state alone."""
        before, copy.header = copy.header.state, header
        state = header.state
        if copy.name is None and state != State.UNWRITTEN:
            self._name(copy)
        if state == State.ADDED and copy.added is None and event is not None:
            copy.added = event
            self._name(copy)
            copy.replaces = next((other for other in self.live.values() if _same(other, copy)), None)
        if before == state or copy.born == event or event is None:
            return None
        if self.phase is None and state not in _NEXT_STATES.get(before, ()):
            words = f"state of {copy.name or 'a variable'} from {before:#04x} to {state:#04x}"
            self._fault(Fault.ILLEGAL_STATE, event, header.offset + 2, 1, words)
        if state == State.IN_DELETED_TRANSITION:
            copy.marked = copy.marked or event
            return Intent.MARK
        if state in (State.DELETED, State.DELETED_AFTER_TRANSITION) and copy.ended is None:
            copy.ended = event
            return Intent.SUPERSEDE if any(_same(other, copy) for other in self.live.values()) else Intent.DELETE
        return None

    def _name(self, copy: Copy) -> None:
        if self.variables is not None and not copy.header.abandoned:
            found = read_variable(self.read, copy.header, self.variables.store.end)
            if found.name and "\uffff" not in found.name:
                copy.name = found.name

    def _name_all(self) -> None:
        for copy in self.live.values():
            self._name(copy)

    def _end_phase(self, event: Event) -> None:
        """End a rewrite or reclaim: copies that were not written again are gone."""
        phase, self.phase = self.phase, None
        if phase is None:
            return
        self._name_all()  # programmed byte by byte, the last variable has its state before its name
        if phase.intent == Intent.RECLAIM:
            added = {(copy.name, copy.header.guid): copy for copy in phase.before.values() if copy.live}
            for copy in self.live.values():
                old = added.get((copy.name, copy.header.guid))
                if old is not None and phase.data.get(old.number, self._data(copy)) == self._data(copy):
                    copy.kept_from = old
                else:
                    copy.replaces = old
        counted = [copy for copy in phase.before.values() if copy.live]
        for copy in phase.before.values():
            if self.live.get(copy.header.offset) is not copy:
                copy.ended = copy.ended or event
        names = {(copy.name, copy.header.guid) for copy in self.live.values() if copy.live}
        gone = sorted({copy.name or "?" for copy in counted if (copy.name, copy.header.guid) not in names})
        if gone and not names:
            words = f"the store was formatted though it held {len(gone)} variables"
            self._fault(Fault.REFORMATTED, event, self.start, len(self.data), words)
        elif gone:
            self._fault(Fault.LOST, event, self.start, phase.end - self.start, f"{', '.join(gone)} not written again")

    def _data(self, copy: Copy) -> bytes:
        return b"" if self.variables is None else read_variable(self.read, copy.header, self.variables.store.end).data

    def _lost_at_end(self, last: Event) -> list[FaultyStep]:
        """Variables that a rewrite has not written again by the end of the trace are lost."""
        phase = self.phase
        if phase is None:
            return []
        names = {(copy.name, copy.header.guid) for copy in self.live.values() if copy.live}
        gone = {(copy.name or "?", copy.header.guid) for copy in phase.before.values() if copy.live} - names
        if not gone:
            return []
        words = f"the trace ends while the store is written again, with {len(gone)} variables missing: "
        listed = ", ".join(sorted(name for name, _ in gone))
        return [FaultyStep(Fault.LOST, *last, self.start, phase.end - self.start, words + listed)]

    def follow(self, changes: Iterable[tuple[int, StorageChange]]) -> StoreTimeline:
        """Take in the numbers of traces and changes of storage, oldest first; the life of the store, if it ended there.

        More changes may be taken in later; what was returned stays as it is.
        """
        for trace, change in changes:
            self.change(trace, change)
        more = []
        if self.start_byte is not None:
            event, offset = self.start_byte
            more.append(Touch(*event, offset, 1, Part.FREE, Intent.OTHER, None, None, None))
        touches = [*self.touches[-1:], *more]
        lost = self._lost_at_end(touches[-1][:2]) if touches else []
        return StoreTimeline(
            self._table.frame(self.touches, more),
            copies_of(self.copies),
            (*self.faults, *lost),
            self.start,
            tuple(self.rooms),
        )

    # --- fault tolerant write ------------------------------------------------------------------------------------

    def _region_touched(self, event: Event, low: int, high: int, name: str, *, erased: bool) -> None:
        rewriting = self.phase is not None and self.phase.intent == Intent.REWRITE
        if rewriting and not erased and self.variables is not None:
            self._end_phase(event)
        if name == "FTW working":
            self._working_touched(event, low, high, erased=erased)
        elif name == "FTW spare":
            self._spare_touched(event, low, high, erased=erased)
        elif name == "event log":
            self._touch(event, low, high - low, Part.EVENT_LOG, Intent.OTHER)
        else:
            self._touch(event, low, high - low, Part.VARIABLES, Intent.FORMAT)

    def _working_touched(self, event: Event, low: int, high: int, *, erased: bool) -> None:
        intent, wrong = self._ftw.step(erased=erased)
        if wrong is not None:
            self._fault(Fault.QUEUE_ORDER, event, low, high - low, wrong)
        if intent == Intent.FTW_DESTINATION_COMPLETE:
            self._end_phase(event)
        self._touch(event, low, high - low, self._ftw.part(low, erased=erased), intent)

    def _spare_touched(self, event: Event, low: int, high: int, *, erased: bool) -> None:
        spare = self._region("FTW spare")
        if erased or spare is None or self.variables is None:
            self._touch(event, low, high - low, Part.FTW_SPARE, Intent.FTW_SPARE)
            return
        stray = not self._ftw.writing and self._spare.is_stray(spare, low, high, self._ftw.working)
        if self.queue is not None and stray:
            words = "spare programmed without a fault tolerant write in progress"
            self._fault(Fault.WRONG_REGION, event, low, high - low, words)
        store = self.variables.store
        pieces = self._spare.programmed(low, high, spare.start + store.offset - self.start, store.size)
        headers_end = pieces[0][0] if pieces else high
        if low < headers_end:
            self._touch(event, low, headers_end - low, Part.FTW_SPARE, Intent.FTW_SPARE)
        for start, end, of in pieces:
            self._touch(event, start, end - start, Part.FTW_SPARE, Intent.FTW_SPARE, of)


def _is_begun(headers: list[VariableHeader]) -> bool:
    return bool(headers) and headers[-1].state == State.UNWRITTEN


def _same(other: Copy, copy: Copy) -> bool:
    """True where another live copy is of the same variable."""
    return other is not copy and other.live and other.name == copy.name and other.header.guid == copy.header.guid


def _changed(before: bytearray, after: bytearray, low: int) -> tuple[int, int]:
    """Span of the bytes that differ; all of them where none does."""
    first, last = 0, len(before)
    while first < last and before[first] == after[first]:
        first += 1
    if first == last:
        return low, low + len(before)
    while before[last - 1] == after[last - 1]:
        last -= 1
    return low + first, low + last


def _part(header: VariableHeader, low: int, high: int) -> Part:
    """The part of a variable that a span lies in; of one that lies in several, the first."""
    if (low, high) == (header.offset + 2, header.offset + 3):
        return Part.STATE
    if low < header.name_offset:
        return Part.HEADER
    return Part.NAME if low < header.data_offset else Part.DATA


def follow_store(start: int, data: bytes, known: bytes, changes: Iterable[tuple[int, StorageChange]]) -> StoreTimeline:
    """Follow the store in a volume through its changes.

    Args:
        start: offset of the volume in the flash.
        data: the bytes from there on before the first change; changes beyond them are outside.
        known: 1 for each byte of `data` that is known, else 0.
        changes: numbers of traces and changes of storage, oldest first.
    """
    return StoreFollower(start, bytearray(data), bytearray(known)).follow(changes)

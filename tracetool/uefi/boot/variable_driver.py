"""Variable driver: which variables it takes up from a store, and when it reclaims one (V1 to V8).

Ref: edk2 MdeModulePkg/Universal/Variable/RuntimeDxe.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from tracetool.uefi.boot.contents import keeping_last
from tracetool.uefi.boot.steps import Rule, Trail
from tracetool.uefi.boot.write_queue import append_write, queue_is_full
from tracetool.uefi.variables import (
    STORE_HEADER_BYTES,
    CurrentCopies,
    State,
    VariableList,
    read_store_header,
    read_variable,
)
from tracetool.uefi.volume import SYSTEM_NV_DATA

if TYPE_CHECKING:
    from replay.pages import Pages
    from tracetool.uefi.boot.contents import Contents
    from tracetool.uefi.boot.firmware import Firmware
    from tracetool.uefi.variables import StoreHeader, Variable

__all__ = ["Taken", "is_usable", "read_store", "reclaim", "take_up"]

_TORN_BYTES = 8
"""Erased bytes at the end of the last variable that look like a cut."""
_CURRENT = (State.ADDED, State.IN_DELETED_TRANSITION)


class Taken(NamedTuple):
    """A store as the driver copies it to memory.

    Attributes:
        header: its header; None where its GUID is not that of a store.
        copies: every copy of a variable in the list.
        current: the copies that are found.
        list_end: where the list ends.
        tail_erased: True where nothing is programmed behind it.
    """

    header: StoreHeader | None
    copies: tuple[Variable, ...]
    current: tuple[Variable, ...]
    list_end: int
    tail_erased: bool

    @property
    def overrun(self) -> Variable | None:
        """The current copy that reaches beyond the store: the last one of the list, since nothing can follow it."""
        end = self.header.end if self.header else 0
        found = (copy for copy in self.copies[-1:] if copy.header.state in _CURRENT and copy.header.data_end > end)
        return next(found, None)


@keeping_last
def read_store(store: Pages, at: int) -> Taken:
    """Read a store whose header is at an offset of the bytes from the volume's start to the store's end."""
    size = len(store)

    def read(offset: int, length: int) -> bytes | None:
        return store.read(offset, length) if 0 <= offset <= offset + length <= size else None

    header = read_store_header(read, at)
    if header is None:
        return Taken(None, (), (), at, tail_erased=True)
    end = min(header.end, size)
    copies, current = _latest.beginning(store, header)
    start = copies[-1].header.end if copies else header.first
    rest = VariableList(read, header._replace(offset=start - STORE_HEADER_BYTES, size=end - start + STORE_HEADER_BYTES))
    for found in rest.headers:
        copies.append(read_variable(read, found, end))
        current.append(copies[-1])
    taken = Taken(header, tuple(copies), tuple(current), rest.end, store.is_erased(rest.end, end))
    _latest.keep(store, taken, current)
    return taken


class _Latest:
    """The store that was read last: the next one often begins with the same copies, as in a sweep over cuts."""

    def __init__(self) -> None:
        self._read: tuple[Pages, Taken, CurrentCopies] | None = None

    def keep(self, store: Pages, taken: Taken, current: CurrentCopies) -> None:
        """Remember a store."""
        self._read = (store, taken, current)

    def beginning(self, store: Pages, header: StoreHeader) -> tuple[list[Variable], CurrentCopies]:
        """The copies at the beginning of a store that are known already, and the current ones among them."""
        if self._read is None or self._read[1].header != header or len(self._read[0]) != len(store):
            return [], CurrentCopies()
        before, taken, current = self._read
        same = store.common_length(before)
        known = bisect_right(taken.copies, same, key=lambda copy: copy.header.end)
        return list(taken.copies[:known]), current.without(taken.copies[known:])


_latest = _Latest()


def is_usable(contents: Contents, store: StoreHeader | None, trail: Trail) -> bool:
    """Check the headers; the boot ends where they are not those of a formatted, healthy store."""
    words = ""
    if contents.part(0x10, 16) != SYSTEM_NV_DATA:
        words = "its volume header has another GUID: the boot ends"
    elif store is None or not store.usable:
        words = "its store header is not that of a formatted, healthy store: the boot ends"
    trail.note(Rule.V1, words)
    return not words


def take_up(taken: Taken, trail: Trail) -> bool:
    """Walk the list and find the current copies; False where the first update will end in an exception."""
    trail.note(Rule.V2)
    headers = [copy.header for copy in taken.copies]
    if True in [header.abandoned for header in headers]:
        trail.note(Rule.V3)
    if State.IN_DELETED_TRANSITION in [header.state for header in headers]:
        trail.note(Rule.V4)
    overrun = taken.overrun
    if overrun is not None:
        place = f"the variable at {overrun.header.offset:#x} reaches beyond the store"
        trail.note(Rule.V6, f"{place}: the boot ends in an exception at its first update")
        return False
    if taken.copies and _is_torn(taken.copies[-1]):
        name = taken.copies[-1].name.partition("\uffff")[0]
        trail.note(
            Rule.V7, f"its last variable, {name or 'one without a name'}, ends in erased bytes: it was probably cut"
        )
    return True


def _is_torn(copy: Variable) -> bool:
    """True where the end of a current copy reads as erased."""
    if copy.header.state not in _CURRENT or copy.header.abandoned:
        return False
    whole = copy.data.strip(b"\xff")
    return "\uffff" in copy.name or (bool(copy.data) and not whole) or copy.data.endswith(b"\xff" * _TORN_BYTES)


def reclaim(contents: Contents, firmware: Firmware, taken: Taken, trail: Trail, *, needed: bool) -> None:
    """Write the store in flash anew with its current copies alone: where that is `needed`, and where it is nearly full.

    The latter comes at ReadyToBoot, at every boot where it does not help.
    """
    header = taken.header
    if header is None:
        return
    end, writes = taken.list_end, 0
    if needed:
        trail.note(Rule.V5, "bytes behind its last variable are programmed: it is reclaimed, and they are lost")
        end = header.first + sum(copy.header.end - copy.header.offset for copy in _kept(taken))
        writes += 1
        if queue_is_full(contents, firmware):
            trail.note(Rule.W8)
    if header.end - end < firmware.least_free:
        trail.note(Rule.V8)
        writes += 1
    if writes:
        contents.end_with(lambda last: _write_anew(last, firmware, taken, writes))


def _write_anew(contents: Contents, firmware: Firmware, taken: Taken, writes: int) -> None:
    """Write the variables of a store through fault tolerant write, so many times."""
    if taken.header is None:
        return
    store = b"".join(_copied(contents, copy) for copy in _kept(taken))
    contents.erase(taken.header.first, taken.header.end)
    contents.write(taken.header.first, store)
    for _ in range(writes):
        append_write(contents, firmware)


def _kept(taken: Taken) -> list[Variable]:
    """The copies that a reclaim keeps: all added ones, then those in transition that alone bear their name."""
    added = [copy for copy in taken.copies if copy.header.state == State.ADDED]
    alone = [copy for copy in taken.current if copy.header.state == State.IN_DELETED_TRANSITION]
    return [*added, *alone]


def _copied(contents: Contents, copy: Variable) -> bytes:
    """A copy of a variable as a reclaim writes it, in its added state."""
    header = copy.header
    raw = bytearray(contents.part(header.offset, header.data_end - header.offset))
    raw[2] = State.ADDED
    return bytes(raw.ljust(header.end - header.offset, b"\xff"))

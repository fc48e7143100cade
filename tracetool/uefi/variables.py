"""UEFI variables as their store holds them: every copy with its offset and state, on any bytes.

Ref: edk2 MdeModulePkg/Include/Guid/VariableFormat.h (VARIABLE_STORE_HEADER, AUTHENTICATED_VARIABLE_HEADER,
VARIABLE_HEADER). How the list is walked and which copy is found is the variable driver's way, seen in boots of AAVMF
and OVMF 2022.11 and 2025.02.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left, bisect_right
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Read = Callable[[int, int], bytes | None]
    """The bytes at an offset, of a length; None where one of them is not known or lies outside the flash."""

__all__ = [
    "AUTHENTICATED_GUID",
    "START_ID",
    "STORE_GUIDS",
    "STORE_HEADER_BYTES",
    "CurrentCopies",
    "State",
    "StoreHeader",
    "Variable",
    "VariableHeader",
    "VariableList",
    "read_store_header",
    "read_variable",
    "read_variable_header",
]

_STORE_HEADER = struct.Struct("<16sIBB6x")
STORE_HEADER_BYTES = _STORE_HEADER.size

AUTHENTICATED_GUID = UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
PLAIN_GUID = UUID("ddcf3616-3275-4164-98b6-fe85707ffe7d").bytes_le
STORE_GUIDS = {AUTHENTICATED_GUID, PLAIN_GUID}

_FORMATTED = 0x5A
_HEALTHY = 0xFE
START_ID = b"\xaa\x55"
"""The first bytes of a variable."""

_UNSET = 0xFFFFFFFF
"""A header field that was never programmed."""

# start id, state, attributes, monotonic count, timestamp, key index, name size, data size, GUID
_AUTHENTICATED = struct.Struct("<2sBxIQ16sIII16s")
# start id, state, attributes, name size, data size, GUID
_PLAIN = struct.Struct("<2sBxIII16s")


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class State(IntEnum):
    """A variable's state byte. Flash clears bits only, so every step clears one or two."""

    UNWRITTEN = 0xFF
    HEADER_VALID = 0x7F
    ADDED = 0x3F
    IN_DELETED_TRANSITION = 0x3E
    """An update has begun: the copy counts until there is an added one."""
    DELETED = 0x3D
    DELETED_AFTER_TRANSITION = 0x3C


class Attribute(IntFlag):
    """Attributes of a variable. Ref: UEFI Specification, "Variable Services"."""

    NON_VOLATILE = 0x01
    BOOTSERVICE_ACCESS = 0x02
    RUNTIME_ACCESS = 0x04
    HARDWARE_ERROR_RECORD = 0x08
    AUTHENTICATED_WRITE_ACCESS = 0x10
    TIME_BASED_AUTHENTICATED_WRITE_ACCESS = 0x20
    APPEND_WRITE = 0x40


class StoreHeader(NamedTuple):
    """Header of a variable store: where it begins, and its fields. `size` counts the header."""

    offset: int
    guid: bytes
    size: int
    format: int
    state: int

    @property
    def authenticated(self) -> bool:
        """True where variables have the longer header, with time and monotonic count."""
        return self.guid == AUTHENTICATED_GUID

    @property
    def usable(self) -> bool:
        """True where the variable driver takes the store; it hangs on one that is not formatted and healthy."""
        return self.format == _FORMATTED and self.state == _HEALTHY

    @property
    def first(self) -> int:
        """Offset of the first variable."""
        return _aligned(self.offset + STORE_HEADER_BYTES)

    @property
    def end(self) -> int:
        """First offset behind the store."""
        return self.offset + self.size


class VariableHeader(NamedTuple):
    """Header of one copy of a variable. Offsets are those of the flash.

    Attributes:
        offset: where it begins.
        state: the state byte; a `State` where the driver knows it.
        attributes, monotonic_count, timestamp, key_index: as stored; a plain header has only the first.
        name_bytes, data_bytes: sizes, as stored.
        guid: the vendor's, little-endian.
        abandoned: an update was cut inside the header, so that the driver steps over the header alone: it has neither
            name nor data.
        name_offset: where the name begins, behind the header.
        data_offset: where the data begin, right behind the name.
        data_end: first offset behind the data.
        end: offset of the next variable.
    """

    offset: int
    state: int
    attributes: int
    monotonic_count: int
    timestamp: bytes
    key_index: int
    name_bytes: int
    data_bytes: int
    guid: bytes
    abandoned: bool
    name_offset: int
    data_offset: int
    data_end: int
    end: int


class Variable(NamedTuple):
    """One copy of a variable with its name and data, cut where the store ends or a byte is not known."""

    header: VariableHeader
    name: str
    guid: UUID
    data: bytes
    complete: bool
    """False where name or data reach beyond the store, or are not all known."""


def _aligned(offset: int) -> int:
    return offset + 3 & ~3


def read_store_header(read: Read, offset: int) -> StoreHeader | None:
    """Read the store header at an offset; None: there is none whose GUID is that of a variable store."""
    raw = read(offset, STORE_HEADER_BYTES)
    if raw is None or raw[:16] not in STORE_GUIDS:
        return None
    return StoreHeader(offset, *_STORE_HEADER.unpack(raw))


def read_variable_header(read: Read, offset: int, end: int, *, authenticated: bool) -> VariableHeader | None:
    """Read the variable header at an offset; None where the list ends: another start id, or no room for one."""
    layout = _AUTHENTICATED if authenticated else _PLAIN
    name_offset = offset + layout.size
    raw = read(offset, layout.size) if name_offset <= end else None
    if raw is None or raw[:2] != START_ID:
        return None
    count, time, key = 0, bytes(16), 0
    if authenticated:
        _, state, attributes, count, time, key, name_bytes, data_bytes, guid = _AUTHENTICATED.unpack(raw)
    else:
        _, state, attributes, name_bytes, data_bytes, guid = _PLAIN.unpack(raw)
    abandoned = state == State.UNWRITTEN or _UNSET in (attributes, name_bytes, data_bytes)
    data_offset = name_offset if abandoned else name_offset + name_bytes
    data_end = data_offset if abandoned else data_offset + data_bytes
    fields = (offset, state, attributes, count, time, key, name_bytes, data_bytes, guid)
    return VariableHeader(*fields, abandoned, name_offset, data_offset, data_end, _aligned(data_end))


def read_variable(read: Read, header: VariableHeader, end: int) -> Variable:
    """Read the name and the data of a variable in a store that ends at `end`."""
    name_end, data_end = min(header.data_offset, end), min(header.data_end, end)
    raw = read(header.name_offset, name_end - header.name_offset)
    data = read(name_end, data_end - name_end)
    complete = raw is not None and data is not None and header.data_end <= end
    return Variable(header, _text(raw or b""), UUID(bytes_le=header.guid), data or b"", complete)


def _text(raw: bytes) -> str:
    r"""A name up to its zero; half a surrogate pair as `\ud800`, so that names stay different in every output."""
    even = raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass")
    whole = (even + "\ufffd" * (len(raw) & 1)).partition("\0")[0]
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", whole)


class CurrentCopies:
    """The copies that the firmware finds in a list: of a variable the first added one, else the first in transition."""

    def __init__(self, variables: Iterable[Variable] = ()) -> None:
        self._found: dict[int, dict[tuple[str, bytes], Variable]] = {State.ADDED: {}, State.IN_DELETED_TRANSITION: {}}
        for variable in variables:
            self.append(variable)

    def append(self, variable: Variable) -> None:
        """Add a copy at the end of the list."""
        found = self._found.get(variable.header.state)
        if found is not None:
            found.setdefault((variable.name, variable.header.guid), variable)

    def without(self, last: Sequence[Variable]) -> CurrentCopies:
        """Those of the list without the `last` copies that were added."""
        made = CurrentCopies()
        made._found = {state: found.copy() for state, found in self._found.items()}
        for variable in reversed(last):
            key = (variable.name, variable.header.guid)
            found = made._found.get(variable.header.state, {})
            if found.get(key) is variable:
                del found[key]
        return made

    def __iter__(self) -> Iterator[Variable]:
        """Iterate over those that are added, then over those in transition."""
        added, in_transition = self._found.values()
        yield from added.values()
        yield from (variable for key, variable in in_transition.items() if key not in added)


class VariableList:
    """The headers of a store's variables in order, kept up to date while the flash changes.

    A change is followed by parsing from the variable it lies in, to the first later header that stands where one
    stood before: a buffer of a rewrite costs a few headers, not the store.

    Args:
        read: gives the flash as it is now.
        store: header of the store; the list is of what lies inside it.
    """

    def __init__(self, read: Read, store: StoreHeader) -> None:
        self._read = read
        self.store = store
        self.headers = list(self._parse(store.first))
        self._offsets = [header.offset for header in self.headers]

    @property
    def end(self) -> int:
        """Where the list ends: nothing behind it exists for the firmware."""
        return min(self.headers[-1].end, self.store.end) if self.headers else self.store.first

    def at(self, offset: int) -> VariableHeader | None:
        """The variable that an offset lies in; None: in none of the list."""
        index = bisect_right(self._offsets, offset) - 1
        if index < 0 or offset >= self.headers[index].end:
            return None
        return self.headers[index]

    def offsets(self, start: int, end: int) -> list[int]:
        """Offsets of the variables that bytes from `start` to `end` lie in."""
        first = max(bisect_right(self._offsets, start) - 1, 0)
        found = self._offsets[first : bisect_left(self._offsets, end)]
        return found[1:] if found and self.headers[first].end <= start else found

    def change(self, start: int, end: int) -> tuple[list[VariableHeader], list[VariableHeader]]:
        """Take in that the bytes from `start` to `end` have changed; the headers that were parsed anew.

        Returns:
            The headers as they stood there before, and as they stand there now; all others are as they were.
        """
        index = max(bisect_right(self._offsets, start) - 1, 0)
        position = self._offsets[index] if self._offsets else self.store.first
        parsed: list[VariableHeader] = []
        rest = len(self.headers)
        for header in self._parse(position):
            if header.offset >= end:
                known = bisect_left(self._offsets, header.offset)
                if known < len(self._offsets) and self._offsets[known] == header.offset:
                    rest = known
                    break
            parsed.append(header)
        before = self.headers[index:rest]
        self.headers[index:rest] = parsed
        self._offsets[index:rest] = [header.offset for header in parsed]
        return before, parsed

    def _parse(self, offset: int) -> Iterator[VariableHeader]:
        while header := read_variable_header(
            self._read, offset, self.store.end, authenticated=self.store.authenticated
        ):
            yield header
            offset = header.end

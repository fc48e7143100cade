"""U-Boot's environment in a flash: its entries, whether its checksum holds, and each time that it was saved.

Ref: U-Boot include/env_internal.h (environment_t: CRC-32 of the data, with redundant copies a flags byte, then
`name=value` strings, each ended by a zero, and one more zero at the end); CONFIG_ENV_SIZE is fixed at build time, so
the length is found by the checksum.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import JournalKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from replay.journal import StorageChange

__all__ = [
    "ENVIRONMENT_SCHEMA",
    "SAVES_SCHEMA",
    "Environment",
    "environment_frame",
    "environment_saves",
    "find_environments",
]

ENVIRONMENT_SCHEMA = pl.Schema(
    {
        "variable": pl.String(),
        "value": pl.String(),
        "status": pl.Enum(["current", "superseded", "damaged"]),
        "offset": pl.Int64(),
    }
)
"""One row an entry, in the order of the flash: name and value, the status of its copy for U-Boot, and the offset of the
entry."""

SAVES_SCHEMA = pl.Schema(
    {
        "trace": pl.UInt16(),
        "save": pl.Int64(),
        "first_seq": pl.Int64(),
        "last_seq": pl.Int64(),
        "outcome": pl.Enum(["saved", "torn", "erased", "retired"]),
        "offset": pl.Int64(),
        "variable": pl.String(),
        "change": pl.Enum(["added", "changed", "removed"]),
        "value": pl.String(),
        "value_after": pl.String(),
    }
)
"""One row a save and entry that it changed, or a save alone: its number, the events that it took, what it left (a sound
copy, one whose checksum fails, nothing but erased bytes, a redundant copy that does not count any more), where the copy
is, and the entry with its values before and after; null without one."""

_STEP = 0x1000
"""Alignment of environments: the smallest erase block."""

_SIZES = tuple(1 << power for power in range(12, 21))
_CRC_BYTES = 4
_ENTRY = re.compile(rb"[A-Za-z_][\w.#:@-]*=")
_LONGEST_NAME = 64
_OBSOLETE = 0
_LEAST = 2
"""Printable entries from which a copy with a wrong checksum is recognised as a damaged one."""


@dataclass(frozen=True)
class Environment:
    """One copy of an environment. Offsets are those of the flash.

    Attributes:
        offset: its first byte.
        size: its length, by the checksum; None for a damaged copy, whose checksum fits no length.
        flags: the byte that tells redundant copies apart; None for a single copy.
        entries: offset, name and value of each entry.
    """

    offset: int
    size: int | None
    flags: int | None
    entries: tuple[tuple[int, str, str], ...]


def find_environments(image: NDArray[np.uint8]) -> list[Environment]:
    """Find the copies of U-Boot's environment in a flash's contents (uint8), at any multiple of 4 KiB, in order."""
    starts = np.arange(0, len(image) - _STEP + 1, _STEP)
    # An entry begins with a letter, so most places are skipped at once.
    letters = [image[starts + _CRC_BYTES + skip] for skip in (0, 1)]
    candidates = starts[((letters[0] | 0x20) >= ord("a")) | ((letters[1] | 0x20) >= ord("a"))]
    found = (_read(image, int(start)) for start in candidates)
    return [environment for environment in found if environment is not None]


def _read(image: NDArray[np.uint8], start: int) -> Environment | None:
    for header in (_CRC_BYTES, _CRC_BYTES + 1):
        data_start = start + header
        if not _ENTRY.match(image[data_start : data_start + _LONGEST_NAME].tobytes()):
            continue
        crc = int.from_bytes(image[start : start + _CRC_BYTES].tobytes(), "little")
        size = next((size for size in _SIZES if zlib.crc32(image[data_start : start + size].tobytes()) == crc), None)
        flags = int(image[data_start - 1]) if header > _CRC_BYTES else None
        end = start + (size or _SIZES[-1])
        entries = tuple(_entries(image[data_start:end].tobytes(), data_start))
        if size is not None or (len(entries) >= _LEAST and all(value.isprintable() for _, _, value in entries)):
            return Environment(start, size, flags, entries)
    return None


def _entries(data: bytes, start: int) -> Iterator[tuple[int, str, str]]:
    at = 0
    while _ENTRY.match(data, at):
        end = data.find(b"\0", at)
        end = len(data) if end < 0 else end
        name, _, value = data[at:end].decode("utf-8", "replace").partition("=")
        yield start + at, name, value
        at = end + 1


def environment_frame(copies: list[Environment]) -> pl.DataFrame:
    """The entries of all copies as a frame of `ENVIRONMENT_SCHEMA`.

    Of copies whose checksum holds, U-Boot takes the active one, else the one with the higher serial number.
    """
    sound = [copy for copy in copies if copy.size is not None]
    current = max(sound, key=lambda copy: _OBSOLETE if copy.flags is None else copy.flags, default=None)
    rows = [
        (name, value, "damaged" if copy.size is None else "current" if copy is current else "superseded", offset)
        for copy in copies
        for offset, name, value in copy.entries
    ]
    return pl.DataFrame(rows, ENVIRONMENT_SCHEMA, orient="row")


# --- saves -------------------------------------------------------------------------------------------------------


@dataclass
class _Copy:
    """A place in the flash where copies of an environment are saved, and the save in progress there."""

    start: int
    data: bytearray
    events: list[tuple[int, int]] = field(default_factory=list)
    """First and last event (trace, seq) of the save in progress; empty without one."""
    programmed: bool = False

    def read(self) -> Environment | None:
        """The copy as it is now."""
        return _read(np.frombuffer(self.data, np.uint8), 0)


@dataclass
class _Saves:
    """Saves so far, as rows of `SAVES_SCHEMA`, and the entries that count for U-Boot."""

    entries: dict[str, str]
    rows: list[tuple[object, ...]] = field(default_factory=list)
    count: int = 0

    def take(self, copy: _Copy, trace: int, change: StorageChange) -> None:
        """Take in a change that overlaps a copy's place. An erase after programs begins a new save."""
        erase = change.kind == JournalKind.ERASE
        if copy.events and (copy.events[0][0] != trace or (erase and copy.programmed)):
            self.end(copy)
        event = (trace, change.seq)
        copy.events = [copy.events[0] if copy.events else event, event]
        copy.programmed |= not erase
        low, high = max(change.offset, copy.start), min(change.offset + len(change.after), copy.start + len(copy.data))
        copy.data[low - copy.start : high - copy.start] = change.after[low - change.offset : high - change.offset]

    def end(self, copy: _Copy) -> None:
        """Judge what the save in progress left."""
        if not copy.events:
            return
        (trace, first), (_, last) = copy.events
        copy.events, copy.programmed = [], False
        found = copy.read()
        head = (trace, self.count, first, last)
        self.count += 1
        if found is None or found.size is None:
            erased = not copy.data.strip(b"\xff")
            self.rows.append((*head, "erased" if erased else "torn", copy.start, *[None] * 4))
        elif found.flags == _OBSOLETE:
            self.rows.append((*head, "retired", copy.start, *[None] * 4))
        else:
            entries = {name: value for _, name, value in found.entries}
            changes: list[tuple[str | None, ...]] = [*_differences(self.entries, entries)]
            self.rows += [(*head, "saved", copy.start, *change) for change in changes or [(None,) * 4]]
            self.entries = entries


def _differences(before: dict[str, str], after: dict[str, str]) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Name, change, and values of each entry that differs, by name."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield name, "added" if old is None else "removed" if new is None else "changed", old, new


def environment_saves(
    before: NDArray[np.uint8], after: NDArray[np.uint8], changes: Iterable[tuple[int, StorageChange]]
) -> pl.DataFrame:
    """Each save of an environment in a trace, a frame of `SAVES_SCHEMA`.

    Args:
        before: the flash before the first change, uint8.
        after: the flash after the last one; copies are followed where either holds one.
        changes: numbers of traces and changes of storage, oldest first.
    """
    was = find_environments(before)
    found = [*was, *find_environments(after)]
    places = {copy.offset: copy.size for copy in found if copy.size is not None}
    for copy in found:
        places.setdefault(copy.offset, _SIZES[-1])
    followed = [
        _Copy(start, bytearray(before[start : start + size].tobytes())) for start, size in sorted(places.items())
    ]
    current = environment_frame(was).filter(pl.col("status") == "current")
    saves = _Saves(dict(current.select("variable", "value").rows()))
    for trace, change in changes:
        for place in followed:
            if change.offset < place.start + len(place.data) and change.offset + len(change.after) > place.start:
                saves.take(place, trace, change)
    for place in followed:
        saves.end(place)
    return pl.DataFrame(saves.rows, SAVES_SCHEMA, orient="row")

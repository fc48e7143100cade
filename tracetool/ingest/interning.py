"""Interning: each distinct string is stored once and referred to by its number.

A kernel stores the number in a column; the builder of the frame takes the strings with `StringTable.strings`, number 1
first, and calls `clear`. Number 0 means no string.

    number = table.intern(data, at, length)             # or a `Refusal`, which is no number above 0

A reader with its own validation of strings calls `find`, then `add`, with no other lookup in between:

    number = table.find(data, at, length)
    if number == 0 and octets.are_printable(data, at, length) and not looks_like_an_event(data, at, length):
        number = table.add(data, at, length)            # or Refusal.NO_ROOM

Most events name the device of the previous one: `holds` compares bytes with one string, which is cheaper than a lookup.
"""

from __future__ import annotations

from array import array
from itertools import pairwise

from tracetool.ingest import octets
from tracetool.ingest.names import Refusal

__all__ = ["StringTable"]

_ITEM_BYTES = 8


class StringTable:
    """Hash table of strings with open addressing.

    Args:
        capacity: most strings.
        pool_bytes: most bytes of all strings.

    Attributes:
        capacity: as given.
        count: number of strings, numbered from 1 to `count`.
        used: bytes used in the pool.
        pool: concatenated strings.
        ends: a string spans ends[number - 1] to ends[number] in the pool.
    """

    def __init__(self, capacity: int, pool_bytes: int) -> None:
        slots = 1 << (4 * capacity - 1).bit_length()
        self.capacity = capacity
        self.count = 0
        self.used = 0
        self.pool = bytearray(pool_bytes)
        self.ends = array("q", bytes(_ITEM_BYTES * (capacity + 1)))
        # String numbers; 0 is a free slot.
        self.slots = array("q", bytes(_ITEM_BYTES * slots))
        self._mask = slots - 1
        # Slot for the string that `find` missed.
        self._slot = 0

    def length_of(self, number: int) -> int:
        """Return the length of a string in bytes."""
        return self.ends[number] - self.ends[number - 1]

    def holds(self, number: int, data: octets.Octets, at: int, length: int) -> bool:
        """True if the bytes equal the string of a number; False for number 0."""
        if number <= 0:
            return False
        start = self.ends[number - 1]
        return self.ends[number] - start == length and octets.same_bytes(data, at, self.pool, start, length)

    def find(self, data: octets.Octets, at: int, length: int) -> int:
        """Return the number of a string, 0 if it is not in the table."""
        slot = octets.hash_bytes(data, at, length) & self._mask
        number = self.slots[slot]
        while number > 0 and not self.holds(number, data, at, length):
            slot = (slot + 1) & self._mask
            number = self.slots[slot]
        self._slot = slot
        return number

    def add(self, data: octets.Octets, at: int, length: int) -> int:
        """Add the string that the last `find` missed; return its number, or `Refusal.NO_ROOM`."""
        if self.count >= self.capacity or length > len(self.pool) - self.used:
            return Refusal.NO_ROOM
        octets.copy_bytes(self.pool, self.used, data, at, length)
        self.used += length
        self.count += 1
        self.ends[self.count] = self.used
        self.slots[self._slot] = self.count
        return self.count

    def intern(self, data: octets.Octets, at: int, length: int) -> int:
        """Find or add a string; return its number, or a `Refusal`."""
        number = self.find(data, at, length)
        if number > 0:
            return number
        if not octets.are_printable(data, at, length):
            return Refusal.UNPRINTABLE
        return self.add(data, at, length)

    def strings(self) -> list[str]:
        """Return the strings by number; bytes that are not UTF-8 are replaced."""
        pool = bytes(self.pool[: self.used])
        return [pool[start:end].decode("utf-8", "replace") for start, end in pairwise(self.ends[: self.count + 1])]

    def clear(self) -> None:
        """Remove all strings."""
        self.count = 0
        self.used = 0
        self.slots = array("q", bytes(_ITEM_BYTES * len(self.slots)))

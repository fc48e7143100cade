"""Interning: the few different strings of many events, each stored once and called by its number.

A kernel asks for the number of the bytes before it, and notes that in a column; what makes a frame of the columns
takes the strings with `StringTable.strings`, number 1 first, and calls `clear`. Number 0 stands for no string.

    number = table.intern(data, at, length)             # or a `Refusal`, which is no number above 0

A reader with a rule of its own for strings asks first and adds then; nothing else may be asked of the table between:

    number = table.find(data, at, length)
    if number == 0 and octets.are_printable(data, at, length) and not looks_like_an_event(data, at, length):
        number = table.add(data, at, length)            # or Refusal.NO_ROOM

Most events name the same device as the one before. `holds` compares bytes with the string of one number, which costs
less than to look it up.
"""

from __future__ import annotations

from array import array
from itertools import pairwise

from tracetool.ingest import octets
from tracetool.ingest.names import Refusal

__all__ = ["StringTable"]

_ITEM_BYTES = 8


class StringTable:
    """A hash table of strings with open addressing.

    Args:
        capacity: how many strings there is room for.
        pool_bytes: how many bytes of them.

    Attributes:
        capacity: as it was given.
        count: strings in it, which have the numbers from 1 to `count`.
        used: bytes of them.
        pool: those bytes.
        ends: where they are: the string of a number from ends[number - 1] to ends[number].
    """

    def __init__(self, capacity: int, pool_bytes: int) -> None:
        slots = 1 << (4 * capacity - 1).bit_length()
        self.capacity = capacity
        self.count = 0
        self.used = 0
        self.pool = bytearray(pool_bytes)
        self.ends = array("q", bytes(_ITEM_BYTES * (capacity + 1)))
        # Numbers of strings; 0 is a free slot.
        self.slots = array("q", bytes(_ITEM_BYTES * slots))
        self._mask = slots - 1
        # Where the string that was not found belongs.
        self._slot = 0

    def length_of(self, number: int) -> int:
        """How many bytes the string of a number has."""
        return self.ends[number] - self.ends[number - 1]

    def holds(self, number: int, data: octets.Octets, at: int, length: int) -> bool:
        """Whether bytes are the string of a number; nothing is of number 0."""
        if number <= 0:
            return False
        start = self.ends[number - 1]
        return self.ends[number] - start == length and octets.same_bytes(data, at, self.pool, start, length)

    def find(self, data: octets.Octets, at: int, length: int) -> int:
        """The number of a string; 0 if it is not in the table."""
        slot = octets.hash_bytes(data, at, length) & self._mask
        number = self.slots[slot]
        while number > 0 and not self.holds(number, data, at, length):
            slot = (slot + 1) & self._mask
            number = self.slots[slot]
        self._slot = slot
        return number

    def add(self, data: octets.Octets, at: int, length: int) -> int:
        """Take in the string that `find` was asked for last and has not found; its number, or `Refusal.NO_ROOM`."""
        if self.count >= self.capacity or length > len(self.pool) - self.used:
            return Refusal.NO_ROOM
        octets.copy_bytes(self.pool, self.used, data, at, length)
        self.used += length
        self.count += 1
        self.ends[self.count] = self.used
        self.slots[self._slot] = self.count
        return self.count

    def intern(self, data: octets.Octets, at: int, length: int) -> int:
        """The number of a string, which is taken in where it is new; or a `Refusal`."""
        number = self.find(data, at, length)
        if number > 0:
            return number
        if not octets.are_printable(data, at, length):
            return Refusal.UNPRINTABLE
        return self.add(data, at, length)

    def strings(self) -> list[str]:
        """The strings in the order of their numbers; bytes that are not UTF-8 are replaced."""
        pool = bytes(self.pool[: self.used])
        return [pool[start:end].decode("utf-8", "replace") for start, end in pairwise(self.ends[: self.count + 1])]

    def clear(self) -> None:
        """Forget all strings."""
        self.count = 0
        self.used = 0
        self.slots = array("q", bytes(_ITEM_BYTES * len(self.slots)))

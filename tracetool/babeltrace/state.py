"""State of the read loop; `state.pxd` has its C types.

`classes` and `reading` fill the tables when the loop requests it.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from tracetool.babeltrace.layout import CLASS_SLOTS, CLASSES, MAX_FIELDS, WORDS, Ask, Column

if TYPE_CHECKING:
    Words = memoryview[int] | array[int]

__all__ = ["Block", "Cell", "ClassNumbers", "Fields", "Loop", "Places", "Strings"]


def _zeros(count: int) -> array[int]:
    return array("q", bytes(8 * count))


class Cell:
    """Output parameter for the library: one word.

    Attributes:
        word: its value, the only item.
        address: its address.
    """

    def __init__(self) -> None:
        memory = _zeros(1)
        self.word: Words = memory
        self.address = memory.buffer_info()[0]


class ClassNumbers:
    """Numbers of event classes by address: a hash table with open addressing, see `kernel.slot_of`.

    Attributes:
        addresses: address of the class in each slot, 0 where it is free.
        numbers: number of that class.
    """

    def __init__(self) -> None:
        self.addresses: Words = _zeros(CLASS_SLOTS)
        self.numbers: Words = _zeros(CLASS_SLOTS)

    def clear(self) -> None:
        """Remove all classes."""
        for slot in range(CLASS_SLOTS):
            self.addresses[slot] = 0


class Strings:
    """Interned strings, NUL-terminated, numbered from 1 on.

    Attributes:
        count: number of the next string.
    """

    def __init__(self) -> None:
        self.addresses: Words = _zeros(WORDS)
        self.count = 1

    def add(self, address: int) -> None:
        """Intern the string at an address, which must stay valid."""
        self.addresses[self.count] = address
        self.count += 1

    def clear(self) -> None:
        """Remove all strings."""
        self.count = 1


class Fields:
    """Payload fields to read, `MAX_FIELDS` per class number.

    Attributes:
        count: number of fields, by class number.
        member: member of the payload.
        signed: nonzero for signed integers.
        target: column of `NUMBERS` for an integer, shift in the column CODES for a string.
        last: number of the last string, a cache.
    """

    def __init__(self) -> None:
        self.count: Words = _zeros(CLASSES)
        self.member: Words = _zeros(CLASSES * MAX_FIELDS)
        self.signed: Words = _zeros(CLASSES * MAX_FIELDS)
        self.target: Words = _zeros(CLASSES * MAX_FIELDS)
        self.last: Words = _zeros(CLASSES * MAX_FIELDS)


class Places:
    """Place of the process or the thread in the events of each class number.

    Attributes:
        known: nonzero if there is one.
        specific: nonzero for the specific context, 0 for the common one.
        member: member of the context.
        signed: nonzero for a signed integer.
    """

    def __init__(self) -> None:
        self.known: Words = _zeros(CLASSES)
        self.specific: Words = _zeros(CLASSES)
        self.member: Words = _zeros(CLASSES)
        self.signed: Words = _zeros(CLASSES)


class Block:
    """Columns of a block, see `Column`; `numbers` are those of `NUMBERS`, one after the other.

    Args:
        words: `COLUMNS` times `rows` words.
        rows: capacity in rows.
    """

    def __init__(self, words: Words, rows: int) -> None:
        self.rows = rows
        self.message = words[Column.MESSAGE * rows : (Column.MESSAGE + 1) * rows]
        self.codes = words[Column.CODES * rows : (Column.CODES + 1) * rows]
        self.time = words[Column.TIME * rows : (Column.TIME + 1) * rows]
        self.process = words[Column.PROCESS * rows : (Column.PROCESS + 1) * rows]
        self.thread = words[Column.THREAD * rows : (Column.THREAD + 1) * rows]
        self.numbers = words[Column.FIRST_NUMBER * rows :]


class Loop:
    """State of a pass over a trace.

    The loop owns the messages from `next` on and releases each once it is processed. Their array is valid until the
    next one is requested.

    Args:
        rows: capacity of a block in rows.

    Attributes:
        block: block being filled.
        row: its next row.
        seen: events and losses so far.
        other: those of them that are not pflash's.
        pause: value of `seen` at which a block ends early, as a heartbeat.
        next: address of the pointer to the next message.
        end: address after the pointers to messages.
        ask: pending request, see `Ask`.
        subject: address that the request is about.
        array: output for the address of the messages.
        count: output for their number.
        time: output for the time of an event.
        numbers: numbers of event classes.
        strings: devices and texts.
        clock: nonzero for class numbers whose events have a time.
    """

    def __init__(self, rows: int) -> None:
        self.block = Block(_zeros(0), rows)
        self.row = self.seen = self.other = self.pause = 0
        self.next = self.end = self.subject = 0
        self.ask: int = Ask.NOTHING
        self.array, self.count, self.time = Cell(), Cell(), Cell()
        self.numbers = ClassNumbers()
        self.strings = Strings()
        self.processes, self.threads = Places(), Places()
        self.clock: Words = _zeros(CLASSES)
        self.integers, self.texts = Fields(), Fields()

    def begin(self, words: Words, most: int) -> None:
        """Begin a block, which ends after `most` events and losses at the latest."""
        self.block = Block(words, self.block.rows)
        self.row = 0
        self.pause = self.seen + most

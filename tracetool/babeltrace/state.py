"""The state of the read loop; its C types are in `state.pxd`.

The child fills the tables when the loop asks for it, see `classes` and `reading`.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from tracetool.babeltrace.layout import CLASS_SLOTS, CLASSES, MAX_FIELDS, WORDS, Ask, Column

if TYPE_CHECKING:
    Words = memoryview[int] | array[int]

__all__ = ["Block", "Cell", "ClassNumbers", "Integers", "Loop", "Places", "Strings", "Texts"]


def _zeros(count: int) -> array[int]:
    return array("q", bytes(8 * count))


class Cell:
    """A word that the library writes to.

    Attributes:
        word: its value, the only item.
        address: where it is.
    """

    def __init__(self) -> None:
        memory = _zeros(1)
        self.word: Words = memory
        self.address = memory.buffer_info()[0]


class ClassNumbers:
    """Numbers of event classes by address: a hash table with open addressing, see `kernel.slot_of`.

    Attributes:
        addresses: in each slot that of a class, 0 where it is free.
        numbers: those of the classes there.
    """

    def __init__(self) -> None:
        self.addresses: Words = _zeros(CLASS_SLOTS)
        self.numbers: Words = _zeros(CLASS_SLOTS)

    def clear(self) -> None:
        """Forget all classes."""
        for slot in range(CLASS_SLOTS):
            self.addresses[slot] = 0


class Strings:
    """Interned strings: NUL-terminated, by number from 1 on.

    Attributes:
        count: the number of the next one.
    """

    def __init__(self) -> None:
        self.addresses: Words = _zeros(WORDS)
        self.count = 1

    def add(self, address: int) -> None:
        """Give the string at an address the next number; it must stay there."""
        self.addresses[self.count] = address
        self.count += 1

    def clear(self) -> None:
        """Forget all strings."""
        self.count = 1


class Integers:
    """Integers of the payloads that are read, `MAX_FIELDS` for each class number.

    Attributes:
        count: for each class number, how many.
        member: which member of the payload.
        signed: whether it has a sign; of others the bits are taken.
        number: which of `NUMBERS` it is.
    """

    def __init__(self) -> None:
        self.count: Words = _zeros(CLASSES)
        self.member: Words = _zeros(CLASSES * MAX_FIELDS)
        self.signed: Words = _zeros(CLASSES * MAX_FIELDS)
        self.number: Words = _zeros(CLASSES * MAX_FIELDS)


class Texts:
    """Strings of the payloads that are read, `MAX_FIELDS` for each class number.

    Attributes:
        count: for each class number, how many.
        member: which member of the payload.
        shift: of its word in the column CODES.
        last: the word it was last.
    """

    def __init__(self) -> None:
        self.count: Words = _zeros(CLASSES)
        self.member: Words = _zeros(CLASSES * MAX_FIELDS)
        self.shift: Words = _zeros(CLASSES * MAX_FIELDS)
        self.last: Words = _zeros(CLASSES * MAX_FIELDS)


class Places:
    """Where the events of each class number have a process or a thread.

    Attributes:
        known: whether they have one.
        specific: whether in the specific context; if not, in the common one.
        member: which member of that.
        signed: whether it has a sign.
    """

    def __init__(self) -> None:
        self.known: Words = _zeros(CLASSES)
        self.specific: Words = _zeros(CLASSES)
        self.member: Words = _zeros(CLASSES)
        self.signed: Words = _zeros(CLASSES)


class Block:
    """The columns of a block, see `Column`.

    Args:
        words: of the block, `COLUMNS` times `rows`.
        rows: it has room for.

    Attributes:
        numbers: the columns of `NUMBERS`, one after the other.
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
    """The state of a pass over a trace.

    The loop owns the messages from `next` on: each is put once it is done, their array lives until the next is asked
    for.

    Args:
        rows: a block has room for.

    Attributes:
        block: that is filled.
        row: the next one of the block.
        seen: events and losses so far.
        other: those of them that are not pflash's.
        pause: a block ends at this many of them though it has room, as a sign of life.
        next: address of the pointer to the message that is next.
        end: address after the pointers to messages that were got.
        ask: what is wanted, see `Ask`.
        subject: the address it is about.
        array: gets the address of the messages.
        count: gets their number.
        time: gets the time of an event.
        numbers: of event classes.
        strings: devices and texts.
        clock: for each class number, whether its events have a time.
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
        self.integers, self.texts = Integers(), Texts()

    def begin(self, words: Words, most: int) -> None:
        """Begin a block, which ends after so many events and losses though it has room."""
        self.block = Block(words, self.block.rows)
        self.row = 0
        self.pause = self.seen + most

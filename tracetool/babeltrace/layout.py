"""Layout of a block, shared by the read loop, its process and the parent, and the requests of the loop.

A block is a table of `COLUMNS` int64 columns, one after the other, each with room for the block's rows.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "CLASSES",
    "CLASS_SLOTS",
    "COLUMNS",
    "CONTEXT_SHIFT",
    "DEVICE_SHIFT",
    "MAX_FIELDS",
    "NO_TIME",
    "NUMBERS",
    "STRINGS",
    "TEXT_SHIFT",
    "WORDS",
]
__all__ += ["Ask", "Column"]

NUMBERS = ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "region", "extra")
"""Columns of an event's arguments; `extra` holds the one that has no column of its own in the canonical frame."""


class Column(IntEnum):
    """Columns of a block.

    CODES has the event's class in its low 16 bits, then the numbers of device, text and context in 16 bits each, 0 for
    none. The arguments, `NUMBERS`, begin at FIRST_NUMBER.
    """

    MESSAGE = 0
    CODES = 1
    TIME = 2
    PROCESS = 3
    THREAD = 4
    FIRST_NUMBER = 5


COLUMNS = Column.FIRST_NUMBER + len(NUMBERS)
DEVICE_SHIFT = 16
TEXT_SHIFT = 32
CONTEXT_SHIFT = 48

STRINGS = {"device": DEVICE_SHIFT, "text": TEXT_SHIFT, "context": CONTEXT_SHIFT}
"""Places of an event's strings in CODES; the context is another text."""

NO_TIME = -(1 << 63)
"""Sentinel in the column TIME."""

WORDS = 512
"""Capacity of interned strings; number 0 is unused."""

CLASSES = 512
"""Capacity of event classes; number 0 is every class that is not read."""

CLASS_SLOTS = 4096
"""Size of the hash table of event classes."""

MAX_FIELDS = 8
"""Most fields read of an event."""


class Ask(IntEnum):
    """Request of the loop when it stops before the end.

    ROOM: another block. CLASS: number a class. WORD: number a string. LOSS: count and release a message of discarded
    events or packets.
    """

    NOTHING = 0
    ROOM = 1
    CLASS = 2
    WORD = 3
    LOSS = 4

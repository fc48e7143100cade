"""What the read loop, the child around it and the parent agree on: the block's columns, and what the loop asks for.

A block is a table of `COLUMNS` columns, one after the other, each with room for the block's rows. All words are int64.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "CLASSES",
    "CLASS_SLOTS",
    "COLUMNS",
    "DEVICE_SHIFT",
    "MAX_FIELDS",
    "NO_TIME",
    "NUMBERS",
    "TEXT_SHIFT",
    "WORDS",
    "Ask",
    "Column",
]

NUMBERS = ("offset", "size", "value", "cmd", "wcycle", "counter", "length", "region", "extra")
"""The columns of an event's arguments; `extra` has the one that is no column of the canonical frame as it stands."""


class Column(IntEnum):
    """Columns of a block.

    CODES has the event's class in its low 16 bits, then 16 bits of device and 16 of text; those two are numbers of
    words, 0 for none. The arguments, `NUMBERS`, begin at FIRST_NUMBER.
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

NO_TIME = -(1 << 63)
"""In the column TIME: beyond what 64 bits of nanoseconds can say."""

WORDS = 512
"""Strings that are numbered at a time; number 0 is not used."""

CLASSES = 512
"""Numbers of event classes; number 0 is every class that is not pflash's."""

CLASS_SLOTS = 4096
"""Size of the hash table of event classes."""

MAX_FIELDS = 8
"""Fields of an event that are read, at most."""


class Ask(IntEnum):
    """What the loop wants when it stops before the end.

    ROOM: another block. CLASS: what to do with the events of a class. WORD: a number for a string. LOSS: a message of
    discarded events or packets is to be read, counted and put.
    """

    NOTHING = 0
    ROOM = 1
    CLASS = 2
    WORD = 3
    LOSS = 4

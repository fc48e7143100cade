"""The columns that go into the machine and come out of it: codes and their names.

The machine works on integers only. This module names them once; `tracetool` maps its event frames to `RowKind`
and the machine's output back to words. Absent values are `ABSENT` (every column but `counter`) or
`ABSENT_COUNTER`: a counter may be any 64-bit pattern, all ones included.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "ABSENT",
    "ABSENT_COUNTER",
    "CMD_UNKNOWN",
    "COUNTER_FAR",
    "HELD",
    "QUEUED",
    "TEXTS",
    "TEXT_CODES",
    "Effect",
    "Field",
    "Flag",
    "JournalKind",
    "OpKind",
    "Outcome",
    "Position",
    "RowKind",
    "Stop",
    "Target",
    "Text",
]

ABSENT = -1
ABSENT_COUNTER = -(1 << 63)

CMD_UNKNOWN = 0x100
"""The command byte in force after a start in mid-command."""

COUNTER_FAR = 1 << 40
"""A counter that was not seen: far from the last word."""

QUEUED = 8
"""Inner events that one write can cause, at most."""

HELD = 16
"""Inner events that may wait for their read."""


class RowKind(IntEnum):
    """What a row of the trace is: an access of the guest, a reset, or an inner event of the device model."""

    OTHER = 0
    IO_READ = 1
    IO_WRITE = 2
    READ = 3
    """An access of the oldest event set: no value, and logged before its inner events."""
    OUTER_READ = 4
    OUTER_WRITE = 5
    RESET = 6
    REALIZE = 7
    POSTLOAD = 8
    WRITE_TEXT = 9
    DATA_WRITE = 10
    DATA_WRITE_BLOCK = 11
    WRITE_BLOCK = 12
    WRITE_BLOCK_START = 13
    WRITE_BLOCK_FLUSH = 14
    WRITE_BLOCK_ABORT = 15
    WRITE_BLOCK_ERASE = 16
    MODE_READ_ARRAY = 17
    READ_STATUS = 18
    MANUFACTURER_ID = 19
    DEVICE_ID = 20
    DEVICE_INFO = 21
    DATA_READ = 22
    READ_UNKNOWN_STATE = 23


class Text(IntEnum):
    """What the device model says in its `write` event, by the step it takes; `TEXTS` has the words."""

    PROGRAM_SETUP = 0
    PROGRAM_DATA = 1
    CLEAR_STATUS = 2
    UNLOCK = 3
    UNKNOWN_LOCK = 4
    READ_STATUS = 5
    READ_IDENTIFIER = 6
    CFI_QUERY = 7
    BUFFERED_PROGRAM = 8
    AMD_RESET = 9
    READ_ARRAY = 10
    LEAVE_QUERY = 11
    FINISHED = 12


TEXTS = {
    Text.PROGRAM_SETUP: "single byte program (0)",
    Text.PROGRAM_DATA: "single byte program (1)",
    Text.CLEAR_STATUS: "clear status bits",
    Text.UNLOCK: "block unlock",
    Text.UNKNOWN_LOCK: "unknown (un)locking command",
    Text.READ_STATUS: "read status register",
    Text.READ_IDENTIFIER: "read device information",
    Text.CFI_QUERY: "CFI query",
    Text.BUFFERED_PROGRAM: "write to buffer",
    Text.AMD_RESET: "probe for AMD flash",
    Text.READ_ARRAY: "read array mode",
    Text.LEAVE_QUERY: "leaving query mode",
    Text.FINISHED: "block write finished",
}
TEXT_CODES = {text: code for code, text in TEXTS.items()}


class Effect(IntEnum):
    """What an access did to the flash."""

    NONE = 0
    PROGRAM = 1
    """A word went straight to storage: a single program, or a buffered word where nothing is staged."""
    STAGE = 2
    """A word went into the write-buffer window."""
    FLUSH = 3
    """The window went to storage."""
    ERASE = 4
    REFUSED = 5
    """A store or erase that the device refused: read-only, or outside the window."""
    DROP = 6
    """The window was dropped."""
    DISCARD = 7
    """A write outside the extent that the policy throws away."""


class OpKind(IntEnum):
    """The flash operation an access belongs to, as far as it is known at that access."""

    NONE = 0
    ERASE = 1
    BUFFERED_PROGRAM = 2
    PROGRAM = 3
    STATUS = 4
    IDENTIFY = 5
    QUERY = 6
    LOCK = 7
    UNLOCK = 8
    CLEAR_STATUS = 9
    READ_ARRAY = 10
    STRAY = 11
    OUTSIDE = 12
    INCOMPLETE = 13
    RESET = 14


class Outcome(IntEnum):
    """How an operation ended; `OPEN` while it has not."""

    OPEN = 0
    DONE = 1
    REFUSED = 2
    DISCARDED = 3
    ABORTED = 4
    LOST = 5


class Flag(IntEnum):
    """What else is to be said of a row; the values are bits."""

    STRAY = 1
    """A write in a command cycle whose value is no command as a driver would send it."""
    NOT_A_COMMAND = 2
    """A write in a command cycle whose low byte starts no command."""
    BAD_SECOND_CYCLE = 4
    MISMATCH = 8
    """The model and the trace disagree here."""
    ADOPTED = 16
    """The model took its state from the trace here."""
    INFERRED = 32
    """An effect known from an inner event alone: its bus write is not in the trace."""
    DATA = 64
    """A write in a data cycle."""
    READ_ONLY_TARGET = 128
    """A program or an erase addressed to a read-only flash."""


class JournalKind(IntEnum):
    """Why contents changed."""

    PROGRAM = 1
    FLUSH = 2
    ERASE = 3
    WRITE_BACK = 4
    FORGET = 5
    """The contents of the range are no longer known."""
    RESTART = 6
    """The machine started again: storage was read from the image file, before the first event of a trace (seq -1)."""


class Target(IntEnum):
    """Which contents a journal row speaks of; the values are bits."""

    STORAGE = 1
    BACKING = 2
    BOTH = 3


class Position(IntEnum):
    """What stands in a journal row in place of a position in its bytes."""

    ALL_KNOWN = -1
    NONE_KNOWN = -2
    ALL_ERASED = -3
    NO_BYTES = -4


class Field(IntEnum):
    """The field of an event in which model and trace differ."""

    EVENT = 0
    OFFSET = 1
    SIZE = 2
    VALUE = 3
    CMD = 4
    WCYCLE = 5
    COUNTER = 6
    LENGTH = 7
    TEXT = 8


class Stop(IntEnum):
    """Why the machine stopped before, or at, the end of its rows."""

    END = 0
    BEHAVIOUR = 1
    """The next row is the first whose effect depends on the behaviour, which nobody set yet."""
    WATCH = 2
    """The row just done changed bytes below `Config.watch_end`."""
    POSTLOAD = 3
    """The row just done replaced state and contents."""
    ROOM = 4
    """The next row might not find room for what it gives."""

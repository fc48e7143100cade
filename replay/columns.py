"""Codes in the columns of the machine's tables.

The machine works on integers only, which this module names; `tracetool` maps its event frames to `RowKind` and the
results back to words. Absent values are `ABSENT`, in the column `counter` `ABSENT_COUNTER`: a counter may be any 64-bit
pattern, all ones included.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "ABSENT",
    "ABSENT_COUNTER",
    "CMD_UNKNOWN",
    "COUNTER_FAR",
    "HELD",
    "OP_FIELDS",
    "QUEUED",
    "TEXTS",
    "TEXT_CODES",
]
__all__ += [
    "Answer",
    "Effect",
    "Field",
    "Flag",
    "JournalKind",
    "OpField",
    "OpKind",
    "Outcome",
    "Position",
    "RowKind",
    "Stop",
]
__all__ += ["Target", "Text"]

ABSENT = -1
ABSENT_COUNTER = -(1 << 63)

CMD_UNKNOWN = 0x100
"""Command in force after a start in mid-command."""

COUNTER_FAR = 1 << 40
"""Value of an unseen counter: far from the last word."""

QUEUED = 8
"""Capacity of the queue: the most inner events that one write causes."""

HELD = 16
"""Capacity for inner events waiting for their read."""


class RowKind(IntEnum):
    """Kind of a trace row: an access of the guest, a reset, or an inner event of the device model."""

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
    TIMER_EXPIRED = 24
    """From here on only CFI02 devices have such rows. This one is an input, like an access."""
    IDLE = 25
    """A `reset` of a CFI02 device: a return to rest, or the reset of the device."""
    UNLOCK0_FAILED = 26
    UNLOCK1_FAILED = 27
    WRITE_START = 28
    WRITE_FAILED = 29
    WRITE_UNKNOWN = 30
    WRITE_INVALID = 31
    WRITE_INVALID_COMMAND = 32
    WRITE_INVALID_STATE = 33
    CHIP_ERASE_START = 34
    CHIP_ERASE_INVALID = 35
    SECTOR_ERASE_START = 36
    ERASE_TIMEOUT = 37
    ERASE_COMPLETE = 38
    READ_DONE = 39


class Text(IntEnum):
    """Text of a `write` event, by the step of the device model; `TEXTS` has the words."""

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
    UNLOCK_STARTED = 13
    UNLOCK_DONE = 14
    WRITE_IN_QUERY = 15


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
    Text.UNLOCK_STARTED: "unlock sequence started",
    Text.UNLOCK_DONE: "unlock sequence done",
    Text.WRITE_IN_QUERY: "invalid write in CFI query mode",
}
TEXT_CODES = {text: code for code, text in TEXTS.items()}


class Effect(IntEnum):
    """Effect of an access on the flash."""

    NONE = 0
    PROGRAM = 1
    """A word stored directly: a single program, or a buffered word under `direct`."""
    STAGE = 2
    """A word staged in the write-buffer window."""
    FLUSH = 3
    """The window committed to storage."""
    ERASE = 4
    REFUSED = 5
    """A store or erase refused by the device: read-only, or outside the window."""
    DROP = 6
    """The window discarded."""
    DISCARD = 7
    """A write outside the extent, discarded by the policy."""


class OpKind(IntEnum):
    """Flash operation of an access, as far as it is known at that access."""

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
    SUSPEND = 15
    """An erase suspended, and resumed."""
    RESUME = 16
    BYPASS = 17
    """Unlock bypass entered or left."""


class OpField(IntEnum):
    """Sums of an operation, by position; those from `COMMAND_OFFSET` on start as `ABSENT`, the others as 0."""

    BOOT = 0
    KIND = 1
    FIRST_SEQ = 2
    LAST_SEQ = 3
    TIME_NS = 4
    END_NS = 5
    CMD_BEFORE = 6
    STATUS_BEFORE = 7
    BYTES_CHANGED = 8
    BITS_SET = 9
    UNKNOWN = 10
    """1 where contents that it changed were unknown, which leaves the two counts incomplete."""
    OUTCOME = 11
    STATUS = 12
    """The status register after its last row."""
    ACCESSES = 13
    PROGRAMMED = 14
    FLAGS = 15
    ERASED = 16
    INFERRED = 17
    POLLED_READY = 18
    """1 once the guest has read the status as ready."""
    COMMAND_OFFSET = 19
    """Offset, size and value of its first access."""
    COMMAND_SIZE = 20
    COMMAND_VALUE = 21
    LOW = 22
    """The span touched, or targeted by a refused program or erase; `HIGH` is exclusive."""
    HIGH = 23
    IDENTIFIER_OFFSET = 24
    """Offset of the last identifier read that returned 0."""
    COUNT_OFFSET = 25
    COUNT_VALUE = 26
    BAD_CYCLE_VALUE = 27
    WORDS_START = 28
    """Offset of the first word of a buffered program, and the span of all."""
    WORDS_LOW = 29
    WORDS_HIGH = 30
    DATA = 31
    """Digest of its data words in their order, 32 bits; 0 without data."""


OP_FIELDS = len(OpField)


class Outcome(IntEnum):
    """Outcome of an operation; `OPEN` while it is in progress."""

    OPEN = 0
    DONE = 1
    REFUSED = 2
    DISCARDED = 3
    ABORTED = 4
    LOST = 5


class Flag(IntEnum):
    """Flags of a row; the values are bits."""

    STRAY = 1
    """A write in a command cycle whose value is no command as drivers send it."""
    NOT_A_COMMAND = 2
    """A write in a command cycle whose low byte starts no command."""
    BAD_SECOND_CYCLE = 4
    MISMATCH = 8
    """Model and trace disagree."""
    ADOPTED = 16
    """The model adopted state from the trace."""
    INFERRED = 32
    """An effect inferred from an inner event: its bus write is missing from the trace."""
    DATA = 64
    """A write in a data cycle."""
    READ_ONLY_TARGET = 128
    """A program or an erase addressed to a read-only flash."""
    WRONG_UNLOCK = 256
    """A command whose unlock cycles are wrong or missing."""
    BITS_KEPT = 512
    """A program that asks for 1 where the flash holds 0: those bits stay."""
    SUSPENDED_TARGET = 1024
    """A program to a sector whose erase is suspended, or an erase meanwhile: neither is done."""
    WINDOW_MISSED = 2048
    """A sector command after the window of an erase."""
    ERASE_GIVEN_UP = 4096
    """A write that ends an erase in its window; the sectors are erased already."""
    BUSY = 8192
    """A write that a running erase ignores."""
    ARRAY_READS_END = 16384
    """A read at rest after which reads leave no event."""
    DEVICE_RESET = 65536
    """A `reset` of a CFI02 device that is one of the device."""
    POLLED = 32768
    """A read at rest of a word whose last program could not take: polling that does not end."""


class Answer(IntEnum):
    """Source of the value of a read that reaches the device."""

    ARRAY = 0
    STATUS = 1
    IDENTIFIER = 2
    QUERY = 3


class JournalKind(IntEnum):
    """Cause of a change of contents."""

    PROGRAM = 1
    FLUSH = 2
    ERASE = 3
    WRITE_BACK = 4
    FORGET = 5
    """The range became unknown."""
    RESTART = 6
    """A restart reloaded storage from the image file, before the first event of a trace (seq -1)."""


class Target(IntEnum):
    """Contents that a journal row changes; the values are bits."""

    STORAGE = 1
    BACKING = 2
    BOTH = 3


class Position(IntEnum):
    """Sentinels for positions in a journal row: contents that need no bytes."""

    ALL_KNOWN = -1
    NONE_KNOWN = -2
    ALL_ERASED = -3
    NO_BYTES = -4


class Field(IntEnum):
    """Field of an event in which model and trace differ."""

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
    """Reason why the machine stopped."""

    END = 0
    BEHAVIOUR = 1
    """The next row's effect depends on the behaviour, which is undetermined."""
    WATCH = 2
    """The last row changed bytes below `Config.watch_end`."""
    POSTLOAD = 3
    """The last row replaced state and contents."""
    ROOM = 4
    """The buffers may not hold the next row's results."""

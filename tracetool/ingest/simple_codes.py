"""What the kernel of the simple format and its callers say to each other in numbers.

Ref: QEMU docs/devel/tracing.rst, "Simpletrace", version 4 of the format.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "EVENT_HEAD",
    "HEAD",
    "LEAST_VALUE",
    "LONGEST",
    "LONGEST_PFLASH",
    "LOST",
    "TIME_BITS",
    "VALUE_BITS",
    "Field",
    "Id",
    "Reason",
    "Stop",
]

HEAD = 8
"""Bytes of a record's type."""

EVENT_HEAD = 24
"""Bytes of an event before its arguments: id, time, length, process."""

LONGEST = 1 << 16
"""Of a record, in bytes; QEMU's own buffer for one is no larger."""

LONGEST_PFLASH = 1200
"""Of a pflash event, in bytes: QEMU cuts a string at 512, and no event has more than two."""

LOST = -2
"""The id, as a signed number, of a record that counts lost events."""

TIME_BITS = (1 << 63) - 1
"""Mask of the bits of a time: columns are signed."""

VALUE_BITS = 0xFFFF_FFFF
"""Mask of the bits of a value, which may have been extended by its sign."""

LEAST_VALUE = -1 << 31
"""The least number that such a value is."""


class Stop(IntEnum):
    """Why the walk over the records stopped."""

    MORE = 0
    """The record at the position is not all there."""
    MAPPING = 1
    """The record at the position is the name of an event."""
    FULL = 2
    """No room for another row, string or loss."""
    DAMAGED = 3
    """The record at the position is an event that cannot be."""
    BROKEN = 4
    """No record stands at the position."""


class Reason(IntEnum):
    """Why an event cannot be."""

    ARGUMENTS = 1
    RANGE = 2
    TEXT = 3
    UNNAMED = 4


class Id(IntEnum):
    """What the id of an event means; from `PFLASH` on it is one of pflash, by the first of its variants."""

    UNNAMED = 0
    ANOTHER = 1
    PFLASH = 2


class Field(IntEnum):
    """Where an argument goes.

    Up to `SHOWN` it is a column of 64 bits, up to `WCYCLE` one of 8: those of `Rows.wide` and `Rows.narrow`.
    """

    OFFSET = 0
    COUNTER = 1
    LENGTH = 2
    REGION = 3
    SHOWN = 4
    """A number that goes into the text as it is printed."""
    SIZE = 5
    COMMAND = 6
    WCYCLE = 7
    VALUE = 8
    DEVICE = 9
    TEXT = 10
    END = 11
    """offset + length - 1."""
    DIGITS = 12
    """Twice the size of an access."""
    DROP = 13

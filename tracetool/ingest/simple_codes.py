"""Codes shared by the kernel of the simple format and its callers.

Ref: QEMU docs/devel/tracing.rst, "Simpletrace", version 4 of the format.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["EVENT_HEAD", "HEAD", "LEAST_VALUE", "LONGEST", "LONGEST_PFLASH", "LOST", "TIME_BITS", "VALUE_BITS", "Field"]
__all__ += ["Id", "Reason", "Stop"]

HEAD = 8
"""Bytes of a record's type."""

EVENT_HEAD = 24
"""Bytes of an event before its arguments: id, time, length, process."""

LONGEST = 1 << 16
"""Longest record in bytes, the size of QEMU's buffer."""

LONGEST_PFLASH = 1200
"""Longest pflash event in bytes: QEMU truncates strings at 512, and no event has more than two."""

LOST = -2
"""Signed id of a record that counts lost events."""

TIME_BITS = (1 << 63) - 1
"""Mask of a time: columns are signed."""

VALUE_BITS = 0xFFFF_FFFF
"""Mask of a value, which may be sign-extended."""

LEAST_VALUE = -1 << 31
"""Least sign-extended value."""


class Stop(IntEnum):
    """Reason why the walk over the records stopped."""

    MORE = 0
    """The record at the position is incomplete."""
    MAPPING = 1
    """The record at the position maps an id to an event name."""
    FULL = 2
    """No room for another row, string or loss."""
    DAMAGED = 3
    """The record at the position is an invalid event."""
    BROKEN = 4
    """No record begins at the position."""


class Reason(IntEnum):
    """Reason why an event is invalid."""

    ARGUMENTS = 1
    RANGE = 2
    TEXT = 3
    UNNAMED = 4


class Id(IntEnum):
    """Meaning of an event id; from `PFLASH` on a pflash event, by its first variant."""

    UNNAMED = 0
    ANOTHER = 1
    PFLASH = 2


class Field(IntEnum):
    """Destination of an argument: up to `SHOWN` a column of `Rows.wide`, up to `WCYCLE` one of `Rows.narrow`."""

    OFFSET = 0
    COUNTER = 1
    LENGTH = 2
    REGION = 3
    SHOWN = 4
    """A number printed in the text."""
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

"""What the strings of an event can be: device names and texts, as their bytes and as columns.

Every format is read by these rules: QEMU's own names have no control characters, and neither do those that it is
given on its command line.
"""

from __future__ import annotations

import re
from enum import IntEnum

__all__ = ["CONTROLS", "LONGEST_DEVICE", "NAME", "TEXT", "Refusal"]

LONGEST_DEVICE = 255
"""Of a device's name, in bytes."""

CONTROLS = bytes([*range(0x20), 0x7F])
"""The control characters of ASCII, of which no name and no text has any."""

NAME = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
TEXT = re.compile(r"[^\x00-\x1f\x7f]*")
"""What names and texts are, as strings."""


class Refusal(IntEnum):
    """Why a string was not interned; numbers of strings are above 0."""

    NO_ROOM = 0
    UNPRINTABLE = -1
    """It has a control character."""

"""Validity of an event's strings, device names and texts, in all trace formats.

QEMU's names have no control characters, and neither have those from its command line.
"""

from __future__ import annotations

import re
from enum import IntEnum

__all__ = ["CONTROLS", "LONGEST_DEVICE", "NAME", "TEXT", "Refusal"]

LONGEST_DEVICE = 255
"""Longest device name in bytes."""

CONTROLS = bytes([*range(0x20), 0x7F])
"""ASCII control characters, which names and texts must not contain."""

NAME = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
TEXT = re.compile(r"[^\x00-\x1f\x7f]*")
"""Patterns of valid names and texts."""


class Refusal(IntEnum):
    """Reason why a string was not interned; string numbers are above 0."""

    NO_ROOM = 0
    UNPRINTABLE = -1
    """It contains a control character."""

"""The three implementations of a buffered write in QEMU's history."""

from __future__ import annotations

import re
from enum import IntEnum

__all__ = ["Behaviour", "behaviour_of_qemu"]


class Behaviour(IntEnum):
    """When the words of a buffered write reach the storage.

    Measured on traces of running QEMUs. Distributions backport, so evidence in the trace takes precedence over the
    version number.
    """

    UNDETERMINED = 0
    DIRECT = 1
    """Each word at once; up to 8.2.0 and 7.2.8."""
    STAGED_AT_COUNT = 2
    """At the confirm, from a window opened by the count; 9.0.0, 8.2.1 on, 8.1.5 on, 7.2.9 on."""
    STAGED_AT_DATA = 3
    """At the confirm, from a window opened by the first word; 9.0.1 on."""

    @property
    def label(self) -> str:
        """The name used in options and reports: `staged-at-count`."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def from_label(cls, label: str) -> Behaviour:
        """Look a behaviour up by its label. Raises KeyError if there is none."""
        return cls[label.upper().replace("-", "_")]


# The first release of each stable series that stages buffered writes: (major, minor) -> micro.
_STAGED_SINCE = {(7, 2): 9, (8, 1): 5, (8, 2): 1}
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")


def behaviour_of_qemu(version: str) -> Behaviour | None:
    """Return the behaviour of the QEMU release `version` (`9.0.1`, `8.2`), None if it is no version."""
    match = _VERSION.match(version)
    if match is None:
        return None
    major, minor, micro = (int(part or 0) for part in match.groups())
    if (major, minor) == (9, 0) and micro == 0:
        return Behaviour.STAGED_AT_COUNT
    if (major, minor) >= (9, 0):
        return Behaviour.STAGED_AT_DATA
    since = _STAGED_SINCE.get((major, minor))
    return Behaviour.STAGED_AT_COUNT if since is not None and micro >= since else Behaviour.DIRECT

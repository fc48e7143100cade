"""How closely the timeline looks: at operations, accesses, or every event."""

from __future__ import annotations

from enum import Enum

__all__ = ["Level"]


class Level(Enum):
    """What a row of the table is, as long as nothing is opened; the value names them."""

    OPERATIONS = "operations"
    ACCESSES = "accesses"
    EVENTS = "events"

    @property
    def next(self) -> Level:
        """The one after it, in a circle."""
        levels = list(Level)
        return levels[(levels.index(self) + 1) % len(levels)]

    @property
    def of_operations(self) -> bool:
        """Whether rows are operations."""
        return self is Level.OPERATIONS

    @property
    def of_accesses(self) -> bool:
        """Whether rows are accesses."""
        return self is Level.ACCESSES

"""What a power cut can cost; apart from the model that tells, which few audits load."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Toll"]


class Toll(StrEnum):
    """What a cut costs, worst first."""

    NO_START = "no-start"
    """The firmware does not start any more."""
    ALL = "all"
    """Every committed variable is lost."""
    SOME = "some"
    """Some committed variables are lost."""
    OLDER = "older"
    """A committed variable has an older value again."""
    RECOVERED = "recovered"
    """Nothing, since the firmware recovers the store, or starts at the second attempt."""

    @property
    def rule(self) -> str:
        """The rule about such cuts."""
        return _RULES[self]

    @property
    def label(self) -> str:
        """Its name, in a word or two."""
        return _LABELS[self]


_LABELS = {
    Toll.NO_START: "no start",
    Toll.ALL: "all lost",
    Toll.SOME: "some lost",
    Toll.OLDER: "older value",
    Toll.RECOVERED: "recovered",
}
_RULES = {
    Toll.ALL: "CUT001",
    Toll.SOME: "CUT002",
    Toll.OLDER: "CUT003",
    Toll.NO_START: "CUT004",
    Toll.RECOVERED: "CUT005",
}

"""The trail of jumps: places that were left by a jump, to go back to and forth again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tracetool.viewmodel.selection import Selection

__all__ = ["Spot", "Trail"]

MOST = 200
"""Places that are kept."""


class Spot(NamedTuple):
    """A view, and what was selected in it."""

    view: str
    selection: Selection


class Trail:
    """Places left by jumps, the last one last."""

    def __init__(self) -> None:
        self._left: list[Spot] = []
        self._ahead: list[Spot] = []

    def jumped(self, left: Spot, reached: Spot) -> None:
        """Keep the place that a jump left; what was undone before cannot be done again."""
        if left != reached:
            self._left = [*self._left, left][-MOST:]
            self._ahead = []

    def back(self, here: Spot) -> Spot | None:
        """The place that the last jump left; None where there was none."""
        if not self._left:
            return None
        self._ahead.append(here)
        return self._left.pop()

    def forth(self, here: Spot) -> Spot | None:
        """The place from which the last step back was made; None where there was none."""
        if not self._ahead:
            return None
        self._left.append(here)
        return self._ahead.pop()

"""Parts of views whose left edge is dragged, or moved by keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message
from textual.widget import Widget

if TYPE_CHECKING:
    from textual import events

__all__ = ["Divided"]

_LEAST = 16
"""Columns that the part and what is beside it keep."""


class Divided(Widget):
    """Mixin of a part at the right of others, whose left border moves; its width is saved under the name `part`."""

    part = ""
    chosen: int | None = None
    """Width that the user gave it."""
    _dragged = False

    @dataclass
    class Resized(Message):
        """The user gave a part another width."""

        part: str
        width: int

    @property
    def movable(self) -> bool:
        """True where the part stands beside another one."""
        parent = self.parent
        return isinstance(parent, Widget) and self.display and 0 < self.size.width < parent.size.width - 1

    def resize(self, width: int) -> None:
        """Give the part a width, within those that leave room for both."""
        parent = self.parent
        most = parent.size.width - _LEAST if isinstance(parent, Widget) and parent.size.width else width
        self.chosen = max(min(width, most), _LEAST)
        self.styles.width = self.chosen

    def settle(self, *, beside: bool) -> None:
        """Take the chosen width while the part stands beside others, and its own elsewhere."""
        self.styles.width = self.chosen if beside else None

    def move_edge(self, columns: int) -> None:
        """Move the left edge by columns, as the user does."""
        if self.movable:
            width = self.outer_size.width + columns
            self.resize(width)
            self.post_message(self.Resized(self.part, width))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Hold the edge that is under the pointer."""
        if event.x == 0 and self.movable:
            self._dragged = True
            self.capture_mouse()
            event.stop()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the edge with the pointer."""
        if self._dragged and event.x:
            self.move_edge(-event.x)

    def on_mouse_up(self) -> None:
        """Let go of the edge."""
        if self._dragged:
            self._dragged = False
            self.release_mouse()

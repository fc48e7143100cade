"""A slider over the changes of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message

from tracetool.tui.drawing import Drawn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events

__all__ = ["Slider"]


class Slider(Drawn):
    """A line with a knob at step `value` of `most`."""

    DEFAULT_CSS = "Slider { height: 1; padding: 0 1; }"

    @dataclass
    class Slid(Message):
        """A step was chosen."""

        value: int

    def __init__(self) -> None:
        super().__init__()
        self._value = 0
        self._most = 0

    def show(self, value: int, most: int) -> None:
        """Show a step."""
        self._value, self._most = value, most
        self.refresh()

    def lines(self, width: int) -> Iterator[Content]:
        """The line, and a knob on it."""
        room = max(width - 2, 1)
        at = (room - 1) * self._value // self._most if self._most else 0
        done, left = "━" * at, "─" * (room - 1 - at)
        yield Content.assemble(
            ("├" + done, "$text-primary"), ("●", "bold $text-primary"), (left + "┤", "$foreground-muted")
        )

    def _slide(self, x: int) -> None:
        room = max(self.content_size.width - 3, 1)
        self.post_message(self.Slid(min(max(round((x - 2) * self._most / room), 0), self._most)))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Go to the step under the pointer."""
        self.capture_mouse()
        self._slide(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Follow the pointer while the button is down."""
        if event.button and self.app.mouse_captured is self:
            self._slide(event.x)

    def on_mouse_up(self) -> None:
        """Stop following the pointer."""
        self.release_mouse()

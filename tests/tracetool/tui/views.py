"""Helpers for tests of views: an app around one view, and its screen as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual.app import App

from tracetool.tui.app import TraceApp

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from tracetool.tui.messages import JumpTo


HOSTILE = "[bold]x[/] \x1b[2J\u202eevil \u05d0\u05d1 \u65ad\u96fb [link=a]" + "y" * 3000
"""What a device should never be called."""


class Frame(App[None]):
    """One view, and the jumps that it requested."""

    CSS = TraceApp.CSS

    def __init__(self, view: Widget) -> None:
        super().__init__()
        self.view = view
        self.jumps: list[tuple[int, int]] = []

    def compose(self) -> ComposeResult:
        """The view alone."""
        yield self.view

    def on_jump_to(self, message: JumpTo) -> None:
        """Record the requested jump."""
        self.jumps.append((message.seq, message.trace))


def screen_text(app: App[Any]) -> str:
    """Text of the screen, line by line."""
    lines = app.screen._compositor.render_strips()  # noqa: SLF001  there is no public way to the characters
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)


def fits(screen: str, size: tuple[int, int]) -> bool:
    """True where a screen's text fills no more than its columns and lines."""
    lines = screen.split("\n")
    return len(lines) == size[1] and max(map(cell_len, lines)) <= size[0]

"""The base of screens over the views, and what all screens do when the terminal is resized."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from textual.screen import ModalScreen

if TYPE_CHECKING:
    from textual import events
    from textual.screen import Screen

__all__ = ["OverScreen", "drop_stale"]

Result = TypeVar("Result")


def drop_stale(screen: Screen[Result], event: events.Resize) -> None:
    """Drop a size that is not the terminal's any more.

    Each layout in a new size posts that size again: two sizes on their way at once would follow each other for ever.
    """
    if event.size != screen.app.size:
        event.prevent_default()


class OverScreen(ModalScreen[Result]):
    """A screen over the views."""

    def on_resize(self, event: events.Resize) -> None:
        """Drop sizes that are not the terminal's any more."""
        drop_stale(self, event)

    def close(self, result: Result | None = None) -> None:
        """Close once; a second key or click may be queued already."""
        if self.is_current:
            self.dismiss(result)

    def action_close(self) -> None:
        """Close without a result."""
        self.close()

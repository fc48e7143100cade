"""Screens that keep up with a terminal whose size changes faster than they are laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from textual.screen import ModalScreen, Screen

if TYPE_CHECKING:
    from textual import events

__all__ = ["MainScreen", "OverScreen"]

Result = TypeVar("Result")


class MainScreen(Screen[None]):
    """The screen of the views."""

    def on_resize(self, event: events.Resize) -> None:
        """Drop sizes that are not the terminal's any more."""
        _drop_stale(self, event)


class OverScreen(ModalScreen[Result]):
    """A screen over the views."""

    def on_resize(self, event: events.Resize) -> None:
        """Drop sizes that are not the terminal's any more."""
        _drop_stale(self, event)

    def close(self, result: Result | None = None) -> None:
        """Close, once: a second key or click can be on its way already."""
        if self.is_current:
            self.dismiss(result)

    def action_close(self) -> None:
        """Close without a result."""
        self.close()


def _drop_stale(screen: Screen[Result], event: events.Resize) -> None:
    # Each layout in a new size posts that size again: two sizes on their way at once would follow each other for ever.
    if event.size != screen.app.size:
        event.prevent_default()

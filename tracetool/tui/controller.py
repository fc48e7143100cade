"""Controllers: parts of the app, each with the actions of one subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracetool.tui.app import TraceApp

__all__ = ["Controller"]


class Controller:
    """A part of the app; textual finds its methods `action_…` under the controller's name, as in `prompts.filter`."""

    def __init__(self, app: TraceApp) -> None:
        self.app = app

    def check_action(self, _action: str, _parameters: tuple[object, ...]) -> bool:
        """True: its actions say themselves when they cannot work."""
        return True

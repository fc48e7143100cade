"""The command palette: the actions by name, with their keys beside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette, DiscoveryHit, Hit, Provider
from textual.widgets import Input, OptionList

from tracetool.tui.views import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from textual.command import Hits

    from tracetool.tui.actions import Action

__all__ = ["ActionCommands", "Palette"]


class Palette(CommandPalette):
    """Textual's palette, closed once: a second Enter or click may be queued already when the first one closes it."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close the palette; where it is closed, leave the screens below alone."""
        return super().dismiss(result) if self.is_current else AwaitComplete()

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _drop_late_choice(self, event: Input.Submitted | OptionList.OptionSelected) -> None:
        """Drop a choice made after the palette was closed."""
        if not self.is_current:
            event.stop()
            event.prevent_default()


class ActionCommands(Provider):
    """Every action whose name matches; where it cannot work, it says so."""

    async def discover(self) -> Hits:
        """All actions."""
        for action in ACTIONS:
            yield DiscoveryHit(_name(action), self._run(action), help=action.help)

    async def search(self, query: str) -> Hits:
        """Actions whose name matches."""
        matcher = self.matcher(query)
        for action in ACTIONS:
            name = _name(action)
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), self._run(action), help=action.help)

    def _run(self, action: Action) -> Callable[[], Any]:
        # Once the palette has closed, the widget that had the focus before has it again.
        return partial(self.app.call_after_refresh, partial(self.app.perform, action))  # type: ignore[attr-defined]


def _name(action: Action) -> str:
    return f"{action.title}  ({action.shown_keys})"

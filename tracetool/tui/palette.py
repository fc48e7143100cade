"""The command palette: the actions by name, with their keys beside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Provider

from tracetool.tui.actions import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from textual.command import Hits

    from tracetool.tui.actions import Action

__all__ = ["ActionCommands"]


class ActionCommands(Provider):
    """Every action that a name finds; where it does not work, it says so."""

    async def discover(self) -> Hits:
        """All of them."""
        for action in ACTIONS:
            yield DiscoveryHit(_name(action), self._run(action), help=action.help)

    async def search(self, query: str) -> Hits:
        """Those whose name is like this."""
        matcher = self.matcher(query)
        for action in ACTIONS:
            name = _name(action)
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), self._run(action), help=action.help)

    def _run(self, action: Action) -> Callable[[], Any]:
        # Once the palette has closed, the keys are with the widget again that had them.
        return partial(self.app.call_after_refresh, partial(self.app.perform, action))  # type: ignore[attr-defined]


def _name(action: Action) -> str:
    return f"{action.title}  ({action.shown_keys})"

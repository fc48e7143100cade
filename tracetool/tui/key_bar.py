"""The line at the bottom: the keys that work now; a click presses one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from tracetool.tui.actions import shown_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events
    from textual.screen import Screen

__all__ = ["KeyBar"]


class KeyBar(Widget):
    """Drawn as one line: a widget for each key would be made anew whenever another one has the focus."""

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def on_mount(self) -> None:
        """Follow the keys."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    def _keys(self) -> Iterator[tuple[str, str]]:
        """Key and word, an action once."""
        seen = set()
        inside = [active for active in self.screen.active_bindings.values() if active.binding.show and active.enabled]
        modal = [active for active in inside if active.node.has_class("-asking")]
        for active in modal or inside:
            if active.binding.action not in seen:
                seen.add(active.binding.action)
                yield active.binding.key, active.binding.description

    def render(self) -> Content:
        """The line."""
        pieces: list[str | tuple[str, str]] = []
        for key, word in self._keys():
            pieces += [(shown_key(key), "bold $text-primary"), f" {word}  "]
        return Content.assemble(*pieces)

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        start = 1
        for key, word in self._keys():
            end = start + len(shown_key(key)) + len(word) + 3
            if start <= event.x < end:
                self.app.simulate_key(key)
                return
            start = end

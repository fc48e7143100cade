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

_LEADING = ("help", "quit")


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

    def _pieces(self) -> list[tuple[str, str, str]]:
        """Key, what is written of it, and its word; what leads on comes first where there is no room for all."""
        keys = [(key, "⏎" if key == "enter" else shown_key(key), word) for key, word in self._keys()]
        if self._wide(keys, 1) <= self.content_size.width:
            return keys
        leading = [piece for piece in keys if piece[2] in _LEADING]
        return [*leading, *(piece for piece in keys if piece not in leading)]

    @staticmethod
    def _wide(keys: list[tuple[str, str, str]], gap: int) -> int:
        return sum(len(shown) + 1 + len(word) + gap for _, shown, word in keys) - gap

    def _gap(self, keys: list[tuple[str, str, str]]) -> int:
        return 2 if self._wide(keys, 2) <= self.content_size.width else 1

    def render(self) -> Content:
        """The line."""
        keys = self._pieces()
        gap = " " * self._gap(keys)
        pieces: list[str | tuple[str, str]] = []
        for _, shown, word in keys:
            pieces += [(shown, "bold $text-primary"), f" {word}{gap}"]
        return Content.assemble(*pieces)

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        keys = self._pieces()
        start = 1
        for key, shown, word in keys:
            end = start + len(shown) + 1 + len(word) + self._gap(keys)
            if start <= event.x < end:
                self.app.simulate_key(key)
                return
            start = end

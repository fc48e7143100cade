"""Letters on the parts of a view that can have the focus, and on the tabs; a letter goes there."""

from __future__ import annotations

from string import ascii_lowercase
from typing import TYPE_CHECKING, ClassVar

from textual.geometry import Offset
from textual.widgets import Static

from tracetool.tui.over_screen import OverScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from tracetool.tui.bars import Tab

__all__ = ["LabelsScreen"]


class LabelsScreen(OverScreen[None]):
    """A letter on each part, and the digits that the tabs have anyway."""

    BINDINGS: ClassVar = [("escape", "close", "Close")]
    DEFAULT_CSS = """
    LabelsScreen { background: transparent; layers: labels; }
    LabelsScreen Static { layer: labels; position: absolute; width: 3; height: 1; text-style: bold; text-align: center;
                          background: $warning; color: $background; }
    """

    def __init__(self, parts: Sequence[Widget], tabs: Sequence[Tab]) -> None:
        super().__init__()
        self._parts = dict(zip(ascii_lowercase, parts, strict=False))
        self._tabs = {tab.view.key: tab for tab in tabs}

    def compose(self) -> ComposeResult:
        """The letters, each in the corner of its part."""
        for letter, part in self._parts.items():
            label = Static(letter)
            label.styles.offset = Offset(part.region.x, part.region.y)
            yield label

    def on_key(self, event: events.Key) -> None:
        """Focus the part of a letter, or show the view of a digit."""
        part, tab = self._parts.get(event.key), self._tabs.get(event.key)
        if part is None and tab is None:
            return
        event.stop()
        self.close()
        if part is not None and part.is_attached:
            self.app.call_after_refresh(part.focus)
        elif tab is not None:
            self.app.call_after_refresh(tab.on_click)

    def on_click(self, event: events.Click) -> None:
        """Close; on a letter, go to its part."""
        for letter, part in self._parts.items():
            if part.region.offset.x <= event.screen_x < part.region.x + 3 and event.screen_y == part.region.y:
                self.app.call_after_refresh(self._parts[letter].focus)
        self.close()

"""The base of grids drawn line by line: cached styles of their parts, as a lookup for every cell would be slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.scroll_view import ScrollView

if TYPE_CHECKING:
    from rich.style import Style

__all__ = ["PartStyles"]


class PartStyles(ScrollView, can_focus=True):
    """A scrolling widget of lines; the styles of its parts are those of `COMPONENT_CLASSES`."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: dict[tuple[str, bool], Style] = {}

    def part(self, name: str) -> Style:
        """Style of a part; of the widget itself for an empty name."""
        key = (name, self.has_focus)
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = self.get_component_rich_style(name) if name else self.rich_style
        return found

    @property
    def lines_seen(self) -> int:
        """Lines of the visible part, without a scroll bar; at least one."""
        return max(self.scrollable_content_region.height, 1)

    def notify_style_update(self) -> None:
        """Drop the cache, as colours may differ."""
        super().notify_style_update()
        self._parts.clear()

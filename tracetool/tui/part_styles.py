"""What grids drawn by lines have in common: styles of their parts, and what they ask their view to do.

Styles are looked up once: a lookup for every cell would be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message
from textual.scroll_view import ScrollView

if TYPE_CHECKING:
    from rich.style import Style

__all__ = ["PartStyles"]


class PartStyles(ScrollView, can_focus=True):
    """A widget of lines; the styles of its parts are those of `COMPONENT_CLASSES`."""

    class Asked(Message):
        """Something else is to be done: a name of the view's, and a direction."""

        def __init__(self, what: str, steps: int = 0) -> None:
            super().__init__()
            self.what = what
            self.steps = steps

    def __init__(self) -> None:
        super().__init__()
        self._parts: dict[tuple[str, bool], Style] = {}

    def part(self, name: str) -> Style:
        """The style of a part; an empty name is the widget itself."""
        key = (name, self.has_focus)
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = self.get_component_rich_style(name) if name else self.rich_style
        return found

    @property
    def lines_seen(self) -> int:
        """How many lines there is room for beside a bar; at least one."""
        return max(self.scrollable_content_region.height, 1)

    def action_ask(self, what: str, steps: int = 0) -> None:
        """Have the view do something else."""
        self.post_message(self.Asked(what, steps))

    def notify_style_update(self) -> None:
        """Colours may be others."""
        super().notify_style_update()
        self._parts.clear()

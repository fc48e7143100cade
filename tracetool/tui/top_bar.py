"""The line at the top: the views, and what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from tracetool.tui.view import View

__all__ = ["TopBar"]


class _Tab(Static):
    """The name of a view; a click goes there."""

    def __init__(self, view: View) -> None:
        super().__init__(Text.assemble((view.key, "bold"), f" {view.title}"), id=f"tab-{view.id}")
        self.view = view

    def on_click(self) -> None:
        """Go there."""
        self.post_message(TopBar.Chosen(self.view.id))


class TopBar(Horizontal):
    """Tabs on the left, words on the right."""

    DEFAULT_CSS = """
    TopBar { height: 1; background: $panel; color: $foreground; }
    TopBar > _Tab { width: auto; padding: 0 1; color: $text-muted; }
    TopBar > _Tab.-current { background: $primary; color: $background; text-style: bold; }
    TopBar > _Tab:hover { text-style: underline; }
    TopBar > #words { width: 1fr; text-align: right; padding: 0 1; color: $text-muted; text-wrap: nowrap;
                      text-overflow: ellipsis; }
    """

    @dataclass
    class Chosen(Message):
        """The tab of a view was clicked."""

        view: str

    def __init__(self, views: Sequence[View]) -> None:
        super().__init__()
        self._views = views

    def compose(self) -> ComposeResult:
        """The tabs, and room for the words."""
        for view in self._views:
            yield _Tab(view)
        yield Static(id="words")

    def mark(self, view: str) -> None:
        """Show which view is seen."""
        for tab in self.query(_Tab):
            tab.set_class(tab.view.id == view, "-current")

    def say(self, words: str) -> None:
        """What is shown, or what is being done."""
        self.query_one("#words", Static).update(Text(words, no_wrap=True, overflow="ellipsis"))

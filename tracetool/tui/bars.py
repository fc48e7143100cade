"""The lines at the top and the bottom of the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from tracetool.tui.actions import shown_key
from tracetool.tui.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.screen import Screen

    from tracetool.tui.view import View

__all__ = ["KeyBar", "Tab", "TopBar"]


_WORDS = 28
"""Columns of the words on the right, at least: every tab has its title where that leaves room for them."""


class Tab(Static):
    """The tab of a view; a click shows the view."""

    def __init__(self, view: View) -> None:
        super().__init__(id=f"tab-{view.id}")
        self.view = view

    def draw(self, *, current: bool, titled: bool) -> None:
        """Draw the key, and the title of the view in front or where there is room."""
        self.set_class(current, "-current")
        text = Content.assemble((self.view.key, "bold"), f" {self.view.title}" if current or titled else "")
        if text != self.content:
            self.update(text)

    def on_click(self) -> None:
        """Show the view."""
        self.post_message(TopBar.Chosen(self.view.id))


class TopBar(Horizontal):
    """Tabs of the views on the left, the trace or the progress on the right."""

    @dataclass
    class Chosen(Message):
        """The tab of a view was clicked."""

        view: str

    def __init__(self, views: Sequence[View]) -> None:
        super().__init__()
        self._views = views
        self._current = ""

    def compose(self) -> ComposeResult:
        """Tabs, and room for the words."""
        for view in self._views:
            yield Tab(view)
        yield Static(id="words")

    @property
    def tabs(self) -> list[Tab]:
        """The tabs."""
        return list(self.query(Tab))

    def mark(self, view: str) -> None:
        """Highlight the tab of the view in front."""
        self._current = view
        self._draw()

    def on_resize(self) -> None:
        """Leave out titles of tabs where there is no room."""
        self._draw()

    def _draw(self) -> None:
        titled = sum(len(view.key) + len(view.title) + 3 for view in self._views) + _WORDS <= self.size.width
        for tab in self.query(Tab):
            tab.draw(current=tab.view.id == self._current, titled=titled)

    def say(self, words: str) -> None:
        """Show words on the right."""
        self.query_one("#words", Static).update(Text(words, no_wrap=True, overflow="ellipsis"), layout=False)


_LEADING = ("help", "quit")


class KeyBar(Widget):
    """The keys that work now, as one line; textual's footer makes a widget per key at each change of the focus."""

    def on_mount(self) -> None:
        """Redraw when the bindings change."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    def _keys(self) -> Iterator[tuple[str, str]]:
        """Key and word of each action."""
        for prompt in self.screen.query(Prompt):
            if prompt.asking:
                yield from prompt.keys()
                return
        seen = set()
        for active in self.screen.active_bindings.values():
            if active.binding.show and active.enabled and active.binding.action not in seen:
                seen.add(active.binding.action)
                yield active.binding.key, active.binding.description

    def _pieces(self) -> list[tuple[str, str, str]]:
        """Key, its name and word; help and quit first where there is no room for all."""
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

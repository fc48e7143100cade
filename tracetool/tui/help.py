"""All keys, those of what has the focus first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import VerticalScroll
from textual.content import Content

from tracetool.tui.actions import PLACES, shown_key
from tracetool.tui.drawing import Page, hanging
from tracetool.tui.screens import OverScreen
from tracetool.tui.views import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textual.app import ComposeResult

__all__ = ["HelpScreen", "help_lines"]

_KEYS = 16
_TITLE = 32
_WIDE = 110
"""Columns from which what an action does stands in a column of its own."""


_PLACES = {
    "timeline": [PLACES["timeline"], PLACES["table"]],
    "map": [PLACES["map"]],
    "image": [PLACES["image"]],
}


def help_lines(view: str, keys: Mapping[str, str], width: int) -> Iterator[Content]:
    """The actions under the headings of where they work, those of a view first; `keys` are the user's own, by id."""
    for heading in dict.fromkeys([*_PLACES.get(view, []), *PLACES.values()]):
        yield Content.styled(heading, "bold underline")
        for action in ACTIONS:
            if PLACES[action.where] == heading:
                own = keys.get(action.id)
                shown = action.shown_keys if own is None else " ".join(shown_key(key) for key in own.split(","))
                yield from _line(shown, action.title, action.help, width)
        yield Content("")


def _line(keys: str, title: str, words: str, width: int) -> Iterator[Content]:
    head = Content.styled(keys, "bold $text-primary")
    if width < _WIDE:
        yield from hanging(head, Content.assemble((title, "bold"), f"  {words}"), width, _KEYS)
        return
    both = Content.assemble(head.pad_right(max(_KEYS - head.cell_length, 1)), (title, "bold"))
    yield from hanging(both, words, width, _KEYS + _TITLE)


class HelpScreen(OverScreen[None]):
    """A page over the views."""

    BINDINGS: ClassVar = [("escape,q,question_mark", "close", "Close")]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 90%; height: 90%; background: $surface; border: round $primary; padding: 0 1;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, view: str, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._page = Page(partial(help_lines, view, keys))

    def compose(self) -> ComposeResult:
        """The text."""
        page = VerticalScroll(self._page)
        page.border_title = "Keys (Esc closes)"
        yield page

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

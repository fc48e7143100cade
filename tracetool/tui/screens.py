"""Screens: the views, help and bookmarks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tracetool.tui.actions import PLACES, shown_key
from tracetool.tui.drawing import Page, hanging
from tracetool.tui.over_screen import OverScreen, drop_stale
from tracetool.tui.views import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.bookmark_lines import BookmarkLine
    from tracetool.viewmodel.state_file import Bookmark

__all__ = ["BookmarksScreen", "HelpScreen", "MainScreen", "PageScreen", "help_lines"]


class MainScreen(Screen[None]):
    """The screen of the views."""

    def on_resize(self, event: events.Resize) -> None:
        """Drop sizes that are not the terminal's any more."""
        drop_stale(self, event)


# --- bookmarks ---------------------------------------------------------------------------------------------------


class BookmarksScreen(OverScreen["Bookmark"]):
    """List of bookmarks; returns the chosen one, and calls `drop` with each that is removed."""

    BINDINGS: ClassVar = [("escape,q", "close", "Close"), ("delete,backspace", "drop", "Drop")]

    def __init__(
        self, bookmarks: Sequence[Bookmark], lines: Sequence[BookmarkLine], drop: Callable[[Bookmark], None]
    ) -> None:
        super().__init__()
        self._bookmarks = list(bookmarks)
        self._lines = lines
        self._drop = drop

    def compose(self) -> ComposeResult:
        """A line for each bookmark."""
        listed = OptionList(*(Option(self._line(line)) for line in self._lines), markup=False)
        listed.border_title = "Bookmarks (Enter goes there, Delete drops, Esc closes)"
        yield listed

    @staticmethod
    def _line(line: BookmarkLine) -> Content:
        return Content.assemble((line.event, "bold"), "  ", (line.about, "$foreground-muted"), f"  {line.note}")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the chosen bookmark."""
        event.stop()
        self.close(self._bookmarks[event.option_index])

    def action_drop(self) -> None:
        """Remove the bookmark under the cursor."""
        listed = self.query_one(OptionList)
        if listed.highlighted is not None:
            self._drop(self._bookmarks.pop(listed.highlighted))
            listed.remove_option_at_index(listed.highlighted)


# --- help --------------------------------------------------------------------------------------------------------

_KEYS = 16
_TITLE = 32
_WIDE = 110
"""Columns from which the descriptions of actions have their own column."""


_PLACES = {
    "timeline": [PLACES["timeline"], PLACES["table"]],
    "map": [PLACES["map"]],
    "image": [PLACES["image"]],
    "findings": [PLACES["findings"]],
    "variables": [PLACES["variables"], PLACES["table"]],
    "danger": [PLACES["danger"], PLACES["table"]],
    "who": [PLACES["who"], PLACES["table"]],
    "lane": [PLACES["lane"]],
}


def help_lines(view: str, keys: Mapping[str, str], width: int) -> Iterator[Content]:
    """Actions under headings, those of `view` first; `keys` are the user's own, by id."""
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


class PageScreen(OverScreen[None]):
    """Text over the views, a list of keys."""

    BINDINGS: ClassVar = [("escape,q,question_mark", "close", "Close")]

    def __init__(self, draw: Callable[[int], Iterable[Content]]) -> None:
        super().__init__()
        self._page = Page(draw)

    def compose(self) -> ComposeResult:
        """The text."""
        page = VerticalScroll(self._page)
        page.border_title = "Keys (Esc closes)"
        yield page

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()


class HelpScreen(PageScreen):
    """Help over the views."""

    def __init__(self, view: str, keys: Mapping[str, str]) -> None:
        super().__init__(partial(help_lines, view, keys))

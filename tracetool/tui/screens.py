"""Screens: the views, help and bookmarks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tracetool.sanitize import sanitize
from tracetool.tui.actions import PLACES, shown_key
from tracetool.tui.drawing import Page, hanging
from tracetool.tui.views import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.state_file import Bookmark

__all__ = ["BookmarksScreen", "HelpScreen", "MainScreen", "help_lines"]

Result = TypeVar("Result")


class MainScreen(Screen[None]):
    """The screen of the views."""

    def on_resize(self, event: events.Resize) -> None:
        """Drop sizes that are not the terminal's any more."""
        _drop_stale(self, event)


class OverScreen(ModalScreen[Result]):
    """A screen over the views."""

    def on_resize(self, event: events.Resize) -> None:
        """Drop sizes that are not the terminal's any more."""
        _drop_stale(self, event)

    def close(self, result: Result | None = None) -> None:
        """Close once; a second key or click may be queued already."""
        if self.is_current:
            self.dismiss(result)

    def action_close(self) -> None:
        """Close without a result."""
        self.close()


def _drop_stale(screen: Screen[Result], event: events.Resize) -> None:
    # Each layout in a new size posts that size again: two sizes on their way at once would follow each other for ever.
    if event.size != screen.app.size:
        event.prevent_default()


# --- bookmarks ---------------------------------------------------------------------------------------------------


class BookmarksScreen(OverScreen["Bookmark"]):
    """List of bookmarks; returns the chosen one, and calls `drop` with each that is removed."""

    BINDINGS: ClassVar = [("escape,q", "close", "Close"), ("delete,backspace", "drop", "Drop")]

    def __init__(self, bookmarks: Sequence[Bookmark], drop: Callable[[Bookmark], None], *, several: bool) -> None:
        super().__init__()
        self._bookmarks = list(bookmarks)
        self._drop = drop
        self._several = several

    def compose(self) -> ComposeResult:
        """A line for each bookmark."""
        listed = OptionList(*(Option(self._line(bookmark)) for bookmark in self._bookmarks), markup=False)
        listed.border_title = "Bookmarks (Enter goes there, Delete drops, Esc closes)"
        yield listed

    def _line(self, bookmark: Bookmark) -> Content:
        where = f"trace {bookmark.trace}, " if self._several else ""
        return Content.assemble((f"{where}event {bookmark.seq:,}", "bold"), f"  {sanitize(bookmark.note)}")

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
    "variables": [PLACES["variables"], PLACES["table"]],
    "danger": [PLACES["danger"], PLACES["table"]],
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


class HelpScreen(OverScreen[None]):
    """Help over the views."""

    BINDINGS: ClassVar = [("escape,q,question_mark", "close", "Close")]

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

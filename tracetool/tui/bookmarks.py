"""The bookmarks of a trace, as a list over the views."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tracetool.sanitize import sanitize
from tracetool.tui.screens import OverScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from tracetool.viewmodel.state_file import Bookmark

__all__ = ["BookmarksScreen"]


class BookmarksScreen(OverScreen["Bookmark"]):
    """Gives the bookmark that was chosen; `drop` is told of those that are not wanted any more."""

    BINDINGS: ClassVar = [("escape,q", "close", "Close"), ("delete,backspace", "drop", "Drop")]
    DEFAULT_CSS = """
    BookmarksScreen { align: center middle; }
    BookmarksScreen OptionList { width: 80%; height: 70%; background: $surface; border: round $primary; }
    """

    def __init__(self, bookmarks: Sequence[Bookmark], drop: Callable[[Bookmark], None], *, several: bool) -> None:
        super().__init__()
        self._bookmarks = list(bookmarks)
        self._drop = drop
        self._several = several

    def compose(self) -> ComposeResult:
        """One line a bookmark."""
        listed = OptionList(*(Option(self._line(bookmark)) for bookmark in self._bookmarks), markup=False)
        listed.border_title = "Bookmarks (Enter goes there, Delete drops, Esc closes)"
        yield listed

    def _line(self, bookmark: Bookmark) -> Content:
        where = f"trace {bookmark.trace}, " if self._several else ""
        return Content.assemble((f"{where}event {bookmark.seq:,}", "bold"), f"  {sanitize(bookmark.note)}")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """That is the one."""
        event.stop()
        self.close(self._bookmarks[event.option_index])

    def action_drop(self) -> None:
        """Take the bookmark under the cursor away."""
        listed = self.query_one(OptionList)
        if listed.highlighted is not None:
            self._drop(self._bookmarks.pop(listed.highlighted))
            listed.remove_option_at_index(listed.highlighted)

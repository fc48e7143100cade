"""What the app remembers of a trace: bookmarks, and where it was when it was left."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ScreenStackError
from textual.css.query import NoMatches

from tracetool.tui.bookmarks import BookmarksScreen
from tracetool.tui.map import MapView
from tracetool.tui.prompt import Question
from tracetool.tui.prompts import Prompts
from tracetool.tui.theme import THEMES
from tracetool.tui.views import VIEWS
from tracetool.viewmodel.state_file import Bookmark, SavedState, content_key, memory_path, recall, remember, shared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.selection import Selection

__all__ = ["Persistence"]

_EVERY = 5.0
"""Seconds between two looks at whether the place is another: what a kill may lose."""


class Persistence(Prompts):
    """Part of the app: without `remembers_in` nothing is kept but for as long as the app runs."""

    remembers_in: Path | None = None
    selection: Selection | None = None
    memory: SavedState = SavedState()
    unkept: str | None = None
    """Why nothing is remembered; None while it is."""
    _memory_file: Path | None = None

    # --- from one time to the next -------------------------------------------------------------------------------

    def recall_place(self, loaded: AuditSession) -> None:
        """Go where the app was when this trace was shown last."""
        if self.remembers_in is None or self._memory_file is not None:
            return
        key = content_key([trace.meta.path for trace in loaded.traces])
        if key is None:
            return
        self._memory_file = memory_path(key, self.remembers_in)
        self.memory, wrong = recall(self._memory_file)
        if wrong is not None:
            self.tell(wrong, wrong=True)
        self._mark_bookmarks()
        self._go_back(self.memory)
        self.set_interval(_EVERY, self.remember_place)

    def _go_back(self, memory: SavedState) -> None:
        if memory.theme in {theme.name for theme in THEMES}:
            self.theme = memory.theme
        if memory.filter is not None and self._filter(memory.filter) is not None:
            self.tell("the filter that was used last is not understood any more")
        if memory.seq is not None and memory.trace < len(self.loaded.traces if self.loaded else ()):
            self.view().go_to_event(memory.trace, memory.seq)
        self.screen_stack[0].query_one(MapView).restore(memory.metric, memory.cell_bytes, memory.look)
        if memory.view in {view.id for view in VIEWS} and self.current_view == VIEWS[0].id:
            self.action_view(memory.view)

    def remember_place(self) -> None:
        """Keep where the app is, if it was elsewhere."""
        with suppress(NoMatches, ScreenStackError):  # the app is ending, and its views are gone
            if self._memory_file is not None and self._place(self.memory) != self.memory:
                self._keep(self._place, again=False)

    def _place(self, memory: SavedState) -> SavedState:
        timeline, chosen = self.view().timeline, self.selection
        query = None if timeline is None else timeline.filter.query
        shown = self.screen_stack[0].query_one(MapView)
        return replace(
            memory,
            view=self.current_view,
            filter=None if query is None else query.text,
            trace=0 if chosen is None else chosen.trace,
            seq=None if chosen is None else chosen.seq,
            theme=self.theme,
            metric=shown.metric.value,
            cell_bytes=shown.cell_bytes,
            look=shown.grid.look.name,
        )

    def _keep(self, change: Callable[[SavedState], SavedState], *, again: bool = True) -> str | None:
        """Remember something else, and give what is wrong with that; it is said, though not `again`."""
        marked, said = self.memory.bookmarks, self.unkept
        file = self._memory_file
        self.memory = change(self.memory if file is None or said is not None else shared(self.memory, file))
        if self.memory.bookmarks != marked:
            self._mark_bookmarks()
        self.unkept = None if file is None else remember(self.memory, file)
        if self.unkept is not None and (again or self.unkept != said):
            self.tell(self.unkept, wrong=True)
        return self.unkept

    # --- bookmarks -----------------------------------------------------------------------------------------------

    def action_bookmark(self) -> None:
        """Keep the selected event, with a note."""
        chosen = self.selection
        if chosen is None or chosen.seq is None:
            self.tell("no event is selected")
            return
        trace, seq = chosen.trace, chosen.seq
        before = self.memory.bookmark(trace, seq)

        def answer(note: str) -> None:
            wrong = self._keep(lambda memory: memory.marked(Bookmark(trace, seq, note.strip()[:1000])))
            if wrong is None:
                self.tell(f"bookmarked event {seq:,}; ' lists the bookmarks")

        initial = "" if before is None else before.note
        self._ask("bookmark", Question(f"Bookmark event {seq:,}: note", answer, initial=initial))

    def action_bookmarks(self) -> None:
        """List the bookmarks."""
        if not self.memory.bookmarks:
            self.tell("there is no bookmark; m makes one")
            return
        several = self.loaded is not None and len(self.loaded.traces) > 1
        self.push_screen(BookmarksScreen(self.memory.bookmarks, self._drop, several=several), self._go_to_bookmark)

    def _mark_bookmarks(self) -> None:
        self.view().mark((bookmark.trace, bookmark.seq) for bookmark in self.memory.bookmarks)

    def _drop(self, bookmark: Bookmark) -> None:
        self._keep(lambda memory: memory.unmarked(bookmark.trace, bookmark.seq))

    def _go_to_bookmark(self, bookmark: Bookmark | None) -> None:
        if bookmark is not None and self.ready() is not None:
            self.view().go_to_event(bookmark.trace, bookmark.seq)

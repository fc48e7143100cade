"""State that is saved per trace: bookmarks, and the view and place at which the app was left."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ScreenStackError
from textual.css.query import NoMatches

from tracetool.tui.controller import Controller
from tracetool.tui.divider import Divided
from tracetool.tui.line_grid import LineGrid
from tracetool.tui.map import MapView
from tracetool.tui.prompt import Question
from tracetool.tui.screens import BookmarksScreen
from tracetool.tui.theme import THEMES
from tracetool.tui.time_lane import LaneBar
from tracetool.tui.views import VIEWS
from tracetool.viewmodel.bookmark_lines import bookmark_lines
from tracetool.viewmodel.filters import Filter
from tracetool.viewmodel.layout_file import load_layout, save_layout
from tracetool.viewmodel.selection import Selection
from tracetool.viewmodel.state_file import Bookmark, SavedState, content_key, memory_path, recall, remember, shared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.table_look import TableLook

__all__ = ["Persistence"]

_LAYOUT = "layout.json"

SAVE_INTERVAL = 5.0
"""Seconds between checks for a new place; a killed app loses as much."""


class Persistence(Controller):
    """Saves and restores the state of a trace in `folder`; without one, bookmarks last as long as the app runs."""

    def __init__(self, app: TraceApp, folder: Path | None) -> None:
        super().__init__(app)
        self._folder = folder
        self._file: Path | None = None
        self.state = SavedState()
        self.unsaved: str | None = None
        """Reason why nothing is saved; None while saving works."""
        self._looks: dict[str, TableLook] = {}
        self._widths: dict[str, int] = {}
        self._layout_changed = False

    # --- layout ---------------------------------------------------------------------------------------------------

    def restore_layout(self) -> None:
        """Restore the looks of tables and the widths of parts, which are the same for all traces."""
        if self._folder is None:
            return
        self._looks, self._widths = load_layout(self._folder / _LAYOUT)
        for grid in self.app.query(LineGrid):
            if grid.table in self._looks:
                grid.set_look(self._looks[grid.table])
        for part in self.app.screen.walk_children(Divided):
            if part.part in self._widths:
                part.resize(self._widths[part.part])

    def keep_look(self, grid: LineGrid) -> None:
        """Remember the look of a table."""
        self._looks[grid.table] = grid.table_look
        self._layout_changed = True

    def keep_width(self, part: str, width: int) -> None:
        """Remember the width of a part."""
        self._widths[part] = width
        self._layout_changed = True

    def save_layout(self) -> None:
        """Save looks and widths, if they changed."""
        if self._folder is not None and self._layout_changed:
            self._layout_changed = False
            self.unsaved = save_layout(self._looks, self._widths, self._folder / _LAYOUT) or self.unsaved

    # --- place ---------------------------------------------------------------------------------------------------

    def restore_place(self, session: AuditSession) -> None:
        """Restore the place at which this trace was left; one that grows will not be the same again."""
        if self._folder is None or self._file is not None or session.growing:
            return
        key = content_key([trace.meta.path for trace in session.traces])
        if key is None:
            return
        self._file = memory_path(key, self._folder)
        self.state, wrong = recall(self._file)
        if wrong is not None:
            self.app.tell(wrong, wrong=True)
        self._mark_bookmarks()
        self._go_back(self.state)
        self.app.set_interval(SAVE_INTERVAL, self.save_place)

    def _go_back(self, memory: SavedState) -> None:
        if memory.theme in {theme.name for theme in THEMES}:
            self.app.theme = memory.theme
        if memory.chips:
            understood = tuple(chip for chip in memory.chips if chip.understood)
            self.app.filtering.set(Filter(understood))
            if len(understood) < len(memory.chips):
                self.app.tell("a part of the filter that was used last is not understood any more")
        if memory.seq is not None and memory.trace < len(self.app.session.traces if self.app.session else ()):
            self.app.select(Selection(trace=memory.trace, seq=memory.seq))
        self.app.query_one(MapView).restore(memory.metric, memory.cell_bytes, memory.look)
        if memory.view in {view.id for view in VIEWS} and self.app.current_view == VIEWS[0].id:
            self.app.action_view(memory.view)

    def save_place(self) -> None:
        """Save the layout and the place, if they changed."""
        self.save_layout()
        with suppress(NoMatches, ScreenStackError):  # the app is ending, and its views are gone
            if self._file is not None and self._place(self.state) != self.state:
                self._keep(self._place, again=False)

    def _place(self, memory: SavedState) -> SavedState:
        chosen = self.app.selection
        shown = self.app.query_one(MapView)
        return replace(
            memory,
            view=self.app.current_view,
            chips=self.app.filtering.filter.chips,
            trace=chosen.trace,
            seq=chosen.seq,
            theme=self.app.theme,
            metric=shown.metric.name,
            cell_bytes=shown.cell_bytes,
            look=shown.grid.look.name,
        )

    def _keep(self, change: Callable[[SavedState], SavedState], *, again: bool = True) -> str | None:
        """Save a new state; return an error in one line or None, which is shown; an equal one only if `again`."""
        marked, said = self.state.bookmarks, self.unsaved
        file = self._file
        self.state = change(self.state if file is None or said is not None else shared(self.state, file))
        if self.state.bookmarks != marked:
            self._mark_bookmarks()
        self.unsaved = None if file is None else remember(self.state, file)
        if self.unsaved is not None and (again or self.unsaved != said):
            self.app.tell(self.unsaved, wrong=True)
        return self.unsaved

    # --- bookmarks -----------------------------------------------------------------------------------------------

    def action_bookmark(self) -> None:
        """Bookmark the selected event, with a note."""
        if self.app.event is None:
            self.app.tell("no event is selected")
            return
        trace, seq = self.app.event
        before = self.state.bookmark(trace, seq)

        def answer(note: str) -> None:
            wrong = self._keep(lambda memory: memory.marked(Bookmark(trace, seq, note.strip()[:1000])))
            if wrong is None:
                self.app.tell(f"bookmarked event {seq:,}; ' lists the bookmarks")

        initial = "" if before is None else before.note
        self.app.prompts.ask("bookmark", Question(f"Bookmark event {seq:,}: note", answer, initial=initial))

    def action_bookmarks(self) -> None:
        """List the bookmarks."""
        if not self.state.bookmarks:
            self.app.tell("there is no bookmark; m makes one")
            return
        timeline = self.app.ready(partly=True)
        if timeline is not None:
            lines = bookmark_lines(timeline.tables, self.state.bookmarks)
            self.app.push_screen(BookmarksScreen(self.state.bookmarks, lines, self._drop), self._go_to_bookmark)

    def _mark_bookmarks(self) -> None:
        events = [(bookmark.trace, bookmark.seq) for bookmark in self.state.bookmarks]
        self.app.timeline_view.mark(events)
        lane = self.app.query_one(LaneBar)
        if lane.model is not None:
            lane.bookmark(lane.model.places(events))

    def _drop(self, bookmark: Bookmark) -> None:
        self._keep(lambda memory: memory.unmarked(bookmark.trace, bookmark.seq))

    def _go_to_bookmark(self, bookmark: Bookmark | None) -> None:
        if bookmark is not None and self.app.ready() is not None:
            self.app.select_event(bookmark.trace, bookmark.seq)

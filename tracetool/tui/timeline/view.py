"""The timeline view: status line, table, and the inspector beside it or below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static

from tracetool.tui.actions import bindings_of
from tracetool.tui.line_grid import LineGrid
from tracetool.tui.messages import Selection
from tracetool.tui.timeline.inspector import Inspector
from tracetool.viewmodel.status import range_words, timeline_status
from tracetool.viewmodel.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.audit_session import AuditSession

__all__ = ["TimelineView"]

_BESIDE = 150
"""Columns from which the inspector stands beside the table."""

_BELOW = 14
"""Lines from which the inspector stands below the table."""


class TimelineView(Container):
    """The table of operations."""

    BINDINGS = bindings_of("timeline")

    @dataclass
    class Selected(Message):
        """The cursor is on another event; `visited` once the user went there."""

        selection: Selection
        visited: bool

    def __init__(self) -> None:
        super().__init__()
        self.timeline: Timeline | None = None
        self.visited = False
        self._ranged = False
        self._astray = False

    def compose(self) -> ComposeResult:
        """Status line, table, inspector."""
        yield Static(id="status")
        with Container(id="body"):
            yield LineGrid("reading …")
            yield Inspector()

    @property
    def grid(self) -> LineGrid:
        """The table."""
        return self.query_one(LineGrid)

    @property
    def inspector(self) -> Inspector:
        """The inspector."""
        return self.query_one(Inspector)

    def on_resize(self, event: events.Resize) -> None:
        """Place the inspector beside the table or below it."""
        self.set_class(event.size.width < _BESIDE, "-below")
        self.set_class(event.size.width < _BESIDE and event.size.height < _BELOW, "-alone")

    # --- what is shown -------------------------------------------------------------------------------------------

    def show(self, session: AuditSession) -> None:
        """Show a session, at the same event as before, if the user went there."""
        old, here = self.timeline, None
        if old is not None and self.visited:
            here = old.shown(self.grid.cursor)
        self.timeline = Timeline(session) if old is None else old.continued(session)
        row = 0 if here is None else self.timeline.row_of_event(here.trace, here.seq) or 0
        self._show(row)

    def _show(self, row: int) -> None:
        timeline = self.timeline
        if timeline is None:
            return
        empty = "the filter hides all rows" if timeline.hidden else "no operation in this trace"
        with self.prevent(LineGrid.CursorMoved):  # nobody moved it
            self.grid.show(timeline, row, empty)
        self._follow()
        self.say_status()

    def change(self, change: Callable[[Timeline], None]) -> None:
        """Apply a change of the rows, and stay at the same event."""
        timeline = self.timeline
        if timeline is None:
            return
        here = timeline.shown(self.grid.cursor)
        change(timeline)
        found = None if here is None else timeline.row_of_event(here.trace, here.seq)
        self._show(found or 0)

    def mark(self, bookmarks: Iterable[tuple[int, int]]) -> None:
        """Mark the rows of these events, (trace, seq), and no others."""
        if self.timeline is not None:
            self.timeline.set_bookmarks(bookmarks)
            self.grid.renew()

    def say_status(self, search: str = "") -> None:
        """Show the status line."""
        if self.timeline is not None:
            self.query_one("#status", Static).update(Text(timeline_status(self.timeline, search), no_wrap=True))

    # --- the cursor ----------------------------------------------------------------------------------------------

    def go_to_event(self, trace: int, seq: int) -> bool:
        """Put the cursor on the row of an event, and explain that event; whether there is such a row.

        Else the cursor goes to the nearest row, and that is what is explained and selected.
        """
        timeline = self.timeline
        if timeline is None:
            return False
        missing = timeline.missing_words(trace, seq)
        row = timeline.row_of_event(trace, seq)
        if row is not None:
            self.visited = True
            with self.prevent(LineGrid.CursorMoved):
                self.grid.drop_range()
                self.grid.go(row, middle=True)
        if missing:
            self._astray = True
            self._follow()
        else:
            self._astray = False
            self._select(trace, seq)
        self.say_status(missing)
        return not missing

    def on_show(self) -> None:
        """Select the event under the cursor, where another view selected an event without a row."""
        if self._astray:
            self._astray = False
            self._follow()

    def go_to_row(self, row: int) -> None:
        """Put the cursor on a row."""
        self.visited = True
        self.grid.drop_range()
        self.grid.go(row, middle=True)

    def on_line_grid_cursor_moved(self, message: LineGrid.CursorMoved) -> None:
        """Explain the event under the cursor."""
        message.stop()
        self.visited |= message.row > 0
        self._follow()
        self._say_range()

    def _say_range(self) -> None:
        """Show the totals of the selected rows."""
        if self.timeline is None or not (self._ranged or self.grid.has_range):
            return
        self._ranged = self.grid.has_range
        self.say_status(range_words(self.timeline, self.grid.selected) if self._ranged else "")

    def _follow(self) -> None:
        shown = None if self.timeline is None else self.timeline.shown(self.grid.cursor)
        if shown is None:
            self.inspector.clear()
        else:
            self._select(shown.trace, shown.seq)

    def _select(self, trace: int, seq: int) -> None:
        timeline = self.timeline
        if timeline is None:
            return
        self.inspector.follow(timeline.tables, trace, seq)
        shown = timeline.shown(self.grid.cursor)
        self.post_message(
            self.Selected(Selection(None if shown is None else shown.device, trace, seq), visited=self.visited)
        )

    # --- opening -------------------------------------------------------------------------------------------------

    def on_line_grid_opened(self, message: LineGrid.Opened) -> None:
        """Open or close a row."""
        message.stop()
        if self.timeline is not None and self.timeline.is_open(message.row):
            self.action_close()
        else:
            self.action_open()

    def action_open(self) -> None:
        """Open the row; if it is open, go to its first child."""
        timeline, row = self.timeline, self.grid.cursor
        if timeline is None or not timeline.opens(row):
            return
        if timeline.is_open(row):
            self.grid.action_move(1)
            return
        before = len(timeline)
        timeline.open(row)
        self.grid.show(timeline, row)
        self.call_after_refresh(self.grid.keep_in_sight_below, len(timeline) - before)

    def action_close(self) -> None:
        """Close the row."""
        timeline = self.timeline
        if timeline is None or not len(timeline):
            return
        self.grid.show(timeline, timeline.close(self.grid.cursor))

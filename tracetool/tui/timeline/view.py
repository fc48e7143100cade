"""The timeline view: status line, table, and the inspector beside it or below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Container
from textual.widgets import Static

from tracetool.findings.phrases import count_of
from tracetool.tui.actions import bindings_of
from tracetool.tui.line_grid import LineGrid, tabbed
from tracetool.tui.messages import Chosen
from tracetool.tui.timeline.inspector import Inspector
from tracetool.viewmodel.selection import selection_at
from tracetool.viewmodel.status import range_words, timeline_status
from tracetool.viewmodel.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.selection import Selection

__all__ = ["TimelineView"]

_BESIDE = 150
"""Columns from which the inspector stands beside the table."""

_BELOW = 14
"""Lines from which the inspector stands below the table."""


class TimelineView(Container):
    """The table of operations."""

    BINDINGS = bindings_of("timeline")

    def __init__(self) -> None:
        super().__init__()
        self.timeline: Timeline | None = None
        self._shown: Timeline | None = None
        """The timeline whose rows the table shows."""
        self.visited = False
        """True once the user selected an event; until then the first row is explained, and no other view follows."""
        self._event: tuple[int, int] | None = None
        self._ranged = False
        self._missing = ""
        self._last_seen: tuple[int, int] | None = None
        """Event of the last row when the cursor was at the end, of a trace that grows."""

    def compose(self) -> ComposeResult:
        """Status line, table, inspector."""
        yield Static(id="status")
        with Container(id="body"):
            yield LineGrid("reading …", table="timeline")
            yield Inspector()

    @property
    def grid(self) -> LineGrid:
        """The table, with the rows of the timeline."""
        self._catch_up()
        return self._table

    @property
    def _table(self) -> LineGrid:
        """The table, as it is."""
        return self.query_one(LineGrid)

    @property
    def inspector(self) -> Inspector:
        """The inspector."""
        return self.query_one(Inspector)

    def on_resize(self, event: events.Resize) -> None:
        """Place the inspector beside the table or below it."""
        self.set_class(event.size.width < _BESIDE, "-below")
        self.inspector.settle(beside=event.size.width >= _BESIDE)
        self.set_class(event.size.width < _BESIDE and event.size.height < _BELOW, "-alone")

    # --- what is shown -------------------------------------------------------------------------------------------

    def show(self, session: AuditSession) -> None:
        """Show a session, at the same event as before, if the user went there."""
        self.timeline = Timeline(session) if self.timeline is None else self.timeline.continued(session)
        self._catch_up()

    def take(self, session: AuditSession) -> None:
        """Take a session of the same trace, which has grown; out of sight its rows are shown once they are needed."""
        if self.timeline is None or self.display or (self.visited and self._table.at_end):
            self.show(session)  # where the cursor is at the end, the selection moves along
        else:
            self.timeline = self.timeline.continued(session)

    def on_show(self) -> None:
        """Show what has come."""
        self._catch_up()

    def _catch_up(self) -> None:
        """Show the rows of the timeline, where the table shows those that it had before."""
        old, timeline = self._shown, self.timeline
        if timeline is None or old is timeline:
            return
        growing = timeline.session.growing if old is None else old.session.growing
        to_end = growing and (self._event is None if old is None else self._table.at_end)
        self._shown = timeline
        if old is not None and growing:
            self._grow(old, timeline, to_end=to_end)
        else:
            self._show(to_end=to_end)
        self._see_end()

    def _grow(self, old: Timeline, timeline: Timeline, *, to_end: bool) -> None:
        """Show the rows with those that came: the cursor stays on its event, or at the end."""
        event = self._event
        row = timeline.row_continued(old, self.grid.cursor)
        if row is None and event is not None:
            row = timeline.row_of_event(*event)
        with self.prevent(LineGrid.CursorMoved):  # nobody moved it
            self.grid.grow(timeline, row or 0, to_end=to_end)
        if event is not None and not to_end:
            self._missing = timeline.missing_words(*event)
            self.grid.between = bool(self._missing)
            self.inspector.follow_on(timeline.tables, *event)
        elif self.visited:
            self._choose_row()
        else:
            self._take_row()

    def _see_end(self) -> None:
        """Remember the last row where the cursor is on it, and say how many have come since it was."""
        timeline = self.timeline
        if timeline is not None and self.grid.at_end:
            last = timeline.shown(len(timeline) - 1)
            self._last_seen = None if last is None else (last.trace, last.seq)
        self.say_status()

    @property
    def _below(self) -> str:
        """How many rows have come below since the cursor was at the end of a trace that grows."""
        timeline, last = self.timeline, self._last_seen
        if timeline is None or last is None or not timeline.session.growing or self.grid.at_end:
            return ""
        count = len(timeline) - 1 - (timeline.row_of_event(*last) or 0)
        return f"{count:,} new below, G: there" if count > 0 else ""

    def _show(self, *, to_end: bool = False) -> None:
        """Show the rows anew, with the cursor at the selected event; until one is, at the first row or the last."""
        timeline = self.timeline
        if timeline is None:
            return
        empty = "the filter hides all rows" if timeline.hidden else "no operation in this trace"
        first = max(len(timeline) - 1, 0) if to_end else 0
        row = timeline.row_of_event(*self._event) if self._event is not None else first
        self.grid.between = False
        with self.prevent(LineGrid.CursorMoved):  # nobody moved it
            self.grid.show(timeline, row or 0, empty)
        if self.visited and self._event is not None:
            self._go_to(*self._event)
        else:
            self._take_row()
            self.say_status()

    def change(self, change: Callable[[Timeline], None]) -> None:
        """Apply a change of the rows, and stay at the same event."""
        self._catch_up()
        if self.timeline is not None:
            change(self.timeline)
            self._show()

    def mark(self, bookmarks: Iterable[tuple[int, int]]) -> None:
        """Mark the rows of these events, (trace, seq), and no others."""
        if self.timeline is not None:
            self.timeline.set_bookmarks(bookmarks)
            self.grid.renew()

    def say_status(self, search: str = "") -> None:
        """Show the status line, or why the selected event has no row."""
        if self.timeline is not None:
            status = self.query_one("#status", Static)
            status.set_class(bool(self._missing), "-missing")
            words = filter(None, (self._missing, self._below, search))
            text = timeline_status(self.timeline, " │ ".join(words))
            status.update(Text(text, no_wrap=True), layout=False)

    # --- the cursor ----------------------------------------------------------------------------------------------

    @property
    def event(self) -> tuple[int, int] | None:
        """Trace and seq of the selected event, which a filter may hide."""
        self._catch_up()
        return self._event

    def follow(self, selection: Selection) -> None:
        """Put the cursor on the row of the selected event."""
        self._catch_up()
        if selection.event is not None and (selection.event != self._event or not self.visited):
            self.visited = True
            self.grid.drop_range()
            self._go_to(*selection.event)

    def _go_to(self, trace: int, seq: int) -> None:
        """Explain an event, with the cursor on its row; without a row, no row is highlighted, and it is said why."""
        timeline = self.timeline
        if timeline is None:
            return
        self._event = trace, seq
        self._missing = timeline.missing_words(trace, seq)
        row = timeline.row_of_event(trace, seq)
        self.grid.between = bool(self._missing)
        if row is not None:
            with self.prevent(LineGrid.CursorMoved):
                self.grid.go(row, middle=True)
        self.grid.refresh()
        self.inspector.follow(timeline.tables, trace, seq)
        self.say_status()

    def go_to_row(self, row: int) -> None:
        """Put the cursor on a row, and select its event in all views."""
        self.visited = True
        self.grid.drop_range()
        self.grid.between = False
        with self.prevent(LineGrid.CursorMoved):
            self.grid.go(row, middle=True)
        self._choose_row()

    def on_line_grid_cursor_moved(self, message: LineGrid.CursorMoved) -> None:
        """Select the event under the cursor in all views."""
        message.stop()
        if message.row != self.grid.cursor:  # the cursor is elsewhere by now
            return
        self.visited = True
        self._choose_row()
        if self.timeline is not None and self.timeline.session.growing:
            self._see_end()
        self._say_range()

    def _choose_row(self) -> None:
        """Explain the event of the row under the cursor, and select it in all views."""
        was_missing = bool(self._missing)
        self._take_row()
        if was_missing:
            self.say_status()
        timeline = self.timeline
        if timeline is not None and self._event is not None:
            self.post_message(Chosen(self.id or "", selection_at(timeline.tables, *self._event)))

    def _take_row(self) -> None:
        """Explain the event of the row under the cursor."""
        timeline = self.timeline
        shown = None if timeline is None else timeline.shown(self.grid.cursor)
        self._missing = ""
        if shown is None or timeline is None:
            self._event = None
            self.inspector.clear()
        else:
            self._event = shown.trace, shown.seq
            self.inspector.follow(timeline.tables, shown.trace, shown.seq)

    def _say_range(self) -> None:
        """Show the totals of the selected rows."""
        if self.timeline is None or not (self._ranged or self.grid.has_range):
            return
        self._ranged = self.grid.has_range
        self.say_status(range_words(self.timeline, self.grid.selected) if self._ranged else "")

    def copied(self, *, selection: bool) -> tuple[str, str]:
        """Text of the row, or of the selected rows, and what it is in words."""
        grid, timeline = self.grid, self.timeline
        if grid.between and timeline is not None and self._event is not None:
            cells = timeline.line_of_event(*self._event)
            if cells is None:
                return "", "nothing"
            why = "which the filter hides" if timeline.hidden else "which has no row here"
            return tabbed(cells), f"event {self._event[1]:,}, {why}"
        rows = grid.selected if selection else range(grid.cursor, grid.cursor + bool(grid.count))
        return grid.text_of(rows, titled=selection), count_of(len(rows), "row")

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

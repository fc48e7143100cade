"""The views of the app, and what it does to move in the timeline and to change how it is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from textual.widgets import ContentSwitcher

from tracetool.findings.phrases import count_of
from tracetool.sanitize import sanitize
from tracetool.tui.key_queue import KeyQueue
from tracetool.tui.prompt import Prompt
from tracetool.tui.timeline import TimelineView
from tracetool.tui.top_bar import TopBar
from tracetool.tui.views import VIEWS
from tracetool.viewmodel.filters import matching
from tracetool.viewmodel.jumps import Jump, jump
from tracetool.viewmodel.view_export import command_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tracetool.viewmodel.audit_session import AuditSession, Settings
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["Navigation"]


class Navigation(KeyQueue):
    """Part of the app: its views, one of them in front, and actions that show the timeline and act there."""

    loaded: AuditSession | None = None
    searched: str = ""

    def tell(self, words: str, *, wrong: bool = False) -> None:
        """Say something in passing; never as markup."""
        self.notify(
            sanitize(words), severity="error" if wrong else "information", markup=False, timeout=6 if wrong else 3
        )

    def load_again(self, settings: Settings) -> None:
        """Audit the same traces under other settings."""
        raise NotImplementedError

    @property
    def current_view(self) -> str:
        """The id of the view in front."""
        return self.query_one(ContentSwitcher).current or VIEWS[0].id

    def action_view(self, name: str) -> None:
        """Show a view."""
        self.query_one(ContentSwitcher).current = name
        self.query_one(TopBar).mark(name)
        view = next(view for view in VIEWS if view.id == name)
        if not self.query_one(Prompt).asking:
            view.focus(self.query_one(f"#{name}"))

    def view(self) -> TimelineView:
        """The timeline's view."""
        return self.query_one(TimelineView)

    def ready(self, *, partly: bool = False) -> Timeline | None:
        """The timeline, with its view in front; None, and a word about it, as long as there is none.

        `partly`: what is shown while the trace is read will do.
        """
        timeline = self.view().timeline
        if timeline is None or not (timeline.loaded.complete or partly):
            self.tell("the trace is still being read")
            return None
        if self.current_view != "timeline":
            self.action_view("timeline")
        return timeline

    # --- jumps ---------------------------------------------------------------------------------------------------

    def action_jump(self, kind: str, forward: bool) -> None:
        """Go to the next or previous place of a kind."""
        timeline = self.ready()
        if timeline is None:
            return
        view = self.view()
        row = view.grid.cursor if view.visited or not forward else -1
        found = jump(timeline, row, Jump[kind], forward=forward)
        if isinstance(found, str):
            self.tell(found)
            return
        if view.go_to_event(found.trace, found.seq):
            view.say_status(f"{Jump[kind].value} {found.number:,} of {found.count:,}")

    # --- search --------------------------------------------------------------------------------------------------

    def begin_search(self, text: str) -> str | None:
        """Go to the first match after the cursor; words where there is none."""
        timeline = self.view().timeline
        if timeline is None:
            return "the trace is still being read"
        self.searched = text.strip()
        if not self.searched:
            return None
        return self._go_to_match(timeline, forward=True)

    def action_found(self, forward: bool) -> None:
        """Go to the next or previous match."""
        timeline = self.ready()
        if timeline is None:
            return
        wrong = self._go_to_match(timeline, forward=forward) if self.searched else "nothing was searched for"
        if wrong is not None:
            self.tell(wrong)

    def _go_to_match(self, timeline: Timeline, *, forward: bool) -> str | None:
        found = np.intersect1d(matching(timeline.tables, timeline.level, self.searched), timeline.items)
        if not len(found):
            return f"no row has {self.searched!r}{'; the filter hides some rows' if timeline.hidden else ''}"
        view = self.view()
        at = self._next(found, timeline, forward=forward)
        view.go_to_row(timeline.row_of_item(int(found[at])))
        view.say_status(f"/{self.searched}: {at + 1:,} of {len(found):,}")
        return None

    def _next(self, found: NDArray[np.int64], timeline: Timeline, *, forward: bool) -> int:
        """Which match comes next, round the end."""
        here = timeline.item_of_row(self.view().grid.cursor)
        if forward:
            return int(np.searchsorted(found, here, side="right")) % len(found)
        return (int(np.searchsorted(found, here)) - 1) % len(found)

    # --- how it is shown -----------------------------------------------------------------------------------------

    def _change(self, change: Callable[[Timeline], None]) -> None:
        if self.ready(partly=True) is not None:
            self.view().change(change)

    def action_level(self) -> None:
        """Look more closely, or from afar again."""
        self._change(lambda timeline: timeline.set_level(timeline.level.next))

    def action_time(self) -> None:
        """Show times in another way."""
        self._change(lambda timeline: timeline.set_mode(timeline.mode.next))

    def action_mark(self) -> None:
        """Count times from the cursor on."""
        row = self.view().grid.cursor
        self._change(lambda timeline: timeline.set_mark(row))

    def action_toggle_filter(self) -> None:
        """Filter off or on."""
        timeline = self.ready()
        if timeline is None:
            return
        if timeline.filter.query is None:
            self.tell("there is no filter; f makes one")
            return
        self._change(lambda timeline: timeline.set_filter(replace(timeline.filter, on=not timeline.filter.on)))

    # --- copies --------------------------------------------------------------------------------------------------

    def action_copy(self, selection: bool) -> None:
        """Put a row, or those selected, into the clipboard."""
        if self.ready(partly=True) is None:
            return
        grid = self.view().grid
        rows = grid.selected if selection else range(grid.cursor, grid.cursor + bool(grid.count))
        self.copy_to_clipboard(grid.text_of(rows))
        self.tell(f"copied {count_of(len(rows), 'row')}")

    def action_copy_command(self) -> None:
        """Put the command that gives what is shown into the clipboard."""
        timeline = self.ready()
        if timeline is not None:
            line = command_line(timeline)
            self.copy_to_clipboard(line)
            self.tell(f"copied: {line}")

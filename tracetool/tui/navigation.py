"""Navigation in the timeline, and its display modes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tracetool.findings.phrases import count_of
from tracetool.tui.controller import Controller
from tracetool.viewmodel.filters import matching
from tracetool.viewmodel.jumps import Jump, jump
from tracetool.viewmodel.view_export import command_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tracetool.viewmodel.timeline import Timeline

__all__ = ["Navigation"]


class Navigation(Controller):
    """Jumps, search, levels, times and copies: each action shows the timeline and acts there."""

    searched: str = ""

    # --- jumps ---------------------------------------------------------------------------------------------------

    def action_jump(self, kind: str, forward: bool) -> None:
        """Go to the next or previous place of a kind."""
        timeline = self.app.ready()
        if timeline is None:
            return
        view = self.app.timeline_view
        row = view.grid.cursor if view.visited or not forward else -1
        found = jump(timeline, row, Jump[kind], forward=forward)
        if isinstance(found, str):
            self.app.tell(found)
            return
        if view.go_to_event(found.trace, found.seq):
            view.say_status(f"{Jump[kind].value} {found.number:,} of {found.count:,}")

    # --- search --------------------------------------------------------------------------------------------------

    def begin_search(self, text: str) -> str | None:
        """Go to the first match after the cursor; return an error in one line or None."""
        timeline = self.app.timeline_view.timeline
        if timeline is None:
            return "the trace is still being read"
        self.searched = text.strip()
        if not self.searched:
            return None
        return self._go_to_match(timeline, forward=True)

    def action_found(self, forward: bool) -> None:
        """Go to the next or previous match."""
        timeline = self.app.ready()
        if timeline is None:
            return
        wrong = self._go_to_match(timeline, forward=forward) if self.searched else "nothing was searched for"
        if wrong is not None:
            self.app.tell(wrong)

    def _go_to_match(self, timeline: Timeline, *, forward: bool) -> str | None:
        found = np.intersect1d(matching(timeline.tables, timeline.level, self.searched), timeline.items)
        if not len(found):
            return f"no row has {self.searched!r}{'; the filter hides some rows' if timeline.hidden else ''}"
        view = self.app.timeline_view
        at = self._next(found, timeline, forward=forward)
        view.go_to_row(timeline.row_of_item(int(found[at])))
        view.say_status(f"/{self.searched}: {at + 1:,} of {len(found):,}")
        return None

    def _next(self, found: NDArray[np.int64], timeline: Timeline, *, forward: bool) -> int:
        """Index of the next match, wrapping around."""
        here = timeline.item_of_row(self.app.timeline_view.grid.cursor)
        if forward:
            return int(np.searchsorted(found, here, side="right")) % len(found)
        return (int(np.searchsorted(found, here)) - 1) % len(found)

    # --- how it is shown -----------------------------------------------------------------------------------------

    def _change(self, change: Callable[[Timeline], None]) -> None:
        if self.app.ready(partly=True) is not None:
            self.app.timeline_view.change(change)

    def action_level(self) -> None:
        """Change the level: operations, accesses, events."""
        self._change(lambda timeline: timeline.set_level(timeline.level.next))

    def action_time(self) -> None:
        """Change what times count from."""
        self._change(lambda timeline: timeline.set_mode(timeline.mode.next))

    def action_mark(self) -> None:
        """Count times from the row under the cursor."""
        row = self.app.timeline_view.grid.cursor
        self._change(lambda timeline: timeline.set_mark(row))

    def action_toggle_filter(self) -> None:
        """Switch the filter off or on."""
        timeline = self.app.ready()
        if timeline is None:
            return
        if timeline.filter.query is None:
            self.app.tell("there is no filter; f makes one")
            return
        self._change(lambda timeline: timeline.set_filter(replace(timeline.filter, on=not timeline.filter.on)))

    # --- copies --------------------------------------------------------------------------------------------------

    def action_copy(self, selection: bool) -> None:
        """Copy the selected rows."""
        if self.app.ready(partly=True) is None:
            return
        grid = self.app.timeline_view.grid
        rows = grid.selected if selection else range(grid.cursor, grid.cursor + bool(grid.count))
        self.app.copy_to_clipboard(grid.text_of(rows))
        self.app.tell(f"copied {count_of(len(rows), 'row')}")

    def action_copy_command(self) -> None:
        """Copy the command line that prints the shown rows."""
        timeline = self.app.ready()
        if timeline is not None:
            line = command_line(timeline)
            self.app.copy_to_clipboard(line)
            self.app.tell(f"copied: {line}")

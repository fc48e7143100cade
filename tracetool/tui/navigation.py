"""Jumps from event to event, search, and the display modes of the timeline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from tracetool.tui.controller import Controller
from tracetool.tui.front import WAITING, Copies, Exports, Searches
from tracetool.viewmodel.filters import common, matching
from tracetool.viewmodel.jumps import Jump, jump
from tracetool.viewmodel.view_export import command_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tracetool.viewmodel.tables import Level, Tables
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["Navigation"]


class Navigation(Controller):
    """Jumps, search, levels, times and copies."""

    searched: str = ""
    _matched: tuple[tuple[Tables, Level, str], NDArray[np.int64]] | None = None

    def say(self, words: str) -> None:
        """Say where a jump led, in the timeline's status line while that is seen."""
        if self.app.current_view == "timeline":
            self.app.timeline_view.say_status(words)
        else:
            self.app.tell(words)

    # --- jumps ---------------------------------------------------------------------------------------------------

    def action_jump(self, kind: str, forward: bool) -> None:
        """Go to the next or previous place of a kind."""
        timeline = self.app.ready()
        if timeline is None:
            return
        view = self.app.timeline_view
        begun = view.visited or not forward or Jump[kind].of_selected
        here = timeline.operation_of(*view.event) if view.event and begun else None
        found = jump(timeline, here, Jump[kind], forward=forward)
        if isinstance(found, str):
            self.app.tell(found)
            return
        self.app.select_event(found.trace, found.seq)
        self.say(f"{Jump[kind].value} {found.number:,} of {found.count:,}")

    # --- search --------------------------------------------------------------------------------------------------

    async def begin_search(self, text: str) -> str | None:
        """Go to the first match after the cursor; return an error in one line or None."""
        self.searched = text.strip()
        return await self._search(forward=True) if self.searched else None

    async def action_found(self, forward: bool) -> None:
        """Go to the next or previous match."""
        wrong = await self._search(forward=forward) if self.searched else "nothing was searched for"
        if wrong is not None:
            self.app.tell(wrong)

    async def _search(self, *, forward: bool) -> str | None:
        """Search in the view in front, or else among the operations."""
        front, timeline = self.app.front, self.app.timeline_view.timeline
        if timeline is None or not timeline.session.complete:
            return WAITING
        if isinstance(front, Searches):
            return front.search(self.searched, forward=forward)
        return await self._go_to_match(timeline, forward=forward)

    async def _matches(self, timeline: Timeline) -> NDArray[np.int64]:
        """The items that match, kept for the next step; among events they are looked for in a thread."""
        asked = (timeline.tables, timeline.level, self.searched)
        if self._matched is None or self._matched[0] != asked:
            if timeline.level.of_operations:
                found = matching(*asked)
            else:
                found = await asyncio.to_thread(matching, *asked)
            self._matched = asked, found
        return self._matched[1]

    async def _go_to_match(self, timeline: Timeline, *, forward: bool) -> str | None:
        matches = await self._matches(timeline)
        found = common(matches, timeline.items) if timeline.filtered else matches
        if not len(found):
            return f"no row has {self.searched!r}{'; the filter hides some rows' if timeline.hidden else ''}"
        at = self._next(found, timeline, forward=forward)
        trace, seq = timeline.event_of_item(int(found[at]))
        self.app.select_event(trace, seq)
        self.say(f"/{self.searched}: {at + 1:,} of {len(found):,}")
        return None

    def _next(self, found: NDArray[np.int64], timeline: Timeline, *, forward: bool) -> int:
        """Index of the next match, wrapping around."""
        event = self.app.event
        here = -1 if event is None else timeline.item_of_event(*event)
        if forward:
            return int(np.searchsorted(found, here, side="right")) % len(found)
        return (int(np.searchsorted(found, here)) - 1) % len(found)

    # --- how it is shown -----------------------------------------------------------------------------------------

    def _change(self, change: Callable[[Timeline], None]) -> None:
        if self.app.timeline_in_front(partly=True) is not None:
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

    # --- copies --------------------------------------------------------------------------------------------------

    def action_copy(self, selection: bool) -> None:
        """Copy the selected rows."""
        if self.app.ready(partly=True) is None:
            return
        front = self.app.front
        text, words = (front if isinstance(front, Copies) else self.app.timeline_view).copied(selection=selection)
        if text:
            self.app.copy_to_clipboard(text)
        self.app.tell(f"copied {words}")

    def action_copy_command(self) -> None:
        """Copy the command line that prints the shown rows."""
        timeline = self.app.ready()
        if timeline is not None:
            front = self.app.front
            export = front.export() if isinstance(front, Exports) else None
            line = command_line(timeline, "" if export is None else export.command)
            self.app.copy_to_clipboard(line)
            self.app.tell(f"copied: {line}")

"""Inspector: the event under the cursor, explained."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from textual import work
from textual.containers import VerticalScroll
from textual.message import Message

from tracetool.tui.divider import Divided
from tracetool.tui.drawing import Page
from tracetool.tui.timeline.explanation import brief, explained
from tracetool.viewmodel.audit_session import Cancelled, Progress
from tracetool.viewmodel.inspection import inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.content import Content
    from textual.timer import Timer

    from tracetool.explain import Explanation
    from tracetool.viewmodel.tables import Tables

__all__ = ["Inspector"]

_PAUSE = 0.1
"""Seconds without a move of the cursor before an event is explained."""

_KEPT = 256


class _Event(NamedTuple):
    trace: int
    seq: int


class Inspector(VerticalScroll, Divided, can_focus=True):
    """Explanation of the event under the cursor, made in a thread; a new event cancels the one before."""

    part = "inspector"

    @dataclass
    class Explained(Message):
        """An event has been explained, or cannot be."""

        tables: Tables
        event: _Event
        found: Explanation | str

    def __init__(self) -> None:
        super().__init__()
        self._tables: Tables | None = None
        self._event: _Event | None = None
        self._known: OrderedDict[_Event, Explanation | str] = OrderedDict()
        self._timer: Timer | None = None
        self._progress = Progress()
        self._behind = False
        self._drawn: tuple[Explanation, int, list[Content]] | None = None

    def compose(self) -> ComposeResult:
        """The text."""
        yield Page(self.lines)

    def follow(self, tables: Tables, trace: int, seq: int) -> None:
        """Explain an event, once the cursor rests."""
        if tables is not self._tables:
            self._known.clear()
        event = _Event(trace, seq)
        if tables is self._tables and event == self._event:
            return
        self._tables, self._event = tables, event
        self._progress.stop.set()
        # While the cursor runs, nothing is laid out anew: rows are to pass as fast as keys come.
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE, self._begin)

    def follow_on(self, tables: Tables, trace: int, seq: int) -> None:
        """As `follow`, once a trace has grown: the explanation stays where nothing came to its operation."""
        event, before = _Event(trace, seq), self._tables
        found = self._known.get(event)
        if found is None or before is None or _operation(before, event) != _operation(tables, event):
            self.follow(tables, trace, seq)
        else:
            self._tables = tables
            self._known.clear()
            self._known[event] = found

    def clear(self) -> None:
        """Show nothing."""
        self._event = None
        self._show()

    def _show(self) -> None:
        self.query_one(Page).redraw()
        self.scroll_to(y=0, animate=False)

    def lines(self, width: int) -> Iterator[Content]:
        """Lines of the explanation, or of the event alone until there is one."""
        event, tables = self._event, self._tables
        if event is None or tables is None:
            return
        found = self._known.get(event)
        if found is not None and not isinstance(found, str):
            if self._drawn is None or self._drawn[0] is not found or self._drawn[1] != width:
                self._drawn = found, width, list(explained(found, width))
            yield from self._drawn[2]
            return
        row, operation = tables.event(tables.number(*event)), _operation(tables, event)
        rest = "explaining …" if tables.session.complete else "explained once the trace has been read"
        yield from brief(row, operation, found or rest, width)

    # --- in a thread ---------------------------------------------------------------------------------------------

    def on_show(self) -> None:
        """Explain the event that was selected while another view was in front."""
        if self._behind:
            self._begin()

    def _begin(self) -> None:
        self._behind = not self.is_on_screen
        if self._behind:
            return
        self._show()
        tables, event = self._tables, self._event
        if tables is not None and tables.session.complete and event is not None and event not in self._known:
            self._progress = Progress()
            self._explain(tables, event, self._progress)

    @work(thread=True, exclusive=True, group="explain")
    def _explain(self, tables: Tables, event: _Event, progress: Progress) -> None:
        try:
            found: Explanation | str = inspect(tables, event.trace, event.seq, progress)
        except Cancelled:
            return
        except Exception as error:  # noqa: BLE001  a fault of ours is told in place of the explanation
            found = f"cannot be explained: {error}"
        self.post_message(self.Explained(tables, event, found))

    def on_inspector_explained(self, message: Explained) -> None:
        """Cache the explanation; show it if its event is still under the cursor."""
        message.stop()
        if message.tables is not self._tables:
            return
        self._known[message.event] = message.found
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        if message.event == self._event:
            self._show()


def _operation(tables: Tables, event: _Event) -> dict[str, Any] | None:
    """The row of the operation that an event belongs to."""
    device = str(tables.event(tables.number(*event))["device"])
    at = tables.operation_at(event.trace, event.seq, device)
    return None if at is None else tables.operations.row(at, named=True)

"""The variables view: the store at a moment, and beside it the steps in the life of the variable under the cursor."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.containers import Container

from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import DeviceView, once_shown
from tracetool.tui.drawing import Heading
from tracetool.tui.line_grid import LineGrid
from tracetool.tui.messages import JumpTo, Pick, Selection
from tracetool.viewmodel.variables import store_model

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject
    from tracetool.viewmodel.variables import StepRows, StoreModel, VariableRows

__all__ = ["VariablesView"]

_BESIDE = 110
"""Columns from which there is room for the steps beside the variables."""


class VariablesView(DeviceView):
    """Variables of a device's store at a moment of the trace."""

    BINDINGS = bindings_of("variables")
    LOW = 6

    def __init__(self) -> None:
        super().__init__()
        self.model: StoreModel | None = None
        self.rows: VariableRows | None = None
        self.steps: StepRows | None = None
        self._several = False
        self._wanted: Selection | None = None

    def compose(self) -> ComposeResult:
        """The moment, the variables, and the steps of one."""
        yield Heading("reading the trace…")
        with Container(id="tables"):
            yield LineGrid()
            yield LineGrid()

    def on_resize(self, event: events.Resize) -> None:
        """Put the steps where there is room."""
        super().on_resize(event)
        self.set_class(event.size.width < _BESIDE, "-below")

    @property
    def grid(self) -> LineGrid:
        """The table of variables."""
        return self.query(LineGrid).first()

    @property
    def step_grid(self) -> LineGrid:
        """The table of steps."""
        return self.query(LineGrid).last()

    @property
    def shown(self) -> bool:
        """True once the view shows a store."""
        return self.model is not None

    # --- moments -------------------------------------------------------------------------------------------------

    async def take(self, session: AuditSession, found: tuple[Subject, ...]) -> None:
        """Decode the store of a session, and show it at the selected event."""
        self.subjects, self._several = found, len(session.traces) > 1
        self.model = await asyncio.to_thread(store_model, session)
        if self.model is None:
            self.query_one(Heading).say(
                "no UEFI variable store in this trace; where it does not show its beginning, --image gives it"
            )
            return
        self._go_to_wanted()
        self._look()

    def follow(self, selection: Selection) -> None:
        """Show the moment after the selected event, as soon as the view is in front."""
        self._wanted = selection
        if self.in_front and self._pending is None and self._go_to_wanted():
            self._look()

    def catch_up(self) -> None:
        """Show the moment after the event that was selected since the view was last in front."""
        if self._pending is None and self._go_to_wanted():
            self._look()
        super().catch_up()

    def _go_to_wanted(self) -> bool:
        """Go to the selected event; true where that is another moment."""
        if self.model is None:
            return False
        wanted, self._wanted, before = self._wanted, None, self.model.position
        if wanted is not None and wanted.seq is not None:
            self.model.go(self.model.history.position(wanted.trace, wanted.seq))
        return self.model.position != before

    def _look(self) -> None:
        """Draw the moment; the cursor stays on its variable."""
        model = self.model
        if model is None:
            return
        key = None if self.rows is None else self.rows.key(self.grid.cursor)
        store = model.store()
        self.rows = model.rows(store)
        self.query_one(Heading).say(model.words(store, several=self._several))
        with self.prevent(LineGrid.CursorMoved):
            self.grid.show(self.rows, self.rows.row_of(key) or 0, "no variable at this moment")
        self._show_steps()

    def _show_steps(self) -> None:
        """Show the steps of the variable under the cursor."""
        if self.model is None or self.rows is None:
            return
        self.steps = self.model.steps(self.rows.key(self.grid.cursor))
        self.step_grid.show(self.steps, self.steps.current, "not touched in this trace")

    def on_line_grid_cursor_moved(self, message: LineGrid.CursorMoved) -> None:
        """Follow the cursor in the table of variables."""
        message.stop()
        if message.control is self.grid:
            self._show_steps()

    @once_shown
    def action_step(self, forward: bool) -> None:
        """Go to the next or previous change of the flash."""
        if self.model is None:
            return
        history, position = self.model.history, self.model.position
        found = history.next(position) if forward else history.previous(position)
        if found is None:
            self.notify("nothing changes after this" if forward else "nothing was changed before this", timeout=3)
            return
        self._go(found)

    @once_shown
    def action_end(self, last: bool) -> None:
        """Show the store before or after all changes."""
        if self.model is not None:
            self._go(len(self.model.history) if last else 0)

    def _go(self, position: int) -> None:
        """Go to a position, and select the event that led to it in all views."""
        if self.model is None:
            return
        self.model.go(position)
        self._look()
        event = self.model.event
        if event is not None and event[1] >= 0:
            self.post_message(Pick(Selection(self.model.device, *event)))

    # --- rows ----------------------------------------------------------------------------------------------------

    @once_shown
    def action_copies(self) -> None:
        """Show every copy in the store, or those that the firmware finds."""
        if self.model is not None:
            self.model.every_copy = not self.model.every_copy
            self._look()

    def action_focus(self, steps: bool) -> None:
        """Focus the steps, or the variables."""
        (self.step_grid if steps else self.grid).focus()

    def action_go_to(self) -> None:
        """Show the operation that began the step under the cursor in the timeline."""
        event = None if self.steps is None else self.steps.event(self.step_grid.cursor)
        if event is not None:
            trace, seq = event
            self.post_message(JumpTo(seq, trace))

    def on_line_grid_opened(self, message: LineGrid.Opened) -> None:
        """Show the operation of a step that was double-clicked."""
        message.stop()
        if message.control is self.step_grid:
            self.action_go_to()

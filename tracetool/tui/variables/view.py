"""The variables view: the store at a moment; the steps in the life of the variable under the cursor; its bytes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.containers import Container, VerticalScroll

from tracetool.findings.phrases import count_of
from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import DeviceView, once_shown
from tracetool.tui.drawing import Heading
from tracetool.tui.front import WAITING
from tracetool.tui.line_grid import LineGrid
from tracetool.tui.messages import JumpTo
from tracetool.tui.variables.detail import Detail
from tracetool.tui.variables.room import RoomLane
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
_TALL = 28
"""Lines from which there is room for the variable in full below the tables."""


class VariablesView(DeviceView):
    """Variables of a device's store at a moment of the trace."""

    BINDINGS = bindings_of("variables")
    LOW = 6
    OF_DEVICES = False

    def __init__(self) -> None:
        super().__init__()
        self.model: StoreModel | None = None
        self.rows: VariableRows | None = None
        self.steps: StepRows | None = None
        self._several = self._growing = False

    def compose(self) -> ComposeResult:
        """The moment, the variables, and the steps of one."""
        yield Heading("reading the trace…")
        yield RoomLane()
        with Container(id="tables"):
            yield LineGrid(table="variables")
            yield LineGrid(table="steps")
        with VerticalScroll(can_focus=True):
            yield Detail()

    def on_resize(self, event: events.Resize) -> None:
        """Put the steps where there is room, and show the whole variable where there is some left."""
        super().on_resize(event)
        self.set_class(event.size.width < _BESIDE, "-below")
        self.set_class(event.size.height >= _TALL, "-tall")

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

    async def take(self, session: AuditSession, _found: tuple[Subject, ...]) -> None:
        """Decode the store of a session."""
        self._several = len(session.traces) > 1
        old = self.model if self._growing else None
        self.model = await asyncio.to_thread(store_model, session)
        self._growing = session.growing
        if self.model is None:
            self.query_one(Heading).say(
                "no UEFI variable store in this trace; where it does not show its beginning, --image gives it"
            )
            return
        if old is not None:
            self.model.continue_from(old)
            if old.at_end and not self._behind:  # the newest moment, until another is chosen
                self.selection = replace(self.selection, seq=None)
        self._look()

    def show_selection(self) -> None:
        """Show the moment after the selected event."""
        if self.model is None or self.selection.event is None:
            return
        before = self.model.position
        self.model.go(self.model.history.position(*self.selection.event))
        if self.model.position != before:
            self._look()

    def _look(self) -> None:
        """Draw the moment; the cursor stays on its variable."""
        model = self.model
        if model is None:
            return
        key = None if self.rows is None else self.rows.key(self.grid.cursor)
        store = model.store()
        self.rows = model.rows(store)
        self.query_one(Heading).say(model.words(store, several=self._several))
        self.query_one(RoomLane).show(model)
        with self.prevent(LineGrid.CursorMoved):
            self.grid.show(self.rows, self.rows.row_of(key) or 0, "no variable at this moment")
        self._show_steps()

    def _show_steps(self) -> None:
        """Show the steps of the variable under the cursor, and the variable in full."""
        if self.model is None or self.rows is None:
            return
        self.query_one(Detail).show(self.rows.detail(self.grid.cursor))
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
        self.choose(self.model.selection)

    def on_room_lane_picked(self, message: RoomLane.Picked) -> None:
        """Go to a moment that was clicked."""
        message.stop()
        self._go(message.position)

    # --- rows ----------------------------------------------------------------------------------------------------

    @once_shown
    def action_copies(self) -> None:
        """Show every copy in the store, or those that the firmware finds."""
        if self.model is not None:
            self.model.every_copy = not self.model.every_copy
            self._look()

    search_hint = "part of a variable's name or value: BootOrder   then n and N"

    def search(self, text: str, *, forward: bool) -> str | None:
        """Go to the next or previous variable that has the text; return an error in one line or None."""
        if self.rows is None:
            return WAITING
        row = self.rows.next_match(text, self.grid.cursor, forward=forward)
        if row is None:
            return f"no variable has {text!r} at this moment"
        self.grid.go(row)
        return None

    def copied(self, *, selection: bool) -> tuple[str, str]:
        """The variable or step under the cursor, or all selected ones."""
        grid = self.step_grid if self.step_grid.has_focus else self.grid
        rows = grid.selected if selection else range(grid.cursor, grid.cursor + bool(grid.count))
        return grid.text_of(rows, titled=selection), count_of(len(rows), "row")

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

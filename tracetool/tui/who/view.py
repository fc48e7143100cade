"""The who view: a row a module of the guest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work

from tracetool.findings.phrases import count_of
from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import DeviceView, once_shown
from tracetool.tui.drawing import Heading
from tracetool.tui.line_grid import LineGrid
from tracetool.tui.messages import FilterTo
from tracetool.viewmodel.view_export import table_export
from tracetool.viewmodel.who import WhoModel

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject
    from tracetool.viewmodel.passing import Passing
    from tracetool.viewmodel.view_export import Export

__all__ = ["WhoView"]


class WhoView(DeviceView):
    """Table of the modules that asked for operations."""

    BINDINGS = bindings_of("who")
    LOW = 4
    OF_DEVICES = False

    def __init__(self) -> None:
        super().__init__()
        self.model: WhoModel | None = None
        self._passing: Passing | None = None

    def compose(self) -> ComposeResult:
        """The number of modules, and the table."""
        yield Heading("reading the trace…")
        yield LineGrid(table="who")

    @property
    def grid(self) -> LineGrid:
        """The table."""
        return self.query_one(LineGrid)

    @property
    def shown(self) -> bool:
        """True once the view shows a session."""
        return self.model is not None

    async def take(self, session: AuditSession, _found: tuple[Subject, ...]) -> None:
        """Sum the operations of a session."""
        model = WhoModel(session)
        await self._sum(model)

    def narrow(self, passing: Passing | None) -> None:
        """Sum what passes the filter, or everything."""
        self._passing = passing
        if self.model is not None and self._pending is None:
            self._sum_again(WhoModel(self.model.session))

    @work(exclusive=True, group="who")
    async def _sum_again(self, model: WhoModel) -> None:
        await self._sum(model)

    async def _sum(self, model: WhoModel) -> None:
        await asyncio.to_thread(model.sum, self._passing)
        self.model = model
        self.query_one(Heading).say(model.words)
        self.grid.show(model.rows(), 0, "nothing that passes the filter" if model.known else " ")
        self.show_selection()

    def show_selection(self) -> None:
        """Put the cursor on the module that asked for the selected operation."""
        event = self.selection.event
        row = None if self.model is None or event is None else self.model.row_of_event(*event)
        if row is not None:
            self.grid.go(row)

    @once_shown
    def action_open(self) -> None:
        """Filter the timeline by the module under the cursor."""
        chip = None if self.model is None else self.model.chip(self.grid.cursor)
        if chip is not None:
            self.post_message(FilterTo(chip.text, chip.slot))

    def on_line_grid_opened(self, message: LineGrid.Opened) -> None:
        """Filter the timeline by the module that was double-clicked."""
        message.stop()
        self.action_open()

    def copied(self, *, selection: bool) -> tuple[str, str]:
        """The module under the cursor, or all selected ones."""
        grid = self.grid
        rows = grid.selected if selection else range(grid.cursor, grid.cursor + bool(grid.count))
        return grid.text_of(rows, titled=selection), count_of(len(rows), "row")

    def export(self) -> Export | None:
        """The table of modules."""
        return (
            None
            if self.model is None or self.model.frame.is_empty()
            else table_export(self.model.frame, "modules", command="who")
        )

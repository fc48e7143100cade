"""The map view: metrics, heat map, beside it the blocks and what wrote to the range; range in words, legend."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
from textual import on, work
from textual.containers import Horizontal, Vertical

from tracetool.errors import UsageError
from tracetool.findings.phrases import count_of
from tracetool.sanitize import sanitize
from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import DeviceView, once_shown
from tracetool.tui.divider import Divided
from tracetool.tui.drawing import Heading
from tracetool.tui.front import WAITING
from tracetool.tui.line_grid import LineGrid
from tracetool.tui.map.grid import MapGrid
from tracetool.tui.map.looks import LOOKS, Legend, shape_in
from tracetool.tui.map.tabs import MetricTabs
from tracetool.tui.map.times import TimeGrid
from tracetool.tui.messages import FilterTo, JumpTo
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.block_rows import block_rows, blocks, range_rows
from tracetool.viewmodel.block_times import METRICS, draw_times
from tracetool.viewmodel.chips import BYTES
from tracetool.viewmodel.flash_map import Room, Shape
from tracetool.viewmodel.frame_rows import FrameRows
from tracetool.viewmodel.heatmap import draw
from tracetool.viewmodel.selection import Selection
from tracetool.viewmodel.view_export import table_export

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.heatmap import Subject
    from tracetool.viewmodel.passing import Passing
    from tracetool.viewmodel.places import Place
    from tracetool.viewmodel.view_export import Export

__all__ = ["MapView"]

_FURNITURE = 4
"""Lines of the map beside those of the extent: its end, and the fold of the padding."""

_BESIDE = 110
"""Columns from which there is room for tables beside the cells."""

_NAMED, _NAMED_BESIDE = 60, 150
"""Columns from which regions have their names behind the cells, without and with tables beside them."""

_SIDE, _SIDE_NAMED = 44, 60
"""Columns that the tables have at least, without and with names behind the cells."""


class Side(Vertical, Divided):
    """The tables beside the cells."""

    part = "map"


class MapView(DeviceView):
    """Heat map of the operations of a session."""

    BINDINGS = bindings_of("map")
    LOW = 10

    def __init__(self) -> None:
        super().__init__()
        self.metric = Metric.PROGRAMS
        self.cell_bytes: int | None = None  # until a zoom is chosen, the smallest at which all cells fit
        self._several = False
        self._whole: tuple[Subject, ...] = ()
        self._passing: Passing | None = None
        self._blocks: pl.DataFrame | None = None
        self._blocks_of: Subject | None = None
        self.against_time = False
        self._turned = False
        """True from a change between the two pictures until the other one is drawn."""
        self._time_cell_bytes: int | None = None
        self._by_time = True
        self._most = 0
        self._moment: tuple[str, int, int] | None = None
        self._until: tuple[int, int] | None = None
        self._counted: tuple[int, int] | None = None
        self._counting = False

    def compose(self) -> ComposeResult:
        """Metrics, cells, beside them the blocks and the operations of the range; the range in words, legend."""
        yield MetricTabs()
        with Horizontal(id="body"):
            yield MapGrid()
            yield TimeGrid()
            with Side(id="side"):
                yield LineGrid("no block was written", table="blocks")
                yield LineGrid("nothing wrote here", table="range")
        yield Heading(identifier="range")
        yield Legend()

    def restore(self, metric: str | None, cell_bytes: int | None, look: str | None) -> None:
        """Restore metric, cell size and look; unknown names are ignored."""
        self.metric = next((known for known in Metric if known.name == metric), self.metric)
        self.cell_bytes = cell_bytes
        if self.grid.look is LOOKS[0]:  # or else the terminal has no colours
            self.grid.look = next((known for known in LOOKS if known.name == look), LOOKS[0])
        self.redraw()

    @property
    def grid(self) -> MapGrid:
        """The cells."""
        return self.query_one(MapGrid)

    @property
    def time_grid(self) -> TimeGrid:
        """The cells against time."""
        return self.query_one(TimeGrid)

    @property
    def cells(self) -> MapGrid | TimeGrid:
        """The picture that is shown."""
        return self.time_grid if self.against_time else self.grid

    @property
    def takes_keys(self) -> bool:
        """True while the picture in front is drawn."""
        drawn = self.time_grid.picture if self.against_time else self.grid.drawing
        return self.shown and drawn is not None and not self._turned

    def in_place_of(self, part: Widget) -> Widget:
        """The picture that is shown, for either of them."""
        return self.cells if part in (self.grid, self.time_grid) else part

    @property
    def side(self) -> Side:
        """The tables beside the cells."""
        return self.query_one(Side)

    def on_divided_resized(self) -> None:
        """Lay out the cells in the room that the tables leave."""
        self.redraw()

    @property
    def block_grid(self) -> LineGrid:
        """The table of blocks."""
        return self.query(LineGrid).first()

    @property
    def range_grid(self) -> LineGrid:
        """The table of what wrote to the range."""
        return self.query(LineGrid).last()

    # --- what is shown -------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Count the operations played since the view was last in front."""
        super().catch_up()
        self._count_on()

    async def take(self, session: AuditSession, found: tuple[Subject, ...]) -> None:
        """Show the same device as before, where it is still there."""
        before = self.subject
        names = [subject.device for subject in found]
        self._device = names.index(before.device) if before is not None and before.device in names else 0
        if self.selection.device in names:
            self._device = names.index(self.selection.device)
        self._whole, self._several = found, len(session.audit.devices) > 1
        self.subjects = self._narrowed()
        if found:
            self.redraw()
        else:
            self.query_one(MetricTabs).say("no device whose size is known: give --board or --geometry")

    def _narrowed(self) -> tuple[Subject, ...]:
        """The devices with the operations that pass the filter."""
        passing = self._passing
        return self._whole if passing is None else tuple(each.narrowed(passing.operations) for each in self._whole)

    def narrow(self, passing: Passing | None) -> None:
        """Count what passes the filter, or everything."""
        self._passing = passing
        if self.subjects:
            self.subjects = self._narrowed()
            self.redraw()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the cells in the room there is, and the tables where there is room beside them."""
        super().on_resize(event)
        beside = event.size.width >= _BESIDE
        self.set_class(not beside, "-alone")
        self.side.settle(beside=beside)
        self.grid.named = event.size.width >= (_NAMED_BESIDE if beside else _NAMED)
        if self.subject is not None:
            self.redraw()

    @work(exclusive=True, group="map-draw")
    async def redraw(self, offset: int | None = None) -> None:
        """Count and lay out in a thread, then draw; the cursor stays at its offset."""
        await self._draw(offset)

    async def _draw(self, offset: int | None = None) -> None:
        subject = self.subject
        if subject is None or not self.size.width:
            return
        self._counted = until = self._until
        look = self.grid.look
        if self.against_time:
            metric, words, shown = await self._draw_times(subject, offset)
        else:
            metric, words, shown = await self._draw_cells(subject, until, offset)
        if self._turned:
            self._turned = False
            self._select_bytes()  # of a selection that was made meanwhile
        metrics = METRICS if self.against_time else subject.metrics
        self.query_one(MetricTabs).show(sanitize(subject.device, 24), metrics, metric, words)
        self.query_one(Legend).explain(
            self._most, metric, lambda: look.swatches(self.grid.colours_of(metric)), subject.modules
        )
        await self._show_blocks(shown)
        self.call_later(self.run_held)  # not here: a key that draws anew would cancel it

    async def _draw_cells(
        self, subject: Subject, until: tuple[int, int] | None, offset: int | None
    ) -> tuple[Metric, str, Subject]:
        grid = self.grid
        cell_bytes = subject.zooms[self._zoom_of(subject)]
        metric = self.metric if self.metric in subject.metrics else Metric.PROGRAMS
        drawing = await asyncio.to_thread(draw, subject, cell_bytes, metric, self._room, until)
        given = self.has_class("-alone") or self.side.chosen is not None
        grid.styles.width = "1fr" if given else grid.width_of(drawing.shape)
        before = grid.drawing
        grid.show(drawing, grid.look, offset)
        self._most = drawing.most
        if before is None or before.cells != drawing.cells or before.subject.device != subject.device:
            self._select_bytes()
        self._mark_moment()
        return metric, drawing.words, drawing.subject

    async def _draw_times(self, subject: Subject, offset: int | None) -> tuple[Metric, str, Subject]:
        cell_bytes = subject.zooms[self._zoom_of(subject)]
        picture = await asyncio.to_thread(
            draw_times, subject, cell_bytes, self.metric, self._room, by_time=self._by_time
        )
        self.time_grid.show(picture, self.grid.look, offset)
        self._most = picture.most
        return picture.metric, picture.words, subject

    async def _show_blocks(self, subject: Subject) -> None:
        """Show the table of blocks, which is counted once for all zooms."""
        counted = subject is self._blocks_of
        if not counted:
            self._blocks, self._blocks_of = await asyncio.to_thread(blocks, subject), subject
        row = self._block_at(self.cells.range[0]) or 0
        with self.prevent(LineGrid.CursorMoved):
            if counted or self._blocks is None:
                self.block_grid.go(row)
            else:
                self.block_grid.show(block_rows(self._blocks), row)

    def _block_at(self, offset: int) -> int | None:
        """The row of the block that holds an offset."""
        frame = self._blocks
        if frame is None:
            return None
        found = frame.select(((pl.col("offset") <= offset) & (pl.col("end") > offset)).arg_true())
        return None if found.is_empty() else int(found[0, 0])

    @property
    def _room(self) -> Room:
        """Room for cells."""
        width = self.size.width
        if not self.has_class("-alone"):
            least = _SIDE_NAMED if self.grid.named and not self.against_time else _SIDE
            width -= self.side.chosen or least
        columns = self.grid.room_in(width)
        lines = self.query_one("#body").size.height  # the cells' own is 0 until the screen is laid out with them
        if self.against_time:
            return Room(columns, lines - 1, Shape(1, self.grid.look.deep))
        return Room(columns, lines, shape_in(self.grid.look, columns))

    def _zoom_of(self, subject: Subject) -> int:
        """The chosen zoom, or the closest at which the extent fits."""
        chosen = self._time_cell_bytes if self.against_time else self.cell_bytes
        if chosen is not None:
            zooms = subject.zooms
            return min(range(len(zooms)), key=lambda zoom: abs(zooms[zoom] - chosen))
        room = self._room
        return subject.zoom_for(max(room.lines - _FURNITURE, 1) * room.shape.cells)

    def follow_moment(self, device: str, start: int, end: int, played: tuple[int, int] | None) -> None:
        """Mark the bytes of the image's moment, and count up to the event played last."""
        self._moment = (device, start, end)
        self._mark_moment()
        self._until = played
        self._count_on()

    def _mark_moment(self) -> None:
        if self._moment is not None and self.subject is not None:
            device, start, end = self._moment
            self.grid.follow(start, end if device == self.subject.device else start)

    def _count_on(self) -> None:
        """Count up to the newest moment; moments that pass during a count are skipped."""
        if not self._counting and self._counted != self._until and self.in_front:
            self._counting = True
            self._recount()

    @work(group="map-count")
    async def _recount(self) -> None:
        try:
            while self._counted != self._until and self.subject is not None and self.size.width:
                await self._draw()
        finally:
            self._counting = False

    # --- the cursor ----------------------------------------------------------------------------------------------

    def show_selection(self) -> None:
        """Put the cursor on the selected bytes, on the map of their device."""
        number = self.device_number(self.selection.device)
        if number is not None and number != self._device:
            self._device = number
            self.redraw(0)
        else:
            self._select_bytes()

    def _select_bytes(self) -> None:
        selected = self.selection.bytes
        if selected is None or self.subject is None or self.selection.device != self.subject.device:
            return
        if self.against_time:
            self.time_grid.select(*selected, self.selection.event)
        else:
            self.grid.select(*selected)

    def go_to_place(self, place: Place) -> str | None:
        """Go to the cell of an offset; return an error in one line or None."""
        if self.subject is None or self.grid.drawing is None:
            return WAITING
        try:
            offset = place.offset(self.cells.range[0], self.subject.block_bytes, self.subject.region_bytes)
        except UsageError as error:
            return str(error)
        self.cells.go_to_byte(offset)
        return None

    def export(self) -> Export | None:
        """The table of blocks."""
        return None if self._blocks is None else table_export(self._blocks, "blocks")

    def copied(self, *, selection: bool) -> tuple[str, str]:
        """The rows of the table that has the focus, or the range in words."""
        table = next((grid for grid in (self.block_grid, self.range_grid) if grid.has_focus), None)
        if table is not None:
            rows = table.selected if selection else table.selected[:1]
            return table.text_of(rows, titled=selection), count_of(len(rows), "row")
        if self.subject is None:
            return "", "nothing"
        return self.subject.words(*self.cells.range), "the range in words"

    def on_map_grid_moved(self, message: MapGrid.Moved) -> None:
        """Describe the range; if the user went there, select it in all views, after a click with its last write."""
        message.stop()
        drawing = self.grid.drawing
        subject = None if drawing is None else drawing.subject
        if subject is None:
            return
        self.query_one("#range", Heading).say(subject.words(message.start, message.end))
        self._show_range(subject, message.start, message.end)
        if message.chosen:
            self._choose(subject, (message.start, message.end), picked=message.picked)

    def on_time_grid_moved(self, message: TimeGrid.Moved) -> None:
        """Describe the rectangle; if the user went there, select it in all views, after a click with its last write."""
        message.stop()
        picture, span = self.time_grid.picture, self.time_grid.range
        if picture is None:
            return
        columns = self.time_grid.selected[1]
        inside = picture.within(columns)
        self.query_one("#range", Heading).say(f"{picture.axis.words(*columns)} │ {inside.words(*span)}")
        self._show_range(inside, *span)
        if message.chosen:
            self._choose(inside, span, picked=message.picked)

    def _choose(self, subject: Subject, span: tuple[int, int], *, picked: bool) -> None:
        event = subject.event_at(*span) if picked else None
        place = Selection(subject.device, start=span[0], end=span[1])
        self.choose(place if event is None else replace(place, trace=event[0], seq=event[1]))

    def _show_range(self, subject: Subject, start: int, end: int) -> None:
        """Show what wrote to a range beside the map, and its block in the table of blocks."""
        if self.has_class("-alone") and not self.has_class("-blocks"):
            return
        row = self._block_at(start)
        with self.prevent(LineGrid.CursorMoved):
            self.range_grid.show(range_rows(subject, start, end))
            if row is not None and not self.block_grid.has_focus:
                self.block_grid.go(row)

    def on_line_grid_cursor_moved(self, message: LineGrid.CursorMoved) -> None:
        """Select the block in the map; or the operation under the cursor in all views."""
        message.stop()
        if message.control is self.block_grid and self._blocks is not None and len(self._blocks):
            span = self._blocks["offset", "end"].row(message.row)
            self.cells.select(*span)
            if self.subject is not None:
                self.choose(Selection(self.subject.device, start=span[0], end=span[1]))
        elif message.control is self.range_grid and self.subject is not None:
            event = self._event_of(message.row)
            if event is not None:
                self.choose(Selection(self.subject.device, *event, *self.cells.range))

    def _event_of(self, row: int) -> tuple[int, int] | None:
        """Trace and seq of an operation of the range."""
        rows = self.range_grid.source
        if not isinstance(rows, FrameRows) or row >= len(rows):
            return None
        trace, seq = rows.frame["trace", "last_seq"].row(row)
        return trace, seq

    def on_line_grid_opened(self, message: LineGrid.Opened) -> None:
        """Show the operations of a block that was double-clicked, or the operation."""
        message.stop()
        self.action_open()

    def on_metric_tabs_chosen(self, message: MetricTabs.Chosen) -> None:
        """Count what was clicked."""
        message.stop()
        self.metric = message.metric
        self.redraw()

    @on(MapGrid.Opened)
    @on(TimeGrid.Opened)
    def _open_clicked(self, message: MapGrid.Opened | TimeGrid.Opened) -> None:
        """Show the operations of the range that was double-clicked."""
        message.stop()
        self.action_open()

    # --- actions -------------------------------------------------------------------------------------------------

    @once_shown
    def action_open(self) -> None:
        """Show the operations of the range in the timeline, or the one under the cursor of their table."""
        event = self._event_of(self.range_grid.cursor) if self.range_grid.has_focus else None
        picture, subject = self.time_grid.picture, self.subject
        if event is not None:
            trace, seq = event
            self.post_message(JumpTo(seq, trace))
        elif self.against_time and picture is not None:
            self.post_message(FilterTo(picture.query(*self.time_grid.selected, several=self._several), BYTES))
        elif subject is not None:
            self.post_message(FilterTo(subject.query(*self.grid.range, several=self._several), BYTES))

    @once_shown
    def action_times(self) -> None:
        """Show the blocks against time, or the map again, at the same bytes."""
        offset, focused = self.cells.range[0], self.cells.has_focus
        self.against_time, self._turned = not self.against_time, True
        self.set_class(self.against_time, "-times")
        if focused:
            self.cells.focus()
        self.call_after_refresh(self.redraw, offset)

    @once_shown
    def action_axis(self) -> None:
        """Lay blocks out against time, or against the operations one after the other."""
        picture = self.time_grid.picture
        if not self.against_time or picture is None:
            self.notify("m shows the blocks against time", timeout=3)
        elif not picture.axis.has_times:
            self.notify("the operations have no times of one clock", timeout=3)
        else:
            self._by_time = not self._by_time
            self.redraw()

    def action_blocks(self) -> None:
        """Focus the table of blocks, or the cells again; where both have no room, show it instead of them."""
        to_table = not self.block_grid.has_focus
        self.set_class(to_table, "-blocks")
        (self.block_grid if to_table else self.cells).focus()
        if to_table and self.subject is not None:
            self._show_range(self.subject, *self.cells.range)

    @once_shown
    def action_metric(self, steps: int) -> None:
        """Show the next metric."""
        subject = self.subjects[self._device]
        metrics = list(METRICS if self.against_time else subject.metrics)
        if self.metric not in metrics:
            self.metric = Metric.PROGRAMS
        self.metric = metrics[(metrics.index(self.metric) + steps) % len(metrics)]
        self.redraw()

    @once_shown
    def action_look(self) -> None:
        """Draw cells in the next look."""
        self.grid.look = LOOKS[(LOOKS.index(self.grid.look) + 1) % len(LOOKS)]
        self.redraw()

    @once_shown
    def action_zoom(self, steps: int) -> None:
        """Zoom in or out."""
        subject = self.subjects[self._device]
        zoom = min(max(self._zoom_of(subject) + steps, 0), len(subject.zooms) - 1)
        if self.against_time:
            self._time_cell_bytes = subject.zooms[zoom]
        else:
            self.cell_bytes = subject.zooms[zoom]
        self.redraw()

    @once_shown
    def action_device(self) -> None:
        """Show the next device."""
        self._device = (self._device + 1) % len(self.subjects)
        self.choose(Selection(self.subjects[self._device].device))
        self.redraw(0)

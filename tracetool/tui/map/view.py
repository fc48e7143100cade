"""The map view: heading, heat map, range under the cursor, legend."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work

from tracetool.tui.actions import bindings_of
from tracetool.tui.device_view import DeviceView, once_shown
from tracetool.tui.drawing import Heading
from tracetool.tui.map.grid import MapGrid
from tracetool.tui.map.looks import LOOKS, Legend
from tracetool.tui.messages import FilterTo, Pick, Selection
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.heatmap import draw

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.flash_map import Shape
    from tracetool.viewmodel.heatmap import Subject

__all__ = ["MapView"]

_FURNITURE = 4
"""Lines of the map beside those of the extent: its end, and the fold of the padding."""


class MapView(DeviceView):
    """Heat map of the operations of a session."""

    BINDINGS = bindings_of("map")
    LOW = 10

    def __init__(self) -> None:
        super().__init__()
        self.metric = Metric.PROGRAMS
        self.cell_bytes: int | None = None  # until a zoom is chosen, the smallest at which all cells fit
        self._several = False
        self._shape: Shape | None = None
        self._moment: tuple[str, int, int] | None = None
        self._until: tuple[int, int] | None = None
        self._counted: tuple[int, int] | None = None
        self._counting = False

    def compose(self) -> ComposeResult:
        """Heading, cells, the range under the cursor, legend."""
        yield Heading("reading the trace…")
        yield MapGrid()
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
        self.subjects, self._several = found, len(session.audit.devices) > 1
        if found:
            self.redraw()
        else:
            self.query_one(Heading).say("no device whose size is known: give --board or --geometry")

    def on_resize(self, event: events.Resize) -> None:
        """Lay out rows of as many cells as there is room for."""
        if self.grid.shape_in(event.size.width) != self._shape:
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
        grid = self.grid
        look, self._shape = grid.look, grid.shape_in(self.size.width)
        cell_bytes = subject.zooms[self._zoom_of(subject)]
        drawing = await asyncio.to_thread(draw, subject, cell_bytes, self.metric, self._shape, until)
        self.query_one(Heading).say(drawing.words)
        self.query_one(Legend).explain(drawing.most, self.metric, lambda: look.swatches(grid.colours))
        grid.show(drawing, look, offset)
        self._mark_moment()

    def _zoom_of(self, subject: Subject) -> int:
        """The chosen zoom, or the closest at which the extent fits."""
        if self.cell_bytes is not None:
            wanted, zooms = self.cell_bytes, subject.zooms
            return min(range(len(zooms)), key=lambda zoom: abs(zooms[zoom] - wanted))
        lines = max(self.grid.size.height - _FURNITURE, 1)
        return subject.zoom_for(lines * self.grid.shape_in(self.size.width).cells)

    def follow(self, device: str, start: int, end: int, played: tuple[int, int] | None) -> None:
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

    def on_map_grid_moved(self, message: MapGrid.Moved) -> None:
        """Describe the range; select the event of a clicked place in all views."""
        message.stop()
        drawing = self.grid.drawing
        subject = None if drawing is None else drawing.subject
        if subject is None:
            return
        self.query_one("#range", Heading).say(subject.words(message.start, message.end))
        event = subject.event_at(message.start, message.end) if message.picked else None
        if event is not None:
            self.post_message(Pick(Selection(subject.device, *event)))

    def on_map_grid_opened(self, message: MapGrid.Opened) -> None:
        """Show the operations of the range that was double-clicked."""
        message.stop()
        self.action_open()

    # --- actions -------------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Show the operations of the range in the timeline."""
        if self.subject is not None:
            self.post_message(FilterTo(self.subject.query(*self.grid.range, several=self._several)))

    @once_shown
    def action_metric(self, steps: int) -> None:
        """Show the next metric."""
        metrics = list(Metric)
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
        self.cell_bytes = subject.zooms[zoom]
        self.redraw()

    @once_shown
    def action_device(self) -> None:
        """Show the next device."""
        self._device = (self._device + 1) % len(self.subjects)
        self.redraw(0)

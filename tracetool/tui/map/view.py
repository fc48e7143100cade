"""The map view: what is counted, the cells, the range under the cursor, and a legend."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work
from textual.containers import Vertical

from tracetool.tui.drawing import Heading
from tracetool.tui.map.grid import LOOKS, MapGrid
from tracetool.tui.map.legend import Legend
from tracetool.tui.messages import FilterTo, Pick
from tracetool.viewmodel.bins import Metric
from tracetool.viewmodel.heatmap import draw, subjects
from tracetool.viewmodel.selection import Selection

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.flash_map import Shape
    from tracetool.viewmodel.heatmap import Subject

__all__ = ["MapView"]

_FURNITURE = 4
"""Lines of the map that hold no cells inside the extent: its end, and what is known of the padding."""


class MapView(Vertical):
    """Shows the operations of what was loaded as a heat map."""

    DEFAULT_CSS = """
    MapView { height: 1fr; }
    MapView MapGrid { height: 1fr; }
    MapView #range { height: 2; background: $panel; }
    MapView.-low Legend { display: none; }
    MapView.-low Heading { height: 1; }
    MapView.-low #range { height: 1; }
    """
    _LOW = 10

    def __init__(self) -> None:
        super().__init__()
        self.subjects: tuple[Subject, ...] = ()
        self.metric = Metric.PROGRAMS
        self._device = 0
        self.cell_bytes: int | None = None  # the smallest of which all fit, until somebody wants others
        self._several = False
        self._waiting: AuditSession | None = None
        self._shape: Shape | None = None
        self._moment: tuple[str, int, int] | None = None
        self._until: tuple[int, int] | None = None
        self._counted: tuple[int, int] | None = None
        self._counting = False
        self._early: list[MapGrid.Asked] = []  # keys that were pressed before there is anything to be shown

    def compose(self) -> ComposeResult:
        """The parts."""
        yield Heading("reading the trace…")
        yield MapGrid()
        words = Heading()
        words.id = "range"
        yield words
        yield Legend()

    def restore(self, metric: str | None, cell_bytes: int | None, look: str | None) -> None:
        """Show what was shown another time; what is not known any more stays as it is."""
        self.metric = next((known for known in Metric if known.value == metric), self.metric)
        self.cell_bytes = cell_bytes
        if self.grid.look is LOOKS[0]:  # or else the terminal has no colours
            self.grid.look = next((known for known in LOOKS if known.name == look), LOOKS[0])
        self.redraw()

    @property
    def grid(self) -> MapGrid:
        """The cells."""
        return self.query_one(MapGrid)

    @property
    def subject(self) -> Subject | None:
        """The device that is shown."""
        return self.subjects[self._device] if self.subjects else None

    # --- what is shown -------------------------------------------------------------------------------------------

    def show_session(self, loaded: AuditSession) -> None:
        """Show other tables, as soon as the view is in front."""
        self._waiting = loaded
        if self.is_on_screen and self.display:
            self.on_show()

    def on_show(self) -> None:
        """The view is in front: show what was loaded since it last was."""
        loaded, self._waiting = self._waiting, None
        if loaded is not None:
            self._take(loaded)
        self._count_on()

    @work(exclusive=True, group="map-load")
    async def _take(self, loaded: AuditSession) -> None:
        """The same device as before, where it is still there."""
        before = self.subject
        found = await asyncio.to_thread(subjects, loaded)
        names = [subject.device for subject in found]
        self._device = names.index(before.device) if before is not None and before.device in names else 0
        self.subjects, self._several = found, len(loaded.audit.devices) > 1
        early, self._early = self._early, []
        if found:
            self.redraw()
            for message in early:
                self.on_part_styles_asked(message)
        else:
            self.query_one(Heading).say("no device whose size is known: give --board or --geometry")

    def on_resize(self, event: events.Resize) -> None:
        """Rows of as many cells as there is room for."""
        self.set_class(event.size.height < self._LOW, "-low")
        if self.grid.shape_in(event.size.width) != self._shape:
            self.redraw()

    @work(exclusive=True, group="map-draw")
    async def redraw(self, offset: int | None = None) -> None:
        """Count and lay out in a thread, and show that; the cursor stays where it is in the flash."""
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
        """The zoom that is wanted, or the closest at which all that counts is seen."""
        if self.cell_bytes is not None:
            wanted, zooms = self.cell_bytes, subject.zooms
            return min(range(len(zooms)), key=lambda zoom: abs(zooms[zoom] - wanted))
        lines = max(self.grid.size.height - _FURNITURE, 1)
        return subject.zoom_for(lines * self.grid.shape_in(self.size.width).cells)

    def follow(self, device: str, start: int, end: int, played: tuple[int, int] | None) -> None:
        """Mark where another view is looking, and count what had been done by the event that was played last."""
        self._moment = (device, start, end)
        self._mark_moment()
        self._until = played
        self._count_on()

    def _mark_moment(self) -> None:
        if self._moment is not None and self.subject is not None:
            device, start, end = self._moment
            self.grid.follow(start, end if device == self.subject.device else start)

    def _count_on(self) -> None:
        """Count up to the newest moment, one count after the other however fast it changes."""
        if not self._counting and self._counted != self._until and self.is_on_screen and self.display:
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
        """Say what was done there; a place that was picked is selected in the timeline."""
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
        """Show the operations of the range in the timeline."""
        message.stop()
        if self.subject is not None:
            self.post_message(FilterTo(self.subject.query(*self.grid.range, several=self._several)))

    # --- what is counted -----------------------------------------------------------------------------------------

    def on_part_styles_asked(self, message: MapGrid.Asked) -> None:
        """Count something else, cut the flash into other cells, or show another device."""
        message.stop()
        subject = self.subject
        if subject is None:
            self._early.append(message)
            return
        if message.what == "metric":
            metrics = list(Metric)
            self.metric = metrics[(metrics.index(self.metric) + message.steps) % len(metrics)]
        elif message.what == "look":
            self.grid.look = LOOKS[(LOOKS.index(self.grid.look) + message.steps) % len(LOOKS)]
        elif message.what == "zoom":
            zoom = min(max(self._zoom_of(subject) + message.steps, 0), len(subject.zooms) - 1)
            self.cell_bytes = subject.zooms[zoom]
        else:
            self._device = (self._device + message.steps) % len(self.subjects)
        self.redraw(0 if message.what == "device" else None)

"""The filter of all views: its chips, and who is told what passes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracetool.findings.phrases import count_of
from tracetool.tui.chip_bar import ChipBar, ChipsScreen
from tracetool.tui.controller import Controller
from tracetool.tui.front import Narrows
from tracetool.tui.time_lane import LaneBar
from tracetool.tui.views import VIEWS
from tracetool.viewmodel.chips import chip_offers
from tracetool.viewmodel.filters import Chip, Filter
from tracetool.viewmodel.passing import what_passes
from tracetool.viewmodel.time_lane import TimeLane

if TYPE_CHECKING:
    from textual.widget import Widget

    from tracetool.viewmodel.chips import Offer
    from tracetool.viewmodel.passing import Passing
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["Filtering"]


class Filtering(Controller):
    """Changes the chips of the timeline's filter, and shows in all views what passes."""

    _passing: Passing | None = None

    @property
    def filter(self) -> Filter:
        """The filter."""
        timeline = self.app.timeline_view.timeline
        return Filter() if timeline is None else timeline.filter

    def set(self, chosen: Filter | None) -> None:
        """Take another filter; None leaves it as it is."""
        if chosen is not None and self.app.timeline_view.timeline is not None:
            self.app.timeline_view.change(lambda timeline: timeline.set_filter(chosen))
            self.show()

    def add(self, chip: Chip) -> None:
        """Add a chip, or put it in the place of that of its slot."""
        self.set(self.filter.with_chip(chip))

    def show(self) -> None:
        """Show the chips, and tell the views what passes."""
        if self.renew():
            for view in VIEWS:
                widget = self.app.query_one(f"#{view.id}")
                if isinstance(widget, Narrows):
                    widget.narrow(self._passing)

    def renew(self) -> bool:
        """Count again what passes, for the chips and the time lane; False without rows."""
        timeline = self.app.timeline_view.timeline
        if timeline is None or not self.app.query(ChipBar):  # an app that ends has lost its parts
            return False
        passing = self._passing = what_passes(timeline.tables, timeline.filter)
        total = count_of(len(timeline.tables.operations), "operation")
        words = "" if passing is None else f"{len(passing.numbers):,} of {total}"
        self.app.query_one(ChipBar).show(timeline.filter, words)
        if timeline.session.complete:
            self.app.query_one(LaneBar).show(TimeLane(timeline.tables, passing))
            self.app.mark_time()
        return True

    def narrow(self, widget: Widget) -> None:
        """Tell a view, which showed everything, what passes."""
        if self._passing is not None and isinstance(widget, Narrows):
            widget.narrow(self._passing)

    def action_toggle(self) -> None:
        """Switch all chips off or on."""
        timeline = self.app.ready()
        if timeline is None:
            return
        if not timeline.filter.chips:
            self.app.tell("there is no filter; f and c make one")
            return
        self.set(replace(timeline.filter, on=not timeline.filter.on))

    def action_chips(self) -> None:
        """List chips to add, switch or drop."""
        timeline = self.app.ready()
        if timeline is not None:
            self.app.push_screen(ChipsScreen(timeline.filter, self._offers(timeline)), self._set_later)

    def _set_later(self, chosen: Filter | None) -> None:
        """Take another filter once the list has closed: a table below it does not scroll while it is covered."""
        self.app.call_later(self.set, chosen)

    def _offers(self, timeline: Timeline) -> list[Offer]:
        chosen = self.app.selection
        if chosen.event is None and self.app.event is not None:
            trace, seq = self.app.event
            chosen = replace(chosen, trace=trace, seq=seq)
        return list(chip_offers(timeline.tables, chosen))

    def on_toggled(self, number: int) -> None:
        """Switch a chip that was clicked off or on."""
        if number < len(self.filter.chips):
            self.set(self.filter.toggled(number))

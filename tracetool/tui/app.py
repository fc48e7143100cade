"""The app: views over one session, the thread that loads it, and controllers for all else."""

from __future__ import annotations

import gc
import os
import signal
from typing import TYPE_CHECKING, ClassVar

from textual.widget import Widget
from textual.widgets import ContentSwitcher

from tracetool.tui.actions import binding
from tracetool.tui.bars import KeyBar, TopBar
from tracetool.tui.base_app import BaseApp
from tracetool.tui.chip_bar import ChipBar
from tracetool.tui.danger import DangerView
from tracetool.tui.divider import Divided
from tracetool.tui.filtering import Filtering
from tracetool.tui.findings import FindingsView
from tracetool.tui.front import WAITING, Follows
from tracetool.tui.guest import GuestWatch
from tracetool.tui.image import ImageView
from tracetool.tui.labels import LabelsScreen
from tracetool.tui.line_grid import LineGrid  # noqa: TC001  textual reads the annotations
from tracetool.tui.map import MapView
from tracetool.tui.messages import (  # noqa: TC001  textual reads the annotations
    Chosen,
    FilterTo,
    JumpTo,
    MomentChanged,
    ShowTorn,
)
from tracetool.tui.navigation import Navigation
from tracetool.tui.palette import ActionCommands, Palette
from tracetool.tui.persistence import Persistence
from tracetool.tui.prompt import Prompt
from tracetool.tui.prompts import Prompts
from tracetool.tui.renewal import Renewal
from tracetool.tui.screens import HelpScreen
from tracetool.tui.sessions import Sessions
from tracetool.tui.time_lane import LaneBar
from tracetool.tui.timeline import TimelineView
from tracetool.tui.variables import VariablesView
from tracetool.tui.views import ACTIONS, VIEWS
from tracetool.tui.what_if import WhatIfBar
from tracetool.tui.who import WhoView
from tracetool.viewmodel.chips import TIME
from tracetool.viewmodel.filters import Chip
from tracetool.viewmodel.selection import Selection, selection_at
from tracetool.viewmodel.status import title
from tracetool.viewmodel.trail import Spot, Trail

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.dom import DOMNode

    from tracetool.recording.background import BackgroundRecording
    from tracetool.tui.actions import Action
    from tracetool.viewmodel.audit_session import AuditSession, Job, Settings
    from tracetool.viewmodel.growing_trace import GrowingTrace
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["TraceApp"]

_WITHOUT_EVENTS = ("overview", "findings", "who")
"""Views in which a selected event cannot be seen."""


class TraceApp(BaseApp):
    """The app over the traces that `job` loads, at an event (trace, seq) if `begins_at` says one.

    `growing` is a trace that is followed, and `recording` writes it.
    """

    TITLE = "tracetool"
    COMMANDS: ClassVar = {ActionCommands}
    BINDINGS = [binding(action) for action in ACTIONS if action.where == "anywhere"]

    def __init__(
        self,
        job: Job,
        *,
        keys: Path | None = None,
        remembers_in: Path | None = None,
        exports: bool = True,
        growing: GrowingTrace | None = None,
        recording: BackgroundRecording | None = None,
        begins_at: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(keys)
        self.job: Job | None = job
        self.session: AuditSession | None = None
        self.given: Settings | None = None
        """The settings of the first session, those of the command line."""
        self.selection = Selection()
        """The selection of all views, without an event until the user goes to one."""
        self.exports = exports
        """False where no file may be written, as in a browser."""
        self.trail = Trail()
        self._leave: Spot | None = None
        self.navigation = Navigation(self)
        self.prompts = Prompts(self)
        self.persistence = Persistence(self, remembers_in)
        self.filtering = Filtering(self)
        self.sessions = Sessions(self, begins_at)
        self.renewal = None if growing is None else Renewal(self, growing)
        self.guest = None if recording is None else GuestWatch(self, recording)
        self._action_targets |= {"navigation", "prompts", "persistence", "filtering"}

    def compose(self) -> ComposeResult:
        """Views, empty until the trace is loaded, and the lines around them."""
        yield TopBar(VIEWS)
        yield WhatIfBar()
        yield LaneBar()
        yield ChipBar()
        with ContentSwitcher(initial=VIEWS[0].id):
            for view in VIEWS:
                yield view.widget()
        yield Prompt()
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the user's keys, handle signals, and wait for the trace."""
        self.watch_loop()
        self.watch_termination(self._end)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._hang_up)
        self.persistence.restore_layout()
        self.take_own_keys()
        self.action_view(VIEWS[0].id)
        if self.guest is not None:
            self.guest.begin()
        self.sessions.wait()

    def on_exit_app(self) -> None:
        """Save the state where the page of the app was closed."""
        if self.session is not None:
            self.persistence.save_place()

    def on_unmount(self) -> None:
        """Restore the signal handlers and the collection of all garbage."""
        gc.unfreeze()
        if signal.getsignal(signal.SIGHUP) == self._hang_up:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)

    # --- progress ------------------------------------------------------------------------------------------------

    def say_title(self) -> None:
        """Say what is shown, unless the app has ended meanwhile."""
        for bar in self.query(TopBar):
            bar.say("" if self.session is None else title(self.session))

    def action_cancel(self) -> None:
        """Stop an export or auditing again, or clear the selection."""
        if self.prompts.exporting.stop():
            return
        if self.job is not None:
            if self.session is None:  # without a first audit there is nothing to go back to
                self.tell("the trace is still being read; q leaves")
            else:
                self.job.cancel()
            return
        ranged = {"map": self.query_one(MapView).cells, "image": self.query_one(ImageView).grid}
        ranged.get(self.current_view, self.timeline_view.grid).drop_range()

    # --- views ---------------------------------------------------------------------------------------------------

    @property
    def current_view(self) -> str:
        """Id of the view in front."""
        return self.query_one(ContentSwitcher).current or VIEWS[0].id

    @property
    def timeline_view(self) -> TimelineView:
        """The timeline."""
        return self.query_one(TimelineView)

    def action_view(self, name: str) -> None:
        """Show a view, and focus what takes its keys unless the prompt has them."""
        self.query_one(ContentSwitcher).current = name
        self.query_one(TopBar).mark(name)
        if name in self.sessions.old_views:
            self.call_later(self.sessions.show_new, name)
        if not self.query_one(Prompt).asking:
            widgets = self.query_one(f"#{name}").walk_children(with_self=True)
            next(widget for widget in widgets if widget.focusable).focus()  # type: ignore[attr-defined]

    @property
    def front(self) -> Widget:
        """The view in front."""
        return self.query_one(f"#{self.current_view}")

    def ready(self, *, partly: bool = False) -> Timeline | None:
        """The timeline's rows; None, and a notification, while the trace is read.

        `partly`: the rows of a partial session will do.
        """
        timeline = self.timeline_view.timeline
        if timeline is None or not (timeline.session.complete or partly):
            self.tell(WAITING)
            return None
        return timeline

    def timeline_in_front(self, *, partly: bool = False) -> Timeline | None:
        """As `ready`, and show the timeline."""
        timeline = self.ready(partly=partly)
        if timeline is not None and self.current_view != "timeline":
            self.action_view("timeline")
        return timeline

    # --- the selection -------------------------------------------------------------------------------------------

    @property
    def event(self) -> tuple[int, int] | None:
        """The selected event, (trace, seq); until one is, that of the timeline's first row."""
        return self.selection.event or self.timeline_view.event

    def select(self, chosen: Selection, view: str = "") -> None:
        """Select in all views but `view`, which shows it already; without an event, the event stays as it is."""
        timeline = self.timeline_view.timeline
        if chosen.event is not None and chosen.bytes is None and timeline is not None:
            chosen = selection_at(timeline.tables, *chosen.event)
        left, self._leave = self._leave or self._spot, None
        self.selection = chosen.over(self.selection)
        if not view:  # no view shows it already: it is a jump
            self.trail.jumped(left, self._spot)
        for other in VIEWS:
            if other.id == view:
                self.sessions.unselected.discard(view)
            elif other.id in self.sessions.old_views:
                self.sessions.unselected.add(other.id)
            elif isinstance(widget := self.query_one(f"#{other.id}"), Follows):
                widget.follow(self.selection)
        self.mark_time()

    @property
    def _spot(self) -> Spot:
        """The view in front and the selection."""
        return Spot(self.current_view, self.selection)

    def action_trail(self, forth: bool) -> None:
        """Go back to the place that the last jump left, or forth again."""
        found = self.trail.forth(self._spot) if forth else self.trail.back(self._spot)
        if found is None:
            self.tell("no jump was undone" if forth else "no jump was made")
            return
        self.action_view(found.view)
        self.selection = found.selection
        for view in VIEWS:
            widget = self.query_one(f"#{view.id}")
            if isinstance(widget, Follows):
                widget.follow(self.selection)

    def select_event(self, trace: int, seq: int) -> None:
        """Select an event in all views, and show one of them in which it can be seen."""
        self.select(Selection(trace=trace, seq=seq))
        if self.current_view in _WITHOUT_EVENTS:
            self.action_view("timeline")

    def on_chosen(self, message: Chosen) -> None:
        """Select in all views what the user chose in one; no view posts it again, as that could arrive too late."""
        self.select(message.selection, message.view)

    def on_top_bar_chosen(self, message: TopBar.Chosen) -> None:
        """Show the view whose tab was clicked."""
        self.action_view(message.view)

    def on_jump_to(self, message: JumpTo) -> None:
        """Show the event in the timeline."""
        self._leave = self._spot
        self.action_view("timeline")
        self.select(Selection(trace=message.trace, seq=message.seq))

    async def on_show_torn(self, message: ShowTorn) -> None:
        """Show what a power cut leaves in the image."""
        self.action_view("image")
        await self.query_one(ImageView).show_torn(message.device, message.torn)

    def on_filter_to(self, message: FilterTo) -> None:
        """Filter all views."""
        left = self._spot
        self.filtering.add(Chip(message.query, message.slot))
        if message.to_timeline:
            self.action_view("timeline")
            self.trail.jumped(left, self._spot)

    # --- the time lane -------------------------------------------------------------------------------------------

    def action_lane(self) -> None:
        """Focus the time lane, or the view again."""
        lane = self.query_one(LaneBar)
        if lane.has_focus:
            self.action_view(self.current_view)
        elif lane.display:
            lane.focus()
        else:
            self.tell(WAITING if lane.model is None else "the terminal is too low for the time lane")

    def on_resize(self) -> None:
        """Give the time lane the lines that there are."""
        for lane in self.query(LaneBar):
            lane.fit()

    def on_lane_bar_left(self) -> None:
        """Focus the view again."""
        if not self.query_one(Prompt).asking:
            self.action_view(self.current_view)

    def on_lane_bar_brushed(self, message: LaneBar.Brushed) -> None:
        """Filter by a range of time."""
        model = self.query_one(LaneBar).model
        if model is not None:
            self.filtering.add(Chip(model.query(message.start, message.end), TIME))

    def on_lane_bar_picked(self, message: LaneBar.Picked) -> None:
        """Select what was written at a time."""
        model = self.query_one(LaneBar).model
        event = None if model is None else model.event_at(message.position, backward=message.backward)
        if event is not None:
            self.select(Selection(trace=event[0], seq=event[1]))

    def mark_time(self) -> None:
        """Mark the selected event in the time lane."""
        lane, event = self.query_one(LaneBar), self.selection.event
        if lane.model is not None and event is not None:
            lane.mark(lane.model.position(*event))

    # --- the filter ----------------------------------------------------------------------------------------------

    def on_chip_bar_toggled(self, message: ChipBar.Toggled) -> None:
        """Switch a chip off or on."""
        self.filtering.on_toggled(message.number)

    def on_moment_changed(self, message: MomentChanged) -> None:
        """Mark in the map where the image's moment was made; while it is played, count what was done by then."""
        self.query_one(MapView).follow_moment(message.device, message.start, message.end, message.played)

    def on_prompt_closed(self) -> None:
        """Focus the view again, unless the app has ended meanwhile and the views are gone."""
        if self.query(ContentSwitcher):
            self.action_view(self.current_view)

    # --- the rest ------------------------------------------------------------------------------------------------

    async def perform(self, action: Action) -> None:
        """Run an action of the palette in the widget that it works in."""
        image, map_view, timeline = self.query_one(ImageView), self.query_one(MapView), self.timeline_view
        targets: dict[str, DOMNode] = {
            "anywhere": self,
            "timeline": timeline,
            "table": timeline.grid,
            "map": map_view,
            "map-cells": map_view.cells,
            "image": image,
            "image-bytes": image.grid,
            "findings": self.query_one(FindingsView),
            "variables": self.query_one(VariablesView),
            "danger": self.query_one(DangerView),
            "who": self.query_one(WhoView),
            "lane": self.query_one(LaneBar),
        }
        await self.run_action(action.call, targets[action.where])

    def action_command_palette(self) -> None:
        """Show the command palette."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_labels(self) -> None:
        """Show letters on the parts that can have the focus."""
        parts = [part for part in self.front.walk_children(with_self=True) if isinstance(part, Widget)]
        tabs = list(self.query_one(TopBar).tabs)
        self.push_screen(LabelsScreen([part for part in parts if part.focusable and part.is_on_screen], tabs))

    def action_edge(self, columns: int) -> None:
        """Move the divider of the view in front."""
        parts = [part for part in self.front.walk_children(Divided) if part.movable]
        if parts:
            parts[0].move_edge(columns)
        else:
            self.tell("nothing stands side by side here")

    def on_divided_resized(self, message: Divided.Resized) -> None:
        """Remember the width of a part."""
        self.persistence.keep_width(message.part, message.width)

    def on_line_grid_looked(self, message: LineGrid.Looked) -> None:
        """Remember the look of a table."""
        self.persistence.keep_look(message.grid)

    def action_suspend(self) -> None:
        """Stop the app and return to the shell."""
        if self._driver is None or not self._driver.can_suspend:
            self.tell("there is no shell to return to")
        else:
            self.action_suspend_process()

    def action_help(self) -> None:
        """List all keys, those of the view in front first."""
        self.push_screen(HelpScreen(self.current_view, self.own_keys))

    def action_leave(self) -> None:
        """Quit, with exit code 0; what becomes of a guest is asked first."""
        if self.guest is None or not self.guest.asks():
            self.leave()

    def leave(self) -> None:
        """Quit, with exit code 0."""
        self._end(0)

    def _hang_up(self, *_: object) -> None:
        """Save the state and end at once: the terminal is gone, and writing to it blocks."""
        try:
            if self.session is not None:
                self.persistence.save_place()
            if self.guest is not None:
                self.guest.hang_up()
        finally:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGHUP)

    def _end(self, code: int) -> None:
        """Quit, and save the state; no progress is shown any more, as the views go."""
        job, self.job = self.job, None
        self.prompts.exporting.stop()
        if job is not None:
            job.cancel()
        if self.renewal is not None:
            self.renewal.stop()
        if self.session is not None:
            self.persistence.save_place()
        self.exit(code)

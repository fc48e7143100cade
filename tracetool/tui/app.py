"""The app: views over one session, the thread that loads it, and controllers for all else."""

from __future__ import annotations

import asyncio
import os
import signal
from importlib.resources import files
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual.widgets import ContentSwitcher

from tracetool.sanitize import sanitize
from tracetool.tui.actions import binding
from tracetool.tui.bars import KeyBar, TopBar
from tracetool.tui.danger import DangerView
from tracetool.tui.image import ImageView
from tracetool.tui.key_queue import KeyQueue
from tracetool.tui.keys import keys_path, read_keys
from tracetool.tui.map import MapView
from tracetool.tui.messages import FilterTo, JumpTo, MomentChanged, Pick  # noqa: TC001  textual reads the annotations
from tracetool.tui.navigation import Navigation
from tracetool.tui.palette import ActionCommands, Palette
from tracetool.tui.persistence import Persistence
from tracetool.tui.prompt import Prompt
from tracetool.tui.prompts import Prompts
from tracetool.tui.screens import HelpScreen, MainScreen
from tracetool.tui.theme import DARK, FEW_COLOURS, LIGHT, THEMES, in_sixteen_colours
from tracetool.tui.timeline import TimelineView
from tracetool.tui.variables import VariablesView
from tracetool.tui.views import ACTIONS, VIEWS
from tracetool.viewmodel.audit_session import start
from tracetool.viewmodel.status import progress_words, title

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.dom import DOMNode
    from textual.timer import Timer

    from tracetool.tui.actions import Action
    from tracetool.tui.messages import Selection
    from tracetool.viewmodel.audit_session import AuditSession, Job, Settings
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["TraceApp"]

_POLL_SECONDS = 0.04
_PARTIAL_SECONDS = 1.5
"""Seconds between partial sessions, which are shown while the first session is loaded."""
_INTERRUPTED = 130
_TERMINATED = 128 + signal.SIGTERM


class TraceApp(KeyQueue):
    """The app over the traces that `job` loads."""

    TITLE = "tracetool"
    CSS = files("tracetool.tui").joinpath("app.tcss").read_text(encoding="utf-8")
    COMMANDS: ClassVar = {ActionCommands}
    BINDINGS = [binding(action) for action in ACTIONS if action.where == "anywhere"]

    def __init__(self, job: Job, *, keys: Path | None = None, remembers_in: Path | None = None) -> None:
        super().__init__()
        self.job: Job | None = job
        self.session: AuditSession | None = None
        self.selection: Selection | None = None
        self.own_keys: dict[str, str] = {}
        self.navigation = Navigation(self)
        self.prompts = Prompts(self)
        self.persistence = Persistence(self, remembers_in)
        self._action_targets |= {"navigation", "prompts", "persistence"}
        self._keys_path = keys or keys_path()
        self._timer: Timer | None = None
        self._next_partial = 0.0
        few = self.console.color_system in FEW_COLOURS
        for theme in THEMES:
            self.register_theme(in_sixteen_colours(theme) if few else theme)
        self.theme = DARK.name

    def get_default_screen(self) -> MainScreen:
        """The screen of the views."""
        return MainScreen(id="_default")

    def compose(self) -> ComposeResult:
        """Views, empty until the trace is loaded, and the lines around them."""
        yield TopBar(VIEWS)
        with ContentSwitcher(initial=VIEWS[0].id):
            for view in VIEWS:
                yield view.widget()
        yield Prompt()
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the user's keys, handle signals, and wait for the trace."""
        self.watch_loop()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end, _TERMINATED)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._hang_up)
        self.own_keys, wrong = read_keys(self._keys_path)
        self.set_keymap(self.own_keys)
        if wrong is not None:
            self.tell(wrong, wrong=True)
        self.action_view(VIEWS[0].id)
        self._wait()

    def on_unmount(self) -> None:
        """Restore the signal handlers."""
        if signal.getsignal(signal.SIGHUP) == self._hang_up:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def tell(self, words: str, *, wrong: bool = False) -> None:
        """Notify the user; never as markup."""
        self.notify(
            sanitize(words), severity="error" if wrong else "information", markup=False, timeout=6 if wrong else 3
        )

    # --- loading -------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        self._timer = self.set_interval(_POLL_SECONDS, self._poll)
        self._poll()

    def _poll(self) -> None:
        """Show the progress of the thread; at its end, take the session."""
        job = self.job
        if job is None:
            return
        if not job.done.is_set():
            words = progress_words(job.progress)
            self.query_one(TopBar).say(f"{words}  {'q leaves' if self.session is None else 'Esc stops'}")
            for view in VIEWS:
                view.wait(self.query_one(f"#{view.id}"), words)
            self._show_partial(job)
            return
        if self._timer is not None:
            self._timer.stop()
        self.job = None
        self._take(job)

    def _show_partial(self, job: Job) -> None:
        """Show the operations read so far in the timeline, now and then, while the first session is loaded."""
        now = monotonic()
        if self.session is not None or now < self._next_partial:
            return
        self._next_partial = now + _PARTIAL_SECONDS
        partial = job.partial_session()
        if partial is not None:
            self.timeline_view.show(partial)

    def _take(self, job: Job) -> None:
        if job.result is not None:
            self.session = job.result
            self.call_later(self._show_session, job.result)
        elif self.session is None:
            self.failure = job.error
            self.exit(_INTERRUPTED)
            return
        elif job.error is not None:
            self.tell(str(job.error), wrong=True)
        self.query_one(TopBar).say("" if self.session is None else title(self.session))
        self.refresh_bindings()

    async def _show_session(self, session: AuditSession) -> None:
        """Show a session in all views, the one in front first."""
        for view in sorted(VIEWS, key=lambda view: view.id != self.current_view):
            if self.ended:
                return
            done = self.query_one(f"#{view.id}").show(view.model(session))  # type: ignore[attr-defined]
            if done is not None:
                await done
        self.persistence.restore_place(session)
        self.refresh_bindings()

    def load_again(self, settings: Settings) -> None:
        """Audit the same traces under other settings; the session that is shown stays until then."""
        if self.session is None:
            return
        if self.job is not None:
            self.job.cancel()
        self.job = start(self.session.traces, settings)
        self._wait()

    def action_cancel(self) -> None:
        """Stop auditing again, or clear the selection."""
        if self.job is not None:
            if self.session is None:  # without a first audit there is nothing to go back to
                self.tell("the trace is still being read; q leaves")
            else:
                self.job.cancel()
            return
        (self.query_one(MapView) if self.current_view == "map" else self.timeline_view).grid.drop_range()

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
        if not self.query_one(Prompt).asking:
            widgets = self.query_one(f"#{name}").walk_children(with_self=True)
            next(widget for widget in widgets if widget.focusable).focus()  # type: ignore[attr-defined]

    def ready(self, *, partly: bool = False) -> Timeline | None:
        """The timeline's rows, with the timeline in front; None, and a notification, while the trace is read.

        `partly`: the rows of a partial session will do.
        """
        timeline = self.timeline_view.timeline
        if timeline is None or not (timeline.session.complete or partly):
            self.tell("the trace is still being read")
            return None
        if self.current_view != "timeline":
            self.action_view("timeline")
        return timeline

    def on_top_bar_chosen(self, message: TopBar.Chosen) -> None:
        """Show the view whose tab was clicked."""
        self.action_view(message.view)

    def on_jump_to(self, message: JumpTo) -> None:
        """Show the event in the timeline."""
        self.action_view("timeline")
        self.timeline_view.go_to_event(message.trace, message.seq)

    def on_timeline_view_selected(self, message: TimelineView.Selected) -> None:
        """Select the timeline's event for all views."""
        self.selection = message.selection
        if message.visited:
            self.query_one(ImageView).follow(message.selection)
            self.query_one(VariablesView).follow(message.selection)
            self.query_one(DangerView).follow(message.selection)

    def on_pick(self, message: Pick) -> None:
        """Select an event in the other views; no view posts it again, as that could arrive after the next pick."""
        chosen = self.selection = message.selection
        if chosen.seq is not None:
            with self.timeline_view.prevent(TimelineView.Selected):
                self.timeline_view.go_to_event(chosen.trace, chosen.seq)
        if not message.moment:
            self.query_one(ImageView).follow(chosen)
        self.query_one(VariablesView).follow(chosen)
        self.query_one(DangerView).follow(chosen)

    def on_filter_to(self, message: FilterTo) -> None:
        """Show the operations that match a query."""
        wrong = self.prompts.set_filter(message.query)
        self.action_view("timeline")
        if wrong is not None:
            self.tell(wrong, wrong=True)

    def on_moment_changed(self, message: MomentChanged) -> None:
        """Mark in the map where the image's moment was made; while it is played, count what was done by then."""
        self.query_one(MapView).follow(message.device, message.start, message.end, message.played)

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
            "map-cells": map_view.grid,
            "image": image,
            "image-bytes": image.grid,
            "variables": self.query_one(VariablesView),
            "danger": self.query_one(DangerView),
        }
        await self.run_action(action.call, targets[action.where])

    def action_command_palette(self) -> None:
        """Show the command palette."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_theme(self) -> None:
        """Switch between the light and the dark theme."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def action_help(self) -> None:
        """List all keys, those of the view in front first."""
        self.push_screen(HelpScreen(self.current_view, self.own_keys))

    def action_help_quit(self) -> None:
        """Say which key quits; textual calls this for Ctrl+C where nothing is selected."""
        self.tell("q leaves")

    def action_leave(self) -> None:
        """Quit, with exit code 0."""
        self._end(0)

    def _hang_up(self, *_: object) -> None:
        """Save the state and end at once: the terminal is gone, and writing to it blocks."""
        try:
            if self.session is not None:
                self.persistence.save_place()
        finally:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGHUP)

    def _end(self, code: int) -> None:
        """Quit, and save the state; no progress is shown any more, as the views go."""
        job, self.job = self.job, None
        if job is not None:
            job.cancel()
        if self.session is not None:
            self.persistence.save_place()
        self.exit(code)

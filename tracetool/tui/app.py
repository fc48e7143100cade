"""The app: views, the line at the top, and a thread that loads what they show."""

from __future__ import annotations

import asyncio
import os
import signal
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from textual.widgets import ContentSwitcher

from tracetool.tui.actions import bindings_of
from tracetool.tui.help import HelpScreen
from tracetool.tui.image import ImageView
from tracetool.tui.key_bar import KeyBar
from tracetool.tui.keys import keys_path, read_keys
from tracetool.tui.map import MapView
from tracetool.tui.messages import FilterTo, JumpTo, MomentChanged, Pick  # noqa: TC001  textual reads the annotations
from tracetool.tui.palette import ActionCommands
from tracetool.tui.persistence import Persistence
from tracetool.tui.prompt import Prompt
from tracetool.tui.screens import MainScreen
from tracetool.tui.theme import DARK, FEW_COLOURS, LIGHT, THEMES, in_sixteen_colours
from tracetool.tui.timeline import TimelineView
from tracetool.tui.top_bar import TopBar
from tracetool.tui.views import VIEWS
from tracetool.viewmodel.audit_session import start
from tracetool.viewmodel.status import progress_words, title

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.timer import Timer

    from tracetool.tui.actions import Action
    from tracetool.viewmodel.audit_session import AuditSession, Job, Settings

__all__ = ["TraceApp"]

_POLL = 0.04
_PART = 1.5
"""Seconds between two looks at what has been read so far."""
_INTERRUPTED = 130
_TERMINATED = 128 + signal.SIGTERM


class TraceApp(Persistence):
    """The app over traces that `job` is loading."""

    TITLE = "tracetool"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar = {ActionCommands}
    BINDINGS = bindings_of("anywhere")  # type: ignore[assignment]
    CSS = """
    Screen { layers: base; background: $background; }
    ContentSwitcher { height: 1fr; }
    ToastRack { margin-bottom: 2; }
    """

    def __init__(self, job: Job, *, keys: Path | None = None, remembers_in: Path | None = None) -> None:
        super().__init__()
        self.job: Job | None = job
        self._histories = {}
        self.remembers_in = remembers_in
        self._keys_path = keys or keys_path()
        self.own_keys: dict[str, str] = {}
        self._timer: Timer | None = None
        self._next_part = 0.0
        few = self.console.color_system in FEW_COLOURS
        for theme in THEMES:
            self.register_theme(in_sixteen_colours(theme) if few else theme)
        self.theme = DARK.name

    def get_default_screen(self) -> MainScreen:
        """The screen of the views."""
        return MainScreen(id="_default")

    def compose(self) -> ComposeResult:
        """The skeleton, which is seen while the trace is read."""
        yield TopBar(VIEWS)
        with ContentSwitcher(initial=VIEWS[0].id):
            for view in VIEWS:
                yield view.widget()
        yield Prompt()
        yield KeyBar()

    def on_mount(self) -> None:
        """Take the user's keys, and wait for the trace."""
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
        """Leave signals as they were."""
        if signal.getsignal(signal.SIGHUP) == self._hang_up:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)

    # --- loading -------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        self._timer = self.set_interval(_POLL, self._look)
        self._look()

    def _look(self) -> None:
        """Show how far the thread is; take what it has loaded."""
        job = self.job
        if job is None:
            return
        if not job.done.is_set():
            words = progress_words(job.progress)
            self.query_one(TopBar).say(f"{words}  {'q leaves' if self.loaded is None else 'Esc stops'}")
            for view in VIEWS:
                view.wait(self.query_one(f"#{view.id}"), words)
            self._show_so_far(job)
            return
        if self._timer is not None:
            self._timer.stop()
        self.job = None
        self._take(job)

    def _show_so_far(self, job: Job) -> None:
        """The rows there are, now and then, before anything else can be shown."""
        now = monotonic()
        if self.loaded is not None or now < self._next_part:
            return
        self._next_part = now + _PART
        part = job.partial_session()
        if part is not None:
            self.view().show_session(part)

    def _take(self, job: Job) -> None:
        if job.result is not None:
            self.loaded = job.result
            self.call_later(self._show_session, job.result)
        elif self.loaded is None:
            self.failure = job.error
            self.exit(_INTERRUPTED)
            return
        elif job.error is not None:
            self.tell(str(job.error), wrong=True)
        self.query_one(TopBar).say("" if self.loaded is None else title(self.loaded))
        self.refresh_bindings()

    async def _show_session(self, loaded: AuditSession) -> None:
        """Give it to the views, that in front first."""
        for view in sorted(VIEWS, key=lambda view: view.id != self.current_view):
            done = view.show(self.query_one(f"#{view.id}"), loaded)
            if done is not None:
                await done
        self.recall_place(loaded)
        self.refresh_bindings()

    def load_again(self, settings: Settings) -> None:
        """Audit the same traces under other settings; what is shown stays until that is done."""
        if self.loaded is None:
            return
        if self.job is not None:
            self.job.cancel()
        self.job = start(self.loaded.traces, settings)
        self._wait()

    def action_cancel(self) -> None:
        """Stop auditing again, or drop the selection."""
        if self.job is not None:
            if self.loaded is None:  # without a first audit there is nothing to go back to
                self.tell("the trace is still being read; q leaves")
            else:
                self.job.cancel()
            return
        (self.query_one(MapView) if self.current_view == "map" else self.query_one(TimelineView)).grid.drop_range()

    # --- views ---------------------------------------------------------------------------------------------------

    def on_top_bar_chosen(self, message: TopBar.Chosen) -> None:
        """A tab was clicked."""
        self.action_view(message.view)

    def on_jump_to(self, message: JumpTo) -> None:
        """Show the event in the timeline."""
        self.action_view("timeline")
        self.query_one(TimelineView).go_to_event(message.trace, message.seq)

    def on_timeline_view_selected(self, message: TimelineView.Selected) -> None:
        """The timeline's event is selected for all views."""
        chosen = self.selection = message.selection
        if message.visited:
            for image in self.screen_stack[0].query(ImageView):
                image.follow(chosen)

    def on_pick(self, message: Pick) -> None:
        """An event was selected elsewhere: the views follow, without an echo, which could come after the next pick."""
        chosen = self.selection = message.selection
        for timeline in self.screen_stack[0].query(TimelineView):
            if chosen.seq is not None:
                with timeline.prevent(TimelineView.Selected):
                    timeline.go_to_event(chosen.trace, chosen.seq)
        if not message.moment:
            for image in self.screen_stack[0].query(ImageView):
                image.follow(chosen)

    def on_filter_to(self, message: FilterTo) -> None:
        """Show the operations that a query selects."""
        wrong = self._filter(message.query)
        self.action_view("timeline")
        if wrong is not None:
            self.tell(wrong, wrong=True)

    def on_moment_changed(self, message: MomentChanged) -> None:
        """The map shows where the image's moment was made, and what had been done by then while it is played."""
        for view in self.screen_stack[0].query(MapView):
            view.follow(message.device, message.start, message.end, message.played)

    def on_prompt_closed(self) -> None:
        """The keys are the view's again."""
        self.action_view(self.current_view)

    # --- the rest ------------------------------------------------------------------------------------------------

    async def perform(self, action: Action) -> None:
        """Do what an action says, where it works now."""
        timeline = self.query_one(TimelineView)
        targets: dict[str, Any] = {
            "anywhere": self,
            "timeline": timeline,
            "table": timeline.grid,
            "map": self.query_one(MapView).grid,
            "image": self.query_one(ImageView).grid,
        }
        await self.run_action(action.call, targets[action.where])

    def action_theme(self) -> None:
        """Light or dark."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def action_help(self) -> None:
        """All keys."""
        places = {"timeline": ["timeline", "table"], "map": ["map"], "image": ["image"]}
        self.push_screen(HelpScreen(places.get(self.current_view, []), self.own_keys))

    def action_help_quit(self) -> None:
        """What textual's Ctrl+C does where nothing is selected."""
        self.tell("q leaves")

    def action_leave(self) -> None:
        """Leave, with exit code 0."""
        self._end(0)

    def _hang_up(self, *_: object) -> None:
        """The terminal is gone: remember where this was, and end at once, as whatever is written to it blocks."""
        try:
            if self.loaded is not None:
                self.remember_place()
        finally:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGHUP)

    def _end(self, code: int) -> None:
        """Leave, and remember where this was."""
        if self.job is not None:
            self.job.cancel()
        if self.loaded is not None:
            self.remember_place()
        self.exit(code)

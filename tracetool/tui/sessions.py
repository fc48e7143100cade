"""Sessions: the thread that loads one, and what the views show of it."""

from __future__ import annotations

import gc
from time import monotonic
from typing import TYPE_CHECKING

from tracetool.tui.bars import TopBar
from tracetool.tui.controller import Controller
from tracetool.tui.front import Follows
from tracetool.tui.views import VIEWS
from tracetool.tui.what_if import WhatIfBar
from tracetool.viewmodel.audit_session import start
from tracetool.viewmodel.status import progress_words, title
from tracetool.viewmodel.what_if import changes_words

if TYPE_CHECKING:
    from textual.timer import Timer

    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.audit_session import AuditSession, Job, Settings

__all__ = ["Sessions"]

_POLL_SECONDS = 0.04
_WORDS_SECONDS = 0.2
"""Seconds between words on the progress: each time the screen is drawn, which the loading thread waits for."""
_PARTIAL_SECONDS = 1.5
"""Seconds between partial sessions, which are shown while the first session is loaded."""
_INTERRUPTED = 130


class Sessions(Controller):
    """Waits for the session that a thread loads, and shows it in the views, the first one at the event `begins_at`."""

    def __init__(self, app: TraceApp, begins_at: tuple[int, int] | None) -> None:
        super().__init__(app)
        self._begins_at = begins_at
        self._timer: Timer | None = None
        self._next_words = self._next_partial = 0.0
        self.old_views: set[str] = set()
        """Views that show a growing trace as it was, until they come in front."""
        self.unselected: set[str] = set()
        """Those of them that were not told of the selection."""

    def wait(self) -> None:
        """Take the session of the app's job, once it is there."""
        self._timer = self.app.set_interval(_POLL_SECONDS, self.poll)
        self.poll()

    def poll(self) -> None:
        """Show the progress of the thread; at its end, take the session."""
        job = self.app.job
        if job is None:
            return
        if not job.done.is_set():
            self._show_progress(job)
            self._show_partial(job)
            return
        if self._timer is not None:
            self._timer.stop()
        self.app.job = None
        self._take(job)

    def _show_progress(self, job: Job) -> None:
        """Say how far the thread is, above and in the view in front."""
        now = monotonic()
        if now < self._next_words:
            return
        self._next_words = now + _WORDS_SECONDS
        words = progress_words(job.progress)
        self.app.query_one(TopBar).say(f"{words}  {'q leaves' if self.app.session is None else 'Esc stops'}")
        next(view for view in VIEWS if view.id == self.app.current_view).wait(self.app.front, words)

    def _show_partial(self, job: Job) -> None:
        """Show the operations read so far in the timeline, now and then, while the first session is loaded."""
        now = monotonic()
        if self.app.session is not None or now < self._next_partial:
            return
        self._next_partial = now + _PARTIAL_SECONDS
        partial = job.partial_session()
        if partial is not None:
            self.app.timeline_view.show(partial)

    def _take(self, job: Job) -> None:
        app = self.app
        if job.result is not None:
            app.session = job.result
            app.given = app.given or job.result.settings
            app.query_one(WhatIfBar).say(changes_words(app.given, job.result.settings))
            app.call_later(self._show, job.result)
        elif app.session is None:
            app.failure = job.error
            app.exit(_INTERRUPTED)
            return
        elif job.error is not None:
            app.tell(str(job.error), wrong=True)
        app.query_one(TopBar).say("" if app.session is None else title(app.session))
        app.refresh_bindings()

    async def _show(self, session: AuditSession) -> None:
        """Show a session in all views, the one in front first."""
        for view in sorted(VIEWS, key=lambda view: view.id != self.app.current_view):
            if self.app.ended:
                return
            done = self.app.query_one(f"#{view.id}").show(view.model(session))  # type: ignore[attr-defined]
            if done is not None:
                await done
        if self.app.ended:
            return
        self.app.filtering.show()
        self.old_views.clear()
        self.unselected.clear()
        self.app.persistence.restore_place(session)
        if self._begins_at is not None:
            self.app.select_event(*self._begins_at)
            self._begins_at = None
        self.app.refresh_bindings()
        # A full collection goes through all that was loaded, for 0.1 s in a long trace, in which no key is answered.
        gc.unfreeze()
        if not session.growing:  # of which there will be many
            gc.freeze()
        if self.app.renewal is not None and not self.app.renewal.begun:
            self.app.renewal.begin(session)

    async def show_grown(self, session: AuditSession) -> None:
        """Show a session of the same trace, which has grown: in the view in front, later in others."""
        self.app.session = session
        self.old_views = {view.id for view in VIEWS} - {"timeline"}  # which knows by itself what it does not show yet
        if self.app.ended:
            return
        with self.app.batch_update():  # the screen is drawn once
            self.app.timeline_view.take(session)
            self.app.filtering.renew()
            if next(view for view in VIEWS if view.id == self.app.current_view).renewed:
                await self.show_new(self.app.current_view)
            self.app.say_title()  # which knows of an app that has ended

    async def show_new(self, name: str) -> None:
        """Show in a view what it does not show yet of a trace that has grown."""
        view = next(view for view in VIEWS if view.id == name)
        if self.app.session is None or self.app.ended or name not in self.old_views:
            return
        widget = self.app.front if name == self.app.current_view else self.app.query_one(f"#{name}")
        self.old_views.discard(name)
        done = widget.show(view.model(self.app.session))  # type: ignore[attr-defined]
        if done is not None:
            await done
        if not widget.is_attached:  # the app has ended meanwhile
            return
        self.app.filtering.narrow(widget)
        if name in self.unselected and isinstance(widget, Follows):
            self.unselected.discard(name)
            widget.follow(self.app.selection)

    @property
    def differs(self) -> bool:
        """True while the views show other settings than those given."""
        return self.app.session is not None and self.app.session.settings != self.app.given

    def load_again(self, settings: Settings | None) -> None:
        """Audit the same traces under other settings; the session that is shown stays until then."""
        if self.app.session is None or settings is None:
            return
        if self.app.job is not None:
            self.app.job.cancel()
        self.app.job = start(self.app.session.traces, settings)
        self.wait()

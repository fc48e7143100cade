"""A trace that is followed: the views are shown anew as it grows."""

from __future__ import annotations

from time import monotonic, process_time
from typing import TYPE_CHECKING

from tracetool.findings import Severity
from tracetool.findings.arrivals import Arrivals, finding_line
from tracetool.findings.phrases import count_of
from tracetool.sanitize import sanitize
from tracetool.tui.controller import Controller
from tracetool.tui.prompt import Prompt

if TYPE_CHECKING:
    from tracetool.tui.app import TraceApp
    from tracetool.viewmodel.audit_session import AuditSession, Job
    from tracetool.viewmodel.growing_trace import GrowingTrace

__all__ = ["Renewal"]

_LOOK_S = 0.1
_LEAST_S = 0.5
"""Seconds between renewals."""

_SHARE = 3.5
"""Renewals take at most this part of a core's time, below a third: some audit the whole trace, or show much anew."""

_PAUSES = 100
"""What has come is read after a pause of this many times what the last renewal took, but for events that would wait
for `MOST_DELAY_S`."""

_MOST = 10
"""Renewals take place after this many times what the last one took, however busy the app is otherwise."""

_TOLD_S = 10

_LOUDNESS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


class Renewal(Controller):
    """Asks for the audit of a growing trace again and again, shows it, and announces findings that are new."""

    def __init__(self, app: TraceApp, growing: GrowingTrace) -> None:
        super().__init__(app)
        self._growing = growing
        self._arrivals = Arrivals()
        self._job: Job | None = None
        self._started = monotonic()
        self._worked = process_time()
        self._took = 0.0
        self._held = ""
        self._showing = self._ended = self.begun = False

    def begin(self, session: AuditSession) -> None:
        """Look for more from now on."""
        self.begun = True
        self._arrivals.new(session.audit.findings)
        self._note(session)
        self.app.set_interval(_LOOK_S, self._look)

    def stop(self) -> None:
        """Read no more."""
        self._growing.stop()
        if self._job is not None:
            self._job.cancel()

    @property
    def busy(self) -> bool:
        """True while a session is audited or shown."""
        return self._job is not None or self._showing

    def _note(self, session: AuditSession) -> None:
        self._took = monotonic() - self._started
        self._growing.pause(_PAUSES * (process_time() - self._worked))
        if not session.growing and not self._ended:
            self._ended = True
            error = self._growing.error
            if error is not None:
                self.app.tell(str(error), wrong=True)
            else:
                self.app.tell("the trace has ended: all of it is shown")

    def _look(self) -> None:
        """Say what happened to the file; take the session that was audited, or begin with the next."""
        while self._growing.sentences:
            self.app.tell(self._growing.sentences.popleft())
        session = self.app.session
        if session is None or self._showing or self.app.job is not None or self.app.ended:
            return
        if self._job is None:
            if session.growing and self._is_due(session):
                self._started, self._worked = monotonic(), process_time()
                self._job = self._growing.job(session.settings, sum(trace.events for trace in session.traces))
        elif self._job.done.is_set() and not self._is_asked:
            job, self._job = self._job, None
            if job.result is not None and job.result.settings is session.settings:
                self._showing = True
                self.app.call_later(self._show, job.result)
            elif job.error is not None:
                self.app.tell(str(job.error), wrong=True)
        else:
            self._say_held(self._job.progress.held)

    def _say_held(self, why: str) -> None:
        """Say once why what has come cannot be audited."""
        held, self._held = self._held, why
        if why and why != held:
            self.app.tell(f"not audited yet: {why}", wrong=True)

    @property
    def _is_asked(self) -> bool:
        """True while something lies over the views, which do not change below it."""
        return len(self.app.screen_stack) > 1 or self.app.query_one(Prompt).asking

    def _is_due(self, session: AuditSession) -> bool:
        if self._growing.events == session.traces[0].events and not self._growing.ended.is_set():
            return False
        passed, worked = monotonic() - self._started, process_time() - self._worked
        return passed >= _LEAST_S and passed >= min(_SHARE * worked, _MOST * self._took + _LEAST_S)

    async def _show(self, session: AuditSession) -> None:
        try:
            await self.app.sessions.show_grown(session)
        finally:
            self._showing = False
        if not self.app.ended:
            self._announce(session)
            self._note(session)

    def _announce(self, session: AuditSession) -> None:
        """Announce findings that are new, the worst in words; the focus stays where it is."""
        found = sorted(self._arrivals.new(session.audit.findings), key=lambda finding: -finding.severity)
        if found:
            more = f"; {count_of(len(found) - 1, 'more finding')}" if len(found) > 1 else ""
            self.app.notify(
                sanitize(f"{finding_line(found[0])}{more}"),
                title="new finding",
                severity=_LOUDNESS.get(found[0].severity, "information"),  # type: ignore[arg-type]
                markup=False,
                timeout=_TOLD_S,
            )

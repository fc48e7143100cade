"""A trace that is followed: read in a thread as it grows, and audited in another by one replay that goes on with it."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING

from tracetool.analysis.boots import LAST
from tracetool.analysis.options import ANY_DEVICE, VALUES
from tracetool.analysis.runs import has_code, with_runs
from tracetool.audit.audit import audit_replayed
from tracetool.errors import InputError, TracetoolError
from tracetool.ingest.following import LOOK_S, PAUSE_S
from tracetool.runs.directory import read_run_directory
from tracetool.viewmodel.audit_session import KEPT, Job, Progress, Settings, load, session_of
from tracetool.viewmodel.cached_trace import CachedTrace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

    from tracetool.analysis.options import Options
    from tracetool.audit.audit import SoFar
    from tracetool.ingest import Health, TraceMeta, TraceReader
    from tracetool.ingest.following import Following
    from tracetool.viewmodel.audit_session import AuditSession

__all__ = ["GrowingTrace", "TraceSoFar"]

_AT_ONCE = 1 << 16
"""Most events that are replayed at once."""


class GrowingTrace(CachedTrace):
    """A trace that was opened with `following`, kept while it is read.

    Attributes:
        ended: set when it was stopped, or has ended.
        error: why it could not be read on.
        sentences: what is said of its file, oldest first: that it was replaced, truncated or removed.
    """

    def __init__(self, reader: TraceReader, following: Following) -> None:
        super().__init__(reader)
        self.ended = Event()
        self.error: TracetoolError | None = None
        self.sentences: deque[str] = deque()
        self._following = following
        self.changed = Condition()
        """Notified when there is more, or something else to do for the audit."""
        self._audit: _GrowingAudit | None = None
        self._read: tuple[TraceMeta, Health] = self._facts()
        self._thread = Thread(target=self._follow, name="following", daemon=True)
        following.say = self.sentences.append

    def start(self) -> GrowingTrace:
        """Start to read."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the trace where it is."""
        self._following.stop()

    def pause(self, seconds: float) -> None:
        """Deliver events less often, where none of them waits for `MOST_DELAY_S`."""
        self._following.pause_s = max(PAUSE_S, seconds)

    @property
    def is_due(self) -> bool:
        """False while there is more to be read at once."""
        return self._following.due

    def _follow(self) -> None:
        try:
            for frame in self._inner.chunks():
                with self.changed:
                    self._keep(frame)
                    self._merge_short()
                    self._read = self._facts()
                    self.changed.notify_all()
        except TracetoolError as error:
            self.error = error
        finally:
            self._reread_run()
            with self.changed:
                self._read = self._facts()
                self.ended.set()
                self.changed.notify_all()

    def _reread_run(self) -> None:
        """What a run directory says at the end: how the guest ended, and its images."""
        reader = self._inner
        if reader.meta.run is None:
            return
        doubt = reader.meta.run.run.doubt
        with suppress(InputError):
            reader.meta.run = read_run_directory(reader.meta.run.path)
            if reader.health.truncated == doubt:
                reader.health.truncated = reader.meta.run.run.doubt

    def _facts(self) -> tuple[TraceMeta, Health]:
        meta, health = self._inner.meta, self._inner.health
        return replace(meta, shapes=Counter(meta.shapes), clocks=set(meta.clocks)), health.copy()

    def so_far(self) -> TraceSoFar:
        """What was read until now."""
        with self.changed:
            return TraceSoFar(self, self._frames, self._starts, self._read)

    def job(self, settings: Settings, shown: int = 0) -> Job:
        """Ask, in a thread that was started, for the audit of what was read, once that is more than `shown` events.

        What cannot be audited yet, as a process that was asked for and comes later, is waited for.
        """
        progress = Progress()
        if self._audit is None or self._audit.settings != settings:
            if self._audit is not None:
                self._audit.stop()
            self._audit = _GrowingAudit(self, settings).start()
        audit, least = self._audit, max(self.events, shown + 1)
        audit.ask(least)

        def work() -> AuditSession:
            while (found := audit.answer(least)) is None:
                progress.held = audit.held
                progress.report(*audit.progress)
            return found

        return Job(work, progress).start()


class TraceSoFar(CachedTrace):
    """The events of a `GrowingTrace` at one moment."""

    def __init__(
        self, growing: GrowingTrace, frames: list[pl.DataFrame], starts: list[int], read: tuple[TraceMeta, Health]
    ) -> None:
        super().__init__(growing)
        self.growing = not growing.ended.is_set()
        self._frames, self._starts, self.events = [*frames], [*starts], growing.events
        self._meta, self._health = read
        self._complete = True

    @property
    def meta(self) -> TraceMeta:
        """Facts about the trace."""
        return self._meta

    @property
    def health(self) -> Health:
        """Counts and damage, as of the last event."""
        return self._health


class _Stopped(Exception):  # noqa: N818  nothing went wrong
    """The audit was stopped."""


class _GrowingAudit:
    """The audit of a growing trace under some settings, in a thread: sessions are made when they are asked for.

    It is the reader of its own replay, which waits in `chunks` for more events: nothing is replayed while a session is
    made.
    """

    rereadable = True

    def __init__(self, growing: GrowingTrace, settings: Settings) -> None:
        self.settings = settings
        self.progress: tuple[int, int | None] = 0, None
        """Events replayed, and those that are there."""
        self.held = ""
        """Why what was read cannot be audited."""
        self._growing = growing
        self._changed = growing.changed
        self._trace = growing.so_far()
        self._known: Callable[[], SoFar] | None = None
        self._readings = 0
        self._asked: int | None = None
        """Least events of the session that is asked for; None: none is."""
        self._session: AuditSession | None = None
        self._error: Exception | None = None
        self._stopped = False

    def start(self) -> _GrowingAudit:
        """Start the thread."""
        Thread(target=self._run, name="auditing", daemon=True).start()
        return self

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def ask(self, least: int) -> None:
        """Ask for a session of so many events at least, or of the whole that has ended."""
        with self._changed:
            self._asked = least
            self._changed.notify_all()

    def answer(self, least: int) -> AuditSession | None:
        """The session that was asked for, after a moment of waiting; None: not yet.

        Raises:
            Exception: what the audit raised at the end of the trace.
        """
        with self._changed:
            if self._error is None and not self._answers(least):
                self._changed.wait(LOOK_S)
            if self._error is not None:
                raise self._error
            return self._session if self._answers(least) else None

    def _answers(self, least: int) -> bool:
        session = self._session
        if session is None or not session.growing:
            return session is not None
        return session.traces[0].events >= least and not self._growing.ended.is_set()

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        with suppress(_Stopped):
            try:
                if not _is_whole(self._trace, self.settings.options):
                    try:
                        return self._go_on()
                    except TracetoolError as error:  # raised again at the end, if more events do not mend it
                        self.held = str(error)
                self._begin_again()
            except Exception as error:  # noqa: BLE001  raised by `answer`
                with self._changed:
                    self._error = error
                    self._changed.notify_all()

    def _go_on(self) -> None:
        """Audit by one replay, to the end; where that had to begin again, the whole is audited then."""
        settings = self.settings
        options = replace(settings.options, **KEPT)
        runs = with_runs([self._trace], options)
        found = audit_replayed([self], options, settings.rules, guests=settings.guests, fed=self._feed)
        trace = self._trace
        if self._readings > 1 or with_runs([trace], options) != runs:
            self._take(load([trace], settings))
        else:
            self._take(session_of([trace], settings, *found))

    def _begin_again(self) -> None:
        """Audit all of it each time; what is wrong is raised at the end."""
        growing = self._growing
        self._trace = self._wait(lambda: True)
        while True:
            try:
                self._take(load([self._trace], self.settings))
                self.held = ""
            except TracetoolError as error:
                if not self._trace.growing:
                    raise
                self.held = str(error)
            if not self._trace.growing:
                return
            self._trace = self._wait(lambda: self._asked is not None and growing.events > self._trace.events)

    def _wait(self, comes: Callable[[], bool]) -> TraceSoFar:
        """Wait for something, or the end; what was read by then."""
        growing = self._growing
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or growing.ended.is_set() or comes())
            if self._stopped:
                raise _Stopped
            if growing.error is not None and not growing.events:
                raise growing.error
            return growing.so_far()

    def _feed(self, known: Callable[[], SoFar]) -> None:
        self._known = known

    def _take(self, session: AuditSession) -> None:
        with self._changed:
            self._session, self._asked = session, None
            self._changed.notify_all()

    # --- as a reader ---------------------------------------------------------------------------------------------

    @property
    def meta(self) -> TraceMeta:
        """Facts about the trace."""
        return self._trace.meta

    @property
    def health(self) -> Health:
        """Counts and damage, as of the last event."""
        return self._trace.health

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Frames of `EVENTS_SCHEMA`, to the end of the trace; sessions are made where there is no more yet."""
        at = 0
        self._known = None
        self._readings += 1
        while True:
            self._trace = now = self._wait(partial(self._comes, at))
            while at < now.events:
                yield (frame := now.rows(at, _AT_ONCE, trace))
                at += len(frame)
                self.progress = at, now.events
            if not now.growing:
                return
            if self._is_asked(at):
                self._make_session(now)

    def _comes(self, events: int) -> bool:
        return self._growing.events > events or self._is_asked(events)

    def _is_asked(self, events: int) -> bool:
        """True where a session of so many events is asked for, and there are no more of them at once."""
        return self._asked is not None and events >= self._asked and self._known is not None and self._growing.is_due

    def _make_session(self, now: TraceSoFar) -> None:
        if self._known is not None:
            found = self._known()
            self._take(session_of([now], self.settings, found.replayed, found.audit()))


def _is_whole(trace: TraceSoFar, options: Options) -> bool:
    """True where the audit depends on all that was read: a last boot, a device told by what it does, callers."""
    unnamed = any(ANY_DEVICE in getattr(options, name) for name in VALUES.values())
    return unnamed or options.boot == LAST or has_code([trace], options)

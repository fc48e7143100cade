"""A trace that is followed: read in a thread as it grows, and audited as far as it was read."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import suppress
from dataclasses import replace
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from tracetool.errors import InputError, TracetoolError
from tracetool.ingest.following import LOOK_S
from tracetool.runs.directory import read_run_directory
from tracetool.viewmodel.audit_session import Job, Progress, Settings, load
from tracetool.viewmodel.cached_trace import CachedTrace

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from tracetool.ingest import Health, TraceMeta, TraceReader
    from tracetool.ingest.following import Following
    from tracetool.viewmodel.audit_session import AuditSession

__all__ = ["GrowingTrace", "TraceSoFar"]


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
        self._lock = Lock()
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

    def _follow(self) -> None:
        try:
            for frame in self._inner.chunks():
                with self._lock:
                    self._keep(frame)
                    self._merge_short()
                    self._read = self._facts()
        except TracetoolError as error:
            self.error = error
        finally:
            self._reread_run()
            with self._lock:
                self._read = self._facts()
            self.ended.set()

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
        return (
            replace(meta, shapes=Counter(meta.shapes), clocks=set(meta.clocks)),
            replace(
                health,
                first_damaged=[*health.first_damaged],
                lost_places=[*health.lost_places],
                host_write_failures=[*health.host_write_failures],
                starts=[*health.starts],
            ),
        )

    def so_far(self, report: Callable[[int, int | None], None]) -> TraceSoFar:
        """What was read until now; later reads of it are reported."""
        with self._lock:
            return TraceSoFar(self, self._frames, self._starts, self._read, report)

    def job(self, settings: Settings, shown: int = 0) -> Job:
        """Audit, in a thread that was started, what was read until now, once that is more than `shown` events.

        What cannot be audited yet, as a process that was asked for and comes later, is waited for.
        """
        progress = Progress()

        def work() -> AuditSession:
            most = shown
            while True:
                ended = self.ended.is_set()
                if self.events > most or ended:
                    most = self.events
                    if self.error is not None and not most:
                        raise self.error
                    try:
                        return load([self.so_far(progress.report)], settings)
                    except TracetoolError:
                        if ended:
                            raise
                progress.report(0, None)
                self.ended.wait(LOOK_S)

        return Job(work, progress).start()


class TraceSoFar(CachedTrace):
    """The events of a `GrowingTrace` at one moment."""

    def __init__(
        self,
        growing: GrowingTrace,
        frames: list[pl.DataFrame],
        starts: list[int],
        read: tuple[TraceMeta, Health],
        report: Callable[[int, int | None], None],
    ) -> None:
        super().__init__(growing)
        self.growing = not growing.ended.is_set()
        self._frames, self._starts, self.events = [*frames], [*starts], growing.events
        self._meta, self._health = read
        self._complete, self.on_reread = True, report

    @property
    def meta(self) -> TraceMeta:
        """Facts about the trace."""
        return self._meta

    @property
    def health(self) -> Health:
        """Counts and damage, as of the last event."""
        return self._health

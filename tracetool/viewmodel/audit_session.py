"""The audit and its tables for the app, loaded in a thread with progress; can be cancelled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import polars as pl

from replay.backing import Policy
from tracetool.analysis.options import Options
from tracetool.analysis.runs import has_code
from tracetool.analysis.session import Replayed
from tracetool.audit import Audit
from tracetool.audit.audit import audit_replayed
from tracetool.findings.phrases import count_of
from tracetool.findings.registry import DEFAULTS, RuleOptions
from tracetool.ingest.foreign import require_events
from tracetool.timeline.operations import OPERATIONS_SCHEMA
from tracetool.viewmodel.cached_trace import CachedTrace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tracetool.analysis.history import History
    from tracetool.audit import DeviceAudit
    from tracetool.ingest import TraceReader
    from tracetool.uefi.store_timeline import StoreTimeline
    from tracetool.viewmodel.heatmap import Subject

__all__ = [
    "KEPT",
    "NO_CODE",
    "AuditSession",
    "Cancelled",
    "Job",
    "Progress",
    "Settings",
    "load",
    "partial_session",
    "session_of",
    "start",
]


NO_CODE = "no log of the guest's code (record --who, or --who-log FILE)"
"""Why the code behind operations is not known, where no trace `has_code`."""


class Cancelled(Exception):  # noqa: N818  nothing went wrong
    """The work was cancelled."""


@dataclass(frozen=True)
class Settings:
    """Settings of the audit: the command line's options, or those entered in the app since."""

    options: Options = field(default_factory=Options)
    rules: RuleOptions = DEFAULTS
    guests: int = 1


@dataclass
class Progress:
    """Progress in bytes of files or in kept events; written by the thread, read by the app."""

    done: int = 0
    total: int | None = None
    stop: Event = field(default_factory=Event, repr=False)
    held: str = ""
    """Why what was read of a trace that grows cannot be audited, unless more events mend it."""

    def report(self, done: int, total: int | None) -> None:
        """Set the progress; Cancelled after a stop."""
        if self.stop.is_set():
            raise Cancelled
        self.done, self.total = done, total

    @property
    def share(self) -> float | None:
        """0 to 1; None where the total is not known."""
        return min(self.done / self.total, 1.0) if self.total else None


@dataclass(frozen=True)
class AuditSession:
    """The audit, with its operations, and the traces it was made of.

    `starts` are the recorded times (ns) of each trace's first event, from which its times count, None without times.
    """

    traces: tuple[CachedTrace, ...]
    settings: Settings
    audit: Audit
    starts: tuple[int | None, ...]
    complete: bool = True
    """False while the traces are still being read: there is no audit yet, and there will be more rows."""
    replayed: Replayed = field(default_factory=Replayed, repr=False, compare=False)
    """The devices with their journals; empty while the traces are being read."""

    def store_timeline(self, device: str) -> StoreTimeline | None:
        """The life of a device's variable store, followed once; None where there was none."""
        found = self.replayed.devices.get(device)
        return None if found is None else found.followed_store

    @property
    def growing(self) -> bool:
        """True where more of its traces was to come."""
        return any(trace.growing for trace in self.traces)

    @property
    def operations(self) -> pl.DataFrame:
        """Timeline of all devices, a frame of `OPERATIONS_SCHEMA`."""
        return self.audit.operations

    def history(self, device: str) -> History | None:
        """Contents of a device at every moment, computed once; None where it was not replayed."""
        found = self.replayed.devices.get(device)
        return None if found is None else found.history()

    def policy_history(self, device: str) -> History | None:
        """The contents under the policy that was asked for; None where none was, or they are the recorded ones."""
        found = self.replayed.devices.get(device)
        return None if found is None or self.settings.options.policy is None else found.policy_history()

    def device(self, name: str) -> DeviceAudit | None:
        """The audit of a device."""
        return next((device for device in self.audit.devices if device.name == name), None)

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """The devices with their operations by place, which map and image share."""
        from tracetool.viewmodel.heatmap import subjects  # noqa: PLC0415  neither is shown before the verdict

        return subjects(self)

    @property
    def extents(self) -> dict[str, int]:
        """The extent of each device that has one, in bytes."""
        return {device.name: device.extent.bytes for device in self.audit.devices if device.extent is not None}

    @property
    def has_code(self) -> bool:
        """True where a trace has a log of the guest's code."""
        return has_code(self.traces, self.settings.options)

    @property
    def written(self) -> str | None:
        """The only device that is written; None for none or several."""
        written = [device.name for device in self.audit.devices if device.totals.writes and not device.excused]
        return written[0] if len(written) == 1 else None

    @property
    def name(self) -> str:
        """Names of the traces, for titles."""
        first = self.traces[0].meta.name
        more = len(self.traces) - 1
        return f"{first} and {count_of(more, 'more trace')}" if more else first


KEPT: dict[str, Any] = {"keep_operations": True, "keep_occurrences": True, "journal": True, "checkpoints": True}
"""Options of an audit for the app."""


def load(
    traces: Sequence[CachedTrace], settings: Settings, begun: Callable[[Replayed], None] | None = None
) -> AuditSession:
    """Audit the traces, and keep the timeline; `begun` is called with the result of each pass before it is filled.

    Raises:
        InputError: a trace or image cannot be read, or holds no pflash event.
        UsageError: options contradict each other or the trace.
        Cancelled: the progress that the traces report to was stopped.
    """
    options = replace(settings.options, **KEPT, unfinished=any(trace.growing for trace in traces))
    found = audit_replayed(traces, options, settings.rules, guests=settings.guests, begun=begun)
    return session_of(traces, settings, *found)


def session_of(traces: Sequence[CachedTrace], settings: Settings, replayed: Replayed, audit: Audit) -> AuditSession:
    """The session of traces that were audited with the options `KEPT`; InputError where they hold no event."""
    require_events(traces, sum(trace.events for trace in traces))
    for trace, report in zip(traces, replayed.traces, strict=True):
        trace.label = report.processes.label
    return AuditSession(tuple(traces), settings, audit, replayed.starts, replayed=replayed)


def partial_session(traces: Sequence[CachedTrace], settings: Settings, replayed: Replayed) -> AuditSession | None:
    """The operations that have ended so far, while the thread goes on; None for none."""
    frames = [frame for device in list(replayed.devices.values()) for frame in list(device.operations)]
    if not frames:
        return None
    operations = pl.concat([OPERATIONS_SCHEMA.to_frame(), *frames]).sort("trace", "first_seq")
    audit = Audit(settings.options.policy or Policy.DISCARD, settings.guests, (), (), (), operations=operations)
    return AuditSession(tuple(traces), settings, audit, tuple(map(_first_time, traces)), complete=False)


_FIRST = 1000
"""Events that are searched for the first time while the trace is being read."""


def _first_time(trace: CachedTrace) -> int | None:
    times = trace.rows(0, _FIRST)["time_ns"].drop_nulls()
    return int(times[0]) if len(times) else None


class Job:
    """Work in a thread: `done` is set at its end, with `result` or `error`, or neither where it was cancelled."""

    def __init__(
        self,
        work: Callable[[], AuditSession],
        progress: Progress,
        partial_session: Callable[[], AuditSession | None] = lambda: None,
    ) -> None:
        self._work = work
        self.progress = progress
        self.partial_session = partial_session
        self.done = Event()
        self.result: AuditSession | None = None
        self.error: Exception | None = None
        self._thread = Thread(target=self._run, name="loading", daemon=True)

    def start(self) -> Job:
        """Start the thread."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Stop the work at the next report of progress."""
        self.progress.stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; False on timeout."""
        return self.done.wait(seconds)

    def _run(self) -> None:
        try:
            self.result = self._work()
        except Cancelled:
            pass
        except Exception as error:  # noqa: BLE001  the app ends with it and its traceback, or tells it after a what-if
            self.error = error
        finally:
            self.done.set()


def start(readers: Sequence[TraceReader], settings: Settings, progress: Progress | None = None) -> Job:
    """Start to load traces, or those of a session again; `progress` is what their readers report to."""
    progress = progress or Progress()
    # Traces of a session stay as they are: they outlive the job that reads them again, and its cancellation.
    kept = [
        reader.again(progress.report) if isinstance(reader, CachedTrace) else CachedTrace(reader, progress.report)
        for reader in readers
    ]
    passes: list[Replayed] = []
    return Job(
        lambda: load(kept, settings, passes.append),
        progress,
        lambda: partial_session(kept, settings, passes[-1]) if passes else None,
    ).start()

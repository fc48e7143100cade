"""Two runs, each loaded as for the app, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracetool.difference import Difference, compare
from tracetool.viewmodel.audit_session import AuditSession, Progress, Settings, load
from tracetool.viewmodel.cached_trace import CachedTrace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.analysis.options import Options
    from tracetool.ingest import TraceReader

__all__ = ["DifferenceSession", "Run", "load_difference"]


@dataclass(frozen=True)
class Run:
    """One of the runs as it is opened: the readers of its traces, and its options."""

    readers: Sequence[TraceReader]
    options: Options


@dataclass(frozen=True)
class DifferenceSession:
    """Two runs and what differs."""

    a: AuditSession
    b: AuditSession
    found: Difference


def load_difference(a: Run, b: Run, progress: Progress) -> DifferenceSession:
    """Audit both runs, and compare them.

    Raises:
        InputError: a trace or image cannot be read, or holds no pflash event.
        UsageError: options contradict each other or a trace.
        Cancelled: the progress was stopped.
    """
    one, other = (_loaded(run, progress) for run in (a, b))
    return DifferenceSession(one, other, compare((one.replayed, one.audit), (other.replayed, other.audit)))


def _loaded(run: Run, progress: Progress) -> AuditSession:
    traces = [CachedTrace(reader, progress.report) for reader in run.readers]
    return load(traces, Settings(replace(run.options, variables=True)))

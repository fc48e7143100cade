"""Explanation of one event of a loaded session; replays the events up to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracetool.analysis.intake import PREROLL
from tracetool.analysis.naming import is_of, key_of
from tracetool.analysis.options import ANY_DEVICE
from tracetool.analysis.session import replay_readers
from tracetool.errors import UsageError
from tracetool.explain import explain_device

if TYPE_CHECKING:
    from tracetool.analysis.options import Options
    from tracetool.explain import Explanation
    from tracetool.viewmodel.audit_session import AuditSession, Progress
    from tracetool.viewmodel.tables import Tables

__all__ = ["inspect"]

_ENOUGH = 2 * PREROLL
"""Least number of events replayed, so that devices are identified as in the audit."""


def inspect(tables: Tables, trace: int, seq: int, progress: Progress) -> Explanation:
    """Explain event `seq` of a trace.

    Raises:
        UsageError: the device is not replayed.
        Cancelled: the progress was stopped.
    """
    session = tables.session
    device = str(tables.event(tables.number(trace, seq))["device"])
    before = [kept.again(progress.report) for kept in session.traces[:trace]]
    until = session.traces[trace].again(progress.report, max(seq + 1, _ENOUGH))
    replayed = replay_readers([*before, until], _options(session, device, trace, seq))
    found = next((each for each in replayed.devices.values() if each.inspection is not None), None)
    if found is None or found.inspection is None:
        raise UsageError(f"event {seq} cannot be explained: {device} was left out")
    # Up to this event the trace may hold one process alone.
    found.rename(device)
    at = tables.operation_at(trace, seq, device)
    operation = None if at is None else tables.operations.row(at, named=True)
    return explain_device(
        found,
        found.inspection,
        trace=trace,
        operation=operation,
        findings=session.audit.findings,
        start_ns=session.starts[trace],
        timeline=session.store_timeline(device),
    )


def _options(session: AuditSession, device: str, trace: int, seq: int) -> Options:
    """The audit's options and results, for one device up to the event."""
    options = session.settings.options
    audited = session.device(device)
    known = {name: size for name, size in session.extents.items() if name == device}
    mains = {number: report.processes.threads.main for number, report in enumerate(session.audit.traces)}
    key = key_of(device)

    def mine(name: str) -> bool:
        return name == ANY_DEVICE or is_of(name, key)

    return replace(
        options,
        device=device,
        extents=known,
        images={name: path for name, path in options.images.items() if mine(name)},
        geometries={name: spec for name, spec in options.geometries.items() if mine(name)},
        read_only=frozenset(filter(mine, options.read_only)),
        writable=frozenset(filter(mine, options.writable)),
        behaviour=options.behaviour if audited is None else audited.behaviour,
        policy=session.audit.policy,
        mains={number: main for number, main in mains.items() if main is not None},
        collects=False,
        inspect=seq,
        inspect_trace=trace,
    )

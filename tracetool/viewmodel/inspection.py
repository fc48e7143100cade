"""Explanation of one event of a loaded session, whose device is replayed from the last mark before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.analysis.closeup import close_up, mark_before
from tracetool.errors import UsageError
from tracetool.explain import explain_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device
    from tracetool.explain import Explanation
    from tracetool.viewmodel.audit_session import AuditSession, Progress
    from tracetool.viewmodel.tables import Tables

__all__ = ["inspect"]


def inspect(tables: Tables, trace: int, seq: int, progress: Progress) -> Explanation:
    """Explain event `seq` of a trace.

    Raises:
        UsageError: the device is not replayed.
        Cancelled: the progress was stopped.
    """
    session = tables.session
    name = str(tables.event(tables.number(trace, seq))["device"])
    device = session.replayed.devices.get(name)
    found = None
    if device is not None:
        mark = mark_before(device, trace, seq)
        frames = _events(session, device, trace, seq if mark is None else mark.seq, seq, progress)
        found = close_up(device, mark, frames, seq)
    if device is None or found is None:
        raise UsageError(f"event {seq} cannot be explained: {name} was left out")
    at = tables.operation_at(trace, seq, name)
    return explain_device(
        device,
        found,
        trace=trace,
        operation=None if at is None else tables.operations.row(at, named=True),
        findings=session.audit.findings,
        start_ns=session.starts[trace],
        timeline=session.store_timeline(name),
    )


def _events(
    session: AuditSession, device: Device, trace: int, start: int, last: int, progress: Progress
) -> Iterator[pl.DataFrame]:
    """The device's events from `start` to `last`, as they were audited."""
    processes = session.audit.traces[trace].processes.again()
    mine = pl.col("seq") >= start
    if len(session.traces) == 1:
        mine &= pl.col("process").eq_missing(device.process)
    kept = session.traces[trace].again(progress.report, last + 1)
    # Which machine a thread is of, and its boots, follow from all events before.
    by_thread = processes.threads.main is not None
    for frame in kept.chunks(trace) if by_thread else kept.of_device(device.base, start, trace):
        events = processes.take(frame).filter(mine, pl.col("device").cast(pl.String) == device.base)
        if not events.is_empty():
            yield events

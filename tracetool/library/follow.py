"""An audit of a trace that is still written, again and again as it grows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracetool.audit.audit import audit_replayed
from tracetool.findings.registry import DEFAULTS
from tracetool.ingest.foreign import require_events
from tracetool.library.inputs import STANDARD_INPUT, open_readers

if TYPE_CHECKING:
    from collections.abc import Callable

    from replay.backing import Policy
    from tracetool.analysis.session import Replayed
    from tracetool.audit import Audit
    from tracetool.audit.audit import SoFar
    from tracetool.findings.registry import RuleOptions
    from tracetool.ingest.following import Following
    from tracetool.library.trace import Trace

__all__ = ["follow_audit"]

_PAUSE_S = 2.0
"""Least seconds between looks for findings, but for events that would wait for `MOST_DELAY_S`."""


def follow_audit(
    trace: Trace,
    following: Following,
    told: Callable[[SoFar], None],
    rules: RuleOptions = DEFAULTS,
    *,
    policy: Policy | None = None,
    guests: int = 1,
    keep_operations: bool = False,
) -> Audit:
    """Audit a trace that was opened with `following`, until that is stopped or the trace ends.

    The result is that of an audit of the whole trace afterwards. Where that takes a second reading, as when the extent
    becomes known late, a file is read again then.

    Args:
        trace: the trace.
        following: see `tracetool.open`.
        told: called with what is known, once what there is to read was read, and at least every `MOST_DELAY_S`
            while more comes.
        rules: options of the rules.
        policy: see `Trace.audit`.
        guests: likewise.
        keep_operations: keep the timeline.
    """
    options = replace(trace.options, policy=policy, keep_operations=keep_operations)

    def fed(known: Callable[[], SoFar]) -> None:
        if following.due:
            told(known())

    following.pause_s = _PAUSE_S
    replayed, audit = audit_replayed(trace.readers, options, rules, guests=guests, fed=fed)
    require_events(trace.readers, sum(report.events for report in replayed.traces))
    if _wants_another(replayed) and not following.changed and trace.paths[0] != STANDARD_INPUT:
        return audit_replayed(open_readers(trace.paths), options, rules, guests=guests)[1]
    return audit


def _wants_another(replayed: Replayed) -> bool:
    """True where a fact became known too late to use it, so that a file is read again."""
    late = any(device.needs_another_pass for device in replayed.devices.values())
    return late or any(trace.processes.mixture is not None for trace in replayed.traces)

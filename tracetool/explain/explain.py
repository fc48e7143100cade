"""Explanation of one event, as plain data for every face."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from replay.backing import Policy
from tracetool.audit.audit import audit_replayed
from tracetool.errors import UsageError
from tracetool.explain.answers import answer_words
from tracetool.explain.phrases import event_words, policy_words
from tracetool.findings.phrases import address
from tracetool.uefi.structures import structures_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tracetool.analysis.device import Device
    from tracetool.analysis.inspection import Inspection
    from tracetool.analysis.options import Options
    from tracetool.findings import Finding
    from tracetool.ingest import TraceReader
    from tracetool.uefi.store_timeline import StoreTimeline

__all__ = ["Explanation", "explain", "explain_device"]


@dataclass(frozen=True, repr=False)
class Explanation:
    """Explanation of one event.

    `sentences` say what it is and what it did to the device; `operation` is the row of the operation it belongs to
    (columns of `OPERATIONS_SCHEMA`), `policy` what the policy makes of it, `findings` those that it is a case of.
    `start_ns` is the time of the first event of its trace, `address` the place in the guest's addresses, where known.
    """

    device: str
    inspection: Inspection
    sentences: tuple[str, ...]
    operation: dict[str, Any] | None
    policy: str | None
    address: str
    findings: tuple[Finding, ...]
    start_ns: int | None
    structure: Callable[[int], str | None] = field(compare=False)
    """What a byte of the changes belongs to in a variable store, by its offset in the flash."""
    code: tuple[str, str] | None = None
    """By whom it was made, or its operation where it is no access, and the chain of callers; None: not known."""

    def __repr__(self) -> str:
        return f"<Explanation of event {self.inspection.event['seq']} of {self.device}: {' '.join(self.sentences)}>"


def explain(readers: Sequence[TraceReader], options: Options, seq: int) -> Explanation:
    """Explain event `seq` of the last trace.

    Raises:
        InputError: a trace or image cannot be read.
        UsageError: there is no such event, or options contradict each other or the trace.
    """
    if options.policy is None:
        options = replace(options, policy=Policy.DISCARD)
    trace = len(readers) - 1
    close = replace(
        options, inspect=seq, inspect_trace=trace, journal=True, keep_operations=True, keep_occurrences=True
    )
    replayed, result = audit_replayed(readers, close)
    found = [(device, device.inspection) for device in replayed.devices.values() if device.inspection is not None]
    if not found:
        last = replayed.traces[trace].events - 1
        raise UsageError(f"there is no event {seq}: the trace has events 0 to {last}")
    device, inspection = found[0]
    return explain_device(
        device,
        inspection,
        trace=trace,
        operation=_operation(device, trace, seq),
        findings=result.findings,
        start_ns=replayed.starts[trace],
        timeline=device.followed_store,
    )


def explain_device(
    device: Device,
    inspection: Inspection,
    *,
    trace: int,
    operation: dict[str, Any] | None,
    findings: Iterable[Finding],
    start_ns: int | None,
    timeline: StoreTimeline | None,
) -> Explanation:
    """Explain an event of trace number `trace` from what was recorded of it while its device was replayed.

    `operation` is the row of its operation; of `findings` those are kept that it is a case of. `timeline` is the life
    of the device's variable store.
    """
    seq = int(inspection.event["seq"])
    span = _span(operation, seq)
    return Explanation(
        device=device.name,
        inspection=inspection,
        sentences=tuple(filter(None, (*event_words(inspection), answer_words(inspection, device.geometry)))),
        address=_address(device, inspection),
        operation=operation,
        policy=_policy(device, inspection),
        findings=tuple(finding for finding in findings if _concerns(finding, device.name, trace, span)),
        start_ns=start_ns,
        structure=structures_of(timeline, (trace, seq)),
        code=_code(device, trace, int(inspection.event["seq"]), operation),
    )


def _code(device: Device, trace: int, seq: int, operation: dict[str, Any] | None) -> tuple[str, str] | None:
    """The code of the event, else of its operation."""
    code = device.code_at(trace, seq, seq)
    if code is not None or operation is None or operation["by"] is None:
        return code
    return operation["by"], operation["chain"]


def _operation(device: Device, trace: int, seq: int) -> dict[str, Any] | None:
    """The operation that the event belongs to: the last one that began at or before it."""
    rows = device.operation_table().filter((pl.col("trace") == trace) & (pl.col("first_seq") <= seq))
    return rows.sort("first_seq").row(-1, named=True) if len(rows) else None


def _address(device: Device, inspection: Inspection) -> str:
    offset = inspection.event["offset"]
    return "" if offset is None else address(device.identity, offset)


def _policy(device: Device, inspection: Inspection) -> str | None:
    """Say what the policy makes of the event, None where it makes no difference."""
    event, extent = inspection.event, device.extent
    if extent is None or event["offset"] is None or event["event"] not in ("io_write", "io_read", "read"):
        return None
    if event["offset"] + (event["size"] or 1) > extent.bytes:
        return policy_words(device.policy)
    before, theirs = inspection.before, inspection.policy_before
    if theirs is not None and before is not None and theirs != before:
        return (
            f"Under {device.policy.label} the chip would be in another state before it: cmd {theirs.cmd:#04x}, "
            f"wcycle {theirs.wcycle}, status {theirs.status:#04x}."
        )
    return None


def _span(operation: dict[str, Any] | None, seq: int) -> range:
    """The events of the operation that the event belongs to, or the event alone."""
    if operation is None or not operation["first_seq"] <= seq <= operation["last_seq"]:
        return range(seq, seq + 1)
    return range(operation["first_seq"], operation["last_seq"] + 1)


def _concerns(finding: Finding, device: str, trace: int, seqs: range) -> bool:
    """True when one of the events is a case of the finding."""
    if finding.device != device:
        return False
    if finding.occurrences:
        return any(case.trace == trace and case.seq in seqs for case in finding.occurrences)
    return finding.trace == trace and finding.first_seq in seqs

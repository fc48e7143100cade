"""Replay a session and judge every device: the one place where the result document is made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from replay.backing import Policy
from replay.chip_limits import DEFAULT_CHIP, chip_profiles
from tracetool.analysis.runs import has_code
from tracetool.analysis.session import replay_readers
from tracetool.audit.backing import smallest_backing
from tracetool.audit.modules import WHO_SCHEMA, sum_by_module
from tracetool.audit.result import Audit, DeviceAudit
from tracetool.audit.verdict import doubts, judge
from tracetool.findings.marked import with_findings
from tracetool.findings.registry import DEFAULTS, find
from tracetool.findings.watch import OperationWatch
from tracetool.timeline.operations import OPERATIONS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import polars as pl

    from replay.geometry import Geometry
    from tracetool.analysis.device import Device
    from tracetool.analysis.options import Options
    from tracetool.analysis.session import Replayed, TraceReport
    from tracetool.findings.registry import Finding, RuleOptions
    from tracetool.ingest import TraceReader

__all__ = ["SoFar", "audit", "audit_replayed"]

_NO_OPERATIONS = OPERATIONS_SCHEMA.to_frame()
_NO_MODULES = WHO_SCHEMA.to_frame()


class SoFar(NamedTuple):
    """What is known while a trace grows, as parts of an `Audit`; operations are empty where none are kept."""

    replayed: Replayed
    traces: tuple[TraceReport, ...]
    findings: tuple[Finding, ...]
    operations: pl.DataFrame
    audit: Callable[[], Audit]
    """Judges the devices as well, which takes some milliseconds."""


def audit(
    readers: Sequence[TraceReader],
    options: Options,
    rules: RuleOptions = DEFAULTS,
    *,
    guests: int = 1,
) -> Audit:
    """Replay the traces and judge every device; `discard` is the policy where the options name none.

    Raises:
        InputError: a trace or image cannot be read.
        UsageError: options contradict each other or the trace.
    """
    return audit_replayed(readers, options, rules, guests=guests)[1]


def audit_replayed(
    readers: Sequence[TraceReader],
    options: Options,
    rules: RuleOptions = DEFAULTS,
    *,
    guests: int = 1,
    begun: Callable[[Replayed], None] | None = None,
    fed: Callable[[Callable[[], SoFar]], None] | None = None,
) -> tuple[Replayed, Audit]:
    """As `audit`, with the replayed devices; `begun` is called with them before they are filled.

    `fed` is called after each frame of events, with a function that returns what is known so far.
    """
    if options.policy is None:
        options = replace(options, policy=Policy.DISCARD)
    kept = options.keep_operations
    options = replace(options, keep_operations=kept or has_code(readers, options))
    chip = chip_profiles()[DEFAULT_CHIP]

    def watcher(geometry: Geometry) -> OperationWatch:
        return OperationWatch(geometry, chip, listed=options.keep_occurrences)

    policy = options.policy or Policy.PADDED

    def known(replayed: Replayed) -> SoFar:
        operations = replayed.operations() if options.keep_operations else _NO_OPERATIONS
        findings, traces = tuple(find(replayed, policy, chip, rules)), tuple(_with_code(replayed))

        def judged() -> Audit:
            devices = tuple(_judged(replayed.devices[name], replayed, guests) for name in sorted(replayed.devices))
            modules = sum_by_module(with_findings(operations, findings)) if replayed.callers else _NO_MODULES
            shown = operations if kept else operations.clear()
            return Audit(policy, guests, traces, devices, findings, operations=shown, modules=modules)

        return SoFar(replayed, traces, findings, operations, judged)

    def so_far(provisional: Callable[[], Replayed]) -> None:
        if fed is not None:
            fed(lambda: known(provisional()))

    replayed = replay_readers(readers, options, watcher=watcher, begun=begun, fed=None if fed is None else so_far)
    return replayed, known(replayed).audit()


def _with_code(replayed: Replayed) -> Iterator[TraceReport]:
    for number, trace in enumerate(replayed.traces):
        callers = replayed.callers.get(number)
        yield trace if callers is None else replace(trace, code=callers.report)


def _judged(device: Device, replayed: Replayed, guests: int) -> DeviceAudit:
    verdict, reasons = judge(device, replayed)
    totals, ends = device.tally.totals, device.tally.ends
    if not device.stores_known:
        totals, ends = totals.without_programs(), replace(ends, programmed=0)
    return DeviceAudit(
        name=device.name,
        identity=device.identity,
        geometry=device.geometry,
        region_bytes=_region(device, device.geometry),
        behaviour=device.behaviour,
        extent=device.extent,
        verdict=verdict,
        reasons=tuple(reasons),
        backing=smallest_backing(device, verdict, doubtful=any(doubts(device, replayed))),
        ends=ends,
        totals=totals,
        events=sum(notes.events for notes in device.notes),
        replayed=device.machine is not None,
        process=device.process if device.name != device.base else None,
        self_check=device.machine is not None and all(notes.disagreement is None for notes in device.notes),
        policy_evaluated=device.evaluated and device.extent is not None,
        variables_followed=device.options.variables,
        cuts=device.cut_survey,
        free_space=device.free_space,
        contents_known=device.watch is None or not device.watch.contents_unknown,
        guests=guests,
        store=device.variable_store,
        fingerprint=device.fingerprint,
        blocks=device.block_table(),
        activity=device.activity.table(device.name),
    )


def _region(device: Device, geometry: Geometry | None) -> int | None:
    """Size of the region; where only a missing image would tell it, that of the blocks used in the trace."""
    if geometry is None or geometry.size_known:
        return None if geometry is None else geometry.size
    return -(-device.tally.ends.highest // geometry.block) * geometry.block

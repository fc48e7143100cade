"""Replay a session and judge every device: the one place where the result document is made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from replay.backing import Policy
from replay.chip_limits import DEFAULT_CHIP, chip_profiles
from tracetool.analysis.session import replay_readers
from tracetool.audit.backing import smallest_backing
from tracetool.audit.result import Audit, DeviceAudit
from tracetool.audit.verdict import doubts, judge
from tracetool.findings.registry import DEFAULTS, find
from tracetool.findings.watch import OperationWatch
from tracetool.timeline.operations import OPERATIONS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from replay.geometry import Geometry
    from tracetool.analysis.device import Device
    from tracetool.analysis.options import Options
    from tracetool.analysis.session import Replayed
    from tracetool.findings.registry import RuleOptions
    from tracetool.ingest import TraceReader

__all__ = ["audit", "audit_replayed"]


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
) -> tuple[Replayed, Audit]:
    """As `audit`, with the replayed devices; `begun` is called with them before they are filled."""
    if options.policy is None:
        options = replace(options, policy=Policy.DISCARD)
    chip = chip_profiles()[DEFAULT_CHIP]

    def watcher(geometry: Geometry) -> OperationWatch:
        return OperationWatch(geometry, chip, listed=options.keep_occurrences)

    replayed = replay_readers(readers, options, watcher=watcher, begun=begun)
    policy = options.policy or Policy.PADDED
    devices = tuple(_judged(replayed.devices[name], replayed, guests) for name in sorted(replayed.devices))
    return replayed, Audit(
        policy,
        guests,
        tuple(replayed.traces),
        devices,
        tuple(find(replayed, policy, chip, rules)),
        operations=replayed.operations() if options.keep_operations else OPERATIONS_SCHEMA.to_frame(),
    )


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
        power_cut=device.cut_survey is not None,
        contents_known=device.watch is None or not device.watch.contents_unknown,
        guests=guests,
        blocks=device.block_table(),
        activity=device.activity.table(device.name),
    )


def _region(device: Device, geometry: Geometry | None) -> int | None:
    """Size of the region; where only a missing image would tell it, that of the blocks used in the trace."""
    if geometry is None or geometry.size_known:
        return None if geometry is None else geometry.size
    return -(-device.tally.ends.highest // geometry.block) * geometry.block

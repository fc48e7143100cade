"""The audit of a session: verdicts, figures and findings, as plain data for every report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from replay.backing import Policy
from replay.chip_limits import DEFAULT_CHIP, chip_profiles
from tracetool.analysis.session import replay_readers
from tracetool.audit.backing import smallest_backing
from tracetool.audit.verdict import Verdict, doubts, judge
from tracetool.findings import WEAR_LIMIT, find
from tracetool.findings.watch import OperationWatch
from tracetool.timeline.activity import ACTIVITY_SCHEMA
from tracetool.timeline.blocks import BLOCKS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from replay.behaviour import Behaviour
    from replay.geometry import Geometry
    from tracetool.analysis.device import Device, Extent
    from tracetool.analysis.identity import Identity
    from tracetool.analysis.options import Options
    from tracetool.analysis.session import Replayed, TraceReport
    from tracetool.analysis.tally import Ends, Totals
    from tracetool.audit.backing import SmallestBacking
    from tracetool.audit.compare import Consequence
    from tracetool.audit.reason import Reason
    from tracetool.findings import Finding
    from tracetool.ingest import TraceReader

__all__ = ["Audit", "DeviceAudit", "audit"]


@dataclass(frozen=True)
class DeviceAudit:
    """What the audit says of one device. Sizes and ends in bytes, ends exclusive; None where it is not known."""

    name: str
    identity: Identity | None
    geometry: Geometry | None
    region_bytes: int | None
    behaviour: Behaviour
    extent: Extent | None
    verdict: Verdict
    grounds: tuple[Reason, ...]
    backing: SmallestBacking
    ends: Ends
    totals: Totals
    events: int
    replayed: bool
    checked: bool
    process: int | None
    """Its QEMU, where the trace holds several; None: no other, or unknown."""
    policy_evaluated: bool
    contents_known: bool = True
    """Whether every byte that was programmed was known before."""
    blocks: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BLOCKS_SCHEMA), repr=False, compare=False)
    """What was done to each erase block (`BLOCKS_SCHEMA`)."""
    activity: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=ACTIVITY_SCHEMA), repr=False, compare=False
    )
    """Operations by kind over time (`ACTIVITY_SCHEMA`)."""

    @property
    def minimum_backing_bytes(self) -> int | None:
        """The smallest file that can back it."""
        return self.backing.bytes

    @property
    def saved_bytes(self) -> int | None:
        """What that file is shorter than the region."""
        if self.backing.bytes is None or self.region_bytes is None:
            return None
        return max(self.region_bytes - self.backing.bytes, 0)

    @property
    def read_only(self) -> bool | None:
        """Whether it is read-only, None where that is not known."""
        return None if self.identity is None or self.totals.unproved_programs else self.identity.read_only

    @property
    def counts(self) -> dict[str, int | None]:
        """The totals by name, None where they are not known."""
        unknown = ("programs", "buffered_programs", "bytes_programmed") if self.totals.unproved_programs else ()
        return {**asdict(self.totals), **dict.fromkeys(unknown)}

    @property
    def programmed_end(self) -> int | None:
        """First offset after everything that was programmed, None where that is not known."""
        return None if self.totals.unproved_programs else self.ends.programmed

    @property
    def access(self) -> str:
        """Whether it is read-only or writable, and how that is known, in words."""
        if self.identity is None or self.read_only is None:
            return "not known"
        return f"{'read-only' if self.identity.read_only else 'writable'} ({self.identity.read_only_source})"

    @property
    def reasons(self) -> tuple[str, ...]:
        """The grounds of the verdict in words."""
        return tuple(reason.text for reason in self.grounds)

    @property
    def excused(self) -> bool:
        """Whether `no-extent` is all that needs to be known: nobody wrote to the device, or it is read-only."""
        read_only = self.identity is not None and self.identity.read_only
        return read_only or not self.totals.writes

    @property
    def unsure(self) -> bool:
        """Whether the question has no answer for the device."""
        return self.verdict == Verdict.INCONCLUSIVE or (self.verdict == Verdict.NO_EXTENT and not self.excused)


@dataclass(frozen=True)
class Audit:
    """The answer to one question: traces, devices by name, findings, the worst first."""

    policy: Policy
    guests: int
    traces: tuple[TraceReport, ...]
    devices: tuple[DeviceAudit, ...]
    findings: tuple[Finding, ...]
    policies: tuple[Consequence, ...] = ()
    """What each policy would have meant, where they were compared."""


def audit(
    readers: Sequence[TraceReader],
    options: Options,
    *,
    guests: int = 1,
    strict_silicon: bool = False,
    wear_limit: int = WEAR_LIMIT,
) -> Audit:
    """Replay the traces and judge every device; `discard` is the policy where the options name none.

    Raises:
        InputError: a trace or image cannot be read.
        UsageError: options contradict each other or the trace.
    """
    return audit_replayed(readers, options, guests=guests, strict_silicon=strict_silicon, wear_limit=wear_limit)[1]


def audit_replayed(
    readers: Sequence[TraceReader],
    options: Options,
    *,
    guests: int = 1,
    strict_silicon: bool = False,
    wear_limit: int = WEAR_LIMIT,
    begun: Callable[[Replayed], None] | None = None,
) -> tuple[Replayed, Audit]:
    """As `audit`, with the replayed devices for whoever looks closer; `begun` is given them before they are filled."""
    if options.policy is None:
        options = replace(options, policy=Policy.DISCARD)
    chip = chip_profiles()[DEFAULT_CHIP]

    def watcher(geometry: Geometry) -> OperationWatch:
        return OperationWatch(geometry, chip, listed=options.keep_occurrences)

    replayed = replay_readers(readers, options, watcher=watcher, begun=begun)
    policy = options.policy or Policy.PADDED
    devices = tuple(_judged(replayed.devices[name], replayed) for name in sorted(replayed.devices))
    return replayed, Audit(
        policy,
        guests,
        tuple(replayed.traces),
        devices,
        tuple(find(replayed, policy, chip, strict_silicon=strict_silicon, wear_limit=wear_limit)),
    )


def _judged(device: Device, replayed: Replayed) -> DeviceAudit:
    verdict, grounds = judge(device, replayed)
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
        grounds=tuple(grounds),
        backing=smallest_backing(device, verdict, doubtful=any(doubts(device, replayed))),
        ends=ends,
        totals=totals,
        events=sum(notes.events for notes in device.notes),
        replayed=device.machine is not None,
        process=device.process if device.name != device.base else None,
        checked=device.machine is not None and all(notes.disagreement is None for notes in device.notes),
        policy_evaluated=device.evaluated and device.extent is not None,
        contents_known=device.watch is None or not device.watch.contents_unknown,
        blocks=device.block_table(),
        activity=device.activity.table(device.name),
    )


def _region(device: Device, geometry: Geometry | None) -> int | None:
    """The region; where the image decides its size and none was given, the blocks that the trace shows of it."""
    if geometry is None or geometry.size_known:
        return None if geometry is None else geometry.size
    return -(-device.tally.ends.highest // geometry.block) * geometry.block

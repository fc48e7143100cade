"""The result document: all that an audit found, frozen and typed. Reports and the app take it and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tracetool.analysis.free_space import FREE_SPACE_SCHEMA
from tracetool.audit.backing import host_totals
from tracetool.audit.figures import figures
from tracetool.audit.gate import Gate
from tracetool.audit.modules import WHO_SCHEMA
from tracetool.audit.verdict import Verdict
from tracetool.timeline.activity import ACTIVITY_SCHEMA
from tracetool.timeline.blocks import BLOCKS_SCHEMA
from tracetool.timeline.fingerprint import Fingerprint
from tracetool.timeline.operations import OPERATIONS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from replay.backing import Policy
    from replay.behaviour import Behaviour
    from replay.geometry import Geometry
    from tracetool.analysis.cut_survey import CutSurvey
    from tracetool.analysis.device import Extent
    from tracetool.analysis.identity import Identity
    from tracetool.analysis.session import TraceReport
    from tracetool.analysis.tally import Ends, Totals
    from tracetool.audit.backing import HostTotals, SmallestBacking
    from tracetool.audit.compare import Consequence
    from tracetool.audit.figures import Figure
    from tracetool.audit.gate import Ending
    from tracetool.audit.reason import Code, Reason
    from tracetool.findings import Finding
    from tracetool.uefi.varstore import VariableStore

__all__ = ["Audit", "DeviceAudit"]


@dataclass(frozen=True)
class DeviceAudit:
    """Result for one device. Sizes and ends in bytes, ends exclusive; None where unknown."""

    name: str
    identity: Identity | None
    geometry: Geometry | None
    region_bytes: int | None
    behaviour: Behaviour
    extent: Extent | None
    verdict: Verdict
    reasons: tuple[Reason, ...]
    backing: SmallestBacking
    ends: Ends
    totals: Totals
    events: int
    replayed: bool
    self_check: bool
    """Every event was what the model predicts."""
    process: int | None
    """PID of its QEMU where the trace holds several, else None."""
    policy_evaluated: bool
    variables_followed: bool = False
    """The UEFI variable store was followed, so that the rules about it could look."""
    cuts: CutSurvey | None = field(default=None, repr=False, compare=False)
    """What power cuts cost, where one was tried at every commit to the UEFI variables."""
    free_space: pl.DataFrame = field(default_factory=FREE_SPACE_SCHEMA.to_frame, repr=False, compare=False)
    """Free space of the UEFI variable store over time (`FREE_SPACE_SCHEMA`), where that was followed."""
    store: VariableStore | None = field(default=None, repr=False, compare=False)
    """The UEFI variable store at the end of the traces, where it was followed."""
    contents_known: bool = True
    """True when every byte was known before it was programmed."""
    guests: int = 1
    """Guests of the fleet that its savings are added up for."""
    fingerprint: Fingerprint = field(default_factory=Fingerprint, repr=False, compare=False)
    """Of its operations: equal where two runs did the same to the flash."""
    blocks: pl.DataFrame = field(default_factory=BLOCKS_SCHEMA.to_frame, repr=False, compare=False)
    """Use of each erase block (`BLOCKS_SCHEMA`)."""
    activity: pl.DataFrame = field(default_factory=ACTIVITY_SCHEMA.to_frame, repr=False, compare=False)
    """Operations by kind over time (`ACTIVITY_SCHEMA`)."""

    @cached_property
    def figures(self) -> Mapping[str, Figure]:
        """Sizes, ends and counts by key."""
        return figures(self)

    @property
    def saved_bytes(self) -> int | None:
        """Bytes by which the smallest backing is shorter than the region."""
        if self.backing.bytes is None or self.region_bytes is None:
            return None
        return max(self.region_bytes - self.backing.bytes, 0)

    @property
    def read_only(self) -> bool | None:
        """True for a read-only device, None where the trace does not tell."""
        return None if self.identity is None or self.totals.unproved_programs else self.identity.read_only

    @property
    def taken_as_read_only(self) -> bool:
        """True when the device was replayed as read-only, proved or not."""
        return self.identity is not None and self.identity.read_only

    @property
    def access(self) -> str:
        """Read-only or writable and its source, as a phrase."""
        if self.identity is None or self.read_only is None:
            return "not known"
        return f"{'read-only' if self.identity.read_only else 'writable'} ({self.identity.read_only_source})"

    @property
    def verdict_reasons(self) -> tuple[str, ...]:
        """Reasons of the verdict as sentences."""
        return tuple(reason.text for reason in self.reasons)

    @property
    def verdict_codes(self) -> tuple[Code, ...]:
        """Reasons of the verdict as codes."""
        return tuple(reason.code for reason in self.reasons)

    @property
    def extent_source(self) -> str | None:
        """How the extent is known."""
        return None if self.extent is None else self.extent.source

    @property
    def minimum_backing_source(self) -> str:
        """What decides the smallest backing, or why it is not known."""
        return self.backing.why or "the guest's writes"

    @property
    def excused(self) -> bool:
        """True when `no-extent` is an answer: nobody wrote to the device, or it is read-only."""
        return self.taken_as_read_only or not self.totals.writes

    @property
    def unsure(self) -> bool:
        """True when the question has no answer for the device."""
        return self.verdict == Verdict.INCONCLUSIVE or (self.verdict == Verdict.NO_EXTENT and not self.excused)


@dataclass(frozen=True, repr=False)
class Audit:
    """Result of an audit: traces, devices by name, findings with the worst first."""

    policy: Policy
    guests: int
    traces: tuple[TraceReport, ...]
    devices: tuple[DeviceAudit, ...]
    findings: tuple[Finding, ...]
    policies: tuple[Consequence, ...] = ()
    """Consequences of each policy, where they were compared."""
    operations: pl.DataFrame = field(default_factory=OPERATIONS_SCHEMA.to_frame, repr=False, compare=False)
    """Timeline of all devices (`OPERATIONS_SCHEMA`), where `Options.keep_operations` asks for it; else empty."""
    modules: pl.DataFrame = field(default_factory=WHO_SCHEMA.to_frame, repr=False, compare=False)
    """What each module of the guest did (`WHO_SCHEMA`), where a log of the guest's code tells; else empty."""
    gate: Gate = field(default_factory=Gate)
    """Severity that fails, on which the exit code depends."""
    lines: Mapping[int, Mapping[int, int]] = field(default_factory=dict, repr=False, compare=False)
    """Line (1-based) of events by trace number and seq, for reports that name lines."""

    def __repr__(self) -> str:
        verdicts = ", ".join(f"{device.name} {device.verdict}" for device in self.devices)
        return f"<Audit under {self.policy.label}: {verdicts}; {len(self.findings)} findings>"

    @property
    def ending(self) -> Ending:
        """Exit code of `tracetool audit`, and why."""
        return self.gate.ending(self)

    @property
    def host(self) -> HostTotals | None:
        """Sizes of all flashes of a guest together, None where one is unknown."""
        return host_totals(self.devices)

    @property
    def verdict(self) -> Verdict:
        """Verdict on the whole: the worst of a device, where `no-extent` counts only as a question left open."""
        found = {device.verdict for device in self.devices if device.verdict != Verdict.NO_EXTENT or device.unsure}
        return next((verdict for verdict in Verdict if verdict in found), Verdict.NO_EXTENT)

    @property
    def worst_first(self) -> list[DeviceAudit]:
        """Devices in the order in which they matter; last those that nobody wrote to or that are read-only."""
        order = list(Verdict)
        return sorted(self.devices, key=lambda found: (found.excused and not found.unsure, order.index(found.verdict)))

"""Policies compared: the consequences of each for the same trace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from replay.backing import Policy
from tracetool.audit.audit import audit_replayed
from tracetool.errors import UsageError
from tracetool.findings.registry import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.analysis.device import Device
    from tracetool.analysis.options import Options
    from tracetool.analysis.session import Replayed
    from tracetool.audit.result import Audit
    from tracetool.findings.registry import RuleOptions
    from tracetool.ingest import TraceReader

__all__ = ["Consequence", "compare_policies", "consequences"]


@dataclass(frozen=True)
class Consequence:
    """Consequences of one policy for one device.

    Attributes:
        device: its name.
        policy: the policy.
        evaluated: False where the trace does not tell; the four counts are then None.
        reads_that_differ: logged reads that would have given something else.
        torn_writes: writes that the chip would have taken for another cycle.
        refused: programs and erases beyond the extent that the guest would have seen fail.
        lost_bytes: bytes programmed or erased beyond the extent that are in no file after a restart.
        memory_bytes: memory of the host that backs the flash: its file, and what is kept beside it.
    """

    device: str
    policy: Policy
    evaluated: bool
    reads_that_differ: int | None
    torn_writes: int | None
    refused: int | None
    lost_bytes: int | None
    memory_bytes: int


def compare_policies(
    readers: Sequence[TraceReader], options: Options, rules: RuleOptions = DEFAULTS, *, guests: int = 1
) -> Audit:
    """Replay the traces under every policy; the audit is that under `discard`, with a row for each device and policy.

    Devices without an extent have no rows.

    Raises:
        InputError: a trace or image cannot be read.
        UsageError: a trace cannot be read more than once; options contradict each other or the trace.
    """
    if not all(reader.rereadable for reader in readers):
        raise UsageError("--policy all reads the trace once for each policy: give a file, not a stream")
    rows: list[Consequence] = []
    result: Audit | None = None
    for policy in Policy:
        replayed, found = audit_replayed(readers, replace(options, policy=policy), rules, guests=guests)
        rows += consequences(replayed, policy)
        if policy == Policy.DISCARD:
            result = found
    if result is None:
        raise AssertionError("discard is a policy")
    return replace(result, policies=tuple(sorted(rows, key=lambda row: (row.device, row.policy))))


def consequences(replayed: Replayed, policy: Policy) -> list[Consequence]:
    """Consequences of the policy of a replay for each device with an extent, by name."""
    found = [replayed.devices[name] for name in sorted(replayed.devices)]
    return [_consequence(device, policy) for device in found if _has_beyond(device)]


def _has_beyond(device: Device) -> bool:
    geometry = device.geometry
    return geometry is not None and device.extent is not None and device.extent.bytes < geometry.size


def _consequence(device: Device, policy: Policy) -> Consequence:
    outside, geometry = device.outside, device.geometry
    if geometry is None or device.extent is None:
        raise AssertionError("only devices with an extent are compared")
    evaluated = device.evaluated and not outside.untraced.count
    refused = outside.programs.count + outside.erases.count if policy == Policy.ERROR else 0
    losing = policy in (Policy.DISCARD, Policy.VOLATILE)
    lost = outside.programs.bytes + outside.erases.bytes if losing else 0
    return Consequence(
        device=device.name,
        policy=policy,
        evaluated=evaluated,
        reads_that_differ=device.comparison.reads.count if evaluated else None,
        torn_writes=device.comparison.torn.count if evaluated else None,
        refused=refused if evaluated else None,
        lost_bytes=lost if evaluated else None,
        memory_bytes=_memory(device, policy, geometry.size, geometry.block),
    )


def _memory(device: Device, policy: Policy, region: int, block: int) -> int:
    """Bytes of the whole region, the file alone, or the file and the blocks that were written beyond it."""
    extent = device.extent.bytes if device.extent else region
    if policy == Policy.PADDED:
        return region
    if policy != Policy.VOLATILE:
        return extent
    beyond = device.block_table().filter(pl.col("offset") >= extent)
    return extent + len(beyond) * block

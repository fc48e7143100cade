"""The smallest file that can back a flash: no shorter than its known contents, and unknown where nothing was judged."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from replay.command_set import CommandSet
from tracetool.audit.verdict import Verdict
from tracetool.uefi.store import occupied_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.analysis.device import Device
    from tracetool.audit.result import DeviceAudit

__all__ = ["HostTotals", "SmallestBacking", "host_totals", "smallest_backing"]


class HostTotals(NamedTuple):
    """Memory that the flashes of one guest take on its host: regions, and smallest files. Bytes."""

    mapped: int
    needed: int

    @property
    def saved(self) -> int:
        """Bytes by which the files are shorter than the regions."""
        return self.mapped - self.needed


def host_totals(devices: Sequence[DeviceAudit]) -> HostTotals | None:
    """Add up the flashes of a guest; None where the region or smallest file of one is unknown."""
    sizes = [(device.region_bytes, device.backing.bytes) for device in devices]
    known = [(region, needed) for region, needed in sizes if region is not None and needed is not None]
    if not sizes or len(known) < len(sizes):
        return None
    return HostTotals(sum(region for region, _ in known), sum(min(pair) for pair in known))


class SmallestBacking(NamedTuple):
    """Size in bytes, whole erase blocks, and what decides it; None where unknown, with the reason."""

    bytes: int | None
    why: str

    @property
    def known(self) -> bool:
        """True where a size was found."""
        return self.bytes is not None


def smallest_backing(device: Device, verdict: Verdict, *, doubtful: bool) -> SmallestBacking:
    """Find the smallest file that holds the known contents and would have held the guest's writes.

    Args:
        device: the replayed device.
        verdict: its verdict.
        doubtful: the trace is incomplete.
    """
    identity, geometry = device.identity, device.geometry
    if identity is None or geometry is None:
        return SmallestBacking(None, "the device was not replayed")
    if doubtful or verdict == Verdict.INCONCLUSIVE:
        return SmallestBacking(None, "the trace does not show everything")
    if identity.file_sized:
        size = geometry.size if geometry.size_known else None
        cfi02 = geometry.command_set == CommandSet.CFI02
        why = (
            "QEMU refuses a CFI02 image of any other length"
            if cfi02
            else f"on {identity.board} the flash is as long as its file"
        )
        return SmallestBacking(size, why)
    if identity.read_only and device.image is None:
        return SmallestBacking(None, "how much of it is code is not known without its image")
    if not identity.read_only and device.extent is None:
        return SmallestBacking(None, "no extent is known")
    end, why = max(_needs(device), key=itemgetter(0))
    return SmallestBacking(-(-end // geometry.block) * geometry.block, why)


def _needs(device: Device) -> list[tuple[int, str]]:
    """Ends of what a file has to hold, in bytes, each with its name; of equal ones the first counts."""
    extent, needs = device.extent, [(device.tally.ends.highest, "")]
    if extent is not None and extent.store is not None:
        needs.append((extent.store.end, "the firmware's variable store"))
    elif extent is not None:
        needs.append((extent.bytes, "its extent"))
    if device.image is not None:
        needs.append((occupied_end(device.image), "what its image holds"))
    return needs

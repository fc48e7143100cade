"""The smallest file that can back a flash: never less than is known to be in it, and not for what was not judged."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from tracetool.audit.verdict import Verdict
from tracetool.uefi.store import occupied_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.analysis.device import Device
    from tracetool.audit.audit import DeviceAudit

__all__ = ["HostTotals", "SmallestBacking", "host_totals", "smallest_backing"]


class HostTotals(NamedTuple):
    """What the flashes of one guest take on its host: their regions, and the smallest files. Bytes."""

    mapped: int
    needed: int

    @property
    def saved(self) -> int:
        """What the files are shorter than the regions."""
        return self.mapped - self.needed


def host_totals(devices: Sequence[DeviceAudit]) -> HostTotals | None:
    """The totals of a guest; None where the region or the smallest file of one of its flashes is not known."""
    sizes = [(device.region_bytes, device.minimum_backing_bytes) for device in devices]
    known = [(region, needed) for region, needed in sizes if region is not None and needed is not None]
    if not sizes or len(known) < len(sizes):
        return None
    return HostTotals(sum(region for region, _ in known), sum(min(pair) for pair in known))


class SmallestBacking(NamedTuple):
    """Bytes, whole erase blocks, and in words what decides them; None: not known, and why."""

    bytes: int | None
    why: str


def smallest_backing(device: Device, verdict: Verdict, *, doubtful: bool) -> SmallestBacking:
    """The smallest file that would have held what was written, and holds all that the flash is known to hold.

    Args:
        device: the replayed device.
        verdict: what was judged of it.
        doubtful: something keeps the trace from being complete.
    """
    identity, geometry = device.identity, device.geometry
    if identity is None or geometry is None or device.cfi02:
        return SmallestBacking(None, "the device was not replayed")
    if doubtful or verdict == Verdict.INCONCLUSIVE:
        return SmallestBacking(None, "the trace does not show everything")
    if identity.file_sized:
        size = geometry.size if geometry.size_known else None
        return SmallestBacking(size, f"on {identity.board} the flash is as long as its file")
    if identity.read_only and device.image is None:
        return SmallestBacking(None, "how much of it is code is not known without its image")
    if not identity.read_only and device.extent is None:
        return SmallestBacking(None, "no extent is known")
    end, why = max(_needs(device), key=itemgetter(0))
    return SmallestBacking(-(-end // geometry.block) * geometry.block, why)


def _needs(device: Device) -> list[tuple[int, str]]:
    """Ends of what a file has to hold, in bytes, each with the words for it; of equal ones the first counts."""
    extent, needs = device.extent, [(device.tally.ends.highest, "")]
    if extent is not None and extent.store is not None:
        needs.append((extent.store.end, "the firmware's variable store"))
    elif extent is not None:
        needs.append((extent.bytes, "its extent"))
    if device.image is not None:
        needs.append((occupied_end(device.image), "what its image holds"))
    return needs

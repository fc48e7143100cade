"""State of a CFI02 chip beside that which every chip has (`replay.state`). Part of the kernel (see `replay.loop`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replay.state import Integers, Octets

__all__ = ["SectorState"]


class SectorState:
    """Erase regions and the state of sector erases, unlock bypass and reads at rest.

    A region has its end, the size of its sectors, and the number of its first sector. An erase outlives the command
    that began it: a reset of the device leaves all of this.
    """

    def __init__(self, regions: Sequence[Integers], erasing: Octets) -> None:
        self.region_end, self.region_sector, self.region_first = regions
        self.erasing = erasing
        """1 for each sector that a command named since the last erase that ended properly."""
        self.pending = 0
        """Number of these commands."""
        self.bypass = self.suspended = self.timer = False
        """Unlock bypass; an erase is suspended; the timer is armed."""
        self.direct_reads = True
        """Reads bypass the device and leave no event (ROMD)."""
        self.in_flight = False
        """No input since the timer turned `direct_reads` on: a read may still have been under way."""
        self.reads = 0
        """Reads at rest since the last write that counted."""
        self.untimed = 0
        """Erases that ended without a timer in the trace."""
        self.quiet = False
        """The release logs `reset` for a command that is given up, and for nothing else."""
        self.chip_erase_at = -1
        """Where a chip erase continues; -1: none is in progress."""
        self.unfinished_at = -1
        """Offset of the last program that could not take, -1: none; `wanted` is its value."""
        self.wanted = 0

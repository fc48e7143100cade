"""Command sets of flash chips: which state machine a device has."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["CommandSet"]


# Ref: JEDEC JEP137, "CFI Primary Vendor Command Set": 1 Intel/Sharp extended, 2 AMD/Fujitsu standard.
class CommandSet(IntEnum):
    """Command set, by its number in the query table. QEMU's devices are `cfi.pflash01` and `cfi.pflash02`."""

    CFI01 = 1
    CFI02 = 2

    @property
    def label(self) -> str:
        """Name in user texts, such as CFI02."""
        return self.name

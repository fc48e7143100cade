"""Extent and policy: what becomes of an access beyond the end of the image file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["UPSTREAM", "Backing", "Policy"]


class Policy(IntEnum):
    """What a device with a short image file does with the rest of its region.

    Ref: the discussion of the RFC v2 series "short backing for pflash" (20210222090747.2310104-1); `padded` is
    upstream's rule that the file is as long as the region.
    """

    PADDED = 0
    DISCARD = 1
    """The RFC: a write beyond the extent never reaches the chip, a read gives 0."""
    VOLATILE = 2
    """The cover letter's other idea: memory on demand, which reads back until the machine ends."""
    ERROR = 3
    """What reviewers asked for: programs and erases beyond the extent set error bits, reads give all ones."""

    @property
    def label(self) -> str:
        """The name used in options and reports."""
        return self.name.lower()


@dataclass(frozen=True)
class Backing:
    """The image file behind a region: `extent` bytes long (None: as long as the region) under `policy`."""

    extent: int | None = None
    policy: Policy = Policy.PADDED


UPSTREAM = Backing()
"""A file as long as the region, which is what QEMU asks for."""

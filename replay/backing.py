"""Extent of the image file, and the policy for accesses beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["UPSTREAM", "Backing", "Policy"]


class Policy(IntEnum):
    """Policy of a device for the part of its region that a short image file does not cover.

    Ref: the discussion of the RFC v2 series "short backing for pflash" (20210222090747.2310104-1); `padded` is
    upstream's rule that the file is as long as the region.
    """

    PADDED = 0
    DISCARD = 1
    """The RFC: writes beyond the extent never reach the chip, reads return 0."""
    VOLATILE = 2
    """The cover letter's alternative: memory on demand, which reads back until the machine ends."""
    ERROR = 3
    """The reviewers' proposal: programs and erases beyond the extent set error bits, reads return all ones."""

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
"""A file as long as the region, which QEMU requires."""

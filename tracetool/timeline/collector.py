"""Collectors: what reduces the batches of one device, as they come, to a result whose size does not grow."""

from __future__ import annotations

from typing import Protocol, TypeVar

__all__ = ["Collector"]

Columns_contra = TypeVar("Columns_contra", contravariant=True)
"""`Accesses`, or operations as a frame of `SUMS_SCHEMA`."""


class Collector(Protocol[Columns_contra]):
    """Takes the batches of one device, trace after trace; each collector has a result of its own kind."""

    def add(self, batch: Columns_contra, /) -> None:
        """Add a batch of one trace, at least one row."""

"""Collectors: what reduces the batches of one device, as they come, to a result whose size does not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tracetool.timeline.sums import Sums

__all__ = ["Collector"]


class Collector(Protocol):
    """Takes the batches of one device, trace after trace; the result is an attribute or method of the collector."""

    def add(self, sums: Sums, /) -> None:
        """Add operations, at least one."""

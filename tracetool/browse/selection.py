"""What is selected: one for all views, which show it each in their way."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """A device, an event of it, and ranges; what is None is not selected.

    `addresses` are bytes of the device, `times_ns` recorded times; ends are exclusive.
    """

    device: str | None = None
    trace: int = 0
    seq: int | None = None
    addresses: tuple[int, int] | None = None
    times_ns: tuple[int, int] | None = None

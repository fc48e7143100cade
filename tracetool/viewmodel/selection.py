"""What is selected: one for all views, which show it each in their way."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """A device and an event of it; what is None is not selected."""

    device: str | None = None
    trace: int = 0
    seq: int | None = None

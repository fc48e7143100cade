"""Delta debugging: shrink a sequence that fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def shrink(items: Sequence[T], fails: Callable[[Sequence[T]], bool], seconds: float = 120) -> list[T]:
    """Shortest subsequence found for which `fails` holds, within the time.

    Parts are left out, first halves, then smaller ones down to single items.

    Ref: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002.
    """
    deadline = time.monotonic() + seconds
    kept = list(items)
    width = max(1, len(kept) // 2)
    while time.monotonic() < deadline:
        before = len(kept)
        kept = _without_parts(kept, width, fails, deadline)
        if width == 1 and len(kept) == before:
            break
        width = max(1, min(width, len(kept)) // 2)
    return kept


def _without_parts(items: list[T], width: int, fails: Callable[[Sequence[T]], bool], deadline: float) -> list[T]:
    """Leave out each part of `width` items that the failure does not need, from the end."""
    end = len(items)
    while end > 0 and time.monotonic() < deadline:
        start = max(0, end - width)
        rest = items[:start] + items[end:]
        if fails(rest):
            items = rest
        end = start
    return items

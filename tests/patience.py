"""Waits of the tests, with one limit: nothing that works reaches it on a busy machine, or on plain Python."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 300.0
POLL_S = 0.02


def wait_until(condition: Callable[[], object], what: str = "the condition did not become true") -> None:
    """Wait until a condition holds; AssertionError with `what` if it does not in `PATIENCE_S`."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(POLL_S)

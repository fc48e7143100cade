"""Patterns of lines that report losses, from the table in `losses.toml`.

A trace with a gap that falls between two operations looks whole; these lines are all that tells.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["loss_table", "may_report_loss", "read_loss"]

_WORDS = (
    "lost", "drop", "discard", "suppress", "miss", "omit", "skip", "transport failure", "overrun", "clipped",
    "exceeded", "failed to write", "entries-in-buffer",
)  # fmt: skip
"""Every pattern of the table needs one of these; most lines have none."""

_WRITTEN = r"#\s*entries-in-buffer/entries-written:\s*(\d{1,18})/(\d{1,18})"
"""Entries written and no longer in the buffer. Ref: Linux Documentation/trace/ftrace.rst."""

_NEAR = 2048
"""Characters looked at, at each end of a line longer than twice as many."""

_DIGITS = 18
"""Digits of a count that are read; a longer one is damage, and fits when cut."""


@cache
def loss_table() -> tuple[dict[str, Any], ...]:
    """The entries of the table, as they stand in the file."""
    import tomllib  # noqa: PLC0415  few traces have such a line

    text = Path(__file__).parents[1].joinpath("losses.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["loss"])


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(entry["pattern"], re.IGNORECASE | re.ASCII) for entry in loss_table())


def may_report_loss(text: str) -> bool:
    """True if a line of the text may report a loss."""
    words = text.lower()
    for word in _WORDS:  # noqa: SIM110  several times as quick as one regular expression, and asked of every line
        if word in words:
            return True
    return False


def read_loss(line: str) -> int | None:
    """Number of events that a line reports as lost; 0 if it names no number, None if it reports no loss."""
    if len(line) > 2 * _NEAR:
        line = f"{line[:_NEAR]}\n{line[-_NEAR:]}"
    if not may_report_loss(line):
        return None
    written = re.search(_WRITTEN, line)
    if written:
        return max(int(written[2]) - int(written[1]), 0) or None
    for pattern in _patterns():
        match = pattern.search(line)
        if match:
            numbers = [int(number[:_DIGITS]) for number in match.groups() if number is not None]
            if not numbers or any(numbers):
                return sum(numbers)
    return None

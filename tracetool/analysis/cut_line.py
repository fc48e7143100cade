"""The last line of a log that has no newline: cut within its last number, it looks like an event with another value.

Such a line is as likely to be whole, in a log that was pasted. Only the model can tell: a line that it contradicts was
cut, which is damage of the log and no disagreement.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tracetool.analysis.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Collection

    from replay.engine import Disagreement
    from tracetool.analysis.device import DeviceNotes
    from tracetool.ingest import Health

__all__ = ["without_cut_line"]

DIGIT, DIGITS = 4, 16
"""Bits of a hexadecimal digit, and most digits of a number."""


def without_cut_line(health: Health, notes: Collection[DeviceNotes]) -> Health:
    """The health of a trace that was replayed; a cut last line counts as damage, and no longer among the `notes`."""
    health = replace(health, first_damaged=[*health.first_damaged])
    last = health.events - 1
    for each in notes if health.unterminated and last >= 0 else ():
        impossible = each.impossible.first_seq == last
        found = each.disagreement if each.disagreement and each.disagreement.seq == last else None
        if not impossible and not (found and _is_cut(found)):
            continue
        each.impossible = Cluster() if impossible else each.impossible
        each.disagreement, each.disagreements = (None, 0) if found else (each.disagreement, each.disagreements)
        shown = "a number that this flash cannot log" if impossible or not found else f"{found.field} {found.actual:#x}"
        health.understood -= 1
        health.damage(health.lines, "cut within its last number", f"event {last} ends with {shown}, without a newline")
    return health


def _is_cut(found: Disagreement) -> bool:
    """True if the recorded number is the beginning of the expected one, or not a text that QEMU logs."""
    return found.field == "text" or (
        found.field != "event"
        and any(found.expected >> DIGIT * digits == found.actual for digits in range(1, DIGITS + 1))
    )

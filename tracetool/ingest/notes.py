"""Lines that are no events and yet say something of them: losses, and writes the host refused.

Ref: Linux Documentation/trace/ftrace.rst (entries-in-buffer, LOST EVENTS), trace-cmd report (EVENTS DROPPED),
QEMU hw/block/pflash_cfi01.c ("Could not update PFLASH").
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from tracetool.ingest.chunk import PLACES, Health, HostWriteFailure, LostPlace, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Notes", "read_loss"]

_WRITTEN = re.compile(r"#\s*entries-in-buffer/entries-written:\s*(\d{1,18})/(\d{1,18})")
_LOST = re.compile(r"\s*(?:CPU:\d+ )?\[(?:(?:LOST )?(\d{1,18}) EVENTS(?: DROPPED)?|LOST EVENTS|EVENTS DROPPED)\]")
_FAILURE = "Could not update PFLASH"


def read_loss(line: str) -> int | None:
    """How many events a line of ftrace's reports as lost; 0 if it does not say how many, None if it reports none."""
    if line.startswith("#"):
        written = _WRITTEN.match(line)
        return (int(written[2]) - int(written[1]) if int(written[2]) > int(written[1]) else None) if written else None
    lost = _LOST.match(line) if "EVENTS" in line else None
    return int(lost[1] or 0) if lost else None


class Notes:
    """What was noted since the last chunk; it enters the health once the numbers of the events are known."""

    def __init__(self) -> None:
        self._losses: list[tuple[int, int]] = []
        self._failures: list[tuple[int, str]] = []

    def __bool__(self) -> bool:
        return bool(self._losses or self._failures)

    def read(self, number: int, line: str) -> None:
        """Look at a line that gave no event."""
        loss = read_loss(line)
        if loss is not None:
            self.lose(number, loss)
        elif _FAILURE in line:
            self._failures.append((number, line[line.index(_FAILURE) :]))

    def lose(self, number: int, count: int) -> None:
        """Note that the source lost events at a line."""
        self._losses.append((number, count))

    def settle(self, health: Health, where: Sequence[int], base: int) -> None:
        """Enter what was noted into the health.

        Args:
            health: counts and places are added to it.
            where: the line of each event of the chunk, rising.
            base: `seq` of the first of them.
        """
        health.lost += sum(count for _, count in self._losses)
        room = PLACES - len(health.lost_places)
        health.lost_places += [LostPlace(n, base + bisect_left(where, n + 1), c) for n, c in self._losses[:room]]
        room = PLACES - len(health.host_write_failures)
        health.host_write_failures += [
            HostWriteFailure(number, base + bisect_left(where, number + 1), printable(text))
            for number, text in self._failures[:room]
        ]
        self._losses.clear()
        self._failures.clear()

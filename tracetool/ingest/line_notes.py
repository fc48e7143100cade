"""Lines beside the events: losses, writes that the host refused, starts of QEMU.

Ref: `losses.toml`; QEMU hw/block/pflash_cfi01.c ("Could not update PFLASH"); libvirt
src/qemu/qemu_domain.c, qemuLogOperation ("starting up").
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from tracetool.ingest.loss_patterns import read_loss
from tracetool.ingest.trace_reader import PLACES, Health, HostWriteFailure
from tracetool.sanitize import excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Notes"]

_STARTING = ": starting up"
_STARTS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+[+-]\d{4}: starting up\b", re.ASCII)
_FAILURE = "Could not update PFLASH"


class Notes:
    """Notes since the last chunk; `settle` enters them into the health, once the events are numbered."""

    def __init__(self) -> None:
        self._losses: list[tuple[int, int]] = []
        self._failures: list[tuple[int, str]] = []
        self._starts: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._losses or self._failures or self._starts)

    def read(self, number: int, line: str) -> bool:
        """Look at a line without an event; True if it reports a loss or a failed write."""
        loss = read_loss(line)
        if loss is not None:
            self.lose(number, loss)
        elif _FAILURE in line:
            self._failures.append((number, line[line.index(_FAILURE) :]))
        elif _STARTING in line and _STARTS.match(line):
            self._starts.append(number)
        return loss is not None or _FAILURE in line

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
        # A loss that an event follows on its line is noted after those of the chunk's later lines.
        self._losses.sort()
        self._failures.sort()
        for number, count in self._losses:
            health.lose(number, base + bisect_left(where, number + 1), count)
        room = PLACES - len(health.host_write_failures)
        health.host_write_failures += [
            HostWriteFailure(number, base + bisect_left(where, number + 1), excerpt(text))
            for number, text in self._failures[:room]
        ]
        health.starts += [base + bisect_left(where, number + 1) for number in self._starts]
        del health.starts[:-PLACES]
        self._starts.clear()
        self._losses.clear()
        self._failures.clear()

"""Erases addressed to the middle of a block, which took what the trace had programmed elsewhere in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from replay.columns import Flag, OpKind
from tracetool.analysis.cluster import Cluster, Occurrence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.timeline.sums import Sums

    Integers = NDArray[np.int64]

__all__ = ["WideErases"]

_MANY = 1 << 12
"""Spans kept before adjacent ones are joined."""

_BLOCK, _ORDER, _LOW, _HIGH = range(4)
"""Rows of the spans that were programmed: their block, the number of the operation, and offsets."""

_OFFSET_BITS = 40
"""More than an offset has."""


class WideErases:
    """Confirmed erases whose command went to no block's start, where programmed data beyond what was meant is gone.

    A chip erases the whole block, whatever address in it the command goes to; a driver that sends another address
    believes in smaller sectors. How large is not known: taken is the lowest bit set in any of these addresses.
    `found` counts the erases, with their blocks as place and the lost bytes; `asked` are the addresses, `blocks` the
    numbers of the blocks.
    """

    def __init__(self, block_bytes: int, *, listed: bool = False) -> None:
        self.found = Cluster.empty(listed=listed)
        self.asked: set[int] = set()
        self.blocks: set[int] = set()
        self.block_bytes = block_bytes
        self._sector = block_bytes
        self._operations = 0
        self._erased_at: dict[int, int] = {}
        self._spans = np.zeros((4, 0), np.int64)
        self._most = _MANY

    def add(self, sums: Sums) -> None:
        """Add the operations of a batch."""
        start, self._operations = self._operations, self._operations + len(sums)
        programs = np.flatnonzero((sums["programmed"] > 0) & (sums["low"] >= 0))
        low, high = sums["low"][programs], sums["high"][programs]
        new = np.stack([low // self.block_bytes, start + programs, low, high])
        self._spans = np.concatenate([self._spans, new], axis=1)
        erases = np.flatnonzero((sums["kind"] == OpKind.ERASE) & (sums["erased"] != 0)).tolist()
        for at in erases:
            self._erase(sums, at, start + at)
        if erases:
            self._forget()
        if self._spans.shape[1] > self._most:
            self._spans = _joined(self._spans)
            self._most = max(_MANY, 2 * self._spans.shape[1])

    def _erase(self, sums: Sums, at: int, order: int) -> None:
        number, asked = int(sums["low"][at]) // self.block_bytes, int(sums["command_offset"][at])
        inside = asked >= 0 and asked % self.block_bytes
        if inside and not sums["flags"][at] & (Flag.BAD_SECOND_CYCLE | Flag.MISMATCH | Flag.ADOPTED):
            self._sector = min(self._sector, asked & -asked)
            lost = self._lost(number, order, asked)
            if lost:
                self.asked.add(asked)
                self.blocks.add(number)
                self._count(sums, at, number * self.block_bytes, lost)
        self._erased_at[number] = order

    def _count(self, sums: Sums, at: int, place: int, lost: int) -> None:
        trace, seqs = sums.trace, (int(sums["first_seq"][at]), int(sums["last_seq"][at]))
        occurrence = Occurrence(trace, seqs[0], place, self.block_bytes, -1)
        found = Cluster(1, lost, place, place + self.block_bytes, *seqs, trace=trace, last_trace=trace)
        found.occurrences = [occurrence]
        self.found.merge(found)

    def _lost(self, number: int, order: int, asked: int) -> int:
        """Bytes of a block that were programmed since its last erase, outside the sector that was meant."""
        orders = self._spans[_ORDER]
        since = (orders > self._erased_at.get(number, -1)) & (orders < order)
        low, high = self._spans[_LOW:, (self._spans[_BLOCK] == number) & since]
        meant = asked + self._sector
        return _covered(low, np.minimum(high, asked)) + _covered(np.maximum(low, meant), high)

    def _forget(self) -> None:
        """Drop spans that were erased since."""
        blocks, at = np.unique(self._spans[_BLOCK], return_inverse=True)
        erased_at = np.array([self._erased_at.get(block, -1) for block in blocks.tolist()], np.int64)
        self._spans = self._spans[:, self._spans[_ORDER] > erased_at[at]]


def _joined(spans: Integers) -> Integers:
    """The spans with those of a block joined that overlap or are adjacent."""
    spans = spans[:, np.lexsort((spans[_LOW], spans[_BLOCK]))]
    block, order, low, high = spans
    # With the block's number in front, no span reaches into the next block.
    reached = np.maximum.accumulate((block << _OFFSET_BITS) + high)
    starts = np.flatnonzero(np.append(True, (block[1:] << _OFFSET_BITS) + low[1:] > reached[:-1]))
    ends = np.maximum.reduceat(high, starts)
    return np.stack([block[starts], np.maximum.reduceat(order, starts), low[starts], ends])


def _covered(low: NDArray[np.int64], high: NDArray[np.int64]) -> int:
    """Bytes that lie in at least one of the spans; spans that end before they begin are empty."""
    order = np.argsort(low, kind="stable")
    low, high = low[order], high[order]
    reached = np.maximum.accumulate(np.concatenate([[0], high[:-1]])) if len(high) else high
    return int(np.maximum(high - np.maximum(low, reached), 0).sum())

"""Clusters: like accesses, operations or events of one device, counted together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tracetool.timeline.accesses import Accesses

    Column = NDArray[np.int64]

__all__ = ["Cluster", "Occurrence", "Spans"]


class Occurrence(NamedTuple):
    """One of the accesses or operations of a cluster. Offset and length in bytes; value -1 where there is none."""

    trace: int
    seq: int
    offset: int
    length: int
    value: int


class Spans(NamedTuple):
    """Accesses or operations of one trace, in order: int64 columns of equal length, at least one row."""

    first_seq: Column
    last_seq: Column
    offset: Column
    end: Column
    value: Column


@dataclass
class Cluster:
    """Count, bytes, hull and first and last event of like accesses; -1 where there is none.

    Offsets in bytes, `end` exclusive. `example` is the value of the first, `example_size` its size.
    """

    count: int = 0
    bytes: int = 0
    offset: int = -1
    end: int = -1
    first_seq: int = -1
    last_seq: int = -1
    example: int = -1
    example_size: int = 0
    trace: int = -1
    last_trace: int = -1
    occurrences: list[Occurrence] | None = None
    """Each of them, where a list was asked for."""

    @classmethod
    def empty(cls, *, listed: bool) -> Cluster:
        """A cluster to be filled; `listed`: with each occurrence."""
        return cls(occurrences=[] if listed else None)

    @classmethod
    def at(cls, trace: int, seq: int | None = None, count: int = 1) -> Cluster:
        """One event of a trace, or the trace as a whole."""
        number = -1 if seq is None else seq
        return cls(count, first_seq=number, last_seq=number, trace=trace, last_trace=trace)

    def __bool__(self) -> bool:
        """False for an empty cluster; losses of an unknown number are a count of 0 in a trace."""
        return self.count > 0 or self.trace >= 0

    def add(self, rows: Accesses, *, effect: bool = False, amount: int = 0, count: int | None = None) -> None:
        """Add accesses by the place they address, or by the place they had an `effect` on."""
        if len(rows.seq):
            offset, end = (rows.effect_offset, rows.effect_end) if effect else (rows.offset, rows.end)
            size, trace = int(rows.size[0]), int(rows.trace[0])
            spans = Spans(rows.seq, rows.seq, offset, end, rows.value)
            self.extend(trace, spans, size=size, amount=amount, count=count)

    def extend(self, trace: int, rows: Spans, *, size: int = 0, amount: int = 0, count: int | None = None) -> None:
        """Add spans of a trace: `amount` bytes, `count` of them (by default one a row); `size` is the first's."""
        first, last = int(rows.first_seq[0]), int(rows.last_seq.max())
        offset, end = int(rows.offset.min()), int(rows.end.max())
        number = len(rows.value) if count is None else count
        self.merge(Cluster(number, amount, offset, end, first, last, int(rows.value[0]), size, trace, trace))
        if self.occurrences is not None:
            found = zip(rows.first_seq, rows.offset, rows.end - rows.offset, rows.value, strict=True)
            self.occurrences.extend(Occurrence(trace, *map(int, row)) for row in found)

    def merge(self, other: Cluster) -> None:
        """Add another cluster of the same kind."""
        if not other.count:
            return
        if not self.count or (other.trace, other.first_seq) < (self.trace, self.first_seq):
            self.trace, self.first_seq = other.trace, other.first_seq
            self.example, self.example_size = other.example, other.example_size
        self.offset = min(self.offset, other.offset) if self.count else other.offset
        self.end = max(self.end, other.end)
        self.last_trace, self.last_seq = max((self.last_trace, self.last_seq), (other.last_trace, other.last_seq))
        self.count += other.count
        self.bytes += other.bytes
        if self.occurrences is not None and other.occurrences:
            self.occurrences.extend(other.occurrences)

"""Clusters: like accesses, operations or events of one device, counted together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from tracetool.timeline.accesses import EFFECT_END, END

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.timeline.sums import Sums

__all__ = ["SPANS_SCHEMA", "SUMMED", "Cluster", "Occurrence", "by_address", "by_effect"]


SPANS_SCHEMA = pl.Schema(
    dict.fromkeys(("trace", "first_seq", "last_seq", "offset", "end", "value", "size", "bytes"), pl.Int64())
)
"""One row an access or effect: its events, its place (`end` exclusive), the value and size (bytes) of its
first access, and the bytes that are counted. -1 for none."""

SUMMED = (
    pl.len().alias("count"),
    pl.col("bytes").sum(),
    pl.col("offset").min(),
    pl.col("end").max(),
    pl.col("first_seq").first(),
    pl.col("last_seq").max(),
    pl.col("value").first().alias("example"),
    pl.col("size").first().alias("example_size"),
    pl.col("trace").first(),
    pl.col("trace").last().alias("last_trace"),
)
"""The fields of the `Cluster` of some spans, for `select` and `agg`."""

_OCCURRENCE = ("trace", "first_seq", "offset", pl.col("end") - pl.col("offset"), "value")


def by_address(steps: pl.DataFrame) -> pl.DataFrame:
    """Accesses (`STEPS_SCHEMA`) by the place that they address; no bytes are counted."""
    return _spans(steps, pl.col("offset"), END, pl.lit(0))


def by_effect(steps: pl.DataFrame, counted: str = "effect_length", start: int = 0) -> pl.DataFrame:
    """Accesses (`STEPS_SCHEMA`) by the place that they changed, from `start` on; at most `counted` bytes each."""
    low = pl.max_horizontal("effect_offset", pl.lit(start))
    return _spans(steps, low, EFFECT_END, pl.min_horizontal(EFFECT_END - low, counted))


def _spans(steps: pl.DataFrame, offset: pl.Expr, end: pl.Expr, counted: pl.Expr) -> pl.DataFrame:
    seqs = (pl.col("seq").alias(name) for name in ("first_seq", "last_seq"))
    place = (offset.alias("offset"), end.alias("end"))
    return steps.select("trace", *seqs, *place, "value", "size", counted.cast(pl.Int64).alias("bytes"))


class Occurrence(NamedTuple):
    """One of the accesses or operations of a cluster. Offset and length in bytes; value -1 where there is none."""

    trace: int
    seq: int
    offset: int
    length: int
    value: int


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

    def __deepcopy__(self, _memo: object) -> Cluster:
        return replace(self, occurrences=None if self.occurrences is None else [*self.occurrences])

    def __bool__(self) -> bool:
        """False for an empty cluster; losses of an unknown number are a count of 0 in a trace."""
        return self.count > 0 or self.trace >= 0

    def add(self, spans: pl.DataFrame, *, count: int | None = None) -> None:
        """Add spans of one trace (`SPANS_SCHEMA`); by default each row counts."""
        if len(spans):
            added = Cluster(**spans.select(SUMMED).row(0, named=True))
            added.count = added.count if count is None else count
            self.merge(added)
        if self.occurrences is not None:
            self.occurrences += map(Occurrence._make, spans.select(_OCCURRENCE).iter_rows())

    def add_operations(self, sums: Sums, mask: NDArray[np.bool_]) -> None:
        """Add the selected operations; their bytes are those that they changed."""
        rows = np.flatnonzero(mask)
        if not len(rows):
            return
        columns = (sums["first_seq"], sums["last_seq"], sums.offset, sums.end, sums["command_value"])
        first, last, offset, end, value = (column[rows] for column in columns)
        added = Cluster(len(rows), int(sums["bytes_changed"][rows].sum()), int(offset.min()), int(end.max()))
        added.first_seq, added.last_seq, added.example = int(first[0]), int(last.max()), int(value[0])
        added.trace = added.last_trace = sums.trace
        if self.occurrences is not None:
            listed = zip(first.tolist(), offset.tolist(), (end - offset).tolist(), value.tolist(), strict=True)
            added.occurrences = [Occurrence(sums.trace, *each) for each in listed]
        self.merge(added)

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

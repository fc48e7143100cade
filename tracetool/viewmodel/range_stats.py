"""Statistics of a range of operations: counts, bytes, erases, and the gaps between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tracetool.findings.phrases import count_of
from tracetool.sizes import format_size
from tracetool.timeline.operations import COUNTED, WRITING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Gaps", "Statistics", "clipped", "statistics", "within"]

_ACCESS_BYTES = 4
"""The most that an access brings: the facts of the model have 8-byte accesses arrive as two of 4 bytes."""
_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


@dataclass(frozen=True)
class Gaps:
    """Time between the end of an operation and the start of the next of the same trace, ns."""

    least: int
    median: int
    most: int

    def __str__(self) -> str:
        return " / ".join(_time(gap) for gap in (self.least, self.median, self.most))


@dataclass(frozen=True)
class Statistics:
    """Totals of operations; `bytes_changed` is None where one is not known, `gaps` where times are not."""

    operations: int
    erases: int
    programs: int
    refused: int
    bytes_programmed: int
    bytes_changed: int | None
    accesses: int
    gaps: Gaps | None
    scattered: bool = False
    """A program's words do not fill its span: `bytes_programmed` is an estimate that may be too low or too high."""
    unsure: bool = False
    """Contents are not always known: at least `bytes_changed` bytes were altered."""

    def words(self) -> Iterator[str]:
        """A phrase per total, without zeros."""
        yield count_of(self.operations, "operation")
        for count, noun in ((self.erases, "erase"), (self.programs, "program"), (self.refused, "refused operation")):
            if count:
                yield count_of(count, noun)
        if self.bytes_programmed:
            yield f"{'~' if self.scattered else ''}{_bytes(self.bytes_programmed)} programmed"
        if (
            self.bytes_changed is not None
            and (self.erases or self.programs)
            and (self.bytes_changed or not self.unsure)
        ):
            yield f"{'at least ' if self.unsure else ''}{_bytes(self.bytes_changed)} changed"
        if self.accesses:
            yield count_of(self.accesses, "access", "accesses")
        if self.gaps is not None:
            yield f"gaps {self.gaps} (min/median/max)"


def within(operations: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """The operations (columns of `OPERATIONS_SCHEMA`) that touch bytes from `start` to `end`, in their order."""
    reach = pl.col("offset") + pl.max_horizontal(pl.col("length").fill_null(1), 1)
    return operations.filter((pl.col("offset") < end) & (reach > start))


def clipped(operations: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """Operations that touch bytes from `start` to `end`, cut to those bytes."""
    low = pl.max_horizontal("offset", pl.lit(start))
    high = pl.min_horizontal(pl.col("offset") + pl.col("length"), pl.lit(end))
    return operations.with_columns(offset=low, length=high - low)


def statistics(operations: pl.DataFrame) -> Statistics:
    """Add up operations (columns of `OPERATIONS_SCHEMA`, by trace and first seq)."""
    program, writing = COUNTED["programs"], pl.col("kind").is_in(WRITING)
    most = _ACCESS_BYTES * pl.col("accesses")
    row = operations.select(
        operations=pl.len(),
        **{name: chosen.sum() for name, chosen in COUNTED.items()},
        # An estimate: the words of a buffer may be scattered, and what lies between them, within the length, is not
        # programmed; nor is it known how often a place was written. The audit counts what was written, exactly.
        bytes_programmed=pl.min_horizontal("length", most).filter(program).sum(),
        scattered=(pl.col("length") > most).filter(program).any(),
        unknown=pl.col("bytes_changed").filter(writing).is_null().any(),
        bytes_changed=pl.col("bytes_changed").sum(),
        accesses=pl.col("accesses").sum(),
    ).row(0, named=True)
    unknown = row.pop("unknown")
    return Statistics(**row | ({"bytes_changed": None} if unknown else {}), gaps=_gaps(operations))


def _gaps(operations: pl.DataFrame) -> Gaps | None:
    ends = pl.col("time_ns") + pl.col("duration_ns").fill_null(0)
    found = operations.select(gap=(pl.col("time_ns") - ends.shift(1)).over("trace")).drop_nulls()
    if found.is_empty():
        return None
    gaps = found.select(pl.col("gap").clip(lower_bound=0))["gap"]
    least, median, most = (gaps.quantile(share, "nearest") or 0 for share in (0.0, 0.5, 1.0))
    return Gaps(int(least), int(median), int(most))


def _time(nanoseconds: int) -> str:
    size, unit = next((unit for unit in _UNITS if nanoseconds >= unit[0]), _UNITS[-1])
    return f"{nanoseconds / size:.3g} {unit}" if nanoseconds < 1000 * size else f"{nanoseconds / size:,.0f} {unit}"


def _bytes(count: int) -> str:
    return format_size(count) if count and count % 1024 == 0 else f"{count:,} B"

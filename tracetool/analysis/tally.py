"""The collector of a device's accesses, whatever its extent: totals, ends, and clusters that rules are about."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import polars as pl

from replay.columns import Flag, RowKind
from tracetool.analysis.cluster import Cluster, by_address
from tracetool.timeline.operations import flagged

if TYPE_CHECKING:
    from replay.engine import Totals as MachineTotals

__all__ = ["MOST_WRITES", "NOTABLE", "Ends", "Tally", "Totals"]

NOTABLE = Flag.STRAY | Flag.NOT_A_COMMAND | Flag.READ_ONLY_TARGET
"""Flags of accesses that the machine gives one by one."""


@dataclass
class Totals:
    """Counts of what was done to one device."""

    accesses: int = 0
    reads: int = 0
    writes: int = 0
    erases: int = 0
    buffered_programs: int = 0
    programs: int = 0
    bytes_programmed: int = 0
    unproved_programs: int = 0
    """Programs of which the trace does not tell whether they were stored; not among the three above."""
    refused: int = 0
    aborted: int = 0
    status_reads: int = 0
    identifier_reads: int = 0
    query_reads: int = 0
    strays: int = 0
    resets: int = 0

    def without_programs(self) -> Totals:
        """The totals where the trace does not tell whether a program was stored."""
        asked = self.programs + self.buffered_programs
        return replace(self, programs=0, buffered_programs=0, bytes_programmed=0, unproved_programs=asked)

    @classmethod
    def of(cls, totals: MachineTotals) -> Totals:
        """The machine's totals."""
        names = (field.name for field in fields(cls) if field.name != "unproved_programs")
        return cls(**{name: getattr(totals, name) for name in names})


@dataclass
class Ends:
    """First offset after everything that was programmed, erased or commanded; 0 where nothing was."""

    programmed: int = 0
    erased: int = 0
    commanded: int = 0

    @property
    def highest(self) -> int:
        """First offset after all of them."""
        return max(self.programmed, self.erased, self.commanded)

    @classmethod
    def of(cls, totals: MachineTotals) -> Ends:
        """The machine's ends."""
        return cls(totals.programmed_end, totals.erased_end, totals.commanded_end)


MOST_WRITES = 256
"""Bus writes from the first stray one on that are searched for text."""

_LEAST_TEXT = 4


@dataclass
class WrittenText:
    """The first `MOST_WRITES` bus writes from the first stray one on, as the stores to memory that they may be."""

    offsets: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)

    def add(self, steps: pl.DataFrame) -> None:
        """Add accesses (`STEPS_SCHEMA`)."""
        begun = pl.lit(bool(self.data)) | (flagged(Flag.STRAY).cum_sum() > 0)
        writes = steps.filter((pl.col("kind") == RowKind.IO_WRITE) & begun).head(MOST_WRITES - len(self.data))
        for offset, size, value in writes.select("offset", "size", "value").iter_rows():
            self.offsets.append(offset)
            self.data.append((value & ((1 << (8 * size)) - 1)).to_bytes(size, "little"))

    @property
    def longest(self) -> str:
        """The longest printable text that was written to consecutive offsets; empty for none."""
        parts, end = [], -1
        for offset, data in zip(self.offsets, self.data, strict=True):
            parts += [data] if offset == end else [b"\0", data]
            end = offset + len(data)
        return max((text.decode() for text in _PRINTABLE.findall(b"".join(parts))), key=len, default="").strip()


_PRINTABLE = re.compile(rb"[ -~]{%d,}" % _LEAST_TEXT)


class Tally:
    """Collector of the accesses of one device that the machine gives one by one, and of its totals."""

    def __init__(self, *, listed: bool = False) -> None:
        self.totals = Totals()
        self.ends = Ends()
        self.strays, self.not_commands, self.refused_read_only = (Cluster.empty(listed=listed) for _ in range(3))
        self.text = WrittenText()
        self._last_refused_op = -1

    def count(self, totals: MachineTotals) -> None:
        """Copy the machine's totals, which count from the beginning on."""
        self.totals, self.ends = Totals.of(totals), Ends.of(totals)

    def add(self, steps: pl.DataFrame) -> None:
        """Add accesses (`STEPS_SCHEMA`) with a flag of `NOTABLE`, and those that follow the first stray one."""
        # A write in a cycle that was taken from the trace may be no command at all: TRC001 or TRC007 speaks of it.
        in_step = ~flagged(Flag.MISMATCH | Flag.ADOPTED)
        self.text.add(steps)
        self.strays.add(by_address(steps.filter(in_step & flagged(Flag.STRAY))))
        self.not_commands.add(by_address(steps.filter(in_step & flagged(Flag.NOT_A_COMMAND))))
        refused = steps.filter(flagged(Flag.READ_ONLY_TARGET))
        if len(refused):
            operations = refused["op"].unique().sort()
            new = len(operations) - int(operations[0] == self._last_refused_op)
            self._last_refused_op = operations[-1]
            self.refused_read_only.add(by_address(refused), count=new)

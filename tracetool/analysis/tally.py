"""What a device's accesses add up to: totals, ends, and clusters of accesses worth a finding.

Everything here is reduced as the chunks go by; its size does not grow with the trace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from replay.columns import Flag, RowKind

if TYPE_CHECKING:
    from replay.engine import Totals as MachineTotals
    from tracetool.timeline.accesses import Accesses

__all__ = ["MOST_WRITES", "NOTABLE", "Cluster", "Ends", "Occurrence", "Tally", "Totals"]

NOTABLE = Flag.STRAY | Flag.NOT_A_COMMAND | Flag.READ_ONLY_TARGET
"""Flags of accesses that are looked at one by one."""


class Occurrence(NamedTuple):
    """One of the accesses or operations of a cluster. Offset and length in bytes; value -1 where there is none."""

    trace: int
    seq: int
    offset: int
    length: int
    value: int


@dataclass
class Cluster:
    """Like accesses, counted together. Offsets in bytes, `end` exclusive; seq of the first and the last one."""

    count: int = 0
    bytes: int = 0
    offset: int = -1
    end: int = -1
    first_seq: int = -1
    last_seq: int = -1
    example: int = -1
    example_size: int = 0
    trace: int = -1
    """Which trace the first one stands in."""
    last_trace: int = -1
    occurrences: list[Occurrence] | None = None
    """Every one of them, where a list was asked for."""

    def add(self, rows: Accesses, *, effect: bool = False, amount: int = 0, count: int | None = None) -> None:
        """Take in rows by the place they address, or by the place they had an effect on."""
        if not len(rows.seq):
            return
        offset, end = (rows.effect_offset, rows.effect_end) if effect else (rows.offset, rows.end)
        self.merge(
            Cluster(
                len(rows.seq) if count is None else count,
                amount,
                int(offset.min()),
                int(end.max()),
                int(rows.seq[0]),
                int(rows.seq[-1]),
                int(rows.value[0]),
                int(rows.size[0]),
                int(rows.trace[0]),
                int(rows.trace[-1]),
            )
        )
        if self.occurrences is not None:
            lengths = end - offset
            found = zip(rows.trace, rows.seq, offset, lengths, rows.value, strict=True)
            self.occurrences.extend(Occurrence(*map(int, row)) for row in found)

    def merge(self, other: Cluster) -> None:
        """Take in another cluster of the same kind."""
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


@dataclass
class Totals:
    """How often what was done to one device."""

    accesses: int = 0
    reads: int = 0
    writes: int = 0
    erases: int = 0
    buffered_programs: int = 0
    programs: int = 0
    bytes_programmed: int = 0
    unproved_programs: int = 0
    """Programs of which the trace does not tell whether they were stored; they are in none of the three above."""
    refused: int = 0
    aborted: int = 0
    status_reads: int = 0
    identifier_reads: int = 0
    query_reads: int = 0
    strays: int = 0
    resets: int = 0

    def without_programs(self) -> Totals:
        """The same where the trace does not tell whether a program was stored."""
        asked = self.programs + self.buffered_programs
        return replace(self, programs=0, buffered_programs=0, bytes_programmed=0, unproved_programs=asked)

    @classmethod
    def of(cls, totals: MachineTotals) -> Totals:
        """What the machine counted."""
        names = (field.name for field in fields(cls) if field.name != "unproved_programs")
        return cls(**{name: getattr(totals, name) for name in names})


@dataclass
class Ends:
    """First offset after everything that was programmed, erased, commanded or read; 0 where there was nothing."""

    programmed: int = 0
    erased: int = 0
    commanded: int = 0

    @property
    def highest(self) -> int:
        """First offset after every write that mattered."""
        return max(self.programmed, self.erased, self.commanded)

    @classmethod
    def of(cls, totals: MachineTotals) -> Ends:
        """What the machine saw."""
        return cls(totals.programmed_end, totals.erased_end, totals.commanded_end)


MOST_WRITES = 256
"""Bus writes after the first stray one that are looked at for text."""

_LEAST_TEXT = 4


@dataclass
class WrittenText:
    """What the bus writes from the first stray one on would read as, were they stores to memory; of the first 256."""

    offsets: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)

    def add(self, rows: Accesses) -> None:
        """Take in a chunk."""
        writes = rows.kind == RowKind.IO_WRITE
        if not self.data:
            strays = np.flatnonzero((rows.flags & Flag.STRAY) != 0)
            writes &= np.arange(len(writes)) >= (strays[0] if len(strays) else len(writes))
        found = np.flatnonzero(writes)[: MOST_WRITES - len(self.data)]
        for offset, size, value in zip(rows.offset[found], rows.size[found], rows.value[found], strict=True):
            self.offsets.append(int(offset))
            self.data.append((int(value) & ((1 << (8 * int(size))) - 1)).to_bytes(int(size), "little"))

    @property
    def longest(self) -> str:
        """The longest printable text that was written to offsets one after another; empty if there is none."""
        parts, end = [], -1
        for offset, data in zip(self.offsets, self.data, strict=True):
            parts += [data] if offset == end else [b"\0", data]
            end = offset + len(data)
        return max((text.decode() for text in _PRINTABLE.findall(b"".join(parts))), key=len, default="").strip()


_PRINTABLE = re.compile(rb"[ -~]{%d,}" % _LEAST_TEXT)


@dataclass
class Tally:
    """Everything that is kept of the accesses of one device, whatever its extent."""

    totals: Totals = field(default_factory=Totals)
    ends: Ends = field(default_factory=Ends)
    strays: Cluster = field(default_factory=Cluster)
    not_commands: Cluster = field(default_factory=Cluster)
    refused_read_only: Cluster = field(default_factory=Cluster)
    text: WrittenText = field(default_factory=WrittenText)
    keep_occurrences: bool = False
    _last_refused_op: int = -1

    def __post_init__(self) -> None:
        if self.keep_occurrences:
            for cluster in (self.strays, self.not_commands, self.refused_read_only):
                cluster.occurrences = []

    def count(self, totals: MachineTotals) -> None:
        """Take over what the machine counted, from the beginning on."""
        self.totals, self.ends = Totals.of(totals), Ends.of(totals)

    def add(self, rows: Accesses) -> None:
        """Take in accesses with a flag of `NOTABLE`, and those that follow the first stray one."""
        # A write in a cycle that was taken from the trace may be no command at all: TRC001 or TRC007 speaks of it.
        in_step = (rows.flags & (Flag.MISMATCH | Flag.ADOPTED)) == 0
        self.text.add(rows)
        self.strays.add(rows.take(in_step & ((rows.flags & Flag.STRAY) != 0)))
        self.not_commands.add(rows.take(in_step & ((rows.flags & Flag.NOT_A_COMMAND) != 0)))
        refused = rows.take((rows.flags & Flag.READ_ONLY_TARGET) != 0)
        if len(refused.op):
            operations = np.unique(refused.op)
            new = len(operations) - int(operations[0] == self._last_refused_op)
            self._last_refused_op = int(operations[-1])
            self.refused_read_only.add(refused, count=new)

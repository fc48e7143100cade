"""Accesses beyond the extent: their effects, and those under a policy."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from replay.columns import Effect, RowKind
from tracetool.analysis.cluster import SPANS_SCHEMA, SUMMED, Cluster, by_address, by_effect
from tracetool.timeline.accesses import EFFECT_END, END, IS_ERASE, IS_STORED, IS_WRITE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Comparison", "Early", "Outside"]

NO_EXTENT = 1 << 62
"""In place of an extent that is not known: nothing lies beyond it."""

_IS_IO_WRITE = pl.col("kind") == RowKind.IO_WRITE
_CHANGES = IS_STORED | IS_ERASE
_IS_STAGED = pl.col("effect") == Effect.STAGE


@dataclass
class _Open:
    """Writes outside by the operation in progress, which may yet turn out to be more than commands."""

    writes: Cluster
    op: int = -1
    effective: bool = False
    word: tuple[int, int] | None = None
    """Value and size of its first word outside."""


class Outside:
    """Collector of programs, erases and mere commands beyond `extent` (bytes).

    `untraced` are writes that the recorded device threw away, so that their value is not in the trace; `torn` those of
    them that came while a command was in progress.
    """

    def __init__(self, extent: int = NO_EXTENT, *, listed: bool = False) -> None:
        self.extent = extent
        self.programs, self.erases, self.commands, self.untraced, self.torn = (
            Cluster.empty(listed=listed) for _ in range(5)
        )
        self._listed = listed
        self._open = _Open(Cluster.empty(listed=listed))

    def add(self, steps: pl.DataFrame) -> None:
        """Add accesses (`STEPS_SCHEMA`)."""
        outer = steps.filter(pl.col("kind") == RowKind.OUTER_WRITE)
        self.untraced.add(by_address(outer).with_columns(bytes="size"))
        self.torn.add(by_address(outer.filter(pl.col("wcycle") != 0)))
        changes = steps.filter(_CHANGES & (self.extent < EFFECT_END))
        self._add_programs(changes.filter(IS_STORED), steps)
        self.erases.add(by_effect(changes.filter(IS_ERASE)))
        beyond = steps.filter((_IS_IO_WRITE & (self.extent < END)) | (_CHANGES & (self.extent < EFFECT_END)))
        if len(beyond):
            self._add_commands(beyond.with_columns(effective=_CHANGES.any().over("op")))

    def _add_programs(self, programs: pl.DataFrame, steps: pl.DataFrame) -> None:
        spans = by_effect(programs, "programmed", self.extent)
        if not self.programs and len(programs) and programs.item(0, "effect") == Effect.FLUSH:
            value, size = self._first_word(steps, programs.item(0, "op"))
            first = pl.when(pl.int_range(pl.len()) == 0)
            spans = spans.with_columns(
                value=first.then(value).otherwise("value"), size=first.then(size).otherwise("size")
            )
        self.programs.add(spans)

    def _first_word(self, steps: pl.DataFrame, op: int) -> tuple[int, int]:
        """Value and size of the first word that operation `op` staged outside: a flush itself carries none."""
        if self._open.op == op and self._open.word is not None:
            return self._open.word
        outside = _IS_IO_WRITE & _IS_STAGED & (self.extent < END)
        words = steps.filter(outside & (pl.col("op") == op)).select("value", "size")
        return words.row(0) if len(words) else (-1, 0)

    def _add_commands(self, beyond: pl.DataFrame) -> None:
        """Add the writes of operations that neither programmed nor erased outside; the last one may yet."""
        op, first, last = pl.col("op"), beyond.item(0, "op"), beyond.item(-1, "op")
        if first == self._open.op:
            self._continue(beyond.filter(op == first))
        if last != self._open.op:
            mere = beyond.filter(~pl.col("effective") & (op != self._open.op) & (op != last))
            self.finish()
            self.commands.add(by_address(mere))
            self._open.op = last
            self._continue(beyond.filter(op == last))

    def _continue(self, rows: pl.DataFrame) -> None:
        """Add accesses of the operation in progress."""
        self._open.effective |= rows.item(0, "effective")
        self._open.writes.add(by_address(rows.filter(IS_WRITE)))
        words = rows.filter(_IS_STAGED).select("value", "size")
        if len(words) and self._open.word is None:
            self._open.word = words.row(0)

    def finish(self) -> None:
        """Count an open operation as a mere command, unless it had an effect."""
        if not self._open.effective:
            self.commands.merge(self._open.writes)
        self._open = _Open(Cluster.empty(listed=self._listed))

    def absorb(self, early: Early) -> None:
        """Add what was done before the extent was known, by whole erase blocks."""
        for found in early.beyond(self.extent):
            self.programs.merge(found.get("programs", Cluster()))
            self.erases.merge(found.get("erases", Cluster()))
            if found.keys() == {"writes"}:
                self.commands.merge(found["writes"])


_FURTHEST = pl.struct(SPANS_SCHEMA.names()).get(pl.col("end").arg_max()).alias("furthest")


@dataclass
class _Found:
    """Accesses of one kind to one erase block, and the one that reached furthest (columns of `SPANS_SCHEMA`)."""

    all: Cluster = field(default_factory=Cluster)
    furthest: dict[str, int] = field(default_factory=lambda: {"end": -1})


class Early:
    """Collector of what was done to each erase block while no extent is known: all that a stream can be asked later.

    A block that was programmed or erased counts no mere commands: which of its writes led to nothing is not kept.
    Of a block in which the extent ends, one access of each kind that goes beyond is all that is known.
    """

    def __init__(self, block_bytes: int) -> None:
        self._block_bytes = block_bytes
        self._blocks: dict[int, dict[str, _Found]] = defaultdict(lambda: defaultdict(_Found))

    def add(self, steps: pl.DataFrame) -> None:
        """Add accesses (`STEPS_SCHEMA`), each to the block that it ends in."""
        for kind, spans in (
            ("programs", by_effect(steps.filter(IS_STORED))),
            ("erases", by_effect(steps.filter(IS_ERASE))),
            ("writes", by_address(steps.filter(_IS_IO_WRITE))),
        ):
            blocks = spans.group_by(((pl.col("end") - 1) // self._block_bytes).alias("block"), maintain_order=True)
            for block, furthest, *summed in blocks.agg(_FURTHEST, *SUMMED).iter_rows():
                found = self._blocks[block][kind]
                found.all.merge(Cluster(*summed))
                if furthest["end"] > found.furthest["end"]:
                    found.furthest = furthest

    def beyond(self, extent: int) -> Iterator[dict[str, Cluster]]:
        """Programs, erases and writes beyond an extent, block by block."""
        for block, kinds in sorted(self._blocks.items()):
            if block * self._block_bytes >= extent:
                yield {kind: found.all for kind, found in kinds.items()}
            else:
                reached = {kind: found.furthest for kind, found in kinds.items() if found.furthest["end"] > extent}
                yield {kind: _clipped(furthest, kind, extent) for kind, furthest in reached.items()}


def _clipped(furthest: dict[str, int], kind: str, extent: int) -> Cluster:
    """The furthest access of a block in which the extent ends, as far as it goes beyond."""
    if kind == "programs":
        low = max(furthest["offset"], extent)
        furthest = furthest | {"offset": low, "bytes": min(furthest["bytes"], furthest["end"] - low)}
    cluster = Cluster()
    cluster.add(pl.DataFrame([furthest], SPANS_SCHEMA))
    return cluster


class Comparison:
    """The recorded machine beside the one under the policy, from the first access outside the extent on.

    `reads` are logged reads that return something else under the policy, `example` being what its machine returns;
    `torn` writes inside the extent that the two machines take for different cycles.
    """

    def __init__(self, *, listed: bool = False) -> None:
        self.reads, self.torn = Cluster.empty(listed=listed), Cluster.empty(listed=listed)

    def add(self, steps: pl.DataFrame, theirs: pl.DataFrame, extent: int) -> None:
        """Compare a batch (`STEPS_SCHEMA`): the same rows of the trace, as each machine has them."""
        accesses = pl.col("kind") <= RowKind.RESET
        other = theirs.filter(accesses).select(other_wcycle="wcycle", other_value="expected")
        both = steps.filter(accesses).hstack(other)
        inside = _IS_IO_WRITE & (extent >= END)
        self.torn.add(by_address(both.filter(inside & (pl.col("wcycle") != pl.col("other_wcycle")))))
        known = (pl.col("kind") == RowKind.IO_READ) & (pl.col("other_value") >= 0) & (pl.col("value") >= 0)
        reads = both.filter(known & (pl.col("value") != pl.col("other_value")))
        self.reads.add(by_address(reads.with_columns(value="other_value")))

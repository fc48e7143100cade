"""Accesses beyond the extent: what they did, and what a policy would have made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from replay.columns import Effect, RowKind
from tracetool.analysis.cluster import Cluster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.timeline.accesses import Accesses

__all__ = ["Comparison", "Early", "Outside"]


NO_EXTENT = 1 << 62
"""In place of an extent that is not known: nothing lies beyond it."""


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

    def add(self, rows: Accesses) -> None:
        """Add a batch."""
        outer = rows.kind == RowKind.OUTER_WRITE
        writes = (rows.kind == RowKind.IO_WRITE) & (rows.end > self.extent)
        stored = rows.is_stored & (rows.effect_end > self.extent)
        erased = (rows.effect == Effect.ERASE) & (rows.effect_end > self.extent)
        self._add_untraced(rows.take(outer))
        self._add_programs(rows, stored, writes & (rows.effect == Effect.STAGE))
        gone = rows.take(erased)
        self.erases.add(gone, effect=True, amount=int(gone.effect_length.sum()))
        self._add_commands(rows.take(writes | stored | erased))

    def _add_untraced(self, outer: Accesses) -> None:
        self.untraced.add(outer, amount=int(outer.size.sum()))
        self.torn.add(outer.take(outer.wcycle != 0))

    def _add_programs(self, rows: Accesses, stored: NDArray[np.bool_], staged: NDArray[np.bool_]) -> None:
        found = rows.take(stored)
        if not len(found.seq):
            return
        low = np.maximum(found.effect_offset, self.extent)
        amount = int(np.minimum(found.effect_end - low, found.programmed).sum())
        if not self.programs.count and found.effect[0] == Effect.FLUSH:
            found.value[0], found.size[0] = self._first_word(rows.take(staged), int(found.op[0]))
        beyond = found._replace(effect_offset=low, effect_length=found.effect_end - low)
        self.programs.add(beyond, effect=True, amount=amount)

    def _first_word(self, staged: Accesses, op: int) -> tuple[int, int]:
        """Value and size of the first word that operation `op` staged outside: a flush itself carries none."""
        if self._open.op == op and self._open.word is not None:
            return self._open.word
        words = np.flatnonzero(staged.op == op)
        return (int(staged.value[words[0]]), int(staged.size[words[0]])) if len(words) else (-1, 0)

    def _add_commands(self, rows: Accesses) -> None:
        """Collect the writes of operations that neither programmed nor erased outside; the last one may yet."""
        if not len(rows.op):
            return
        starts = np.flatnonzero(np.diff(rows.op, prepend=rows.op[0] - 1))
        effective = np.logical_or.reduceat(rows.is_stored | (rows.effect == Effect.ERASE), starts)
        lengths = np.diff(starts, append=len(rows.op))
        if self._open.op == rows.op[0]:
            self._open.effective |= bool(effective[0])
            self._continue(rows.take(rows.op == rows.op[0]))
            if len(starts) == 1:
                return
        last = rows.op == rows.op[-1]
        mere = ~np.repeat(effective, lengths) & ~last & (rows.op != self._open.op)
        self.finish()
        self.commands.add(rows.take(mere))
        self._open = _Open(self._open.writes, int(rows.op[-1]), bool(effective[-1]))
        self._continue(rows.take(last))

    def _continue(self, rows: Accesses) -> None:
        """Add accesses of the operation in progress."""
        self._open.writes.add(rows.take(rows.is_write))
        words = np.flatnonzero(rows.effect == Effect.STAGE)
        if len(words) and self._open.word is None:
            self._open.word = (int(rows.value[words[0]]), int(rows.size[words[0]]))

    def finish(self) -> None:
        """Count an open operation as a mere command, unless it had an effect."""
        if not self._open.effective:
            self.commands.merge(self._open.writes)
        self._open = _Open(Cluster.empty(listed=self._listed))

    def absorb(self, early: Early) -> None:
        """Add what was done before the extent was known, by whole erase blocks."""
        for start, block in sorted(early.blocks.items()):
            beyond = block if start >= self.extent else block.furthest_beyond(self.extent)
            self.programs.merge(beyond.programs)
            self.erases.merge(beyond.erases)
            self.commands.merge(Cluster() if beyond.programs.count or beyond.erases.count else beyond.writes)

    @property
    def happened(self) -> bool:
        """True when something was programmed, erased or commanded outside."""
        return bool(self.programs.count or self.erases.count or self.commands.count or self.untraced.count)


@dataclass
class _Block:
    """What was done to one erase block, and of each kind the one that reached furthest."""

    programs: Cluster = field(default_factory=Cluster)
    erases: Cluster = field(default_factory=Cluster)
    writes: Cluster = field(default_factory=Cluster)
    furthest: dict[str, Cluster] = field(default_factory=dict)

    def add(self, name: str, rows: Accesses, amount: int) -> None:
        """Add accesses of one kind, by the place they address or by the place they had an effect on."""
        effect = name != "writes"
        getattr(self, name).add(rows, effect=effect, amount=amount)
        end = rows.effect_end if effect else rows.end
        row = int(end.argmax())
        if name not in self.furthest or end[row] > self.furthest[name].end:
            self.furthest[name] = Cluster()
            only = rows.take(np.arange(len(end)) == row)
            self.furthest[name].add(only, effect=effect, amount=int(only.effect_length[0]) if effect else 0)

    def furthest_beyond(self, extent: int) -> _Block:
        """For a block in which the extent ends: the furthest of each kind, if it goes beyond."""
        beyond = {name: replace(found) for name, found in self.furthest.items() if found.end > extent}
        if "programs" in beyond:
            program = beyond["programs"]
            program.offset = max(program.offset, extent)
            program.bytes = min(program.bytes, program.end - program.offset)
        programs, erases, writes = (beyond.get(name, Cluster()) for name in ("programs", "erases", "writes"))
        return _Block(programs, erases, writes)


@dataclass
class Early:
    """What was done to each erase block while no extent is known: all that a stream can be asked for later.

    A block that was programmed or erased counts no mere commands: which of its writes led to nothing is not kept.
    Of a block in which the extent ends, one access of each kind that goes beyond is all that is known.
    """

    block_bytes: int
    blocks: dict[int, _Block] = field(default_factory=dict)

    def add(self, rows: Accesses) -> None:
        """Add a batch."""
        for mask, name in (
            (rows.is_stored, "programs"),
            (rows.effect == Effect.ERASE, "erases"),
            (rows.kind == RowKind.IO_WRITE, "writes"),
        ):
            found = rows.take(mask)
            effect = name != "writes"
            last = (found.effect_end if effect else found.end) - 1
            starts = last // self.block_bytes * self.block_bytes
            for start in np.unique(starts).tolist():
                here = found.take(starts == start)
                amount = int(here.effect_length.sum()) if effect else 0
                self.blocks.setdefault(start, _Block()).add(name, here, amount)


class Comparison:
    """The recorded machine beside the one under the policy, from the first access outside the extent on.

    `reads` are logged reads that return something else under the policy, `example` being what its machine returns;
    `torn` writes inside the extent that the two machines take for different cycles.
    """

    def __init__(self, *, listed: bool = False) -> None:
        self.reads, self.torn = Cluster.empty(listed=listed), Cluster.empty(listed=listed)

    def add(self, rows: Accesses, theirs: Accesses, extent: int) -> None:
        """Compare a batch: the same rows of the trace, as each machine has them."""
        rows, theirs = (each.take(each.kind <= RowKind.RESET) for each in (rows, theirs))
        inside = (rows.kind == RowKind.IO_WRITE) & (rows.end <= extent)
        self.torn.add(rows.take(inside & (rows.wcycle != theirs.wcycle)))
        expected = theirs.expected
        differs = (rows.kind == RowKind.IO_READ) & (expected >= 0) & (rows.value >= 0) & (rows.value != expected)
        found = rows.take(differs)
        if len(found.seq):
            self.reads.add(found._replace(value=expected[differs]))

"""Refused buffered writes, given to a flash that stages them in the other way: is it the QEMU or the guest?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from replay.behaviour import Behaviour
from replay.cfi import Status
from replay.columns import ABSENT, ABSENT_COUNTER, Flag, OpKind, Outcome, RowKind
from replay.engine import Config, Machine
from replay.state import Rows
from tracetool.session.rows import blank_steps
from tracetool.timeline.accesses import Accesses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.geometry import Geometry

__all__ = ["Otherwise"]

_OTHER = {
    Behaviour.STAGED_AT_COUNT: Behaviour.STAGED_AT_DATA,
    Behaviour.STAGED_AT_DATA: Behaviour.STAGED_AT_COUNT,
}
_COUNT_CYCLE, _WORD_CYCLE = 1, 2


class Otherwise:
    """A second machine that opens the window of a buffered write elsewhere, from the first refused write on.

    It is given the same bus writes and resets. Until there is a refused write that began without an error bit the two
    are in the same state, so that nothing is run twice where nothing is refused. `stored` counts the writes that were
    refused and that this one stores; `window` and `word` are where the first of those that were refused had its window
    and its first word, -1 where there is none.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.stored = 0
        self.window = self.word = -1
        self._geometry = geometry
        self._machine: Machine | None = None
        self._held: Accesses | None = None

    def begin_trace(self) -> None:
        """The machine starts again."""
        self._held = None
        if self._machine is not None:
            self._machine.power_cycle()

    def add(self, accesses: Accesses, behaviour: Behaviour) -> None:
        """Take in a chunk of what a device of this behaviour did; undetermined: it is not known yet."""
        if behaviour is Behaviour.DIRECT:
            return
        rows = accesses.take(np.isin(accesses.kind, (RowKind.IO_WRITE, RowKind.RESET)))
        if self._machine is None:
            if self._held is not None:
                rows = Accesses(*map(np.concatenate, zip(self._held, rows, strict=True)))
            first = _first_refused(rows) if behaviour in _OTHER else None
            if first is None:
                self._held = _unfinished(rows)
                return
            rows = rows.take(np.arange(first, len(rows.op)))
            self._note_first(rows.take(rows.op == rows.op[0]))
            self._machine = Machine(Config(self._geometry, _OTHER[behaviour], check=False))
        self._run(self._machine, rows)

    def _note_first(self, rows: Accesses) -> None:
        counts, words = rows.offset[rows.wcycle == _COUNT_CYCLE], rows.offset[rows.wcycle == _WORD_CYCLE]
        if len(counts) and len(words):
            self.window, self.word = int(counts[0]) // self._geometry.window * self._geometry.window, int(words[0])

    def _run(self, machine: Machine, rows: Accesses) -> None:
        count = len(rows.seq)
        columns = [column.tolist() for column in (rows.seq, rows.kind, rows.offset, rows.size, rows.value)]
        columns += [[absent] * count for absent in (ABSENT, ABSENT, ABSENT_COUNTER, ABSENT, ABSENT)]
        steps = blank_steps(count)
        machine.feed(Rows(*columns), steps)
        stores = (np.array(steps.outcome) == Outcome.DONE) & (np.array(steps.op_kind) == OpKind.BUFFERED_PROGRAM)
        self.stored += int(np.count_nonzero(_refused(rows) & stores))


def _refused(rows: Accesses) -> NDArray[np.bool_]:
    """The rows that end a refused buffered write of a writable flash."""
    ended = np.isin(rows.outcome, (Outcome.REFUSED, Outcome.ABORTED)) & (rows.op_kind == OpKind.BUFFERED_PROGRAM)
    refused: NDArray[np.bool_] = ended & ((rows.flags & Flag.READ_ONLY_TARGET) == 0)
    return refused


def _first_refused(rows: Accesses) -> int | None:
    """The first row of the first refused write that did not begin with an error bit."""
    operations, starts = np.unique(rows.op, return_index=True)
    begun = starts[np.isin(operations, rows.op[_refused(rows)])]
    clean = begun[(rows.status[begun] & int(Status.PROGRAM_ERROR)) == 0]
    return int(clean.min()) if len(clean) else None


def _unfinished(rows: Accesses) -> Accesses | None:
    """The rows of a buffered write in progress."""
    if not len(rows.op) or rows.op_kind[-1] not in (OpKind.INCOMPLETE, OpKind.BUFFERED_PROGRAM):
        return None
    return rows.take(rows.op == rows.op[-1])

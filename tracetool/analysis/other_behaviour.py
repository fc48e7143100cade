"""Refused buffered writes, replayed on a flash that stages them the other way: a fault of QEMU or of the guest?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from replay.behaviour import Behaviour
from replay.cfi import Status
from replay.columns import ABSENT, ABSENT_COUNTER, Flag, OpKind, Outcome, RowKind
from replay.engine import Config, Machine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.geometry import Geometry
    from replay.tables import OperationColumns, RowColumns

    Mask = NDArray[np.bool_]

__all__ = ["Otherwise"]

_OTHER = {
    Behaviour.STAGED_AT_COUNT: Behaviour.STAGED_AT_DATA,
    Behaviour.STAGED_AT_DATA: Behaviour.STAGED_AT_COUNT,
}
_LAST = (1 << 63) - 1
_PLACES = ("first_seq", "count_offset", "words_start")


class Otherwise:
    """A second machine that opens the window of a buffered write elsewhere, from the first refused write on.

    It is given the same bus writes and resets. Up to the first refused write that began without an error bit both have
    the same state, so nothing runs twice where nothing is refused. `stored` counts the refused writes that this
    machine stores; `window` and `word` are the window and first word of the first refused one, -1 for none.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.stored = 0
        self.window = self.word = -1
        self._geometry = geometry
        self._machine: Machine | None = None
        self._held: list[RowColumns] = []
        self._refused = np.zeros(0, np.int64)
        self._stored = np.zeros(0, np.int64)

    def begin_trace(self) -> None:
        """Restart the machine."""
        self._held.clear()
        self._refused = self._stored = np.zeros(0, np.int64)
        if self._machine is not None:
            self._machine.power_cycle()

    def add(
        self, machine: Machine, rows: RowColumns | None, operations: OperationColumns, behaviour: Behaviour
    ) -> None:
        """Add rows that `machine` has done and its operations that have ended since; no rows: the trace is over.

        `behaviour` is the machine's by the trace; undetermined: not known yet.
        """
        if behaviour is Behaviour.DIRECT:
            return
        start = 0 if self._machine else self._begin(machine, operations, behaviour)
        if rows is not None:
            later = _since(rows, start)
            self._held.append(later.take((later.kind == RowKind.IO_WRITE) | (later.kind == RowKind.RESET)))
        self._held = [held for held in (_since(held, start) for held in self._held) if len(held.seq)]
        if self._machine is not None:
            self._run(self._machine, machine, operations, end=rows is None)

    def _begin(self, machine: Machine, operations: OperationColumns, behaviour: Behaviour) -> int:
        """Begin at the first refused write that did not begin with an error bit, or keep the one in progress.

        Returns the seq of the first row that is needed for that.
        """
        clean = operations["status_before"] & Status.PROGRAM_ERROR == 0
        first = np.flatnonzero(_refused(operations) & clean)[:1]
        if behaviour in _OTHER and len(first):
            start, count, word = (int(operations[name][first[0]]) for name in _PLACES)
            if ABSENT not in (count, word):
                self.window, self.word = count // self._geometry.window * self._geometry.window, word
            self._machine = Machine(Config(self._geometry, _OTHER[behaviour], check=False))
            return start
        buffered = machine.operation_kind in (OpKind.INCOMPLETE, OpKind.BUFFERED_PROGRAM)
        return machine.operation_start if buffered else _LAST

    def _run(self, ours: Machine, theirs: Machine, operations: OperationColumns, *, end: bool) -> None:
        """Run the rows held, and count the operations that either machine has ended since."""
        for held in self._held:
            count = np.full(len(held.seq), ABSENT, np.int64)
            ours.feed(held._replace(cmd=count, wcycle=count, counter=np.full_like(count, ABSENT_COUNTER)))
        self._held.clear()
        others = ours.operations(end=end)
        self._refused = np.append(self._refused, operations["first_seq"][_refused(operations)])
        self._stored = np.append(self._stored, others["first_seq"][_ended(others, Outcome.DONE)])
        self.stored += len(np.intersect1d(self._refused, self._stored))
        # What is still in progress on one side may have ended on the other.
        self._refused = _from(self._refused, ours.operation_start)
        self._stored = _from(self._stored, theirs.operation_start)


def _since(rows: RowColumns, start: int) -> RowColumns:
    """The rows from event `start` on."""
    return rows.span(int(np.searchsorted(rows.seq, start)))


def _ended(operations: OperationColumns, *outcomes: Outcome) -> Mask:
    """Mask of buffered writes that ended in one of these ways."""
    found: Mask = (operations["kind"] == OpKind.BUFFERED_PROGRAM) & np.logical_or.reduce(
        [operations["outcome"] == outcome for outcome in outcomes]
    )
    return found


def _refused(operations: OperationColumns) -> Mask:
    """Mask of buffered writes that a writable flash turned down."""
    found = _ended(operations, Outcome.REFUSED, Outcome.ABORTED)
    found &= operations["flags"] & Flag.READ_ONLY_TARGET == 0
    return found


def _from(seqs: NDArray[np.int64], start: int) -> NDArray[np.int64]:
    return seqs[seqs >= start] if start >= 0 else seqs[:0]

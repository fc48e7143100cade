"""Accesses: single rows of one device with what the machine made of them, for whoever asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from replay.columns import Effect, Outcome, RowKind
from replay.tables import StepColumns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.tables import RowColumns

__all__ = ["NO_TIME", "Accesses"]

NO_TIME = -(1 << 63)
"""`time_ns` of a row that has no time."""

_ROWS = ("seq", "kind", "offset", "size", "value", "length", "time_ns", "boot")
_STEPS = tuple(name for name in StepColumns._fields if name != "row")
_WRITES = (RowKind.IO_WRITE, RowKind.OUTER_WRITE)
_STORED = (Effect.PROGRAM, Effect.FLUSH)


class Accesses(NamedTuple):
    """Rows that are accesses, or inner events with an effect of their own. int64 arrays of one length.

    The state columns are those before the row, but for `status_after`.
    """

    trace: NDArray[np.int64]
    seq: NDArray[np.int64]
    kind: NDArray[np.int64]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]
    value: NDArray[np.int64]
    length: NDArray[np.int64]
    time_ns: NDArray[np.int64]
    boot: NDArray[np.int64]
    status_after: NDArray[np.int64]
    cmd: NDArray[np.int64]
    wcycle: NDArray[np.int64]
    status: NDArray[np.int64]
    expected: NDArray[np.int64]
    effect: NDArray[np.int64]
    effect_offset: NDArray[np.int64]
    effect_length: NDArray[np.int64]
    programmed: NDArray[np.int64]
    changed: NDArray[np.int64]
    bits_set: NDArray[np.int64]
    op: NDArray[np.int64]
    op_kind: NDArray[np.int64]
    outcome: NDArray[np.int64]
    flags: NDArray[np.int64]

    @classmethod
    def of(cls, rows: RowColumns, steps: StepColumns, trace: int) -> Accesses:
        """The rows that were given, without the inner events that changed and ended nothing of their own."""
        kind = rows.kind[steps.row]
        access = (kind > RowKind.OTHER) & (kind <= RowKind.RESET)
        keep = np.flatnonzero(access | (steps.effect != Effect.NONE) | (steps.outcome != Outcome.OPEN))
        places = steps.row[keep]
        columns = {name: getattr(rows, name)[places] for name in _ROWS}
        columns |= {name: getattr(steps, name)[keep] for name in _STEPS}
        return cls(np.full(len(keep), trace, np.int64), **columns)

    def take(self, mask: NDArray[np.bool_] | NDArray[np.int64]) -> Accesses:
        """The rows that a mask or an index selects."""
        return Accesses(*(column[mask] for column in self))

    @property
    def end(self) -> NDArray[np.int64]:
        """First offset after each access."""
        return self.offset + self.size

    @property
    def effect_end(self) -> NDArray[np.int64]:
        """First offset after each effect."""
        return self.effect_offset + self.effect_length

    @property
    def is_write(self) -> NDArray[np.bool_]:
        """Bus writes, whether or not they reached the chip."""
        return np.isin(self.kind, _WRITES)

    @property
    def is_stored(self) -> NDArray[np.bool_]:
        """Rows that changed storage by programming."""
        return np.isin(self.effect, _STORED)

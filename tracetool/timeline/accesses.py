"""Accesses: the rows of one device that are accesses or had an effect, with what the machine made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from replay.columns import Effect, Outcome, RowKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from replay.state import Rows, Steps

__all__ = ["NO_TIME", "Accesses", "Batch"]

NO_TIME = -(1 << 63)
"""`time_ns` of a row that has no time."""

_COLUMNS = ("seq", "kind", "offset", "size", "value", "length")
_WRITES = (RowKind.IO_WRITE, RowKind.OUTER_WRITE)
_STORED = (Effect.PROGRAM, Effect.FLUSH)


class Batch(NamedTuple):
    """The machine's rows beside what it does not need: when, and in which boot. int64 arrays."""

    rows: Rows
    time_ns: NDArray[np.int64]
    boot: NDArray[np.int64]

    def __add__(self, other: object) -> Batch:
        """This batch and the next one."""
        if not isinstance(other, Batch):
            return NotImplemented
        columns = [_join(old, new) for old, new in zip(self.rows, other.rows, strict=True)]
        times, boots = _join(self.time_ns, other.time_ns), _join(self.boot, other.boot)
        return Batch(type(self.rows)(*columns), times, boots)

    def rest(self, start: int) -> Batch:
        """The rows from `start` on."""
        return Batch(
            type(self.rows)(*(column[start:] for column in self.rows)), self.time_ns[start:], self.boot[start:]
        )


def _join(old: Any, new: Any) -> Any:  # noqa: ANN401  lists, or arrays where one of them is
    return old + new if isinstance(old, list) and isinstance(new, list) else np.concatenate([old, new])


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
    def of(cls, batch: Batch, steps: Steps, span: tuple[int, int], trace: int, status: int) -> Accesses:
        """The rows of a span without the inner events that changed and ended nothing of their own.

        `status` is the status register after the last of them.
        """
        start, end = span
        kind = np.asarray(batch.rows.kind[start:end], np.int64)
        effect = np.asarray(steps.effect[start:end], np.int64)
        outcome = np.asarray(steps.outcome[start:end], np.int64)
        access = (kind > RowKind.OTHER) & (kind <= RowKind.RESET)
        keep = np.flatnonzero(access | (effect != Effect.NONE) | (outcome != Outcome.OPEN))
        columns = [np.full(len(keep), trace, np.int64)]
        columns += [np.asarray(getattr(batch.rows, name)[start:end], np.int64)[keep] for name in _COLUMNS]
        columns += [np.asarray(column[start:end], np.int64)[keep] for column in (batch.time_ns, batch.boot)]
        after = np.append(np.asarray(steps.status[start + 1 : end], np.int64), status)
        columns.append(after[keep])
        columns += [np.asarray(column[start:end], np.int64)[keep] for column in steps]
        return cls(*columns)

    def take(self, mask: NDArray[np.bool_] | NDArray[np.int64]) -> Accesses:
        """The rows that a mask or an index selects."""
        return Accesses(*(column[mask] for column in self))

    def frame(self, names: Sequence[str] | None = None) -> pl.DataFrame:
        """The same as a frame, a column each; of some columns alone where they are named."""
        return pl.DataFrame({name: getattr(self, name) for name in names or self._fields})

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

"""Input and output tables of the machine: int64 columns of equal length."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.int64]

__all__ = ["OperationColumns", "RowColumns", "StepColumns"]

OperationColumns = dict[str, "NDArray[np.int64]"]
"""Operations that have ended: a column for each `OpField` under its name in lower case."""


class RowColumns(NamedTuple):
    """Input rows: `ABSENT` where the trace has no value; times are passed through."""

    seq: Column
    kind: Column
    offset: Column
    size: Column
    value: Column
    cmd: Column
    wcycle: Column
    counter: Column
    length: Column
    text: Column
    time_ns: Column
    boot: Column

    def span(self, start: int, end: int | None = None) -> RowColumns:
        """Slice the rows from `start` to `end`."""
        return RowColumns(*(column[start:end] for column in self))

    def take(self, mask: NDArray[np.bool_]) -> RowColumns:
        """Select rows by a mask."""
        return RowColumns(*(column[mask] for column in self))

    def then(self, more: RowColumns) -> RowColumns:
        """Append rows."""
        return RowColumns(*map(np.concatenate, zip(self, more, strict=True)))


class StepColumns(NamedTuple):
    """Results for single rows; see `replay.state.Steps`."""

    row: Column
    cmd: Column
    wcycle: Column
    status: Column
    status_after: Column
    expected: Column
    effect: Column
    effect_offset: Column
    effect_length: Column
    programmed: Column
    changed: Column
    bits_set: Column
    op: Column
    op_kind: Column
    outcome: Column
    flags: Column

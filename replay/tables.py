"""The tables that go into the machine and come out of it: one int64 array a column, all of one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.int64]

__all__ = ["OperationColumns", "RowColumns", "StepColumns"]


class RowColumns(NamedTuple):
    """What goes in: one entry a row, `ABSENT` where the trace says nothing; times are passed on as they are."""

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
        """The rows from `start` to `end`."""
        return RowColumns(*(column[start:end] for column in self))

    def take(self, mask: NDArray[np.bool_]) -> RowColumns:
        """The rows that a mask selects."""
        return RowColumns(*(column[mask] for column in self))

    def then(self, more: RowColumns) -> RowColumns:
        """These rows and the next ones."""
        return RowColumns(*map(np.concatenate, zip(self, more, strict=True)))


class StepColumns(NamedTuple):
    """What the machine made of the rows that were asked for; see `replay.state.Steps`."""

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


class OperationColumns(NamedTuple):
    """Operations that have ended; see `replay.state.Operation`. -1 is absent in offsets, sizes and values."""

    boot: Column
    kind: Column
    first_seq: Column
    last_seq: Column
    time_ns: Column
    end_ns: Column
    command_offset: Column
    command_size: Column
    command_value: Column
    cmd_before: Column
    status_before: Column
    low: Column
    high: Column
    bytes_changed: Column
    bits_set: Column
    unknown: Column
    outcome: Column
    status: Column
    accesses: Column
    programmed: Column
    flags: Column
    erased: Column
    inferred: Column
    polled_ready: Column
    identifier_offset: Column
    count_offset: Column
    count_value: Column
    bad_cycle_value: Column
    words_start: Column
    words_low: Column
    words_high: Column

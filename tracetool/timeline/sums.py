"""Operations that have ended, as the machine sums them up: what collectors take, a batch at a time."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from replay.columns import ABSENT, OpKind, Outcome

if TYPE_CHECKING:
    from enum import IntEnum

    from numpy.typing import NDArray

    from replay.tables import OperationColumns

    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

__all__ = ["NO_TIME", "WRITING_KINDS", "Sums"]

NO_TIME = -(1 << 63)
"""`time_ns` of a row that has no time."""

WRITING_KINDS = (OpKind.ERASE, OpKind.PROGRAM, OpKind.BUFFERED_PROGRAM)


class Sums:
    """Operations of one device that have ended in trace number `trace`, at least one.

    `sums[name]` is a column (int64) of `replay.columns.OpField`, by its name in lower case. Places, sizes and values
    are `ABSENT` where there are none, `outcome` is `Outcome.OPEN` where the operation is not complete; `time_ns` and
    `end_ns` are `NO_TIME` in a trace without times.

    Arrays and no frame: a query of polars costs as much for the few operations of a growing trace as for thousands.
    """

    def __init__(self, columns: OperationColumns, trace: int) -> None:
        self.columns = columns
        self.trace = trace

    def __getitem__(self, name: str) -> Integers:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["kind"])

    def is_kind(self, *kinds: OpKind) -> Mask:
        """Mask of operations of these kinds."""
        found: Mask = _membership(kinds, len(OpKind)).take(self["kind"])
        return found

    def flagged(self, flags: int) -> Mask:
        """Mask of operations with any of these flags (`replay.columns.Flag`)."""
        found: Mask = (self["flags"] & flags) != 0
        return found

    def ended(self, *outcomes: Outcome) -> Mask:
        """Mask of operations that ended in one of these ways."""
        found: Mask = _membership(outcomes, len(Outcome)).take(self["outcome"])
        return found

    @cached_property
    def writing(self) -> Mask:
        """Mask of erases and programs."""
        return self.is_kind(*WRITING_KINDS)

    @cached_property
    def offset(self) -> Integers:
        """The first byte that each touched, or where its first access went."""
        return np.where(self["low"] >= 0, self["low"], self["command_offset"])

    @cached_property
    def end(self) -> Integers:
        """First offset after what each touched, or after its first access."""
        accessed = self["command_offset"] + self["command_size"]
        addressed = (self["command_offset"] >= 0) & (self["command_size"] >= 0)
        return np.where(self["high"] >= 0, self["high"], np.where(addressed, accessed, ABSENT))


@cache
def _membership(codes: tuple[IntEnum, ...], count: int) -> Mask:
    table = np.zeros(count, np.bool_)
    table[[*codes]] = True
    return table

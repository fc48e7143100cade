"""Jumps in the timeline: to the next finding, erase, or operation of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.findings import Severity
from tracetool.viewmodel.audit_session import NO_CODE
from tracetool.viewmodel.filters import common

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.viewmodel.tables import Tables
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["Jump", "Landing", "jump", "targets"]


class Jump(Enum):
    """Kind of target; the value is its name in messages."""

    FINDING = "finding"
    ERASE = "erase"
    PLACE = "operation on the same place"
    OUTSIDE = "operation outside the extent"
    CODE = "operation by the same code"

    @property
    def of_selected(self) -> bool:
        """True where the targets depend on the operation that is jumped from."""
        return self in (Jump.PLACE, Jump.CODE)


@dataclass(frozen=True)
class Landing:
    """Target of a jump: the event, and which of how many targets it is."""

    trace: int
    seq: int
    number: int
    count: int


def targets(tables: Tables, kind: Jump, operation: int | None) -> NDArray[np.int64]:
    """Operations (int64, ascending) of a kind; `operation` is that whose bytes or code count for `PLACE` and `CODE`.

    Findings are those of the worst severity.
    """
    if kind is Jump.FINDING:
        return _findings(tables)
    if kind is Jump.OUTSIDE:
        return np.flatnonzero(tables.outside)
    if kind is Jump.ERASE:
        return tables.select_operations(pl.col("kind").cast(pl.String) == "erase")
    if kind is Jump.CODE:
        return tables.select_operations((pl.col("by") == _code(tables, operation)).fill_null(value=False))
    return tables.select_operations(_same_place(tables, operation))


def _findings(tables: Tables) -> NDArray[np.int64]:
    worst = max((mark.severity for mark in tables.marks.values()), default=Severity.NOTE)
    found = [operation for operation, mark in tables.marks.items() if mark.severity == worst]
    return np.array(sorted(found), np.int64)


def _same_place(tables: Tables, operation: int | None) -> pl.Expr:
    """Condition that an operation overlaps the bytes of another."""
    if operation is None:
        return pl.lit(value=False)
    row = tables.operations.row(operation, named=True)
    if row["offset"] is None:
        return pl.lit(value=False)
    end = row["offset"] + (row["length"] or 1)
    mine = pl.col("device").cast(pl.String) == row["device"]
    reach = pl.col("offset") + pl.col("length").fill_null(1)
    same: pl.Expr = (mine & (pl.col("offset") < end) & (reach > row["offset"])).fill_null(value=False)
    return same


def _code(tables: Tables, operation: int | None) -> str | None:
    """The module that asked for an operation."""
    return None if operation is None else tables.operations["by"][operation]


def jump(timeline: Timeline, here: int | None, kind: Jump, *, forward: bool) -> Landing | str:
    """The next or previous target from an operation on; an error in words where there is none.

    Without an operation, from the first one on, which may be the target itself.
    """
    if kind is Jump.CODE and _code(timeline.tables, here) is None:
        return "the code behind this operation is not known" if timeline.session.has_code else NO_CODE
    found = targets(timeline.tables, kind, here)
    filtered = timeline.level.of_operations and timeline.filtered
    visible = common(found, timeline.items) if filtered else found
    ahead = visible[visible > (-1 if here is None else here)] if forward else visible[visible < (here or 0)]
    if not len(ahead):
        return _nothing(kind, len(found), len(found) - len(visible), forward=forward)
    target = int(ahead[0] if forward else ahead[-1])
    trace = int(timeline.tables.operations["trace"][target])
    mark = timeline.tables.marks.get(target)
    seq = mark.seq if kind is Jump.FINDING and mark is not None else timeline.tables.main_seq(target)
    return Landing(trace, seq, int(np.searchsorted(visible, target)) + 1, len(visible))


def _nothing(kind: Jump, count: int, hidden: int, *, forward: bool) -> str:
    where = "after" if forward else "before"
    if not count:
        return f"no {kind.value}"
    return f"no {kind.value} {where} this one{f'; the filter hides {hidden:,}' if hidden else ''}"

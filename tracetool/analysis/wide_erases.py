"""Erases addressed to the middle of a block, which took what the trace had programmed elsewhere in it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import Flag, OpKind
from tracetool.analysis.cluster import SPANS_SCHEMA, Cluster
from tracetool.timeline.operations import is_kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WideErases"]

_MANY = 1 << 16
"""Spans kept before adjacent ones are joined."""

_SPANS = dict.fromkeys(("block", "order", "low", "high"), pl.Int64)
_PROGRAMS = (pl.col("programmed") > 0) & pl.col("low").is_not_null()
_ERASES = is_kind(OpKind.ERASE) & pl.col("erased")
_COLUMNS = ("order", "low", "command_offset", "flags", "first_seq", "last_seq", "trace")


class WideErases:
    """Confirmed erases whose command went to no block's start, where programmed data beyond what was meant is gone.

    A chip erases the whole block, whatever address in it the command goes to; a driver that sends another address
    believes in smaller sectors. How large is not known: taken is the lowest bit set in any of these addresses.
    `found` counts the erases, with their blocks as place and the lost bytes; `asked` are the addresses, `blocks` the
    numbers of the blocks.
    """

    def __init__(self, block_bytes: int, *, listed: bool = False) -> None:
        self.found = Cluster.empty(listed=listed)
        self.asked: set[int] = set()
        self.blocks: set[int] = set()
        self.block_bytes = block_bytes
        self._sector = block_bytes
        self._operations = 0
        self._erased_at: dict[int, int] = {}
        self._spans = pl.DataFrame(schema=_SPANS)

    def add(self, sums: pl.DataFrame) -> None:
        """Add the operations of a batch (`SUMS_SCHEMA`)."""
        rows = sums.with_row_index("order", self._operations)
        self._operations += len(rows)
        self._spans = self._spans.vstack(rows.filter(_PROGRAMS).select(_as_spans(self.block_bytes)))
        erases = rows.filter(_ERASES).select(_COLUMNS)
        for row in erases.iter_rows(named=True):
            self._erase(row)
        self._forget(erased=len(erases) > 0)

    def _erase(self, row: dict[str, int]) -> None:
        number, asked = row["low"] // self.block_bytes, row["command_offset"]
        inside = asked is not None and asked % self.block_bytes
        if inside and not row["flags"] & (Flag.BAD_SECOND_CYCLE | Flag.MISMATCH | Flag.ADOPTED):
            self._sector = min(self._sector, asked & -asked)
            lost = self._lost(number, row["order"], asked)
            if lost:
                self.asked.add(asked)
                self.blocks.add(number)
                place = number * self.block_bytes
                span = (row["trace"], row["first_seq"], row["last_seq"], place, place + self.block_bytes, -1, 0, lost)
                self.found.add(pl.DataFrame([span], SPANS_SCHEMA, orient="row"))
        self._erased_at[number] = row["order"]

    def _lost(self, number: int, order: int, asked: int) -> int:
        """Bytes of a block that were programmed since its last erase, outside the sector that was meant."""
        since = pl.col("order").is_between(self._erased_at.get(number, -1), order, closed="none")
        spans = self._spans.filter((pl.col("block") == number) & since)
        low, high = spans["low"].to_numpy(), spans["high"].to_numpy()
        meant = asked + self._sector
        return _covered(low, np.minimum(high, asked)) + _covered(np.maximum(low, meant), high)

    def _forget(self, *, erased: bool) -> None:
        """Drop spans that were erased since, and join adjacent ones where there are many."""
        if erased:
            last = pl.col("block").replace_strict(self._erased_at, default=-1, return_dtype=pl.Int64)
            self._spans = self._spans.filter(pl.col("order") > last)
        if len(self._spans) > _MANY:
            spans = self._spans.sort("block", "low")
            reach = pl.col("high").cum_max().over("block").shift(1).over("block")
            begins = (pl.col("low") > reach).fill_null(value=True)
            joined = spans.group_by(begins.cum_sum().alias("run"), maintain_order=True).agg(
                pl.col("block").first(), pl.col("order").max(), pl.col("low").first(), pl.col("high").max()
            )
            self._spans = joined.select(*_SPANS)


@cache
def _as_spans(block_bytes: int) -> tuple[pl.Expr | str, ...]:
    block, order = pl.col("low") // block_bytes, pl.col("order").cast(pl.Int64)
    return block.alias("block"), order, "low", "high"


def _covered(low: NDArray[np.int64], high: NDArray[np.int64]) -> int:
    """Bytes that lie in at least one of the spans; spans that end before they begin are empty."""
    order = np.argsort(low, kind="stable")
    low, high = low[order], high[order]
    reached = np.maximum.accumulate(np.concatenate([[0], high[:-1]])) if len(high) else high
    return int(np.maximum(high - np.maximum(low, reached), 0).sum())

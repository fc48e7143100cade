"""The code behind bus accesses: the rows of the plugin's log, lined up with the trace."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.timeline.code import CODE_SCHEMA
from tracetool.who.line_up import Accesses, find_base, line_up
from tracetool.who.modules import asked_by, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.who.log import WhoLog
    from tracetool.who.modules import Modules

__all__ = ["BUS_ACCESSES_SCHEMA", "Attributed", "attribute", "named"]

BUS_ACCESSES_SCHEMA = pl.Schema(
    {
        "seq": pl.Int64(),
        "process": pl.UInt32(),
        "device": pl.String(),
        "store": pl.Boolean(),
        "offset": pl.Int64(),
        "size": pl.Int64(),
    }
)
"""One row an `io_write` (`store`) or `io_read` of a trace."""

ROWS_SCHEMA = pl.Schema({"device": pl.String(), "seq": pl.Int64(), "line": pl.UInt32(), "chain": pl.UInt32()})
"""One row a bus access: its event, and line and chain of the plugin's row; null where it has none."""


@dataclass
class Attributed:
    """The bus accesses of a trace with the rows of a log.

    Attributes:
        rows: a frame of `ROWS_SCHEMA`.
        accesses: bus accesses of the trace.
        accesses_over: those that surely have no row: no load or store of a virtual CPU made them, or it was not logged.
        ambiguous: those that may have one row or another, of other code, and are given none.
        rows_over: rows without a bus access: loads that the memory of the flash answered, or what the trace lost.
        contradictions: stores of the log that are not in the trace, where the trace has others in their place.
        foreign: there are so many that the log is of another run; nothing is attributed.
    """

    rows: pl.DataFrame
    accesses: int = 0
    accesses_over: int = 0
    ambiguous: int = 0
    rows_over: int = 0
    contradictions: int = 0
    foreign: bool = False

    @property
    def matched(self) -> int:
        """Bus accesses whose row was found."""
        return self.accesses - self.accesses_over - self.ambiguous


_MOST_CONTRADICTIONS = 0.02
"""As a part of the rows; damage can change an address, and a QEMU may split an access as none was seen to."""


def attribute(accesses: pl.DataFrame, log: WhoLog, *, gapless: bool = False) -> Attributed:
    """Line the log up with the bus accesses of its trace (`BUS_ACCESSES_SCHEMA`).

    `gapless`: no access is missing in the trace, unless it is all from some moment on.
    """
    total = Attributed(ROWS_SCHEMA.to_frame())
    parts = [total.rows]
    for (device,), events in accesses.group_by("device", maintain_order=True):
        rows = log.accesses.filter(pl.col("device") == device)
        parts.append(_lined_up(events, rows, log, total, gapless=gapless))
    known = accesses["device"].unique().to_list()
    total.rows_over += log.accesses.filter(~pl.col("device").is_in(known)).height
    total.rows = pl.concat(parts)
    total.foreign = (
        bool(log.accesses.height and total.accesses_over == total.accesses)
        or total.contradictions > _MOST_CONTRADICTIONS * log.accesses.height
    )
    if total.foreign:
        total.rows = total.rows.with_columns(line=None, chain=None).cast(ROWS_SCHEMA)
        total.accesses_over, total.ambiguous = total.accesses, 0
    return total


def _lined_up(
    events: pl.DataFrame, rows: pl.DataFrame, log: WhoLog, total: Attributed, *, gapless: bool
) -> pl.DataFrame:
    """The rows of one device's accesses, counted in `total`."""
    of_events, of_rows = _accesses(events, "offset"), _accesses(rows, "address")
    base = find_base(of_events, of_rows)
    total.accesses += events.height
    if base is None:
        total.rows_over += rows.height
        total.accesses_over += events.height
        number = np.full(events.height, -1, np.int64)
    else:
        lined = line_up(
            of_events,
            Accesses(of_rows.store, of_rows.offset - base, of_rows.size),
            log.code_of(rows),
            events_gapless=gapless,
            rows_gapless=log.gapless,
        )
        number = lined.row
        total.rows_over += lined.rows_over
        total.ambiguous += lined.ambiguous
        total.accesses_over += int(lined.missed.sum())
        total.contradictions += min(lined.stores_over, int((lined.missed & of_events.store).sum()))
    index = pl.Series("row", number).set(pl.Series(number < 0), None)
    numbered = rows.with_row_index("row").select(pl.col("row").cast(pl.Int64), "line", "chain")
    found = events.with_columns(index).join(numbered, on="row", how="left", maintain_order="left")
    return found.select(pl.col(name).cast(dtype) for name, dtype in ROWS_SCHEMA.items())


def _accesses(table: pl.DataFrame, offset: str) -> Accesses:
    return Accesses(
        table["store"].to_numpy(),
        table[offset].cast(pl.Int64).fill_null(-1).to_numpy(),
        table["size"].cast(pl.Int64).fill_null(0).to_numpy(),
    )


def named(rows: pl.DataFrame, log: WhoLog, modules: Modules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bus accesses (`ROWS_SCHEMA`) with the `index` (UInt32) of their code in a frame of `CODE_SCHEMA`.

    Accesses by the same chain have one index, unless other images lay where it leads to.
    """
    index: dict[tuple[int, int], int] = {}
    code: list[tuple[int, str, str]] = []
    moments: dict[int, Sequence[int]] = {}
    numbers: list[int | None] = []
    for line, chain in rows.select("line", "chain").iter_rows():
        if chain is None:
            numbers.append(None)
            continue
        if chain not in moments:
            moments[chain] = log.moments(chain)
        key = chain, bisect_right(moments[chain], line)
        if key not in index:
            index[key] = len(code)
            callers = modules.chain(chain, line)
            names = [caller.module for caller in callers]
            code.append((callers[0].pc, asked_by(names), joined([str(caller) for caller in callers])))
        numbers.append(index[key])
    frame = pl.DataFrame(code, orient="row", schema=CODE_SCHEMA)
    return rows.select("device", "seq", pl.Series("index", numbers, pl.UInt32)), frame

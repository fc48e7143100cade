"""Operations with the guest code behind them: the rows of the plugin's log, lined up with the trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.events import EVENTS_SCHEMA
from tracetool.timeline.operations import OPERATIONS_SCHEMA, WRITING
from tracetool.who.line_up import Accesses, find_base, line_up
from tracetool.who.modules import UNKNOWN, asked_by, joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracetool.who.log import WhoLog
    from tracetool.who.modules import Modules

__all__ = ["CALLERS_SCHEMA", "WHO_SCHEMA", "Attributed", "attribute", "operations_with_callers", "sum_by_module"]

ROWS_SCHEMA = pl.Schema({"device": pl.String(), "seq": pl.Int64(), "line": pl.UInt32(), "chain": pl.UInt32()})
"""One row a bus access: its event, and line and chain of the plugin's row; null where it has none."""

CALLERS_SCHEMA = pl.Schema({**OPERATIONS_SCHEMA, "pc": pl.UInt64(), "by": pl.String(), "chain": pl.String()})
"""Operations (`OPERATIONS_SCHEMA`) with the program counter of their first access, the module that asked for it, and
the chain of callers, innermost first, each `module+offset`; null where it is not known."""

WHO_SCHEMA = pl.Schema(
    {
        "by": pl.String(),
        "operations": pl.Int64(),
        "programs": pl.Int64(),
        "erases": pl.Int64(),
        "bytes_programmed": pl.Int64(),
        "bytes_erased": pl.Int64(),
        "refused": pl.Int64(),
        "accesses": pl.Int64(),
        "time_ns": pl.Int64(),
    }
)
"""One row a module that asked for operations: how many, of which kinds, bytes that they programmed and erased, how many
were refused or aborted, bus accesses, and time from first to last access."""


@dataclass
class Attributed:
    """The bus accesses of a trace with the rows of a log.

    Attributes:
        rows: a frame of `ROWS_SCHEMA`.
        events: bus accesses of the devices that the log speaks of.
        events_over: those without a row: not made by a virtual CPU's load or store, or not logged.
        rows_over: rows without a bus access: reads that the memory of the flash answered.
    """

    rows: pl.DataFrame
    events: int
    events_over: int
    rows_over: int


def attribute(chunks: Iterable[pl.DataFrame], log: WhoLog) -> Attributed:
    """Line the log up with the events of its trace, in frames of `EVENTS_SCHEMA`."""
    name = pl.col("event").cast(pl.String)
    columns = ["seq", pl.col("device").cast(pl.String), (name == "io_write").alias("store"), "offset", "size"]
    accesses = [chunk.filter(name.is_in(["io_write", "io_read"])).select(columns) for chunk in chunks]
    table = pl.concat([EVENTS_SCHEMA.to_frame().select(columns), *accesses])
    total = Attributed(ROWS_SCHEMA.to_frame(), 0, 0, 0)
    for (device,), rows in log.accesses.group_by("device", maintain_order=True):
        events = table.filter(pl.col("device") == device)
        found = _lined_up(events, rows, total)
        total.rows = total.rows.vstack(found)
    return total


def _lined_up(events: pl.DataFrame, rows: pl.DataFrame, total: Attributed) -> pl.DataFrame:
    """The rows of one device's accesses, counted in `total`."""
    of_events, of_rows = _accesses(events, "offset"), _accesses(rows, "address")
    base = find_base(of_events, of_rows)
    if base is None:
        number = np.full(events.height, -1, np.int64)
        total.rows_over += rows.height
    else:
        lined = line_up(of_events, Accesses(of_rows.store, of_rows.offset - base, of_rows.size))
        number = lined.row
        total.rows_over += lined.rows_over
    total.events += events.height
    total.events_over += int((number < 0).sum())
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


def operations_with_callers(
    operations: pl.DataFrame, attributed: Attributed, log: WhoLog, modules: Modules
) -> pl.DataFrame:
    """Add its callers to every operation (`OPERATIONS_SCHEMA`); a frame of `CALLERS_SCHEMA`."""
    first = attributed.rows.sort("seq").rename({"seq": "first_access"})
    keyed = operations.with_row_index("operation").with_columns(pl.col("device").cast(pl.String))
    joined_rows = keyed.sort("first_seq").join_asof(
        first,
        left_on="first_seq",
        right_on="first_access",
        by="device",
        strategy="forward",
        check_sortedness=False,
    )
    inside = pl.col("first_access") <= pl.col("last_seq")
    found = joined_rows.sort("operation").select(
        pl.when(inside).then("line").alias("line"), pl.when(inside).then("chain").alias("chain")
    )
    names = _Names(log, modules)
    told = [names.of(chain, line) for line, chain in found.iter_rows()]
    callers = pl.DataFrame(told, orient="row", schema={name: CALLERS_SCHEMA[name] for name in ("pc", "by", "chain")})
    return operations.with_columns(callers)


class _Names:
    """Names of chains, each made once."""

    def __init__(self, log: WhoLog, modules: Modules) -> None:
        self._log = log
        self._modules = modules
        self._told: dict[tuple[int, int], tuple[int, str, str]] = {}

    def of(self, chain: int | None, line: int | None) -> tuple[int | None, str | None, str | None]:
        """Program counter, module that asked, and chain in words."""
        if chain is None or line is None:
            return None, None, None
        key = chain, self._log.moment(chain, line)
        if key not in self._told:
            callers = self._modules.chain(chain, line)
            names = [caller.module for caller in callers]
            self._told[key] = self._log.chains[chain][0], asked_by(names), joined([str(caller) for caller in callers])
        return self._told[key]


def sum_by_module(operations: pl.DataFrame) -> pl.DataFrame:
    """Sum operations (`CALLERS_SCHEMA`) up by the module that asked for them, most accesses first; a `WHO_SCHEMA`."""
    refused = pl.col("outcome").is_in(["refused", "aborted"])
    program = pl.col("kind").is_in([kind for kind in WRITING if kind != "erase"]) & ~refused
    erase = (pl.col("kind") == "erase") & ~refused
    sums = operations.group_by(pl.col("by").fill_null(UNKNOWN)).agg(
        pl.len().alias("operations"),
        program.sum().alias("programs"),
        erase.sum().alias("erases"),
        pl.col("length").filter(program).sum().alias("bytes_programmed"),
        pl.col("length").filter(erase).sum().alias("bytes_erased"),
        (pl.col("kind").is_in(WRITING) & refused).sum().alias("refused"),
        pl.col("accesses").sum(),
        pl.col("duration_ns").sum().alias("time_ns"),
    )
    return sums.sort(pl.col("accesses"), "by", descending=[True, False]).select(
        pl.col(name).cast(dtype) for name, dtype in WHO_SCHEMA.items()
    )

"""Operations: what a device's accesses add up to, one row a flash operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from replay.columns import OpKind, Outcome
from tracetool.timeline.accesses import NO_TIME

if TYPE_CHECKING:
    from replay.tables import OperationColumns

__all__ = ["KINDS", "OPERATIONS_SCHEMA", "OUTCOMES", "label", "sums_of", "to_table"]


def label(name: str) -> str:
    """What the name of a code is called in tables."""
    return name.lower().replace("_", "-")


KINDS = tuple(label(kind.name) for kind in OpKind if kind not in (OpKind.NONE, OpKind.RESET))
OUTCOMES = tuple(label(outcome.name) for outcome in Outcome if outcome != Outcome.OPEN)

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "trace": pl.UInt16,
    "boot": pl.UInt32,
    "device": pl.Categorical(),
    "kind": pl.Enum(KINDS),
    "first_seq": pl.Int64,
    "last_seq": pl.Int64,
    "time_ns": pl.Int64,
    "duration_ns": pl.Int64,
    "offset": pl.Int64,
    "length": pl.Int64,
    "block": pl.Int64,
    "command_offset": pl.Int64,
    "bytes_changed": pl.Int64,
    "bits_set_without_erase": pl.Int64,
    "outcome": pl.Enum(OUTCOMES),
    "status": pl.UInt8,
    "accesses": pl.Int64,
}
OPERATIONS_SCHEMA = pl.Schema(_COLUMNS)
"""One row an operation. `time_ns` is that of its first event; offset and length are bytes of what it touched, null
where it touched nothing; `block` is the number of the erase block that it begins in, `command_offset` where its first
access went, for an erase anywhere in the block; `bytes_changed` and `bits_set_without_erase` are null where contents
were not known."""

_UNKNOWN = (
    *("command_offset", "command_size", "command_value", "low", "high", "identifier_offset", "count_offset"),
    *("count_value", "bad_cycle_value", "words_start", "words_low", "words_high"),
)
_FLAGS = ("unknown", "erased", "inferred", "polled_ready")


def sums_of(columns: OperationColumns) -> pl.DataFrame:
    """Operations that have ended, as the machine sums them up: a column each, null where there is nothing.

    Columns are those of `replay.state.Operation`, Int64 or Boolean, with `bits_set_without_erase` for `bits_set`.
    """
    frame = pl.DataFrame(columns._asdict())
    return frame.rename({"bits_set": "bits_set_without_erase"}).with_columns(
        pl.when(pl.col(_UNKNOWN) >= 0).then(pl.col(_UNKNOWN)),
        pl.when(pl.col("outcome") != Outcome.OPEN).then("outcome").alias("outcome"),
        pl.col(_FLAGS).cast(pl.Boolean),
    )


def _name_of(column: pl.Expr, codes: type[OpKind | Outcome], names: pl.Enum) -> pl.Expr:
    """An enumeration's label for its code."""
    labels = {int(code): label(code.name) for code in codes if label(code.name) in names.categories}
    return column.replace_strict(labels, default=None, return_dtype=pl.String).cast(names)


def to_table(sums: pl.DataFrame, device: str, trace: int, block_bytes: int) -> pl.DataFrame:
    """Closed operations as a frame of `OPERATIONS_SCHEMA`."""
    offset = pl.when(pl.col("low").is_not_null()).then("low").otherwise("command_offset")
    touched = pl.col("low").is_not_null()
    timed = pl.col("time_ns") != NO_TIME
    done = pl.when(pl.col("erased") | pl.col("inferred")).then(int(Outcome.DONE)).otherwise(int(Outcome.LOST))
    kind = pl.when(pl.col("kind") == OpKind.NONE).then(int(OpKind.INCOMPLETE)).otherwise(pl.col("kind"))
    known = ~pl.col("unknown")
    return sums.select(
        pl.lit(trace, pl.UInt16).alias("trace"),
        pl.col("boot").cast(pl.UInt32),
        pl.lit(device).cast(pl.Categorical()).alias("device"),
        _name_of(kind, OpKind, pl.Enum(KINDS)).alias("kind"),
        "first_seq",
        "last_seq",
        pl.when(timed).then("time_ns").alias("time_ns"),
        pl.when(timed).then(pl.col("end_ns") - pl.col("time_ns")).alias("duration_ns"),
        offset.alias("offset"),
        pl.when(touched).then(pl.col("high") - pl.col("low")).otherwise("command_size").alias("length"),
        (offset // block_bytes).alias("block"),
        "command_offset",
        pl.when(known).then("bytes_changed").alias("bytes_changed"),
        pl.when(known).then("bits_set_without_erase").alias("bits_set_without_erase"),
        _name_of(pl.col("outcome").fill_null(done), Outcome, pl.Enum(OUTCOMES)).alias("outcome"),
        pl.col("status").cast(pl.UInt8),
        pl.col("accesses").cast(pl.Int64),
    )

"""Operations: one row a flash operation, as the machine sums accesses up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from replay.columns import OpField, OpKind, Outcome
from tracetool.timeline.code import CODE_SCHEMA, without_code
from tracetool.timeline.touched import TOUCHED
from tracetool.uefi.touches import Intent, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from enum import IntEnum

    from replay.tables import OperationColumns
    from tracetool.timeline.sectors import Sectors

__all__ = [
    "COUNTED",
    "INTENTS",
    "IS_WRITING",
    "KINDS",
    "NO_TIME",
    "OPERATIONS_SCHEMA",
    "OUTCOMES",
    "PARTS",
    "PROGRAMS",
    "SUMS_SCHEMA",
    "WRITING",
    "flagged",
    "is_kind",
    "label",
    "labelled",
    "labels_of",
    "sums_of",
    "to_table",
    "with_times",
]

NO_TIME = -(1 << 63)
"""`time_ns` of a row that has no time."""


def label(name: str) -> str:
    """The label of a code in tables, by its name."""
    return name.lower().replace("_", "-").replace(" ", "-")


KINDS = tuple(label(kind.name) for kind in OpKind if kind not in (OpKind.NONE, OpKind.RESET))
OUTCOMES = tuple(label(outcome.name) for outcome in Outcome if outcome != Outcome.OPEN)
PARTS, INTENTS = tuple(map(label, Part)), tuple(map(label, Intent))

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
    "part": pl.Enum(PARTS),
    "variable": pl.List(pl.String()),
    "intent": pl.Enum(INTENTS),
    **CODE_SCHEMA,
}
OPERATIONS_SCHEMA = pl.Schema(_COLUMNS)
"""One row an operation. `time_ns` is that of its first event; offset and length are bytes of what it touched, null
where it touched nothing; `block` is the number of the erase block that it begins in, `command_offset` where its first
access went, for an erase anywhere in the block; `bytes_changed` and `bits_set_without_erase` are null where contents
were not known. `part`, `variable` (the names of all that it touched) and `intent` say what it did to a UEFI variable
store; null where none was decoded, as without a journal (`Options.keeps_journal`). `pc`, `by` and `chain` are those of
`tracetool.timeline.code.CODE_SCHEMA`."""

PROGRAMS = ("program", "buffered-program")
WRITING = ("erase", *PROGRAMS)
"""Kinds of `OPERATIONS_SCHEMA` that write."""

_REFUSED = pl.col("outcome").is_in(["refused", "aborted"])
COUNTED: Mapping[str, pl.Expr] = {
    "erases": (pl.col("kind") == "erase") & ~_REFUSED,
    "programs": pl.col("kind").is_in(PROGRAMS) & ~_REFUSED,
    "refused": pl.col("kind").is_in(WRITING) & _REFUSED,
}
"""Operations (`OPERATIONS_SCHEMA`) that a column of `BLOCKS_SCHEMA` counts, for ranges that are no blocks. Where the
trace lost events, a block counts only programs that stored something."""

_ABSENT = (
    *("command_offset", "command_size", "command_value", "low", "high", "identifier_offset", "count_offset"),
    *("count_value", "bad_cycle_value", "words_start", "words_low", "words_high"),
)
_FLAGS = ("unknown", "erased", "inferred", "polled_ready")
_SUMS = [name.replace("bits_set", "bits_set_without_erase") for name in map(str.lower, OpField.__members__)]

SUMS_SCHEMA = pl.Schema(
    {name: pl.Boolean if name in _FLAGS else pl.Int64 for name in _SUMS} | {"trace": pl.Int64()},
)
"""One row an operation, as the machine sums it up: the columns of `replay.columns.OpField`, and the trace's number.
Codes are those of `replay.columns`; places, sizes and values are null where there are none, `outcome` where the
operation is not complete; `time_ns` and `end_ns` are `NO_TIME` in a trace without times."""

_CLEANED = (
    pl.when(pl.col(_ABSENT) >= 0).then(pl.col(_ABSENT)),
    pl.when(pl.col("outcome") != Outcome.OPEN).then("outcome").alias("outcome"),
    pl.col(_FLAGS).cast(pl.Boolean),
)


def sums_of(columns: OperationColumns, trace: int) -> pl.DataFrame:
    """Operations that have ended, as a frame of `SUMS_SCHEMA`."""
    frame = pl.DataFrame([pl.Series(name, column) for name, column in zip(_SUMS, columns.values(), strict=True)])
    return frame.with_columns(*_CLEANED, pl.lit(trace, pl.Int64).alias("trace"))


def is_kind(*kinds: OpKind) -> pl.Expr:
    """True for operations of these kinds (column `kind` of `SUMS_SCHEMA`)."""
    return pl.col("kind").is_in([int(kind) for kind in kinds])


def flagged(flags: int) -> pl.Expr:
    """True for operations with any of these flags (`replay.columns.Flag`)."""
    return (pl.col("flags") & flags) != 0


IS_WRITING = is_kind(OpKind.ERASE, OpKind.PROGRAM, OpKind.BUFFERED_PROGRAM)
"""True for erases and programs."""


def labelled(column: pl.Expr, labels: Mapping[int, str], dtype: pl.Enum) -> pl.Expr:
    """The label of each code, as an enumeration; null for a code without one."""
    categories = set(dtype.categories)
    known = {int(code): name for code, name in labels.items() if name in categories}
    return column.replace_strict(known, default=None, return_dtype=pl.String).cast(dtype)


def labels_of(codes: Iterable[IntEnum]) -> dict[int, str]:
    """The label of each code."""
    return {code: label(code.name) for code in codes}


def to_table(sums: pl.DataFrame, device: str, sectors: Sectors) -> pl.DataFrame:
    """The operations of one device (`SUMS_SCHEMA`) as a frame of `OPERATIONS_SCHEMA`."""
    touched = pl.col("low").is_not_null()
    offset = pl.coalesce("low", "command_offset")
    timed = pl.when(pl.col("time_ns") != NO_TIME)
    known = pl.when(~pl.col("unknown"))
    done = pl.when(pl.col("erased") | pl.col("inferred")).then(int(Outcome.DONE)).otherwise(int(Outcome.LOST))
    kind = pl.when(pl.col("kind") == OpKind.NONE).then(int(OpKind.INCOMPLETE)).otherwise("kind")
    return sums.select(
        "trace",
        "boot",
        pl.lit(device).alias("device"),
        labelled(kind, labels_of(OpKind), pl.Enum(KINDS)).alias("kind"),
        "first_seq",
        "last_seq",
        timed.then("time_ns").alias("time_ns"),
        timed.then(pl.col("end_ns") - pl.col("time_ns")).alias("duration_ns"),
        offset.alias("offset"),
        pl.when(touched).then(pl.col("high") - pl.col("low")).otherwise("command_size").alias("length"),
        sectors.number(offset).alias("block"),
        "command_offset",
        known.then("bytes_changed").alias("bytes_changed"),
        known.then("bits_set_without_erase").alias("bits_set_without_erase"),
        labelled(pl.col("outcome").fill_null(done), labels_of(Outcome), pl.Enum(OUTCOMES)).alias("outcome"),
        "status",
        "accesses",
        *(pl.lit(None).alias(name) for name in TOUCHED),
        *without_code(),
    ).cast(OPERATIONS_SCHEMA)


def with_times(events: pl.DataFrame, seq: str, operations: pl.DataFrame) -> pl.DataFrame:
    """Add `time_ns` to rows by their trace and the column `seq`: when the operation under way then began.

    `operations` are those of the device (`OPERATIONS_SCHEMA`). The order of the rows stays.
    """
    times = operations.select("trace", pl.col("first_seq").alias(seq), "time_ns").sort(seq)
    numbered = events.with_row_index("at").sort(seq)
    timed = numbered.join_asof(times, on=seq, by="trace", strategy="backward", check_sortedness=False)
    return timed.sort("at").drop("at")

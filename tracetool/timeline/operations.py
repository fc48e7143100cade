"""Operations: one row a flash operation, as the machine sums accesses up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from replay.columns import OpKind, Outcome
from tracetool.timeline.code import CODE_SCHEMA, without_code
from tracetool.timeline.sums import NO_TIME
from tracetool.timeline.touched import TOUCHED
from tracetool.uefi.touches import Intent, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from enum import IntEnum

    from tracetool.timeline.sectors import Sectors
    from tracetool.timeline.sums import Sums

__all__ = [
    "COUNTED",
    "INTENTS",
    "KINDS",
    "OPERATIONS_SCHEMA",
    "OUTCOMES",
    "PARTS",
    "PROGRAMS",
    "WRITING",
    "flagged",
    "label",
    "labelled",
    "labels_of",
    "to_table",
    "with_times",
]


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


def flagged(flags: int) -> pl.Expr:
    """True for accesses with any of these flags (`replay.columns.Flag`)."""
    return (pl.col("flags") & flags) != 0


def labelled(column: pl.Expr, labels: Mapping[int, str], dtype: pl.Enum) -> pl.Expr:
    """The label of each code, as an enumeration; null for a code without one."""
    categories = set(dtype.categories)
    known = {int(code): name for code, name in labels.items() if name in categories}
    return column.replace_strict(known, default=None, return_dtype=pl.String).cast(dtype)


def labels_of(codes: Iterable[IntEnum]) -> dict[int, str]:
    """The label of each code."""
    return {code: label(code.name) for code in codes}


def _known(name: str) -> pl.Expr:
    return pl.when(pl.col(name) >= 0).then(name).alias(name)


_TOUCHED = pl.col("low") >= 0
_OFFSET = pl.when(_TOUCHED).then("low").otherwise(_known("command_offset"))
_TIMED = pl.when(pl.col("time_ns") != NO_TIME)
_COUNTED = pl.when(pl.col("unknown") == 0)
_KIND = pl.when(pl.col("kind") == OpKind.NONE).then(int(OpKind.INCOMPLETE)).otherwise("kind")
_DONE = (pl.col("erased") != 0) | (pl.col("inferred") != 0)
_OUTCOME = (
    pl.when(pl.col("outcome") != Outcome.OPEN)
    .then("outcome")
    .otherwise(pl.when(_DONE).then(int(Outcome.DONE)).otherwise(int(Outcome.LOST)))
)
# Made once: to make these takes as long as to evaluate them on the few operations of a growing trace.
_TABLE: tuple[pl.Expr | str, ...] = (
    labelled(_KIND, labels_of(OpKind), pl.Enum(KINDS)).alias("kind"),
    "first_seq",
    "last_seq",
    _TIMED.then("time_ns").alias("time_ns"),
    _TIMED.then(pl.col("end_ns") - pl.col("time_ns")).alias("duration_ns"),
    _OFFSET.alias("offset"),
    pl.when(_TOUCHED).then(pl.col("high") - pl.col("low")).otherwise(_known("command_size")).alias("length"),
    pl.when(_OFFSET >= 0).then("block").alias("block"),
    _known("command_offset"),
    _COUNTED.then("bytes_changed").alias("bytes_changed"),
    _COUNTED.then("bits_set").alias("bits_set_without_erase"),
    labelled(_OUTCOME, labels_of(Outcome), pl.Enum(OUTCOMES)).alias("outcome"),
    "status",
    "accesses",
    *(pl.lit(None).alias(name) for name in TOUCHED),
    *without_code(),
)


def to_table(sums: Sums, device: str, sectors: Sectors) -> pl.DataFrame:
    """The operations of one device as a frame of `OPERATIONS_SCHEMA`."""
    frame = pl.DataFrame({**sums.columns, "block": sectors.number(sums.offset)})
    named = (pl.lit(sums.trace).alias("trace"), "boot", pl.lit(device).alias("device"))
    return frame.select(*named, *_TABLE).cast(OPERATIONS_SCHEMA)


def with_times(events: pl.DataFrame, seq: str, operations: pl.DataFrame) -> pl.DataFrame:
    """Add `time_ns` to rows by their trace and the column `seq`: when the operation under way then began.

    `operations` are those of the device (`OPERATIONS_SCHEMA`). The order of the rows stays.
    """
    times = operations.select("trace", pl.col("first_seq").alias(seq), "time_ns").sort(seq)
    numbered = events.with_row_index("at").sort(seq)
    timed = numbered.join_asof(times, on=seq, by="trace", strategy="backward", check_sortedness=False)
    return timed.sort("at").drop("at")

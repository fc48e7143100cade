"""Operations: what a device's accesses add up to, one row a flash operation.

Chunks go in, closed operations come out; the operation in progress is carried as one row of sums, so that neither
the result nor the memory depends on how the accesses are cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from replay.cfi import Opcode
from replay.columns import Effect, Flag, OpKind, Outcome, RowKind
from tracetool.timeline.accesses import NO_TIME

if TYPE_CHECKING:
    from tracetool.timeline.accesses import Accesses

__all__ = ["KINDS", "OPERATIONS_SCHEMA", "OUTCOMES", "OperationStream", "to_table"]


def _label(name: str) -> str:
    return name.lower().replace("_", "-")


KINDS = tuple(_label(kind.name) for kind in OpKind if kind not in (OpKind.NONE, OpKind.RESET))
OUTCOMES = tuple(_label(outcome.name) for outcome in Outcome if outcome != Outcome.OPEN)

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

_PLACED = (Effect.PROGRAM, Effect.STAGE, Effect.FLUSH, Effect.ERASE, Effect.DISCARD)
_STATUS_COMMANDS = (
    Opcode.PROGRAM_ALTERNATE,
    Opcode.BLOCK_ERASE,
    Opcode.PROGRAM,
    Opcode.LOCK_SETUP,
    Opcode.READ_STATUS,
    Opcode.BUFFERED_PROGRAM,
)
_READY = 0x80

_IO = pl.col("kind").is_between(RowKind.IO_READ, RowKind.OUTER_WRITE)
_WRITE = pl.col("kind") == RowKind.IO_WRITE
_IN_BUFFER = _WRITE & (pl.col("cmd") == Opcode.BUFFERED_PROGRAM)
_EFFECT_END = pl.col("effect_offset") + pl.col("effect_length")
# A refused word may lie anywhere; a refused program or erase still says what it was meant for.
_MEANT = (pl.col("effect") == Effect.REFUSED) & (pl.col("op_kind") != OpKind.BUFFERED_PROGRAM)
_TOUCHED = (pl.col("effect").is_in([int(effect) for effect in _PLACED]) | _MEANT) & (pl.col("effect_offset") >= 0)
_POLL = (pl.col("kind") == RowKind.IO_READ) & pl.col("cmd").is_in([int(command) for command in _STATUS_COMMANDS])
_WORDS = _IN_BUFFER & (pl.col("wcycle") == 2)  # noqa: PLR2004  the cycle of data words
_IDENTIFIED = (pl.col("kind") == RowKind.IO_READ) & (pl.col("cmd") == Opcode.READ_IDENTIFIER) & (pl.col("value") == 0)
_BAD_CYCLE = _WRITE & ((pl.col("flags") & Flag.BAD_SECOND_CYCLE) != 0)
_COUNT = _IN_BUFFER & (pl.col("wcycle") == 1)

# What is kept of the accesses of one operation: how it is made, and how two halves of it are joined.
_SUMS: dict[str, tuple[pl.Expr, str]] = {
    "boot": (pl.col("boot").first(), "first"),
    "kind": (pl.col("op_kind").last(), "last"),
    "first_seq": (pl.col("seq").min(), "min"),
    "last_seq": (pl.col("seq").max(), "max"),
    "time_ns": (pl.col("time_ns").first(), "first"),
    "end_ns": (pl.col("time_ns").last(), "last"),
    "command_offset": (pl.col("offset").filter(_IO).first(), "first_known"),
    "command_size": (pl.col("size").filter(_IO).first(), "first_known"),
    "command_value": (pl.col("value").filter(_WRITE).first(), "first_known"),
    "cmd_before": (pl.col("cmd").first(), "first"),
    "status_before": (pl.col("status").first(), "first"),
    "low": (pl.col("effect_offset").filter(_TOUCHED).min(), "min"),
    "high": (_EFFECT_END.filter(_TOUCHED).max(), "max"),
    "bytes_changed": (pl.col("changed").filter(pl.col("changed") > 0).sum(), "sum"),
    "bits_set_without_erase": (pl.col("bits_set").filter(pl.col("bits_set") > 0).sum(), "sum"),
    "unknown": ((pl.col("changed") < 0).any(), "any"),
    "outcome": (pl.col("outcome").filter(pl.col("outcome") != Outcome.OPEN).last(), "last_known"),
    "status": (pl.col("status_after").last(), "last"),
    "accesses": (_IO.sum(), "sum"),
    "programmed": (pl.col("programmed").sum(), "sum"),
    "flags": (pl.col("flags").bitwise_or(), "or"),
    "erased": ((pl.col("effect") == Effect.ERASE).any(), "any"),
    "inferred": (((pl.col("flags") & Flag.INFERRED) != 0).any(), "any"),
    "polled_ready": ((_POLL & (pl.col("value") & _READY != 0)).any(), "any"),
    "identifier_offset": (pl.col("offset").filter(_IDENTIFIED).last(), "last_known"),
    "count_offset": (pl.col("offset").filter(_COUNT).first(), "first_known"),
    "count_value": (pl.col("value").filter(_COUNT).first(), "first_known"),
    "bad_cycle_value": (pl.col("value").filter(_BAD_CYCLE).last(), "last_known"),
    "words_start": (pl.col("offset").filter(_WORDS).first(), "first_known"),
    "words_low": (pl.col("offset").filter(_WORDS).min(), "min"),
    "words_high": ((pl.col("offset") + pl.col("size")).filter(_WORDS).max(), "max"),
}


_USED = ("op", *dict.fromkeys(root for made, _ in _SUMS.values() for root in made.meta.root_names()))


def _join(name: str, how: str) -> pl.Expr:
    column = pl.col(name)
    joined = {
        "first": column.first(),
        "last": column.last(),
        "first_known": column.drop_nulls().first(),
        "last_known": column.drop_nulls().last(),
        "min": column.min(),
        "max": column.max(),
        "sum": column.sum(),
        "any": column.any(),
        "or": column.bitwise_or(),
    }
    return joined[how].alias(name)


class OperationStream:
    """The operations of one device, closed as its accesses go by."""

    def __init__(self) -> None:
        self._open: pl.DataFrame | None = None

    def add(self, accesses: Accesses) -> pl.DataFrame:
        """Take in accesses; the operations that have ended since (columns of `_SUMS`)."""
        rows = accesses.frame(_USED).filter((pl.col("op") >= 0) & (pl.col("op_kind") != OpKind.RESET))
        sums = rows.group_by("op", maintain_order=True).agg(*(made.alias(name) for name, (made, _) in _SUMS.items()))
        if self._open is not None:
            both = pl.concat([self._open, sums])
            sums = both.group_by("op", maintain_order=True).agg(*(_join(name, how) for name, (_, how) in _SUMS.items()))
        if sums.is_empty():
            return sums
        self._open = sums.tail(1)
        return sums.head(-1)

    def end(self) -> pl.DataFrame | None:
        """The trace is over: the operation in progress, None if there is none."""
        rest, self._open = self._open, None
        return rest


def _name_of(column: pl.Expr, codes: type[OpKind | Outcome], names: pl.Enum) -> pl.Expr:
    """An enumeration's label for its code."""
    labels = {int(code): _label(code.name) for code in codes if _label(code.name) in names.categories}
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

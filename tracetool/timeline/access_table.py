"""Accesses as a table: one row an access, with the machine's state before it and what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from replay.columns import ABSENT, Effect, OpKind, Outcome, RowKind
from tracetool.events import EventType
from tracetool.timeline.accesses import NO_TIME
from tracetool.timeline.operations import KINDS, OUTCOMES, label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from enum import IntEnum

    from tracetool.timeline.accesses import Accesses

__all__ = ["ACCESSES_SCHEMA", "access_table"]

EFFECTS = tuple(label(effect.name) for effect in Effect if effect != Effect.NONE)

ACCESSES_SCHEMA = pl.Schema(
    {
        "trace": pl.UInt16(),
        "boot": pl.UInt32(),
        "device": pl.Categorical(),
        "seq": pl.Int64(),
        "time_ns": pl.Int64(),
        "event": EventType,
        "offset": pl.Int64(),
        "size": pl.Int64(),
        "value": pl.Int64(),
        "cmd": pl.Int64(),
        "wcycle": pl.Int64(),
        "status": pl.Int64(),
        "status_after": pl.Int64(),
        "expected": pl.Int64(),
        "effect": pl.Enum(EFFECTS),
        "effect_offset": pl.Int64(),
        "effect_length": pl.Int64(),
        "bytes_programmed": pl.Int64(),
        "bytes_changed": pl.Int64(),
        "bits_set_without_erase": pl.Int64(),
        "operation": pl.Int64(),
        "kind": pl.Enum(KINDS),
        "outcome": pl.Enum(OUTCOMES),
        "flags": pl.Int64(),
    }
)
"""One row an access of the guest or a reset, and one an inner event that had an effect of its own.

`cmd`, `wcycle` and `status` are the machine's before the row (`cmd` 0x100: not known), `expected` the value that a read
has to give; null where contents are not known. `effect` is what it did to the flash, null for nothing. `operation`
numbers the operations of the device, `outcome` is set on the row that ends one; `flags` are bits of
`replay.columns.Flag`.
"""

_NAMES = {"postload": "postload_cb", "write_text": "write"}
_EVENTS: dict[int, str] = {kind: _NAMES.get(name := kind.name.lower(), name) for kind in RowKind}
_RENAMED = {
    "programmed": "bytes_programmed",
    "changed": "bytes_changed",
    "bits_set": "bits_set_without_erase",
    "op": "operation",
    "op_kind": "kind",
}
_KNOWN_ABOVE_ABSENT = (
    *("offset", "size", "value", "expected", "effect_offset", "effect_length", "bytes_changed"),
    "bits_set_without_erase",
)


def access_table(accesses: Accesses, device: str) -> pl.DataFrame:
    """Accesses of a device as a frame of `ACCESSES_SCHEMA`."""
    frame = pl.DataFrame(accesses._asdict()).rename({"kind": "event"}).rename(_RENAMED)
    return frame.select(
        pl.col("trace").cast(pl.UInt16),
        pl.col("boot").cast(pl.UInt32),
        pl.lit(device).cast(pl.Categorical()).alias("device"),
        pl.when(pl.col("time_ns") != NO_TIME).then("time_ns").alias("time_ns"),
        _named("event", _EVENTS, EventType),
        _named("effect", _labels(Effect), pl.Enum(EFFECTS)),
        _named("kind", _labels(OpKind), pl.Enum(KINDS)),
        _named("outcome", _labels(Outcome), pl.Enum(OUTCOMES)),
        pl.when(pl.col(_KNOWN_ABOVE_ABSENT) != ABSENT).then(pl.col(_KNOWN_ABOVE_ABSENT)),
        *("seq", "cmd", "wcycle", "status", "status_after", "bytes_programmed", "operation", "flags"),
    ).select(ACCESSES_SCHEMA.names())


def _labels(codes: Iterable[IntEnum]) -> dict[int, str]:
    return {code: label(code.name) for code in codes}


def _named(column: str, names: Mapping[int, str], dtype: pl.Enum) -> pl.Expr:
    """An enumeration's label for its code; null for a code without one."""
    labels = {int(code): name for code, name in names.items() if name in dtype.categories}
    return pl.col(column).replace_strict(labels, default=None, return_dtype=pl.String).cast(dtype)

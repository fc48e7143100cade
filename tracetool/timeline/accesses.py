"""Accesses: single rows of one device with the machine's state before them and their effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.columns import ABSENT, Effect, OpKind, Outcome, RowKind
from replay.tables import StepColumns
from tracetool.events import EventType
from tracetool.timeline.code import CODE_SCHEMA, without_code
from tracetool.timeline.operations import KINDS, OUTCOMES, label, labelled, labels_of
from tracetool.timeline.sums import NO_TIME

if TYPE_CHECKING:
    from replay.tables import RowColumns

__all__ = [
    "ACCESSES_SCHEMA",
    "EFFECT_END",
    "END",
    "IS_ERASE",
    "IS_STORED",
    "IS_WRITE",
    "STEPS_SCHEMA",
    "access_table",
    "steps_of",
]

_ROWS = ("seq", "kind", "offset", "size", "value", "length", "time_ns", "boot")
_STEPS = tuple(name for name in StepColumns._fields if name != "row")

STEPS_SCHEMA = pl.Schema(dict.fromkeys(("trace", *_ROWS, *_STEPS), pl.Int64()))
"""One row an access, or an inner event with an effect of its own, as the machine has it. Columns are those of
`replay.tables.RowColumns` and `StepColumns`, and the trace's number; codes are those of `replay.columns`, `ABSENT` and
`NO_TIME` stand for none. State is that before the row, but for `status_after`."""

_NO_STEPS = STEPS_SCHEMA.to_frame()

END = pl.col("offset") + pl.col("size")
"""First offset after the access."""

EFFECT_END = pl.col("effect_offset") + pl.col("effect_length")
"""First offset after the effect."""

IS_WRITE = pl.col("kind").is_in([int(RowKind.IO_WRITE), int(RowKind.OUTER_WRITE)])
"""True for bus writes, whether or not they reached the chip."""

IS_STORED = pl.col("effect").is_in([int(Effect.PROGRAM), int(Effect.FLUSH)])
"""True for rows that programmed storage."""

IS_ERASE = pl.col("effect") == int(Effect.ERASE)
"""True for rows that erased a block."""


def steps_of(rows: RowColumns, steps: StepColumns, trace: int) -> pl.DataFrame:
    """The rows that the machine gave as a frame of `STEPS_SCHEMA`, without inner events that had no effect."""
    if not len(steps.row):
        return _NO_STEPS
    kind = rows.kind[steps.row]
    access = (kind > RowKind.OTHER) & (kind <= RowKind.RESET)
    keep = np.flatnonzero(access | (steps.effect != Effect.NONE) | (steps.outcome != Outcome.OPEN))
    places = steps.row[keep]
    columns = {name: getattr(rows, name)[places] for name in _ROWS}
    columns |= {name: getattr(steps, name)[keep] for name in _STEPS}
    return pl.DataFrame(columns).select(pl.lit(trace, pl.Int64).alias("trace"), pl.all())


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
        **CODE_SCHEMA,
    }
)
"""One row an access of the guest or a reset, and one an inner event that had an effect of its own.

`cmd`, `wcycle` and `status` are the machine's before the row (`cmd` 0x100: not known), `expected` the value that a read
must return; null where contents are not known. `effect` is that on the flash, null for none. `operation`
numbers the operations of the device, `outcome` is set on the row that ends one; `flags` are bits of
`replay.columns.Flag`; `pc`, `by` and `chain` are those of `tracetool.timeline.code.CODE_SCHEMA`.
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


def access_table(steps: pl.DataFrame, device: str) -> pl.DataFrame:
    """The steps of one device (`STEPS_SCHEMA`) as a frame of `ACCESSES_SCHEMA`."""
    frame = steps.rename({"kind": "event"}).rename(_RENAMED)
    return frame.select(
        pl.col("trace").cast(pl.UInt16),
        pl.col("boot").cast(pl.UInt32),
        pl.lit(device).cast(pl.Categorical()).alias("device"),
        pl.when(pl.col("time_ns") != NO_TIME).then("time_ns").alias("time_ns"),
        labelled(pl.col("event"), _EVENTS, EventType),
        labelled(pl.col("effect"), labels_of(Effect), pl.Enum(EFFECTS)),
        labelled(pl.col("kind"), labels_of(OpKind), pl.Enum(KINDS)),
        labelled(pl.col("outcome"), labels_of(Outcome), pl.Enum(OUTCOMES)),
        pl.when(pl.col(_KNOWN_ABOVE_ABSENT) != ABSENT).then(pl.col(_KNOWN_ABOVE_ABSENT)),
        *("seq", "cmd", "wcycle", "status", "status_after", "bytes_programmed", "operation", "flags"),
        *without_code(),
    ).select(ACCESSES_SCHEMA.names())

"""Free space of a variable store over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.timeline.operations import with_times

if TYPE_CHECKING:
    from tracetool.uefi.store_timeline import StoreTimeline

__all__ = ["FREE_SPACE_SCHEMA", "free_space"]

FREE_SPACE_SCHEMA = pl.Schema(
    {
        "trace": pl.UInt16(),
        "seq": pl.Int64(),
        "time_ns": pl.Int64(),
        "free_bytes": pl.Int64(),
        "store_bytes": pl.Int64(),
    }
)
"""One row a change of the free space, in order: the event (seq -1: before the trace), its time, the bytes behind the
last variable from then on, and those for variables in all. While the live store is written again it has the free space
from before."""


def free_space(timeline: StoreTimeline, operations: pl.DataFrame) -> pl.DataFrame:
    """Free space of a store, as a frame of `FREE_SPACE_SCHEMA`; times from operations (`OPERATIONS_SCHEMA`)."""
    schema = {name: FREE_SPACE_SCHEMA[name] for name in ("trace", "seq", "free_bytes", "store_bytes")}
    sizes = [(room.trace, room.seq, room.end - room.list_end, room.end - room.first) for room in timeline.rooms]
    rooms = pl.DataFrame(sizes, schema, orient="row")
    return with_times(rooms, "seq", operations).select(FREE_SPACE_SCHEMA.names())

"""Where a typed place is in the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import UsageError
from tracetool.sizes import format_offset
from tracetool.viewmodel.places import Place, PlaceKind

if TYPE_CHECKING:
    from tracetool.viewmodel.timeline import Timeline

__all__ = ["row_of_place"]


def row_of_place(timeline: Timeline, row: int, place: Place) -> int:
    """The row to go to from a row; an offset is that of the next operation that touches it, or else of an earlier one.

    Raises:
        UsageError: there is no such place in the trace.
    """
    if not len(timeline):
        raise UsageError("no rows to go to")
    if place.kind is PlaceKind.SHARE:
        return timeline.share(place.value)
    shown = timeline.shown(row)
    if place.kind is PlaceKind.EVENT:
        return _row(timeline, 0 if shown is None else shown.trace, place.value)
    if place.kind is PlaceKind.TIME:
        return _row_of_time(timeline, 0 if shown is None else shown.trace, place.value)
    return _row_of_span(timeline, row, *_span(timeline, row, place))


def _row(timeline: Timeline, trace: int, seq: int) -> int:
    last = timeline.loaded.traces[trace].events - 1
    if seq > last:
        raise UsageError(f"there is no event {seq:,}: the trace has events 0 to {last:,}")
    return timeline.row_of_event(trace, seq) or 0


def _row_of_time(timeline: Timeline, trace: int, elapsed_ns: int) -> int:
    start = timeline.loaded.starts[trace]
    if start is None:
        raise UsageError("the trace has no times")
    operations = timeline.tables.operations.filter(pl.col("trace") == trace)
    later = operations.filter(pl.col("time_ns") >= start + elapsed_ns)
    found = operations.tail(1) if later.is_empty() else later
    return _row(timeline, trace, 0 if found.is_empty() else int(found["first_seq"][0]))


def _span(timeline: Timeline, row: int, place: Place) -> tuple[int, int]:
    """The bytes that a place means, end exclusive."""
    operation = timeline.operation(row)
    here = None if operation is None else timeline.tables.operations.row(operation, named=True)
    if place.kind is PlaceKind.BLOCK:
        device = None if here is None else timeline.loaded.device(here["device"])
        if device is None or device.geometry is None:
            raise UsageError("the size of a block is not known here")
        return place.value * device.geometry.block, (place.value + 1) * device.geometry.block
    start = place.value
    if place.kind is PlaceKind.RELATIVE:
        start += (here["offset"] or 0) if here is not None else 0
    return start, start + 1


def _row_of_span(timeline: Timeline, row: int, start: int, end: int) -> int:
    operations = timeline.tables.operations
    reach = pl.col("offset") + pl.col("length").fill_null(1)
    touching = ((pl.col("offset") < end) & (reach > start)).fill_null(value=False)
    found = [at for at in timeline.tables.select_operations(touching).tolist() if _visible(timeline, at)]
    if not found:
        raise UsageError(f"no row touches {format_offset(max(start, 0))}")
    here = timeline.operation(row)
    at = next((at for at in found if here is None or at > here), found[0])
    return _row(timeline, int(operations["trace"][at]), timeline.tables.main_seq(at))


def _visible(timeline: Timeline, operation: int) -> bool:
    return not timeline.level.of_operations or timeline.shows(operation)

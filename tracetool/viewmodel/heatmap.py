"""The heat map of a device: its operations counted per cell, laid out in lines, and the moves of a cursor."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from tracetool.sanitize import first_of, sanitize
from tracetool.sizes import format_offset, format_size
from tracetool.timeline.operations import WRITING
from tracetool.timeline.touched import names_text
from tracetool.uefi.regions import Region, nv_regions
from tracetool.uefi.varstore import read_variable_store
from tracetool.viewmodel.bins import ORDER, Cells, Changes, Heat, Metric, changes_of, heat, modules_of, order_of
from tracetool.viewmodel.chips import bytes_query
from tracetool.viewmodel.flash_map import cell_sizes, fill, levels
from tracetool.viewmodel.range_stats import Statistics, clipped, statistics, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tracetool.analysis.history import History
    from tracetool.audit import DeviceAudit
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.flash_map import MapRow, Room, Shape

__all__ = ["Drawing", "Subject", "cell_under", "draw", "sideways", "subjects", "up_or_down"]


_MOST_MODULES = 2
"""Modules that are named in the words of a range."""


@dataclass(frozen=True)
class Subject:
    """Device of the map. Sizes in bytes; `operations` a frame of `OPERATIONS_SCHEMA`, this device's alone."""

    device: str
    region_bytes: int
    block_bytes: int
    extent_bytes: int | None
    operations: pl.DataFrame
    regions: tuple[Region, ...] = ()
    variables: tuple[Region, ...] = ()
    """Copies of UEFI variables in the store at the end of the trace, and its free space."""
    changes: Changes = field(default_factory=Changes)
    starts: tuple[int | None, ...] = (None,)
    """As those of the session."""
    modules: tuple[str, ...] = ()
    """The modules that asked for writes, those of the most in the whole trace first; none without a log of the code."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that are known."""
        return tuple(metric for metric in Metric if metric != Metric.MODULE or self.modules)

    @property
    def zooms(self) -> list[int]:
        """Bytes of a cell at each zoom."""
        return cell_sizes(self.block_bytes)

    @property
    def block_count(self) -> int:
        """Number of erase blocks."""
        return -(-self.region_bytes // self.block_bytes)

    @property
    def backed_bytes(self) -> int:
        """The extent, or without one the flash."""
        return self.region_bytes if self.extent_bytes is None else min(self.extent_bytes, self.region_bytes)

    def zoom_for(self, cells: int) -> int:
        """Closest zoom at which `cells` cells hold the extent, or without one the flash."""
        fitting = [zoom for zoom, cell_bytes in enumerate(self.zooms) if self.backed_bytes <= cells * cell_bytes]
        return max(fitting, default=0)

    def until(self, trace: int, seq: int) -> Subject:
        """The same device with the operations begun by an event."""
        return self.between(0, order_of(trace, seq) + 1)

    def between(self, start: int, end: int) -> Subject:
        """The same device with the operations begun from event `start` on and before event `end`, as `order_of`."""
        operations = self.operations.filter(ORDER.is_between(start, end, closed="left"))
        return replace(self, operations=operations, changes=self.changes.slice(start, end))

    def event_at(self, start: int, end: int) -> tuple[int, int] | None:
        """Trace and seq of the last operation that wrote to a range, or that touched it; None where none did."""
        found = within(self.operations, start, end)
        writing = found.filter(pl.col("kind").cast(pl.String).is_in(WRITING))
        rows = found if writing.is_empty() else writing
        return None if rows.is_empty() else (int(rows["trace"][-1]), int(rows["last_seq"][-1]))

    def words(self, start: int, end: int) -> str:
        """A range in words: offsets, regions, and statistics of its operations."""
        names = [region.name for region in self.regions if region.start < end and start < region.end]
        inside = [found.name for found in self.variables if found.start < end and start < found.end]
        if inside:
            names.append(sanitize(names_text(list(dict.fromkeys(inside)))))
        if self.extent_bytes is not None and end > self.extent_bytes:
            names.append("beyond the extent")
        where = f"{format_offset(start)} to {format_offset(end)}, {format_size(end - start)}"
        done = ", ".join(self.statistics(start, end).words())
        return " │ ".join([where, *(["; ".join(names)] if names else []), *self._asked(start, end), done])

    def _asked(self, start: int, end: int) -> list[str]:
        """The modules that asked for writes to a range, those of the most first."""
        asked = modules_of(within(self.operations, start, end)) if self.modules else ()
        return [f"by {first_of([sanitize(name) for name in asked], _MOST_MODULES)}"] if asked else []

    def statistics(self, start: int, end: int) -> Statistics:
        """Statistics of the operations of a range whose ends are those of cells; of changed bytes, those inside."""
        found = statistics(clipped(within(self.operations, start, end), start, end))
        return replace(found, bytes_changed=self.changes.bytes_in(start, end), unsure=found.bytes_changed is None)

    def query(self, start: int, end: int, *, several: bool) -> str:
        """The query that selects the operations of a range; `several`: the session has more than one device."""
        return bytes_query(self.device if several else None, start, end)

    def narrowed(self, passing: pl.DataFrame) -> Subject:
        """The same device with those of its operations that are among `passing` ones (`OPERATIONS_SCHEMA`)."""
        mine = passing.filter(pl.col("device").cast(pl.String) == self.device)
        return replace(self, operations=mine, changes=self.changes.of(mine))


def subjects(session: AuditSession) -> tuple[Subject, ...]:
    """The devices whose region is known, those that were written first, as in the overview."""
    audited = sorted(session.audit.devices, key=lambda device: (device.excused, device.name))
    return tuple(
        Subject(
            device.name,
            device.region_bytes,
            device.geometry.block,
            device.extent.bytes if device.extent is not None else None,
            session.operations.filter(pl.col("device").cast(pl.String) == device.name),
            tuple(_regions(session.history(device.name), device)),
            tuple(_variables(session, device.name)),
            _changes(session, device),
            session.starts,
            modules_of(session.operations.filter(pl.col("device").cast(pl.String) == device.name)),
        )
        for device in audited
        if device.geometry is not None and device.region_bytes
    )


def _changes(session: AuditSession, device: DeviceAudit) -> Changes:
    history = session.history(device.name)
    return Changes() if history is None else changes_of(history, device.extent.bytes if device.extent else None)


def _regions(history: History | None, device: DeviceAudit) -> Sequence[Region]:
    """The named regions at the end of the trace."""
    if history is None:
        return ()
    start = 0 if device.extent is None else device.extent.code_end
    return nv_regions(history.snapshot(len(history)).known_bytes, limit=device.region_bytes or 0, start=start)


def _variables(session: AuditSession, device: str) -> Iterator[Region]:
    """The variables in the store at the end of the trace, and its free space."""
    history, timeline = session.history(device), session.store_timeline(device)
    if history is None or timeline is None:
        return
    snapshot = history.snapshot(len(history))
    store = read_variable_store(snapshot.known_bytes, timeline.start, limit=len(snapshot))
    for variable in store.variables:
        yield Region(variable.name or "?", variable.header.offset, variable.header.end)
    if store.header is not None and store.list_end < store.header.end:
        yield Region("free space", store.list_end, store.header.end)


@dataclass(frozen=True)
class Drawing:
    """A heat map laid out for a screen: lines of cells, and the count and level of each cell.

    `most` is the largest value that a level stands for; `until` is the event, (trace, seq), up to which it was counted,
    None if the whole trace was.
    """

    subject: Subject
    heat: Heat
    levels: NDArray[np.int64]
    most: int
    rows: tuple[MapRow, ...]
    shape: Shape
    until: tuple[int, int] | None = None

    @property
    def cells(self) -> Cells:
        """Cells of the flash."""
        return self.heat.cells

    def row_of(self, cell: int) -> int:
        """The line that a cell is in, or the fold that hides it."""
        return min(bisect_right(self._lasts, cell), len(self.rows) - 1)

    @cached_property
    def _lasts(self) -> list[int]:
        return [row.last for row in self.rows]

    @property
    def words(self) -> str:
        """Cell size and greatest value."""
        return f"{cell_words(self.cells.cell_bytes, self.heat)}{_until_words(self.until)}"


def cell_words(cell_bytes: int, heat: Heat) -> str:
    """Cell size and greatest value of a metric."""
    most = f", at most {heat.most:,}" if heat.most and heat.metric not in (Metric.LAST, Metric.MODULE) else ""
    return f"by {format_size(cell_bytes)}{most}"


def _until_words(until: tuple[int, int] | None) -> str:
    if until is None:
        return ""
    return f" │ played to event {until[1]:,}" if until[1] >= 0 else " │ not yet played"


def draw(
    subject: Subject, cell_bytes: int, metric: Metric, room: Room, until: tuple[int, int] | None = None
) -> Drawing:
    """Count the operations of a device and lay out the map in a room; the time grows with the operations.

    With `until`, (trace, seq), those up to an event are counted; rows and levels are those of the whole trace, so that
    nothing moves while the trace is played.
    """
    cells = Cells(subject.region_bytes, cell_bytes, subject.extent_bytes)
    whole = heat(subject.operations, cells, metric, subject.changes, subject.modules)
    shape, rows = fill(cells, whole.touched, room, subject.regions)
    if until is None:
        return Drawing(subject, whole, levels(whole), whole.most, tuple(rows), shape)
    earlier = subject.until(*until)
    found = heat(earlier.operations, cells, metric, earlier.changes, earlier.modules)
    return Drawing(earlier, found, levels(found, whole.most), whole.most, tuple(rows), shape, until)


# --- the cursor --------------------------------------------------------------------------------------------------


def sideways(drawing: Drawing, cell: int, cells: int) -> int:
    """Cell `cells` cells after another (before it if negative); a fold is one step."""
    found = min(max(cell + cells, 0), drawing.cells.count - 1)
    here, there = (drawing.rows[drawing.row_of(at)] for at in (cell, found))
    if there.kind != "fold":
        return found
    if there is not here:
        return there.first
    beside = there.last if cells > 0 else there.first - 1
    return beside if 0 <= beside < drawing.cells.count else there.first


def up_or_down(drawing: Drawing, cell: int, rows: int) -> int:
    """Cell `rows` rows below another (above it if negative), skipping lines without cells."""
    step = 1 if rows > 0 else -1
    column = _column(drawing, cell)
    for _ in range(abs(rows)):
        cell = _next_row(drawing, cell, step, column)
    return cell


def _column(drawing: Drawing, cell: int) -> int:
    row = drawing.rows[drawing.row_of(cell)]
    return (cell - row.first) % drawing.shape.columns if row.kind == "cells" else 0


def _next_row(drawing: Drawing, cell: int, step: int, column: int) -> int:
    columns = drawing.shape.columns
    at = drawing.row_of(cell)
    row = drawing.rows[at]
    if row.kind == "cells":
        deep = (cell - row.first) // columns + step
        if 0 <= deep <= _deepest(row, columns):
            return min(row.first + deep * columns + column, row.last - 1)
    at += step
    while 0 <= at < len(drawing.rows) and (drawing.rows[at].kind == "extent" or drawing.rows[at].first == row.first):
        at += step
    if not 0 <= at < len(drawing.rows):
        return cell
    row = drawing.rows[at]
    if row.kind == "fold":
        return row.first
    deep = 0 if step > 0 else _deepest(row, columns)
    return min(row.first + deep * columns + column, row.last - 1)


def _deepest(row: MapRow, columns: int) -> int:
    return (row.last - 1 - row.first) // columns


def cell_under(drawing: Drawing, line: int, column: int, depth: float | None) -> int | None:
    """The cell at a column of a line, None where there is no cell.

    `depth` is the height in the line, from 0 (top) to 1. Where it is unknown, the hottest cell of the column is meant.
    """
    if not 0 <= line < len(drawing.rows) or drawing.rows[line].kind == "extent":
        return None
    row, columns = drawing.rows[line], drawing.shape.columns
    if row.kind == "fold":
        return row.first
    first = row.first + min(max(column, 0), columns - 1)
    cells = range(first, row.last, columns)
    if not cells:
        return row.last - 1
    if depth is not None:
        return cells[min(int(depth * drawing.shape.deep), len(cells) - 1)]
    return max(cells, key=lambda cell: (drawing.levels[cell], drawing.heat.touched[cell]))

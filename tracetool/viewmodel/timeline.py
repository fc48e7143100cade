"""The timeline as rows: their cells, the row of an event, and the rows under an opened one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from tracetool.events import ACCESSES
from tracetool.viewmodel.cells import Look, TimeMode, common_prefix, event_line, operation_line, timeline_columns
from tracetool.viewmodel.filters import Filter, items_passing
from tracetool.viewmodel.outline import Children, Outline
from tracetool.viewmodel.tables import Level, Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.cells import Cell, Column
    from tracetool.viewmodel.outline import Spot

Row = dict[str, Any]

__all__ = ["Shown", "Timeline"]


class Shown(NamedTuple):
    """Operation of a row (None at other levels than operations), and the event that stands for it."""

    operation: int | None
    trace: int
    seq: int
    device: str


_SORT_KEYS = {
    "mark": pl.col("mark"),
    "trace": pl.col("trace"),
    "seq": pl.col("trace").cast(pl.Int64) * (1 << 40) + pl.col("first_seq"),
    "time": pl.col("time_ns"),
    "device": pl.col("device").cast(pl.String),
    "operation": pl.col("kind").cast(pl.String),
    "offset": pl.col("offset"),
    "length": pl.col("length"),
    "changed": pl.col("bytes_changed"),
    "outcome": pl.col("outcome").cast(pl.String),
    "variable": pl.col("variable").list.first(),
    "by": pl.col("by"),
    "detail": pl.col("accesses"),
}
"""What operations are sorted by, for each column."""


class Timeline:
    """Rows of one level that match the filter, some of them opened."""

    def __init__(self, session: AuditSession) -> None:
        self.session = session
        self.tables = Tables(session)
        self.level = Level.OPERATIONS
        self.filter = Filter()
        self.mode = TimeMode.START
        self.mark_ns: int | None = None
        self._bookmarks: frozenset[tuple[int, int]] = frozenset()
        self._bookmarked: frozenset[int] = frozenset()
        self._opened: dict[int, set[int]] = {}
        self._outline = Outline(len(self.tables.operations))
        self._made_look: Look | None = None

    def continued(self, session: AuditSession) -> Timeline:
        """The same view of another session."""
        other = Timeline(session)
        other.mode, other.mark_ns, other.filter = self.mode, self.mark_ns, self.filter
        other.set_level(self.level)
        other.set_bookmarks(self._bookmarks)
        if self.session.growing or len(other.tables.operations) == len(self.tables.operations):
            for item, opened in self._opened.items():
                now = other._same_item(self, item)
                if now is not None and other.shows(now):
                    other._opened[now] = opened
                    other._show_children(now, opened)
        return other

    def row_continued(self, before: Timeline, row: int) -> int | None:
        """The row here of a row of the timeline that this one continues; None where it is gone or hidden."""
        if not 0 <= row < len(before):
            return None
        spot = before._outline.spot(row)
        item = self._same_item(before, spot.item)
        if item is None or not self.shows(item):
            return None
        child = None if spot.child is None else self._outline.row_of_child(item, spot.child)
        return self.row_of_item(item) if child is None else child

    def _same_item(self, before: Timeline, item: int) -> int | None:
        """The number here of an item of another session, by its first event; None where it is gone."""
        if not self.level.of_operations:
            return item
        names = ("trace", "first_seq", "device")
        trace, seq, device = (before.tables.operations[name][item] for name in names)
        now = self.tables.operation_at(trace, seq, device)
        return None if now is None or self.tables.operations["first_seq"][now] != seq else now

    # --- rows of the grid ----------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._outline)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""
        return self._look.columns

    def lines(self, start: int, count: int) -> list[list[Cell]]:
        """The cells of rows `start` to `start + count`, as far as there are any."""
        return self.gather(range(start, min(start + count, len(self))))

    def order(self, column: str, *, descending: bool) -> NDArray[np.int64] | None:
        """Rows (int64) of operations sorted by a column, each followed by those under it; None for other levels."""
        key = _SORT_KEYS.get(column)
        if key is None or not self.level.of_operations:
            return None
        operations = self.tables.operations
        if column == "mark":
            operations = operations.with_columns(self.tables.severities)
        order = operations[self.items].select(key.arg_sort(descending=descending, nulls_last=True))[:, 0].to_numpy()
        return self._outline.rows_in(order.astype(np.int64))

    def gather(self, rows: Sequence[int]) -> list[list[Cell]]:
        """The cells of these rows."""
        if not len(rows):
            return []
        spots = [self._outline.spot(row) for row in rows]
        before = self.time_of(rows[0] - 1) if self.mode is TimeMode.DELTA else None
        operations, events = self._rows_of(spots)
        lines = []
        for spot in spots:
            bare = spot.child is None and self.level.of_operations
            row = operations[spot.item] if bare else events[spot.event]
            origin = before if self.mode is TimeMode.DELTA else self._origin(row["trace"])
            if bare:
                lines.append(self._operation_line(spot.item, row, origin))
            else:
                lines.append(self._event_line(row, origin, spot.depth))
            before = row["time_ns"] if row["time_ns"] is not None else before
        return lines

    def _operation_line(self, item: int, row: Row, origin: int | None) -> list[Cell]:
        return operation_line(
            row,
            self._look,
            origin,
            self.tables.marks.get(item),
            open=self._outline.is_open(item),
            outside=bool(self.tables.outside[item]),
            bookmarked=item in self._bookmarked,
        )

    def _event_line(self, row: Row, origin: int | None, depth: int) -> list[Cell]:
        bookmarked = (row["trace"], row["seq"]) in self._bookmarks
        return event_line(row, self._look, origin, depth, bookmarked=bookmarked)

    def _rows_of(self, spots: list[Spot]) -> tuple[dict[int, Row], dict[int, Row]]:
        """The rows of operations and events that spots show, by their number."""
        bare = [spot.item for spot in spots if spot.child is None]
        numbers = [spot.child for spot in spots if spot.child is not None]
        operations = {}
        if self.level.of_operations:
            rows = self.tables.operations[bare].iter_rows(named=True)
            operations = dict(zip(bare, rows, strict=True))
        else:
            numbers += bare
        unique = np.unique(np.array(numbers, np.int64))
        events = self.tables.gather_events(unique).iter_rows(named=True)
        return operations, dict(zip(unique.tolist(), events, strict=True))

    def set_bookmarks(self, bookmarks: Iterable[tuple[int, int]]) -> None:
        """Mark the rows of these events, (trace, seq); those that the traces do not have are passed over."""
        traces = self.session.traces
        there = [(trace, seq) for trace, seq in bookmarks if trace < len(traces) and seq < traces[trace].events]
        self._bookmarks = frozenset(there)
        found = (self.tables.operation_at(*place, self._device(*place)) for place in there)
        self._bookmarked = frozenset(item for item in found if item is not None)

    def _device(self, trace: int, seq: int) -> str:
        return str(self.tables.event(self.tables.number(trace, seq))["device"])

    # --- time ----------------------------------------------------------------------------------------------------

    def _origin(self, trace: int) -> int | None:
        return self.mark_ns if self.mode is TimeMode.MARK else self.session.starts[trace]

    def time_of(self, row: int) -> int | None:
        """The recorded time of a row, None where it has none."""
        if not 0 <= row < len(self):
            return None
        spot = self._outline.spot(row)
        if spot.child is None and self.level.of_operations:
            time = self.tables.operations["time_ns"][spot.item]
            return None if time is None else int(time)
        found = self.tables.event(spot.event)["time_ns"]
        return None if found is None else int(found)

    def set_mode(self, mode: TimeMode) -> None:
        """Change how times are shown."""
        self.mode = mode
        self._made_look = None

    def set_mark(self, row: int) -> None:
        """Count times from this row on."""
        self.mark_ns = self.time_of(row)
        self.set_mode(TimeMode.MARK)

    @property
    def _look(self) -> Look:
        """Made when the first row is shown: columns are as wide as all that is in them."""
        if self._made_look is None:
            wall = self.session.traces[0].meta.clock == "wall"
            columns = timeline_columns(self.tables, self.mode)
            prefix = common_prefix([device.name for device in self.session.audit.devices])
            self._made_look = Look(self.mode, self.mark_ns, wall, columns, prefix)
        return self._made_look

    # --- rows and events -----------------------------------------------------------------------------------------

    def shown(self, row: int) -> Shown | None:
        """Event and operation of a row; None where there is no such row."""
        if not 0 <= row < len(self):
            return None
        spot = self._outline.spot(row)
        if self.level.of_operations and spot.child is None:
            return Shown(spot.item, *self.event_of_item(spot.item), self.tables.operations["device"][spot.item])
        event = self.tables.event(spot.event)
        operation = spot.item if self.level.of_operations else None
        return Shown(operation, event["trace"], event["seq"], str(event["device"]))

    def operation(self, row: int) -> int | None:
        """The operation that a row belongs to."""
        shown = self.shown(row)
        if shown is None or shown.operation is not None:
            return None if shown is None else shown.operation
        return self.tables.operation_at(shown.trace, shown.seq, shown.device)

    def operation_of(self, trace: int, seq: int) -> int | None:
        """The operation that an event belongs to."""
        return self.tables.operation_at(trace, seq, self._device(trace, seq))

    def line_of_event(self, trace: int, seq: int) -> list[Cell] | None:
        """The cells of the operation of an event, or of the event itself where rows are no operations."""
        if self.level.of_operations:
            operation = self.operation_of(trace, seq)
            if operation is None:
                return None
            row = self.tables.operations.row(operation, named=True)
            return self._operation_line(operation, row, self._origin(trace))
        return self._event_line(self.tables.event(self.tables.number(trace, seq)), self._origin(trace), 0)

    def row_of_event(self, trace: int, seq: int) -> int | None:
        """The row that shows an event, or the nearest after it where it is hidden; None without rows."""
        if not len(self):
            return None
        place = self._nearest_event(trace, seq)
        item = self._item_of(*place)
        if item is None:
            item = self.tables.operation_at(*place) or 0
        child = self._outline.row_of_child(item, self.tables.number(*place))
        return self.row_of_item(item) if child is None else child

    def row_of_item(self, item: int) -> int:
        """Row of an item, or of the next one where it is hidden."""
        return self._outline.row(min(self._outline.index_from(item), self._outline.count - 1))

    def item_of_row(self, row: int) -> int:
        """Item of a row, or of its parent."""
        return self._outline.spot(row).item if len(self) else 0

    def _nearest_event(self, trace: int, seq: int) -> tuple[int, int]:
        """Trace and seq of the nearest event that exists."""
        trace = min(max(trace, 0), len(self.session.traces) - 1)
        return trace, min(max(seq, 0), self.session.traces[trace].events - 1)

    def _item_of(self, trace: int, seq: int) -> int | None:
        """Item of an event; None where no operation of its device has begun by then."""
        if not self.level.of_operations:
            return self.tables.number(trace, seq)
        return self.tables.operation_at(trace, seq, self._device(trace, seq))

    def missing_words(self, trace: int, seq: int) -> str:
        """Why an event has no row of its own, and the key that gives it one; empty where it has one."""
        item = self._item_of(*self._nearest_event(trace, seq))
        if item is not None and self.shows(item):
            return ""
        if item is not None and self.filtered:
            return f"event {seq:,} is filtered out: F shows it"
        return f"event {seq:,} is in no operation: z shows events" if item is None else f"event {seq:,} has no row here"

    def shows(self, item: int) -> bool:
        """True if an item matches the filter."""
        return self._outline.index(item) is not None

    @property
    def items(self) -> NDArray[np.int64]:
        """Items that match the filter: numbers of operations or events, int64."""
        return self._outline.items()

    def event_of_item(self, item: int) -> tuple[int, int]:
        """Trace and seq of the event that stands for an item."""
        if not self.level.of_operations:
            return self.tables.place(item)
        mark = self.tables.marks.get(item)
        return int(self.tables.operations["trace"][item]), self.tables.main_seq(item) if mark is None else mark.seq

    def item_of_event(self, trace: int, seq: int) -> int:
        """The item that an event belongs to, hidden or not; -1 before the first."""
        item = self._item_of(*self._nearest_event(trace, seq))
        return -1 if item is None else item

    def share(self, millionths: int) -> int:
        """Row at a fraction of all rows."""
        return (len(self) - 1) * millionths // 1_000_000 if len(self) else 0

    # --- filter and level ----------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Items of the level, hidden or not."""
        if self.level.of_operations:
            return len(self.tables.operations)
        return len(self.tables.accesses) if self.level.of_accesses else self.tables.events

    @property
    def hidden(self) -> int:
        """Items that the filter hides."""
        return self.total - self._outline.count

    @property
    def filtered(self) -> bool:
        """True if a chip is on that can hide rows of this level."""
        events = not self.level.of_operations and bool(self.filter.active(events=True))
        return events or bool(self.filter.active(events=False))

    def set_filter(self, chosen: Filter) -> None:
        """Hide the rows that do not match, or show all again; open rows stay open."""
        self.filter = chosen
        self._outline = self._outline.narrowed(self._items())

    def set_level(self, level: Level) -> None:
        """Change the level and close all rows; chips on events are kept, but hide no operations."""
        self.level = level
        self._opened = {}
        self._outline = Outline(self._items())

    def _items(self) -> NDArray[np.int64] | int:
        found = items_passing(self.tables, self.level, self.filter)
        if found is not None:
            return found
        return self.tables.accesses if self.level.of_accesses else self.total

    # --- opening -------------------------------------------------------------------------------------------------

    def opens(self, row: int) -> bool:
        """True if a row can be opened."""
        if not len(self):
            return False
        spot = self._outline.spot(row)
        if spot.child is None and self.level.of_operations:
            return len(self.tables.accesses_of(spot.item)) > 0
        if self.level is Level.EVENTS or self.tables.event(spot.event)["event"] not in ACCESSES:
            return False
        return len(self.tables.inner_events(spot.event)) > 0

    def is_open(self, row: int) -> bool:
        """True if a row is open."""
        spot = self._outline.spot(row)
        if spot.child is None:
            return self._outline.is_open(spot.item)
        return spot.child in self._opened.get(spot.item, ())

    def open(self, row: int) -> None:
        """Show the rows under a row."""
        spot = self._outline.spot(row)
        opened = self._opened.setdefault(spot.item, set())
        if spot.child is not None:
            opened.add(spot.child)
        self._show_children(spot.item, opened)

    def close(self, row: int) -> int:
        """Close a row, or the one that it stands under; return the closed row."""
        spot = self._outline.spot(row)
        opened = self._opened.get(spot.item, set())
        if spot.child is not None and spot.child in opened:
            opened.discard(spot.child)
            self._show_children(spot.item, opened)
            return row
        parent = self._parent(spot, opened)
        if parent is not None:
            opened.discard(parent)
            self._show_children(spot.item, opened)
            return self._outline.row_of_child(spot.item, parent) or row
        self._opened.pop(spot.item, None)
        self._outline.close(spot.item)
        return self._outline.row(self._outline.index_from(spot.item))

    def _parent(self, spot: Spot, opened: set[int]) -> int | None:
        """The opened access that a row of the second depth stands under."""
        if spot.child is None:
            return None
        return next((number for number in opened if spot.child in self.tables.inner_events(number)), None)

    def _show_children(self, item: int, opened: set[int]) -> None:
        events: list[int] = []
        depths: list[int] = []
        accesses = self.tables.accesses_of(item) if self.level.of_operations else self.tables.inner_events(item)
        for number in accesses.tolist():
            inner = self.tables.inner_events(number).tolist() if number in opened else []
            events += [number, *inner]
            depths += [1] + [2] * len(inner)
        self._outline.open(item, Children(np.array(events, np.int64), np.array(depths, np.int64)))

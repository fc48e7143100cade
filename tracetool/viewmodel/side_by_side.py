"""Two runs side by side: operations that are one another are level, and what differs is marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from tracetool.errors import UsageError
from tracetool.report.difference import SIGNS, figure_pair, headline
from tracetool.sanitize import first_of, sanitize
from tracetool.sizes import format_offset, format_size
from tracetool.timeline.query import parse
from tracetool.timeline.sectors import Sectors
from tracetool.timeline.starts import elapsed
from tracetool.viewmodel.cells import Cell, Column, Look, common_prefix, operation_line, time_width
from tracetool.viewmodel.filters import matching, selected, vocabulary
from tracetool.viewmodel.places import PlaceKind, touching
from tracetool.viewmodel.tables import Level, Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tracetool.difference import Difference
    from tracetool.difference.operations import Matched
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.places import Place

__all__ = ["CHANGE_NAMES", "Levelled", "PairRow", "PairRows", "SideBySide", "levelled", "pair_rows"]

CHANGE_NAMES = ("same", "gone", "added", "changed", "moved")
_STYLES = {"same": "quiet", "gone": "bad", "added": "good", "changed": "warn", "moved": "note"}
_SIGNS = {"same": "│", **SIGNS}
_ABSENT = -1


class Levelled(NamedTuple):
    """Rows of two timelines side by side.

    `a` and `b` (int64) are the operations of each row, -1 where that run has none there; `change` (uint8) is the place
    of what it is in `CHANGE_NAMES`. An operation that was moved has a row in each run.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    change: NDArray[np.uint8]


def levelled(matched: Matched, a_length: int, b_length: int) -> Levelled:
    """Put operations that are one another on one row; between them those of A come first, then those of B."""
    same = [np.arange(run.length) for run in matched.same]
    empty = np.zeros(0, np.int64)
    changed = np.array(matched.changed, np.int64).reshape(-1, 2)
    one = np.concatenate([empty, *(run.a + part for run, part in zip(matched.same, same, strict=True)), changed[:, 0]])
    other = np.concatenate(
        [empty, *(run.b + part for run, part in zip(matched.same, same, strict=True)), changed[:, 1]]
    )
    kind = np.zeros(len(one), np.uint8)
    kind[len(one) - len(changed) :] = CHANGE_NAMES.index("changed")
    order = np.argsort(one, kind="stable")
    one, other, kind = one[order], other[order], kind[order]
    rows = a_length + b_length - len(one)
    found = Levelled(np.full(rows, _ABSENT), np.full(rows, _ABSENT), np.zeros(rows, np.uint8))
    level = one + other - np.arange(len(one))
    found.a[level], found.b[level], found.change[level] = one, other, kind
    moved = np.array(matched.moved, np.int64).reshape(-1, 2)
    for column, length, mine, theirs, name, shifted in (
        (found.a, a_length, one, other + 1, "gone", moved[:, 0]),
        (found.b, b_length, other, one, "added", moved[:, 1]),
    ):
        left = np.setdiff1d(np.arange(length), mine)
        before = np.searchsorted(mine, left)  # pairs before it
        if name == "gone":
            beside = np.concatenate([[0], theirs])[before]
        else:
            beside = np.concatenate([theirs, [a_length]])[before]
        places = left + beside - before
        column[places] = left
        found.change[places] = CHANGE_NAMES.index(name)
        found.change[places[np.searchsorted(left, shifted)]] = CHANGE_NAMES.index("moved")
    return found


_LEAST = ("operation", "offset")
_MORE = ("device", "length", "outcome", "variable", "time", "by")
"""Columns of a side, the most important first; the number of the event is always there, and `device` there once."""

_GAP = 1
_WHAT = 9
"""Columns of the longest name of what differs."""


class SideBySide:
    """Rows of the operations of two runs that pass the filter, as a source of a grid; `room` columns are to be filled.

    Attributes:
        only: rows that are the same are hidden.
        query: the filter; a row passes if an operation of either run does.
    """

    def __init__(self, a: AuditSession, b: AuditSession, found: Difference) -> None:
        self.tables = (Tables(a), Tables(b))
        self.rows = levelled(found.matched, *(len(tables.operations) for tables in self.tables))
        self._headline = headline(found)
        self.only, self.query = False, ""
        self._show(np.ones(len(self.rows.change), np.bool_))
        self._prefix = common_prefix([device.name for device in (*a.audit.devices, *b.audit.devices)])
        self._widths = self._measured()
        self.lay_out(0)

    # --- columns -------------------------------------------------------------------------------------------------

    def _measured(self) -> dict[str, int]:
        both = pl.concat([tables.operations for tables in self.tables])
        greatest = both.select(
            pl.max("last_seq").fill_null(0).alias("seq"), pl.max("offset").fill_null(0).alias("offset")
        ).row(0, named=True)
        devices = both["device"].cast(pl.String).unique().to_list()
        names = [sanitize(name.removeprefix(self._prefix)) for name in devices]
        lengths = [format_size(length) for length in both["length"].unique().drop_nulls().head(1000).to_list()]
        widths = {
            "seq": max(len(str(greatest["seq"])), 5),
            "time": max(map(time_width, self.tables)),
            "operation": 16,
            "offset": max(len(format_offset(greatest["offset"])), 6),
            "length": min(max([6, *map(len, lengths)]), 11),
            "outcome": 9,
        }
        if len(names) > 1:
            widths["device"] = min(max([6, *map(len, names)]), 24)
        if both["variable"].count():
            widths["variable"] = 20
        if both["by"].count():
            widths["by"] = 16
        return widths

    @staticmethod
    def _title(name: str, side: str) -> str:
        return f"{side.upper()} {name}" if name == "seq" else name

    def lay_out(self, room: int) -> None:
        """Choose the columns for so much room."""
        chosen = ["seq", *_LEAST]
        used = 2 * sum(self._widths[name] + _GAP for name in chosen) + 1
        for name in _MORE:
            width = (1 if name == "device" else 2) * (self._widths.get(name, room) + _GAP)
            if used + width <= room:
                chosen.append(name)
                used += width
        order = ("seq", "time", "operation", "offset", *_MORE[1:])
        self._of_side = [name for name in dict.fromkeys(order) if name in chosen]
        self._device = "device" in chosen
        right = ("seq", "time", "offset", "length")
        sides = [
            [Column(f"{name}-{side}", self._title(name, side), self._widths[name], name in right)
             for name in self._of_side]
            for side in "ab"
        ]  # fmt: skip
        device = [Column("device", "device", self._widths["device"])] if self._device else []
        self.columns = (*device, *sides[0], Column("change", "", 1), *sides[1])

    # --- rows of the grid ----------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._shown)

    def lines(self, start: int, count: int) -> list[list[Cell]]:
        """The cells of rows `start` to `start + count`, as far as there are any."""
        rows = self._shown[start : start + count]
        sides = [
            self._side(tables, column[rows])
            for tables, column in zip(self.tables, (self.rows.a, self.rows.b), strict=True)
        ]
        return [self._line(CHANGE_NAMES[self.rows.change[row]], *both) for row, *both in zip(rows, *sides, strict=True)]

    @staticmethod
    def _side(tables: Tables, numbers: NDArray[np.int64]) -> list[tuple[int, dict[str, Any]] | None]:
        there = numbers[numbers != _ABSENT]
        found = iter(zip(there.tolist(), tables.operations[there].iter_rows(named=True), strict=True))
        return [None if number == _ABSENT else next(found) for number in numbers.tolist()]

    def _line(self, change: str, *sides: tuple[int, dict[str, Any]] | None) -> list[Cell]:
        style = _STYLES[change]
        halves, device = [], ""
        for tables, side in zip(self.tables, sides, strict=True):
            if side is None:
                halves.append([Cell("")] * len(self._of_side))
                continue
            number, row = side
            device = row["device"].removeprefix(self._prefix)
            look = Look(columns=tuple(Column(name, "", 0) for name in self._of_side))
            origin = tables.session.starts[row["trace"]]
            cells = operation_line(row, look, origin, None, outside=bool(tables.outside[number]))
            halves.append([Cell(text, own if own == "bad" else style) for text, own in cells])
        head = [Cell(sanitize(device), style)] if self._device else []
        return [*head, *halves[0], Cell(_SIGNS[change], style), *halves[1]]

    # --- what is shown -------------------------------------------------------------------------------------------

    def operation(self, row: int, side: int) -> int | None:
        """The operation of run 0 or 1 in a row; None where there is none."""
        if not 0 <= row < len(self):
            return None
        number = int((self.rows.a, self.rows.b)[side][self._shown[row]])
        return None if number == _ABSENT else number

    def event(self, row: int, side: int) -> tuple[int, int] | None:
        """Trace and seq of the event that stands for the operation of a run in a row."""
        number = self.operation(row, side)
        return None if number is None else self._event_of(side, number)

    def event_by(self, row: int, side: int) -> tuple[int, int] | None:
        """As `event`, or else that of the last operation of the run before the row."""
        if row >= len(self):
            return None
        before = np.flatnonzero((self.rows.a, self.rows.b)[side][: self._shown[row] + 1] != _ABSENT)
        return self._event_of(side, int((self.rows.a, self.rows.b)[side][before[-1]])) if len(before) else None

    def _event_of(self, side: int, number: int) -> tuple[int, int]:
        tables = self.tables[side]
        return int(tables.operations["trace"][number]), tables.main_seq(number)

    def row_of_event(self, side: int, trace: int, seq: int) -> int | None:
        """The row with the operation of an event, or the next one that is shown."""
        number = self.tables[side].operation_at(trace, seq)
        return None if number is None or not len(self) else self._row_of(side, number)

    def _row_of(self, side: int, number: int) -> int:
        """The row with an operation of a run, or the next one that is shown."""
        return self._nearest(int(np.flatnonzero((self.rows.a, self.rows.b)[side] == number)[0]))

    def row_of_place(self, row: int, place: Place, side: int) -> int:
        """Row of a place seen from a row: events and times are those of run `side`, bytes those of either.

        Raises:
            UsageError: there is no such place.
        """
        if not len(self):
            raise UsageError("no rows to go to")
        if place.kind is PlaceKind.SHARE:
            return (len(self) - 1) * place.value // 1_000_000
        if place.of_bytes:
            return self._row_of_bytes(row, place)
        session, tables = self.tables[side].session, self.tables[side]
        event = self.event(row, side)
        trace = 0 if event is None else event[0]
        if place.kind is PlaceKind.EVENT:
            last = session.traces[trace].events - 1
            if place.value > last:
                raise UsageError(f"there is no event {place.value:,} in {'AB'[side]}, which has events 0 to {last:,}")
            return self.row_of_event(side, trace, place.value) or 0
        if session.starts[trace] is None:
            raise UsageError(f"{'AB'[side]} has no times")
        own = pl.col("trace") == trace
        numbers = tables.select_operations(own & (elapsed(session.starts) >= place.value))
        numbers = numbers if len(numbers) else tables.select_operations(own)[-1:]
        return self._row_of(side, int(numbers[0])) if len(numbers) else 0

    def _row_of_bytes(self, row: int, place: Place) -> int:
        """The next row of which an operation touches a place of bytes, wrapping around."""
        here = next((tables.operations.row(number, named=True) for side, tables in enumerate(self.tables)
                     if (number := self.operation(row, side)) is not None), None)  # fmt: skip
        if place.kind is PlaceKind.BLOCK:
            device = None if here is None else self.tables[0].session.device(here["device"])
            if device is None or device.geometry is None:
                raise UsageError("the size of a block is not known here")
            start, end = Sectors.of(device.geometry).place(place.value)
        else:
            start = place.value + ((here["offset"] or 0) if here and place.kind is PlaceKind.RELATIVE else 0)
            end = start + 1
        found = self._next_having([tables.select_operations(touching(start, end)) for tables in self.tables], row)
        if found is None:
            raise UsageError(f"no row touches {format_offset(max(start, 0))}")
        return found

    def frame(self) -> pl.DataFrame:
        """The rows that are shown: `change` (one of `CHANGE_NAMES`), then the columns of the operations of A and of B.

        The names of the columns of A end with `_a`, those of B with `_b`; an operation that a run has not is null.
        """
        shown = self.rows.change[self._shown].tolist()
        halves = [pl.Series("change", [CHANGE_NAMES[change] for change in shown], pl.String).to_frame()]
        for side, tables, column in zip("ab", self.tables, (self.rows.a, self.rows.b), strict=True):
            numbers = pl.Series(column[self._shown]).replace(_ABSENT, None)
            halves.append(tables.operations.select(pl.all().gather(numbers).name.suffix(f"_{side}")))
        return pl.concat(halves, how="horizontal")

    def narrow(self, row: int, *, only: bool, query: str) -> int:
        """Show what differs only, or what matches a query; returns where a row is now.

        Raises:
            QueryError: it is no query.
        """
        mask = self.rows.change != 0 if only else np.ones(len(self.rows.change), np.bool_)
        if query:
            asked = [parse(query, vocabulary(tables, Level.OPERATIONS)) for tables in self.tables]
            mask &= self._having([selected(t, Level.OPERATIONS, q) for t, q in zip(self.tables, asked, strict=True)])
        at = int(self._shown[row]) if row < len(self) else 0
        self.only, self.query = only, query
        self._show(mask)
        return self._nearest(at)

    def _show(self, mask: NDArray[np.bool_]) -> None:
        """Show rows, and note where among them a difference begins."""
        self._shown = np.flatnonzero(mask)
        differs = self.rows.change[self._shown] != 0
        gap = np.diff(self._shown, prepend=-2) > 1
        before = np.concatenate([[False], differs])[:-1]
        self._starts = np.flatnonzero(differs & (gap | ~before))

    def _having(self, found: list[NDArray[np.int64]]) -> NDArray[np.bool_]:
        """Mask of the rows that have one of these operations of A or of B."""
        mask = np.zeros(len(self.rows.change), np.bool_)
        for tables, column, numbers in zip(self.tables, (self.rows.a, self.rows.b), found, strict=True):
            has = np.zeros(len(tables.operations) + 1, np.bool_)  # the last is that of no operation
            has[numbers] = True
            mask |= has[column]
        return mask

    def _nearest(self, row: int) -> int:
        return min(int(np.searchsorted(self._shown, row)), max(len(self) - 1, 0))

    # --- from difference to difference ---------------------------------------------------------------------------

    def place_of_difference(self, row: int) -> tuple[int, int]:
        """How many differences begin at or before a row, and how many there are."""
        return int(np.searchsorted(self._starts, row, side="right")), len(self._starts)

    def next_difference(self, row: int, *, forward: bool) -> int | None:
        """The row at which the next or previous difference begins."""
        starts = self._starts
        at = int(np.searchsorted(starts, row, side="right" if forward else "left")) - (not forward)
        return int(starts[at]) if 0 <= at < len(starts) else None

    def next_match(self, text: str, row: int, *, forward: bool) -> int | None:
        """The next or previous row that matches a search, wrapping around; None for no match."""
        found = [matching(tables, Level.OPERATIONS, text) for tables in self.tables]
        return self._next_having(found, row, forward=forward)

    def _next_having(self, found: list[NDArray[np.int64]], row: int, *, forward: bool = True) -> int | None:
        """The next or previous row with one of these operations of A or of B, wrapping around."""
        rows = np.flatnonzero(self._having(found)[self._shown])
        if not len(rows):
            return None
        at = int(np.searchsorted(rows, row, side="right" if forward else "left")) - (not forward)
        return int(rows[at % len(rows)])

    def words(self, row: int) -> str:
        """What differs, and where the cursor is among it."""
        number, count = self.place_of_difference(row)
        parts = [
            f"difference {number:,} of {count:,}" if number else f"{count:,} differences",
            self._headline,
        ]
        hidden = len(self.rows.change) - len(self)
        if hidden:
            parts.insert(0, f"{len(self):,} of {len(self.rows.change):,} rows")
        return " · ".join(parts)


# --- what else differs -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairRow:
    """Something that differs, other than an operation: its cells, what it is in full, and its event in a run."""

    change: str
    what: str
    name: str
    a: str
    b: str
    event: tuple[int, int] | None = None
    """The run (0 or 1) and the number of an event there."""


class PairRows:
    """Rows of a grid, one for each thing that differs; A and B share what room the names leave."""

    def __init__(self, rows: Sequence[PairRow]) -> None:
        self.rows = rows
        self.lay_out(0)

    def lay_out(self, room: int) -> None:
        """Fill so much room."""
        left = max(room - _WHAT - 1 - 4 * _GAP, 40)
        name = min(max((len(row.name) for row in self.rows), default=0), left * 2 // 5)
        side = (left - name) // 2
        widths = {"change": 1, "what": _WHAT, "name": name, "a": side, "b": side}
        titles = {"change": "", "name": "of", "a": "A", "b": "B"}
        self.columns = tuple(Column(key, titles.get(key, key), width) for key, width in widths.items())

    def __len__(self) -> int:
        return len(self.rows)

    def lines(self, start: int, count: int) -> list[list[Cell]]:
        """The cells of rows `start` to `start + count`, as far as there are any."""
        return [
            [Cell(_SIGNS[row.change], _STYLES[row.change]), *map(Cell, (row.what, row.name, row.a, row.b))]
            for row in self.rows[start : start + count]
        ]


def pair_rows(found: Difference) -> tuple[list[PairRow], list[PairRow]]:
    """Verdicts, findings, figures and erase blocks; and UEFI variables and contents."""
    return [*_verdicts(found), *_findings(found), *_figures(found)], [*_variables(found), *_contents(found)]


def _verdicts(found: Difference) -> Iterator[PairRow]:
    for name, before, after in found.verdicts.rows():
        yield PairRow("changed", "verdict", sanitize(name), before or "not in A", after or "not in B")


def _findings(found: Difference) -> Iterator[PairRow]:
    for row in found.findings.iter_rows(named=True):
        before, after = (sanitize(row[f"message_{side}"] or "") for side in "ab")
        side = 0 if row["message_b"] is None else 1
        seq = row["seq_b" if side else "seq_a"]
        name = f"{row['severity']} {row['rule']} {sanitize(row['device'] or '')}".strip()
        yield PairRow(row["change"], "finding", name, before, after, None if seq is None else (side, seq))


def _figures(found: Difference) -> Iterator[PairRow]:
    for row in found.figures.iter_rows(named=True):
        yield PairRow("changed", "figure", f"{sanitize(row['device'])} {row['label']}", *figure_pair(row))
    for row in found.blocks.iter_rows(named=True):
        name = f"{sanitize(row['device'])} {format_offset(row['offset'])}"
        yield PairRow("changed", "block", name, _block(row, "a"), _block(row, "b"))


def _block(row: Mapping[str, Any], side: str) -> str:
    return f"{row[f'erases_{side}']:,} erases, {format_size(row[f'bytes_programmed_{side}'])} programmed"


def _variables(found: Difference) -> Iterator[PairRow]:
    for row in found.variables.iter_rows(named=True):
        change = {"removed": "gone"}.get(row["change"], row["change"])
        yield PairRow(change, "variable", sanitize(row["variable"]), _value(row, ""), _value(row, "_after"))


def _value(row: Mapping[str, Any], suffix: str) -> str:
    value, attributes = row[f"value{suffix}"], row[f"attributes{suffix}"]
    if value is None:
        return ""
    differ = row["attributes"] is not None and row["attributes_after"] not in (None, row["attributes"])
    return sanitize(value) + (f", attributes {attributes:#x}" if differ else "")


def _contents(found: Difference) -> Iterator[PairRow]:
    for row in found.contents.iter_rows(named=True):
        span = f"{format_offset(row['first'])} to {format_offset(row['last'] + 1)}"
        before = row["bytes_before"]
        began = "" if before is None else f"{before:,} B differed before"
        name = f"{sanitize(row['device'])} block {row['block']}"
        yield PairRow("changed", "contents", name, f"{row['bytes']:,} B at the end, {span}", began)
    for device in found.undecoded:
        yield PairRow("changed", "variables", first_of([sanitize(device)], 1), "known in one run only", "--image helps")

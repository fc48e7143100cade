"""The UEFI variable store at a moment of the trace, and the steps in the life of each variable, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tracetool.analysis.variables import changes_frame
from tracetool.findings.phrases import count_of
from tracetool.report.frames import seconds
from tracetool.sanitize import sanitize
from tracetool.sizes import format_size
from tracetool.uefi.varstore import read_variable_store, variables_frame
from tracetool.viewmodel.cells import Cell, Column
from tracetool.viewmodel.hex_model import moment_words
from tracetool.viewmodel.selection import selection_of_moment
from tracetool.viewmodel.store_room import StoreRoom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracetool.analysis.history import History
    from tracetool.uefi.store_timeline import StoreTimeline
    from tracetool.uefi.varstore import VariableStore
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.selection import Selection

__all__ = ["StepRows", "StoreModel", "VariableDetail", "VariableRows", "store_model"]

_STYLES = {"current": "", "superseded": "quiet", "deleted": "quiet", "unfinished": "warn", "illegal": "bad"}
_MOST_VALUE = 200
_GUID_START, _GUID_DIGITS = 8, 36
"""Digits of a GUID that are shown: its first ones, which mostly differ, or all."""


class Step(NamedTuple):
    """A step in the life of a variable: the event that began it, and the row that shows it."""

    trace: int
    seq: int
    cells: tuple[Cell, ...]


_MOST_DATA = 1024
"""Bytes of a variable that are shown beside its value."""

# Ref: UEFI specification 2.10, 8.2 "Variable Services": the attributes of a variable.
_ATTRIBUTES = (
    "non-volatile",
    "boot services",
    "runtime",
    "hardware error record",
    "authenticated write",
    "time-based authenticated write",
    "append",
    "enhanced authenticated access",
)


class VariableDetail(NamedTuple):
    """A variable in full: its name, labelled paragraphs, its data, and how many bytes of them are left out."""

    title: str
    parts: tuple[tuple[str, str], ...]
    data: bytes
    more: int


class VariableRows:
    """The variables of a store: those that the firmware finds, or every copy.

    `data` are those of each copy, by its offset.
    """

    def __init__(self, frame: pl.DataFrame, data: Mapping[int, bytes]) -> None:
        self._frame = frame
        self._data = data
        guids = frame["guid"].unique()
        self._guid_digits = _GUID_START if guids.str.head(_GUID_START).is_unique().all() else _GUID_DIGITS

    def __len__(self) -> int:
        return len(self._frame)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""
        names = self._frame["variable"].to_list()
        width = min(max([8, *(len(sanitize(name)) for name in names)]), 24)
        return (
            Column("variable", "variable", width),
            Column("guid", "GUID", self._guid_digits),
            Column("size", "size", 8, right=True),
            Column("status", "state", 10),
            Column("value", "value", min(max(60, *map(len, self._frame["value"].to_list()), 0), _MOST_VALUE)),
        )

    def key(self, row: int) -> tuple[str, str] | None:
        """Name and GUID of the variable of a row; None for no row."""
        if not 0 <= row < len(self):
            return None
        return self._frame["variable"][row], self._frame["guid"][row]

    def row_of(self, key: tuple[str, str] | None) -> int | None:
        """The first row of a variable."""
        keys = zip(self._frame["variable"].to_list(), self._frame["guid"].to_list(), strict=True)
        return next((row for row, found in enumerate(keys) if found == key), None)

    def detail(self, row: int) -> VariableDetail | None:
        """The variable of a row in full; None for no row."""
        if not 0 <= row < len(self):
            return None
        found = self._frame.row(row, named=True)
        data, offset, attributes = self._data[found["offset"]], found["offset"], found["attributes"]
        words = [name for bit, name in enumerate(_ATTRIBUTES) if attributes >> bit & 1]
        parts = (
            ("place", f"{offset:#06x} to {offset + found['length']:#06x}, {found['data_bytes']:,} B of data"),
            ("state", f"{found['status']} (state byte {found['state']:#04x})"),
            ("attributes", f"{attributes:#x}: {', '.join(words) or 'none'}"),
            ("value", sanitize(found["value"], _MOST_DATA * 2)),
        )
        title = f"{sanitize(found['variable']) or '?'}  {found['guid']}"
        return VariableDetail(title, parts, data[:_MOST_DATA], max(len(data) - _MOST_DATA, 0))

    def next_match(self, text: str, here: int, *, forward: bool) -> int | None:
        """The next or previous row whose name or value has a text, in any case, wrapping around; None: none has."""
        wanted = pl.concat_str("variable", "value", separator=" ").str.to_lowercase()
        found = self._frame.select(wanted.str.contains(text.lower(), literal=True).arg_true())[:, 0].to_list()
        later = [row for row in found if (row > here if forward else row < here)]
        beyond = later or found
        return (beyond[0] if forward else beyond[-1]) if beyond else None

    def lines(self, start: int, count: int) -> list[list[Cell]]:
        """The cells of some rows."""
        return [
            [
                Cell(sanitize(row["variable"]) or "?", _STYLES[row["status"]] or "strong"),
                Cell(row["guid"][: self._guid_digits], "quiet"),
                Cell(format_size(row["data_bytes"]), _STYLES[row["status"]]),
                Cell(row["status"], _STYLES[row["status"]]),
                Cell(sanitize(row["value"], _MOST_VALUE), _STYLES[row["status"]]),
            ]
            for row in self._frame.slice(start, count).iter_rows(named=True)
        ]


class StepRows:
    """What was done to a variable, step by step."""

    def __init__(self, steps: pl.DataFrame, starts: tuple[int | None, ...], now: tuple[int, int] | None) -> None:
        self._rows = [_step(row, starts, now) for row in steps.iter_rows(named=True)]
        self.current = max((at for at, step in enumerate(self._rows) if now and step[:2] <= now), default=0)
        """The row of the last step begun by the moment."""

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""
        seq = max((len(str(step.seq)) for step in self._rows), default=3)
        return (
            Column("seq", "seq", max(seq, 3), right=True),
            Column("time", "time", 11, right=True),
            Column("bytes", "bytes", 7, right=True),
            Column("intent", "intent", 18),
        )

    def event(self, row: int) -> tuple[int, int] | None:
        """Trace and seq of the event that began a step; None for no row."""
        return self._rows[row][:2] if 0 <= row < len(self) else None

    def lines(self, start: int, count: int) -> list[tuple[Cell, ...]]:
        """The cells of some rows; those of later moments are quiet."""
        return [step.cells for step in self._rows[start : start + count]]


def _step(row: dict[str, Any], starts: tuple[int | None, ...], now: tuple[int, int] | None) -> Step:
    trace, seq, time, began = row["trace"], row["first_seq"], row["time_ns"], starts[row["trace"]]
    style = "" if now is not None and (trace, seq) <= now else "quiet"
    elapsed = "" if time is None or began is None else seconds(time - began)
    texts = (str(seq), elapsed, f"{row['bytes']:,}", row["intent"])
    return Step(trace, seq, tuple(Cell(text, style) for text in texts))


class StoreModel:
    """The variable store of one device at every moment; positions are those of `History`."""

    def __init__(self, device: str, history: History, timeline: StoreTimeline, session: AuditSession) -> None:
        self.device = device
        self.history = history
        self.position = len(history)
        self.every_copy = False
        self._timeline = timeline
        self._starts = session.starts
        operations = session.operations.filter(pl.col("device").cast(pl.String) == device)
        self._steps = changes_frame(timeline, operations)
        self.room = StoreRoom(timeline, history, operations)

    def go(self, position: int) -> None:
        """Go to a moment."""
        self.position = min(max(position, 0), len(self.history))

    @property
    def at_end(self) -> bool:
        """True at the last moment."""
        return self.position == len(self.history)

    def continue_from(self, before: StoreModel) -> None:
        """Show the moment that a model of the same trace showed when that was shorter, or the end if it was there."""
        self.every_copy = before.every_copy
        if not before.at_end:
            self.go(0 if before.event is None else self.history.position(*before.event))

    @property
    def event(self) -> tuple[int, int] | None:
        """Trace and seq of the event that led to the moment; None before the first change."""
        return self.history.event(self.position)

    @property
    def selection(self) -> Selection:
        """The event that led to the moment, and the bytes that it changed."""
        return selection_of_moment(self.history, self.position, self.device)

    def store(self) -> VariableStore:
        """The store at the moment, decoded."""
        snapshot = self.history.snapshot(self.position)
        return read_variable_store(snapshot.known_bytes, self._timeline.start, limit=len(snapshot))

    def rows(self, store: VariableStore) -> VariableRows:
        """The variables of a decoded store."""
        data = {variable.header.offset: variable.data for variable in store.variables}
        return VariableRows(variables_frame(store, deleted=self.every_copy), data)

    def steps(self, key: tuple[str, str] | None) -> StepRows:
        """The steps of a variable, by name and GUID."""
        name, guid = key or ("", "")
        mine = self._steps.filter(pl.col("variable") == name, pl.col("guid") == guid)
        return StepRows(mine, self._starts, self.event)

    def words(self, store: VariableStore, *, several: bool) -> str:
        """The moment and the store in words."""
        parts = [sanitize(self.device, 48), moment_words(self.history, self.position, several=several)]
        if store.header is None:
            return " │ ".join([*parts, "no store header: the firmware finds no variable"])
        rest = len(store.variables) - len(store.current)
        parts.append(count_of(len(store.current), "variable"))
        if rest:
            parts.append(f"{rest} old {'copies' if rest > 1 else 'copy'}")
        return " │ ".join([*parts, f"{store.free_bytes:,} B free"])


def store_model(session: AuditSession) -> StoreModel | None:
    """The store of the first device that has one; None: no device has. Takes long, once for a session."""
    for name in session.replayed.devices:
        history, timeline = session.history(name), session.store_timeline(name)
        if history is not None and timeline is not None:
            return StoreModel(name, history, timeline, session)
    return None

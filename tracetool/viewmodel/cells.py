"""Cells of the timeline: columns, times, and the lines of operations and events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tracetool.events import render
from tracetool.findings import Severity
from tracetool.report.frames import seconds
from tracetool.report.phrases import SIGNS
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset, format_size
from tracetool.timeline.starts import elapsed
from tracetool.timeline.touched import names_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.viewmodel.tables import Mark, Tables

__all__ = [
    "BOOKMARK",
    "Cell",
    "Column",
    "Look",
    "TimeMode",
    "common_prefix",
    "event_line",
    "operation_line",
    "show_time",
    "time_width",
    "timeline_columns",
]

_QUIET = ("status", "identify", "query", "read-array", "clear-status", "lock", "unlock")
"""Operations that change no bytes."""

BOOKMARK = "◆"
"""The sign of a row with a bookmark."""

_STYLES = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.NOTE: "note"}

_NANOSECONDS = 1_000_000_000
_LATEST_NS = 253_402_300_799 * _NANOSECONDS  # the end of the year 9999, the last that a date can be of


class TimeMode(Enum):
    """What times count from; the value is the title of the column."""

    START = "time"
    DELTA = "Δ before"
    MARK = "Δ mark"
    ABSOLUTE = "clock"

    @property
    def next(self) -> TimeMode:
        """The next mode, wrapping around."""
        modes = list(TimeMode)
        return modes[(modes.index(self) + 1) % len(modes)]

    @property
    def words(self) -> str:
        """The mode in words."""
        return {
            TimeMode.START: "time since the first event of its trace",
            TimeMode.DELTA: "time since the row above",
            TimeMode.MARK: "time since the mark",
            TimeMode.ABSOLUTE: "time as recorded",
        }[self]


class Cell(NamedTuple):
    """Text of a cell and its style: `bad`, `warn`, `note`, `good`, `quiet`, `strong` or none."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Column:
    """Column of the timeline: title, width in characters, and alignment."""

    id: str
    title: str
    width: int
    right: bool = False


@dataclass(frozen=True)
class Look:
    """Settings of the cells that are the same for all rows."""

    mode: TimeMode = TimeMode.START
    mark_ns: int | None = None
    wall: bool = False
    columns: tuple[Column, ...] = ()
    prefix: str = ""
    """Common prefix of the names of devices, which is not shown."""


def timeline_columns(tables: Tables, mode: TimeMode) -> tuple[Column, ...]:
    """Columns of a session, as wide as their contents."""
    operations = tables.operations
    devices = _names(operations["device"])
    prefix = len(common_prefix(devices))
    seq = max((trace.events for trace in tables.session.traces), default=1) - 1
    several = len(tables.session.traces) > 1
    offset, changed = _greatest(operations["offset"]), _greatest(operations["bytes_changed"])
    time = 21 if mode is TimeMode.ABSOLUTE else time_width(tables)
    columns = [
        Column("mark", "", 2),
        *([Column("trace", "trace", 5, right=True)] if several else []),
        Column("seq", "seq", max(len(str(seq)), 3), right=True),
        Column("time", mode.value, max(time, 6), right=True),
        *(
            [Column("device", "device", _widest([name[prefix:] for name in devices], 6, 24))]
            if len(devices) > 1
            else []
        ),
        Column("operation", "operation", _widest(_names(operations["kind"]), 16, 18)),
        Column("offset", "offset", max(len(format_offset(offset)), 6), right=True),
        Column("length", "length", _length_width(operations), right=True),
        Column("changed", "changed", max(len(f"{changed:,}"), 7), right=True),
        Column("outcome", "outcome", 10),
        *([Column("variable", "variable", _variable_width(operations))] if operations["variable"].count() else []),
        *([Column("by", "by", _widest(_names(operations["by"]), 8, 24))] if operations["by"].count() else []),
        Column("detail", "detail", 48),
    ]
    return tuple(columns)


def _names(column: pl.Series) -> list[str]:
    return column.unique().drop_nulls().cast(pl.String).to_list()


def common_prefix(names: Sequence[str]) -> str:
    """Common prefix of the flashes of a machine, up to a dot: `virt.` of `virt.flash0` and `virt.flash1`."""
    prefixes = {name[: name.rfind(".") + 1] for name in names}
    return prefixes.pop() if len(prefixes) == 1 and len(names) > 1 else ""


def _greatest(column: pl.Series) -> int:
    top = column.max()
    return top if isinstance(top, int) else 0


def _widest(texts: list[str], least: int, most: int) -> int:
    return min(max([least, *(len(sanitize(text)) for text in texts)]), most)


def time_width(tables: Tables) -> int:
    """Columns of the longest time since the first event of its trace."""
    longest = tables.operations.select(elapsed(tables.session.starts).max())[0, 0]
    return 6 if longest is None else len(str(longest // 1_000_000_000)) + 8


def _length_width(operations: pl.DataFrame) -> int:
    lengths = operations["length"].unique().drop_nulls().head(1000).to_list()
    return _widest([format_size(length) for length in lengths], 6, 11)


def _variable_width(operations: pl.DataFrame) -> int:
    names = operations["variable"].drop_nulls().list.first().unique().head(1000).to_list()
    return _widest([f"{name} +16" for name in names], 8, 24)


# --- lines -------------------------------------------------------------------------------------------------------


def operation_line(row: dict[str, Any], look: Look, origin: int | None, mark: Mark | None, **are: bool) -> list[Cell]:
    """The cells of an operation; `are` says whether it is `open`, `outside` and `bookmarked`."""
    outside, changed = are.get("outside", False), row["bytes_changed"]
    quiet = "quiet" if row["kind"] in _QUIET else ""
    cells = {
        "mark": _mark_cell(mark, opened=are.get("open", False), bookmarked=are.get("bookmarked", False)),
        "trace": Cell(str(row["trace"]), "quiet"),
        "seq": Cell(str(row["first_seq"]), quiet),
        "time": Cell(_time(row, look, origin), quiet),
        "device": Cell(sanitize(row["device"].removeprefix(look.prefix)), quiet),
        "operation": Cell(_kind(row), quiet or ("strong" if row["kind"] == "erase" else "")),
        "offset": Cell("" if row["offset"] is None else format_offset(row["offset"]), "bad" if outside else quiet),
        "length": Cell("" if row["length"] is None else format_size(row["length"]), quiet),
        "changed": Cell("?" if changed is None else f"{changed:,}" if changed else "", ""),
        "outcome": Cell(row["outcome"] or "", quiet if row["outcome"] == "done" else "warn"),
        "variable": Cell("" if row["variable"] is None else sanitize(names_text(row["variable"]))),
        "by": Cell(sanitize(row["by"] or "")),
        "detail": Cell(_detail(row, outside=outside), "bad" if outside else "quiet"),
    }
    return [cells[column.id] for column in look.columns]


def _kind(row: dict[str, Any]) -> str:
    """The kind of an operation; beyond a short image file, a read or a write."""
    if row["kind"] != "outside":
        return str(row["kind"])
    return "outside read" if row["outcome"] == "done" else "outside write"


def _detail(row: dict[str, Any], *, outside: bool) -> str:
    parts = ["outside the extent"] if outside else []
    if row["part"] is not None and not outside:
        parts.append(f"{row['intent']} {row['part']}")
    parts.append(f"{row['accesses']:,} access{'es' if row['accesses'] != 1 else ''}, status {row['status']:#04x}")
    return ", ".join(parts)


def _mark_cell(mark: Mark | None, *, opened: bool, bookmarked: bool) -> Cell:
    """Two signs: the finding comes before the bookmark, and what is open shows its bookmark in the event's own row."""
    sign, style = ("", "") if mark is None else (SIGNS[mark.severity], _STYLES[mark.severity])
    signs = sign + (BOOKMARK if bookmarked else "")
    return Cell(f"{signs[:1]:1}▾" if opened else f"{signs:2}", style or ("note" if bookmarked else ""))


def _time(row: dict[str, Any], look: Look, origin: int | None) -> str:
    return show_time(row["time_ns"], look.mode, origin_ns=origin, wall=look.wall)


def event_line(
    row: dict[str, Any], look: Look, origin: int | None, depth: int, *, bookmarked: bool = False
) -> list[Cell]:
    """The cells of an event."""
    size = row["size"] if row["length"] is None else row["length"]
    value = row["value"]
    words = render(row).partition(" ")[2]
    cells = {
        "mark": Cell(f"{BOOKMARK if bookmarked else '':2}", "note" if bookmarked else ""),
        "trace": Cell(str(row["trace"]), "quiet"),
        "seq": Cell(str(row["seq"]), "note" if depth else ""),
        "time": Cell(_time(row, look, origin), "quiet"),
        "device": Cell(sanitize(str(row["device"]).removeprefix(look.prefix)), "quiet"),
        "operation": Cell("  " * depth + row["event"]),
        "offset": Cell("" if row["offset"] is None else format_offset(row["offset"])),
        "length": Cell("" if size is None else format_size(size), "quiet"),
        "changed": Cell(""),
        "outcome": Cell("" if value is None else f"{value:#x}"),
        "variable": Cell(""),
        "by": Cell(""),
        "detail": Cell(sanitize(words.partition(": ")[2] or words), "quiet"),
    }
    return [cells[column.id] for column in look.columns]


# --- times -------------------------------------------------------------------------------------------------------


def show_time(time_ns: int | None, mode: TimeMode, *, origin_ns: int | None, wall: bool) -> str:
    """A time in seconds from an origin, or as the clock had it (`wall`: counted from the Unix epoch, shown in UTC)."""
    if time_ns is None:
        return ""
    if mode is TimeMode.ABSOLUTE:
        return _clock(time_ns, wall=wall)
    if origin_ns is None:
        return ""
    elapsed = seconds(time_ns - origin_ns)
    return elapsed if mode is TimeMode.START or elapsed.startswith("-") else f"+{elapsed}"


def _clock(time_ns: int, *, wall: bool) -> str:
    if not wall or not 0 <= time_ns <= _LATEST_NS:
        return seconds(time_ns)
    moment = datetime.fromtimestamp(time_ns // _NANOSECONDS, UTC)
    return f"{moment:%m-%d %H:%M:%S}.{time_ns % _NANOSECONDS // 1000:06d}"

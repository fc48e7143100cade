"""Operations, blocks and findings as tables: for people, or as CSV, JSON lines or Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import polars as pl

from tracetool.report.frames import seconds, write_parquet_frames
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset, format_size
from tracetool.timeline.touched import names_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tracetool.findings import Finding

__all__ = ["FINDINGS_SCHEMA", "TableColumn", "TableRows", "columns_of", "findings_frame", "write_table"]

_FINDING_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "rule": pl.String,
    "severity": pl.Enum(["note", "warning", "error"]),
    "device": pl.String,
    "trace": pl.UInt16,
    "last_trace": pl.UInt16,
    "offset": pl.Int64,
    "length": pl.Int64,
    "first_seq": pl.Int64,
    "last_seq": pl.Int64,
    "count": pl.Int64,
    "message": pl.String,
    "by": pl.String,
    "chain": pl.String,
}
FINDINGS_SCHEMA = pl.Schema(_FINDING_COLUMNS)
"""One row a finding, or a case of it; null where there is no place or no event. `by` and `chain`: the guest's code
behind the first access (`tracetool.timeline.code.CODE_SCHEMA`); a case has none."""


class TableColumn(NamedTuple):
    """A column for people: title, column of the frame, how a value that is not null is written, alignment."""

    title: str
    name: str
    write: Callable[[Any], str]
    right: bool


def findings_frame(findings: Iterable[Finding], *, each: bool = False) -> pl.DataFrame:
    """Build a frame of `FINDINGS_SCHEMA`; with `each` every case has a row."""
    rows = [row for finding in findings for row in (_cases(finding) if each else [_row(finding)])]
    return pl.DataFrame(rows, schema=FINDINGS_SCHEMA, orient="row")


def _row(finding: Finding) -> tuple[Any, ...]:
    return tuple(finding.values.values())


def _cases(finding: Finding) -> list[tuple[Any, ...]]:
    """One row for each case; the finding itself where its cases were not kept."""
    if not finding.occurrences:
        return [_row(finding)]
    head = (finding.rule, finding.severity.label, finding.device)
    return [
        (*head, case.trace, case.trace, case.offset, case.length, case.seq, case.seq, 1, _value(case.value), None, None)
        for case in finding.occurrences
    ]


def _value(value: int) -> str:
    return f"value {value:#x}" if value >= 0 else ""


# --- for people --------------------------------------------------------------------------------------------------


def _number(value: int) -> str:
    return f"{value:,}"


def _word(value: object) -> str:
    return sanitize(str(value))


def _names(value: list[str]) -> str:
    return sanitize(names_text(value))


def _list(value: list[str]) -> str:
    return " ".join(value)


def _status(value: int) -> str:
    return f"{value:#04x}"


def _value_cell(value: str) -> str:
    return sanitize(value, _MOST_VALUE)


def _outside(value: object) -> str:
    return "yes" if value else "no"


def _bytes_cell(value: str) -> str:
    return value if len(value) <= _MOST_BYTES else f"{value[:_MOST_BYTES]}..."


_MOST_VALUE = 100
_MOST_BYTES = 32

# Title, the frame's column, how its values are written (what is null is left blank), whether they are set to the right.
_Column = tuple[str, str, "Callable[[Any], str]", bool]

_TABLES: dict[str, tuple[_Column, ...]] = {
    "operations": (
        ("trace", "trace", _word, True),
        ("seq", "first_seq", _word, True),
        ("time", "t_ns", seconds, True),
        ("boot", "boot", _word, True),
        ("device", "device", _word, False),
        ("operation", "kind", _word, False),
        ("offset", "offset", format_offset, True),
        ("length", "length", format_size, True),
        ("command", "command_offset", format_offset, True),
        ("changed", "bytes_changed", _number, True),
        ("outcome", "outcome", _word, False),
        ("status", "status", _status, False),
        ("accesses", "accesses", _number, True),
        ("part", "part", _word, False),
        ("variable", "variable", _names, False),
        ("intent", "intent", _word, False),
        ("by", "by", _word, False),
    ),
    "blocks": (
        ("device", "device", _word, False),
        ("block", "block", _word, True),
        ("offset", "offset", format_offset, True),
        ("erases", "erases", _number, True),
        ("programs", "programs", _number, True),
        ("refused", "refused", _number, True),
        ("programmed", "bytes_programmed", _number, True),
        ("changed", "bytes_changed", _number, True),
        ("trace", "first_trace", _word, True),
        ("first", "first_seq", _word, True),
        ("trace", "last_trace", _word, True),
        ("last", "last_seq", _word, True),
        ("outside", "outside", _outside, False),
    ),
    "variables": (
        ("variable", "variable", _word, False),
        ("GUID", "guid", _word, False),
        ("state", "state", _status, False),
        ("", "status", _word, False),
        ("offset", "offset", format_offset, True),
        ("data", "data_bytes", format_size, True),
        ("value", "value", _value_cell, False),
    ),
    "environment": (
        ("variable", "variable", _word, False),
        ("", "status", _word, False),
        ("offset", "offset", format_offset, True),
        ("value", "value", _value_cell, False),
    ),
    "environment saves": (
        ("trace", "trace", _word, True),
        ("save", "save", _word, True),
        ("seq", "first_seq", _word, True),
        ("last", "last_seq", _word, True),
        ("", "outcome", _word, False),
        ("offset", "offset", format_offset, True),
        ("variable", "variable", _word, False),
        ("change", "change", _word, False),
        ("before", "value", _value_cell, False),
        ("after", "value_after", _value_cell, False),
    ),
    "variable changes": (
        ("trace", "trace", _word, True),
        ("seq", "first_seq", _word, True),
        ("last", "last_seq", _word, True),
        ("what for", "intent", _word, False),
        ("variable", "variable", _word, False),
        ("GUID", "guid", _word, False),
        ("copy", "copy", _word, True),
        ("offset", "offset", format_offset, True),
        ("bytes", "bytes", _number, True),
        ("commits", "commits", _number, True),
    ),
    "uefi-vars requests": (
        ("trace", "trace", _word, True),
        ("boot", "boot", _word, True),
        ("request", "request", _word, True),
        ("line", "line", _word, True),
        ("device", "device", _word, False),
        ("operation", "operation", _word, False),
        ("variable", "variable", _word, False),
        ("GUID", "guid", _word, False),
        ("name", "name_bytes", format_size, True),
        ("answer", "outcome", _word, False),
        ("accesses", "accesses", _number, True),
        ("transferred", "transferred_bytes", format_size, True),
    ),
    "uefi-vars variables": (
        ("variable", "variable", _word, False),
        ("GUID", "guid", _word, False),
        ("name", "name_bytes", format_size, True),
        ("reads", "reads", _number, True),
        ("writes", "writes", _number, True),
        ("refused", "refused", _number, True),
    ),
    "variable differences": (
        ("variable", "variable", _word, False),
        ("GUID", "guid", _word, False),
        ("change", "change", _word, False),
        ("attributes", "attributes", _status, False),
        ("then", "attributes_after", _status, False),
        ("before", "value", _value_cell, False),
        ("after", "value_after", _value_cell, False),
    ),
    "callers": (
        ("trace", "trace", _word, True),
        ("seq", "first_seq", _word, True),
        ("time", "t_ns", seconds, True),
        ("device", "device", _word, False),
        ("operation", "kind", _word, False),
        ("offset", "offset", format_offset, True),
        ("length", "length", format_size, True),
        ("outcome", "outcome", _word, False),
        ("by", "by", _word, False),
        ("chain", "chain", _word, False),
    ),
    "blame": (
        ("offset", "offset", format_offset, True),
        ("length", "length", format_size, True),
        ("value", "value", _bytes_cell, False),
        ("part", "part", _word, False),
        ("variable", "variable", _word, False),
        ("trace", "trace", _word, True),
        ("seq", "seq", _word, True),
        ("time", "t_ns", seconds, True),
        ("operation", "kind", _word, False),
        ("for", "intent", _word, False),
        ("by", "by", _word, False),
        ("copies", "copies", _number, True),
        ("trace", "first_trace", _word, True),
        ("first", "first_seq", _word, True),
        ("operation", "first_kind", _word, False),
        ("for", "first_intent", _word, False),
        ("by", "first_by", _word, False),
        ("chain", "first_chain", _word, False),
    ),
    "modules": (
        ("asked for by", "by", _word, False),
        ("operations", "operations", _number, True),
        ("programs", "programs", _number, True),
        ("programmed", "bytes_programmed", _number, True),
        ("changed", "bytes_changed", _number, True),
        ("erases", "erases", _number, True),
        ("of variables", "live_erases", _number, True),
        ("refused", "refused", _number, True),
        ("accesses", "accesses", _number, True),
        ("time", "time_ns", seconds, True),
        ("findings", "rules", _list, False),
    ),
    "findings": (
        ("severity", "severity", _word, False),
        ("rule", "rule", _word, False),
        ("device", "device", _word, False),
        ("offset", "offset", format_offset, True),
        ("length", "length", format_size, True),
        ("trace", "trace", _word, True),
        ("first", "first_seq", _word, True),
        ("trace", "last_trace", _word, True),
        ("last", "last_seq", _word, True),
        ("count", "count", _number, True),
        ("what", "message", _word, False),
    ),
}


def columns_of(table: str) -> Iterator[TableColumn]:
    """The columns of a table that people are shown."""
    return map(TableColumn._make, _TABLES[table])


def write_table(frame: pl.DataFrame, table: str, output_format: str, file: BinaryIO, *, several: bool = False) -> None:
    """Write `frame` to `file`; `table` names the columns that people are shown, with traces where there are `several`.

    A column `t_ns` (ns since the first event of the trace) is shown to people only.
    """
    if output_format == "parquet":
        data = frame.drop("t_ns", strict=False)
        write_parquet_frames([data], data.schema, file)
    else:
        TableRows(table, output_format, file, several=several).write(frame)


class TableRows:
    """Rows of one table, written as they come; see `write_table`. Columns for people are as wide as any so far."""

    def __init__(self, table: str, output_format: str, file: BinaryIO, *, several: bool = False) -> None:
        self._table = table
        self._format = output_format
        self._file = file
        self._several = several
        self._begun = False
        self._widths: dict[str, int] = {}

    def write(self, frame: pl.DataFrame) -> None:
        """Write more rows; the first time below a heading."""
        data = frame.drop("t_ns", strict=False)
        if self._format == "csv":
            lists = pl.selectors.by_dtype(pl.List(pl.String))
            texts = lists.map_elements(lambda names: names_text(names.to_list()), pl.String)
            rules = [pl.col(name).list.join(" ") for name in ("rules",) if name in data.columns]
            data = data.with_columns(rules).with_columns(texts)
            self._file.write(data.write_csv(include_header=not self._begun).encode())
        elif self._format == "jsonl":
            self._file.write(data.write_ndjson().encode())
        else:
            self._file.write(self._for_people(frame).encode())
        self._begun = True

    def _for_people(self, frame: pl.DataFrame) -> str:
        left_out = {"trace"} if not self._several else set()
        if self._table in ("operations", "blame") and not frame["by"].count():
            left_out |= {"by", "chain"}
        written = []
        for title, name, write, right in _TABLES[self._table]:
            if title in left_out:
                continue
            cells = ["" if value is None else write(value) for value in frame[name].to_list()]
            if not self._begun:
                cells.insert(0, title)
            width = self._widths[name] = max(self._widths.get(name, 0), *map(len, cells))
            written.append([cell.rjust(width) if right else cell.ljust(width) for cell in cells])
        return "".join("  ".join(cells).rstrip() + "\n" for cells in zip(*written, strict=True))

"""Operations, blocks and findings as tables: for people, or as CSV, JSON lines or Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl

from tracetool.plain import plain
from tracetool.report.frames import TABLE_FORMATS, seconds, write_parquet_frames
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tracetool.findings import Finding

__all__ = ["FINDINGS_SCHEMA", "TABLE_FORMATS", "findings_frame", "write_table"]

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
}
FINDINGS_SCHEMA = pl.Schema(_FINDING_COLUMNS)
"""One row a finding, or one of the cases of a finding; null where there is no place or no event."""


def findings_frame(findings: Iterable[Finding], *, each: bool = False) -> pl.DataFrame:
    """Findings as a frame of `FINDINGS_SCHEMA`; with `each` every case of them is a row of its own."""
    rows = [row for finding in findings for row in (_cases(finding) if each else [_row(finding)])]
    return pl.DataFrame(rows, schema=FINDINGS_SCHEMA, orient="row")


def _row(finding: Finding) -> tuple[Any, ...]:
    return (
        finding.rule,
        finding.severity.label,
        finding.device,
        finding.trace,
        finding.last_trace,
        finding.offset,
        finding.length,
        finding.first_seq,
        finding.last_seq,
        finding.count,
        finding.message,
    )


def _cases(finding: Finding) -> list[tuple[Any, ...]]:
    """One row for each case; the finding itself where its cases were not kept apart."""
    if not finding.occurrences:
        return [_row(finding)]
    head = (finding.rule, finding.severity.label, finding.device)
    return [
        (*head, case.trace, case.trace, case.offset, case.length, case.seq, case.seq, 1, _value(case.value))
        for case in finding.occurrences
    ]


def _value(value: int) -> str:
    return f"value {value:#x}" if value >= 0 else ""


# --- for people --------------------------------------------------------------------------------------------------


def _number(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: "" if row[name] is None else f"{row[name]:,}"


def _word(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: "" if row[name] is None else plain(str(row[name]))


def _offset(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: "" if row[name] is None else format_offset(row[name])


def _size(name: str) -> Callable[[dict[str, Any]], str]:
    return lambda row: "" if row[name] is None else format_size(row[name])


def _time(row: dict[str, Any]) -> str:
    return "" if row["t_ns"] is None else seconds(row["t_ns"])


def _status(row: dict[str, Any]) -> str:
    return f"{row['status']:#04x}"


def _outside(row: dict[str, Any]) -> str:
    return {True: "yes", False: "no", None: ""}[row["outside"]]


# Title, how the cell is written, and whether it is set to the right.
_Column = tuple[str, "Callable[[dict[str, Any]], str]", bool]

_TABLES: dict[str, tuple[_Column, ...]] = {
    "operations": (
        ("trace", _word("trace"), True),
        ("seq", _word("first_seq"), True),
        ("time", _time, True),
        ("boot", _word("boot"), True),
        ("device", _word("device"), False),
        ("operation", _word("kind"), False),
        ("offset", _offset("offset"), True),
        ("length", _size("length"), True),
        ("command", _offset("command_offset"), True),
        ("changed", _number("bytes_changed"), True),
        ("outcome", _word("outcome"), False),
        ("status", _status, False),
        ("accesses", _number("accesses"), True),
    ),
    "blocks": (
        ("device", _word("device"), False),
        ("block", _word("block"), True),
        ("offset", _offset("offset"), True),
        ("erases", _number("erases"), True),
        ("programs", _number("programs"), True),
        ("refused", _number("refused"), True),
        ("programmed", _number("bytes_programmed"), True),
        ("changed", _number("bytes_changed"), True),
        ("trace", _word("first_trace"), True),
        ("first", _word("first_seq"), True),
        ("trace", _word("last_trace"), True),
        ("last", _word("last_seq"), True),
        ("outside", _outside, False),
    ),
    "findings": (
        ("severity", _word("severity"), False),
        ("rule", _word("rule"), False),
        ("device", _word("device"), False),
        ("offset", _offset("offset"), True),
        ("length", _size("length"), True),
        ("trace", _word("trace"), True),
        ("first", _word("first_seq"), True),
        ("trace", _word("last_trace"), True),
        ("last", _word("last_seq"), True),
        ("count", _number("count"), True),
        ("what", _word("message"), False),
    ),
}


def write_table(frame: pl.DataFrame, table: str, output_format: str, file: BinaryIO, *, several: bool = False) -> None:
    """Write `frame` to `file`; `table` names the columns that people are shown, with traces where there are `several`.

    A column `t_ns`, if there is one, is for people only: it says when, from the first event of the trace.
    """
    data = frame.drop("t_ns", strict=False)
    if output_format == "csv":
        file.write(data.write_csv().encode())
    elif output_format == "jsonl":
        file.write(data.write_ndjson().encode())
    elif output_format == "parquet":
        write_parquet_frames([data], data.schema, file)
    else:
        columns = tuple(column for column in _TABLES[table] if several or column[0] != "trace")
        file.write(_for_people(frame, columns).encode())


def _for_people(frame: pl.DataFrame, columns: tuple[_Column, ...]) -> str:
    rows = frame.rows(named=True)
    cells = [[write(row) for row in rows] for _, write, _ in columns]
    widths = [max([len(title), *map(len, column)]) for (title, _, _), column in zip(columns, cells, strict=True)]
    lines = [_line([title for title, _, _ in columns], widths, columns)]
    lines += [_line(list(values), widths, columns) for values in zip(*cells, strict=True)]
    return "".join(lines)


def _line(values: list[str], widths: list[int], columns: tuple[_Column, ...]) -> str:
    cells = [
        value.rjust(width) if right else value.ljust(width)
        for value, width, (_, _, right) in zip(values, widths, columns, strict=True)
    ]
    return "  ".join(cells).rstrip() + "\n"

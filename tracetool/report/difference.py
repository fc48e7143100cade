"""What differs between two runs, as text and as a JSON document."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tracetool.audit.figures import Unit
from tracetool.difference.operations import OF_SIDE
from tracetool.findings.phrases import count_of, span
from tracetool.report.layout import print_grid, print_words
from tracetool.sanitize import first_of, sanitize
from tracetool.sizes import format_offset, format_size
from tracetool.timeline.operations import PROGRAMS, WRITING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import polars as pl
    from rich.console import Console

    from tracetool.difference import Difference, Side

__all__ = ["SCHEMA", "SIGNS", "Line", "difference_document", "figure_pair", "headline", "operation_lines", "side_words"]
__all__ += ["print_difference"]

SCHEMA = "tracetool.diff/1"

SIGNS = {"gone": "-", "added": "+", "changed": "~", "moved": ">", "removed": "-"}
"""Sign of a change in text: in A only, in B only, otherwise, at another moment."""

_STYLES = {"-": "red", "+": "green", "~": "yellow", ">": "cyan"}
_MOST_LINES = 30
_MOST_NAMES = 4
_NAMES = 2
"""Columns of a table that are names."""
_NANOSECONDS = 1_000_000_000


# --- as data -----------------------------------------------------------------------------------------------------


def difference_document(found: Difference) -> dict[str, Any]:
    """Build the document as plain data; what is not known is None."""
    return {
        "schema": SCHEMA,
        "equal": found.equal,
        "exit_code": found.exit_code,
        "a": _side_document(found.a),
        "b": _side_document(found.b),
        "same_operations": found.same,
        "undecoded_stores": list(found.undecoded),
        **{name: frame.to_dicts() for name, frame in found.frames.items()},
        "operations": [_row_document(row) for row in found.operations.iter_rows(named=True)],
    }


def _side_document(side: Side) -> dict[str, Any]:
    return {
        "traces": list(side.names),
        "verdict": str(side.audit.verdict),
        "operations": side.operations,
        "boots": side.boots,
        "flash_ns": side.flash_ns,
        "doubts": list(side.doubts),
    }


def _row_document(row: Mapping[str, Any]) -> dict[str, Any]:
    sides = {
        side: None if row[f"kind_{side}"] is None else {name: row[f"{name}_{side}"] for name in OF_SIDE}
        for side in ("a", "b")
    }
    return {"change": row["change"], "device": row["device"], "differs": row["differs"] or [], **sides}


# --- operations, folded ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One operation that differs, or several in a row that are all gone or all added."""

    change: str
    device: str
    events: str
    words: str
    outside: bool
    """They reach beyond the extent of the device."""


def operation_lines(found: Difference, *, everything: bool = False) -> Iterator[Line]:
    """The operations that differ: those of one change folded into a line, or each in one with `everything`."""
    extents = _extents(found)
    rows = found.operations.with_row_index("number").iter_rows(named=True)

    def alike(row: Mapping[str, Any]) -> tuple[Any, ...]:
        single = everything or row["change"] in ("changed", "moved")
        return row["change"], row["device"], _is_outside(row, extents), single and row["number"]

    for (change, device, outside, _), group in groupby(rows, alike):
        several = list(group)
        words = _one(several[0]) if len(several) == 1 else _folded(several)
        yield Line(change, device, _events(several), words, outside)


def _extents(found: Difference) -> dict[str, int]:
    """The longer extent of each device."""
    extents: dict[str, int] = {}
    for side in (found.a, found.b):
        for device in side.audit.devices:
            if device.extent is not None:
                extents[device.name] = max(device.extent.bytes, extents.get(device.name, 0))
    return extents


def _is_outside(row: Mapping[str, Any], extents: Mapping[str, int]) -> bool:
    extent = extents.get(row["device"])
    ends = [row[f"offset_{side}"] + row[f"length_{side}"] for side in "ab" if row[f"offset_{side}"] is not None]
    return extent is not None and max(ends, default=0) > extent


def _side_of(row: Mapping[str, Any]) -> str:
    return "b" if row["kind_a"] is None else "a"


def _events(rows: Sequence[Mapping[str, Any]]) -> str:
    """`4370`, `10 to 1501`, or `12 / 15` where both runs have it."""
    first, last = rows[0], rows[-1]
    if first["change"] in ("changed", "moved"):
        return f"{first['first_seq_a']} / {first['first_seq_b']}"
    side = _side_of(first)
    begin, end = first[f"first_seq_{side}"], last[f"last_seq_{side}"]
    traces = [row[f"trace_{side}"] for row in (first, last)]
    heads = [f"{trace}:" if any(traces) else "" for trace in traces]
    return f"{heads[0]}{begin}" if len(rows) == 1 else f"{heads[0]}{begin} to {heads[1]}{end}"


def _one(row: Mapping[str, Any]) -> str:
    side = _side_of(row)
    words = _operation(row, side)
    if row["change"] == "changed":
        differs = [_changed(row, name) for name in row["differs"]]
        words += f": {', '.join(differs)}"
    return words


def _operation(row: Mapping[str, Any], side: str) -> str:
    kind, offset, length = (row[f"{name}_{side}"] for name in ("kind", "offset", "length"))
    words = f"{kind} {format_offset(offset)}" if offset is not None else str(kind)
    if kind in WRITING and length is not None:
        words += f" {format_size(length)}"
    if row[f"outcome_{side}"] != "done":
        words += f" {row[f'outcome_{side}']}"
    names = [sanitize(name) for name in row[f"variable_{side}"] or []]
    intent = row[f"intent_{side}"]
    return words + (f" ({first_of(names, 1)}{', ' * bool(intent)}{intent or ''})" if names else "")


_WORDS: dict[str, Callable[[Any], str]] = {"offset": format_offset, "length": format_size}


def _changed(row: Mapping[str, Any], name: str) -> str:
    """How a column differs; the digest of the data says only that they do."""
    if name == "data":
        return "other data"
    write = _WORDS.get(name, str)
    before, after = ("nothing" if row[f"{name}_{side}"] is None else write(row[f"{name}_{side}"]) for side in "ab")
    return f"{name} {before} -> {after}"


def _folded(rows: Sequence[Mapping[str, Any]]) -> str:
    """Sum several operations up."""
    side = _side_of(rows[0])
    kinds = Counter(row[f"kind_{side}"] for row in rows)
    writing = [row for row in rows if row[f"kind_{side}"] in WRITING]
    parts = []
    if kinds["erase"]:
        parts.append(count_of(kinds["erase"], "erase"))
    programs = [row for row in writing if row[f"kind_{side}"] in PROGRAMS]
    if programs:
        size = sum(row[f"length_{side}"] or 0 for row in programs)
        parts.append(f"{count_of(len(programs), 'program')} of {format_size(size)}")
    if len(writing) < len(rows):
        rest = {kind: count for kind, count in kinds.items() if kind not in WRITING}
        named = [f"{count:,} {kind}" for kind, count in sorted(rest.items(), key=lambda item: -item[1])]
        parts.append(first_of(named, _MOST_NAMES))
    places = [(row[f"offset_{side}"], row[f"length_{side}"] or 0) for row in writing or rows]
    known = [(offset, offset + length) for offset, length in places if offset is not None]
    if known:
        parts[-1] += f", at {span(min(start for start, _ in known), max(end for _, end in known))}"
    names = dict.fromkeys(sanitize(name) for row in rows for name in row[f"variable_{side}"] or [])
    return ", ".join(parts) + (f" ({first_of(list(names), _MOST_NAMES)})" if names else "")


# --- text --------------------------------------------------------------------------------------------------------


def headline(found: Difference) -> str:
    """Say what differs, in one sentence without a full stop."""
    if found.equal:
        return "nothing differs, but a trace is incomplete" if found.doubts else "nothing differs"
    counts = Counter(found.operations["change"].to_list())
    words = {"added": "added", "gone": "gone", "changed": "changed", "moved": "moved"}
    named = [f"{counts[key]:,} {word}" for key, word in words.items() if counts[key]]
    parts = [f"operations: {', '.join(named) or 'none'}, {found.same:,} the same"]
    for name, noun in (("verdicts", "verdict"), ("findings", "finding"), ("variables", "UEFI variable")):
        if count := len(found.frames[name]):
            parts.append(count_of(count, noun))
    if len(found.contents):
        parts.append(count_of(int(found.contents["bytes"].sum()), "byte") + " at the end")
    return "; ".join(parts)


def side_words(side: Side) -> str:
    """The traces of a run, and what they hold."""
    names = first_of([sanitize(name) for name in side.names], _MOST_NAMES)
    took = "" if side.flash_ns is None else f", {side.flash_ns / _NANOSECONDS:.3f} s in the flash"
    amount = f"{count_of(side.operations, 'operation')} in {count_of(side.boots, 'boot')}"
    return f"{names}: {side.audit.verdict}; {amount}{took}"


def figure_pair(row: Mapping[str, Any]) -> tuple[str, str]:
    """The values of a figure in A and B, as text."""
    write: Callable[[int], str] = "{:,}".format
    if row["unit"] == Unit.BYTES:
        write = format_offset if row["figure"].endswith("_end") else format_size
    before, after = ("-" if row[side] is None else write(row[side]) for side in "ab")
    return before, after


def print_difference(found: Difference, console: Console, *, everything: bool = False) -> None:
    """Print the report; the console decides about colour and width. With `everything` no operation is folded."""
    word = "the same" if found.equal else "different"
    print_words(console, Text.assemble((word.upper(), "bold"), f": {headline(found)}"), hang=2)
    print_grid(console, [("A", side_words(found.a)), ("B", side_words(found.b))], first_style="bold")
    for name, side in (("A", found.a), ("B", found.b)):
        print_grid(console, [(f"{name} is incomplete", sanitize(doubt)) for doubt in side.doubts], first_style="yellow")
    for device in found.undecoded:
        words = f"  the UEFI variables of {sanitize(device)} are known in one run only; --image helps"
        print_words(console, words, hang=2)
    _section(console, "verdicts", "", list(_verdict_rows(found)))
    _section(console, "findings", "- in A only, + in B only, ~ otherwise", list(_finding_rows(found.findings)))
    _section(
        console,
        "operations",
        f"events; {'' if everything else 'folded, --all shows each; '}- in A only, + in B only, ~ otherwise, > moved",
        _operation_rows(found, everything=everything),
    )
    _section(console, "UEFI variables", "at the end", list(_variable_rows(found.variables)))
    _section(console, "contents", "bytes that differ at the end, by erase block", list(_content_rows(found.contents)))
    _table(console, "figures", list(_figure_rows(found.figures)))
    _table(console, "erase blocks", list(_block_rows(found.blocks)))


def _section(console: Console, title: str, note: str, rows: Sequence[Sequence[str | Text]]) -> None:
    if rows:
        console.print()
        print_words(console, Text.assemble((title, "bold"), (f" ({note})" if note else "", "dim")), hang=2)
        print_grid(console, rows)


def _table(console: Console, title: str, rows: list[tuple[str, ...]]) -> None:
    """Print rows, of which the first is a heading, in aligned columns that are not wrapped; numbers to the right."""
    if len(rows) > 1:
        console.print()
        console.print(Text(title, style="bold"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            names, numbers = row[:_NAMES], row[_NAMES:]
            cells = [cell.ljust(width) for cell, width in zip(names, widths, strict=False)]
            cells += [cell.rjust(width) for cell, width in zip(numbers, widths[_NAMES:], strict=True)]
            console.print(Text("  ".join(["", *cells]).rstrip()), soft_wrap=True)


def _sign(change: str) -> Text:
    sign = SIGNS[change]
    return Text(sign, style=_STYLES[sign])


def _verdict_rows(found: Difference) -> Iterator[tuple[str, str]]:
    for name, before, after in found.verdicts.rows():
        yield sanitize(name), f"{before or 'not in A'} -> {after or 'not in B'}"


def _finding_rows(findings: pl.DataFrame) -> Iterator[tuple[str | Text, ...]]:
    for row in findings.iter_rows(named=True):
        words = sanitize(row["message_b"] or row["message_a"])
        seq = row["seq_a"] if row["message_b"] is None else row["seq_b"]
        words += "" if seq is None else f", event {seq}"
        if row["change"] == "changed":
            words += f"; in A: {sanitize(row['message_a'])}"
        yield _sign(row["change"]), row["severity"], row["rule"], sanitize(row["device"] or ""), words


def _operation_rows(found: Difference, *, everything: bool) -> list[tuple[str | Text, ...]]:
    """A row a line; of many only those beyond the extent, and the first of the others."""
    lines = list(operation_lines(found, everything=everything))
    room = len(lines) if everything else _MOST_LINES - sum(line.outside for line in lines)
    rows: list[tuple[str | Text, ...]] = []
    left_out = 0
    for line in lines:
        if line.outside or room > 0:
            words = Text(line.words, style="bold" if line.outside else "")
            words.append(" beyond the extent" if line.outside else "")
            rows.append((_sign(line.change), line.events, sanitize(line.device), words))
            room -= not line.outside
        else:
            left_out += 1
    if left_out:
        rows.append(("", "", "", f"and {left_out:,} more lines; --all shows every operation"))
    return rows


def _variable_rows(variables: pl.DataFrame) -> Iterator[tuple[str | Text, ...]]:
    for row in variables.iter_rows(named=True):
        values = [sanitize(row[name], 60) for name in ("value", "value_after") if row[name] is not None]
        words = " -> ".join(values)
        if row["change"] == "changed" and row["attributes"] != row["attributes_after"]:
            words += f"; attributes {row['attributes']:#x} -> {row['attributes_after']:#x}"
        yield _sign(row["change"]), sanitize(row["variable"]), words


def _content_rows(contents: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    for row in contents.iter_rows(named=True):
        before = row["bytes_before"]
        began = "" if not before else f"; {before:,} differed before"
        words = f"{count_of(row['bytes'], 'byte')}, {format_offset(row['first'])} to {format_offset(row['last'] + 1)}"
        yield sanitize(row["device"]), f"block {row['block']}", words + began


def _figure_rows(figures: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    yield "device", "figure", "A", "B"
    for row in figures.iter_rows(named=True):
        yield sanitize(row["device"]), row["label"], *figure_pair(row)


def _block_rows(blocks: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    yield "device", "offset", "erases in A", "in B", "programmed in A", "in B"
    for row in blocks.iter_rows(named=True):
        counts = (f"{row[f'{name}_{side}']:,}" for name in ("erases", "bytes_programmed") for side in "ab")
        yield sanitize(row["device"]), format_offset(row["offset"]), *counts

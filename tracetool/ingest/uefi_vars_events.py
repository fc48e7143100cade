"""Trace events of QEMU's `uefi-vars` device, from logs, traces of the simple backend and CTF.

Ref: QEMU hw/uefi/trace-events since 10.0 (names, arguments and texts).
"""

from __future__ import annotations

import re
from contextlib import closing
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple

from tracetool.babeltrace import layout
from tracetool.babeltrace.layout import NO_TIME, Column
from tracetool.ingest.ctf import CtfTrace
from tracetool.ingest.ctf_columns import Field
from tracetool.ingest.ctf_reading import raise_for
from tracetool.ingest.formats.simple import HEADER_BYTES
from tracetool.ingest.json_lines import JsonLogDecoder
from tracetool.ingest.lines import pieces
from tracetool.ingest.prefix import read_prefix
from tracetool.ingest.simple import SimpleTrace
from tracetool.ingest.simple_codes import EVENT_HEAD, HEAD, LONGEST
from tracetool.ingest.simple_records import load, next_record, read_mapping
from tracetool.ingest.text import TextTrace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.ingest.ctf_columns import Layouts
    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import TraceReader

__all__ = ["UefiEvent", "read_events"]

_PREFIX = "uefi_"

_TEXTS = {
    "reg_read": "addr 0x{address:x}, size {size:d}",
    "reg_write": "addr 0x{address:x}, val 0x{value:x}, size {size:d}",
    "hard_reset": "",
    "variable": "context {context:s}, name {name:s}, size {size:d}, uuid {guid:s}",
    "status": "context {context:s}, status {text:s}",
    "event": "event {text:s}",
    "vars_proto_cmd": "cmd {text:s}",
    "vars_policy_cmd": "cmd {text:s}",
    "vars_security_violation": "reason {text:s}",
    "vars_policy_deny": "reason {text:s}",
}
"""What QEMU prints after each event's name; the fields are its arguments, in the order in which they are recorded."""

_KINDS = {"x": "[0-9a-f]{1,16}", "d": r"\d{1,20}", "s": ".{0,1024}"}
_FIELDS = {
    name: {field: kind for _, field, kind, _ in Formatter().parse(text) if field} for name, text in _TEXTS.items()
}


def _pattern(text: str) -> re.Pattern[str]:
    parts = Formatter().parse(text)
    return re.compile(
        "".join(
            re.escape(before) + (f"(?P<{field}>{_KINDS[kind or 's']})" if field else "")
            for before, field, kind, _ in parts
        ),
        re.ASCII,
    )


_EVENT = re.compile(rf"(?<!\w){_PREFIX}(?P<event>{'|'.join(_TEXTS)})(?: (?P<arguments>.*))?\Z", re.ASCII)
_PATTERNS = {name: _pattern(text) for name, text in _TEXTS.items()}
_NUMBER_BYTES = 8
_LENGTH_BYTES = 4
_BLOCK = 1 << 20


class UefiEvent(NamedTuple):
    """One event: the number of its line or record (from 1), its time, its name, and its arguments.

    `arguments` is None where they are not understood.
    """

    number: int
    time_ns: int | None
    name: str
    arguments: dict[str, int | str] | None


def read_events(reader: TraceReader) -> Iterator[UefiEvent]:
    """Read the device's events; none of a trace of another format.

    Raises:
        InputError: the trace cannot be read, or not a second time.
        MissingDependencyError: it is CTF, and there is no libbabeltrace2.
    """
    if isinstance(reader, CtfTrace):
        yield from _in_ctf(reader)
    elif isinstance(reader, TextTrace | SimpleTrace):
        with closing(reader.open()) as source:
            yield from _in_text(source) if isinstance(reader, TextTrace) else _in_records(source, reader.big)


# --- text --------------------------------------------------------------------------------------------------------


def _in_text(source: Source) -> Iterator[UefiEvent]:
    for number, line in _lines(source):
        found = _EVENT.search(line.rstrip())
        if found is not None:
            name = found["event"]
            values = _PATTERNS[name].fullmatch(found["arguments"] or "")
            arguments = None if values is None else _typed(name, values)
            yield UefiEvent(number, read_prefix(line[: found.start()]).time_ns, name, arguments)


def _typed(name: str, values: re.Match[str]) -> dict[str, int | str]:
    radix = {"x": 16, "d": 10}
    return {
        field: values[field] if kind == "s" else int(values[field], radix[kind or ""])
        for field, kind in _FIELDS[name].items()
    }


def _lines(source: Source) -> Iterator[tuple[int, str]]:
    """The lines that may hold an event of the device, with their numbers; JSON objects unpacked."""
    decoder, number = JsonLogDecoder(), 0
    for piece in pieces(source.readinto):
        if piece.overlong is not None:
            number += 1
            continue
        lines = piece.text.split("\n")
        for count, line in enumerate(lines, number + 1):
            wrapped = decoder.decode(count, line) if "{" in line and _PREFIX in line else None
            for each in [line] if wrapped is None else wrapped.lines:
                if _PREFIX in each:
                    yield count, each
        number += len(lines) - (not piece.last)


# --- records -----------------------------------------------------------------------------------------------------


def _in_records(source: Source, big: int) -> Iterator[UefiEvent]:
    """The events among the records of the simple backend; those of other devices are skipped by their length."""
    source.read_fully(HEADER_BYTES)
    names: dict[int, str] = {}
    left, number = b"", 0
    while block := source.read(_BLOCK):
        data = memoryview(left + block)
        at = 0
        while (end := _record_end(data, at, big)) is not None:
            if end < 0:  # damage
                at = next_record(data, at + 1, big)
                if at < 0:
                    at = len(data)
                continue
            if load(data, at, HEAD, big) == 0:
                mapping = read_mapping(data, at, big)
                if mapping is not None and mapping.name.startswith(_PREFIX):
                    names[mapping.number] = mapping.name.removeprefix(_PREFIX)
            else:
                number += 1
                name = names.get(load(data, at + HEAD, 8, big))
                if name in _FIELDS:
                    body = data[at + HEAD + EVENT_HEAD : end]
                    time_ns = load(data, at + HEAD + 8, 8, big)
                    yield UefiEvent(number, time_ns, name, _recorded(name, body, big))
            at = end
        left = bytes(data[at:])


def _record_end(data: memoryview, at: int, big: int) -> int | None:
    """Where the record at a place ends; None if it is not all there, -1 if there is none."""
    if at + HEAD + EVENT_HEAD > len(data):
        return None
    kind = load(data, at, HEAD, big)
    if kind == 0:
        try:
            mapping = read_mapping(data, at, big)
        except ValueError:
            return -1
        return None if mapping is None else mapping.end
    length = load(data, at + HEAD + 16, 4, big)
    if kind != 1 or not EVENT_HEAD <= length <= LONGEST:
        return -1
    return at + HEAD + length if at + HEAD + length <= len(data) else None


def _recorded(name: str, body: memoryview, big: int) -> dict[str, int | str] | None:
    """The arguments of an event as they are recorded: numbers of 8 bytes, strings behind their length."""
    arguments: dict[str, int | str] = {}
    at = 0
    for field, kind in _FIELDS[name].items():
        length = load(body, at, _LENGTH_BYTES, big) if kind == "s" else 0
        end = at + (_LENGTH_BYTES + length if kind == "s" else _NUMBER_BYTES)
        if end > len(body):
            return None
        raw = body[at:end]
        arguments[field] = (
            bytes(raw[_LENGTH_BYTES:]).decode("ascii", "replace") if kind == "s" else load(raw, 0, 8, big)
        )
        at = end
    return arguments


# --- CTF ---------------------------------------------------------------------------------------------------------

_TARGETS = {
    "address": Field("addr", "offset", required=True),
    "size": Field("size", "size", required=True),
    "value": Field("val", "value", required=True),
    "context": Field("context", "context", required=True),
    "guid": Field("uuid", "text", required=True),
}
"""The argument of QEMU's that is recorded for a field, and where the child process puts it; `name` is its device."""

_OF_TEXT = {"status": "name", "event": "name", "vars_proto_cmd": "cmd", "vars_policy_cmd": "cmd"}
"""The argument that is the field `text`; that of the others is their `reason`."""

_KNOWN = tuple(_FIELDS)
_LOW_16, _LOW_64 = 0xFFFF, (1 << 64) - 1


def _layouts() -> Layouts:
    known: Layouts = {}
    for kind, (name, fields) in enumerate(_FIELDS.items()):
        text = Field(_OF_TEXT.get(name, "reason"), "text", required=True)
        named = "name" in fields or ("text" in fields and text.name == "name")
        arguments = [_TARGETS.get(field, text) for field in fields if field not in (("name", "text") if named else ())]
        known[name] = [(kind, named, arguments)]
    return known


_LAYOUTS = _layouts()


def _in_ctf(reader: CtfTrace) -> Iterator[UefiEvent]:
    classes: list[dict[str, Any]] = []
    words: list[str] = []
    with closing(reader.messages(_PREFIX, _LAYOUTS)) as messages:
        for message, process in messages:
            raise_for(message, process, reader.meta.name)
            if "slot" not in message:
                continue
            classes += message["classes"]
            words = message.get("words", words)
            rows = process.block(message["slot"], message["rows"]).T.tolist()
            process.free()
            yield from _of_rows(rows, classes, words)


def _of_rows(rows: list[list[int]], classes: list[dict[str, Any]], words: list[str]) -> Iterator[UefiEvent]:
    for row in rows:
        described = classes[(row[Column.CODES] & _LOW_16) - 1]
        kind, time = described["kind"], row[Column.TIME]
        if kind >= 0:
            arguments = _of_row(_KNOWN[kind], row, words)
        elif described["known"]:
            kind, arguments = _KNOWN.index(described["name"].rpartition(_PREFIX)[2]), None
        else:
            continue
        known_time = described["clock"] and time != NO_TIME
        yield UefiEvent(row[Column.MESSAGE], time if known_time else None, _KNOWN[kind], arguments)


def _of_row(name: str, row: list[int], words: list[str]) -> dict[str, int | str]:
    """The arguments of an event, from a row of a block; see `tracetool.babeltrace.layout`."""

    def string(target: str) -> str:
        number = row[Column.CODES] >> layout.STRINGS[target] & _LOW_16
        return words[number - 1].encode("latin-1").decode("utf-8", "replace")

    ((_, named, _),) = _LAYOUTS[name]
    found: dict[str, int | str] = {}
    for field, kind in _FIELDS[name].items():
        if kind != "s":
            found[field] = row[Column.FIRST_NUMBER + layout.NUMBERS.index(_TARGETS[field].target)] & _LOW_64
        elif field in _TARGETS:
            found[field] = string(_TARGETS[field].target)
        else:
            found[field] = string("device" if named else "text")
    return found

"""The catalogue of pflash events and the canonical frame they are read into.

What each QEMU release logs is data, in `events.json`; this module gives it types. A `Variant` is one event as one
range of releases writes it; variants of the same canonical name become rows of the same kind. An entry has

- `name`: the canonical event, without the prefix `pflash_`; entries of one name stand newest first.
- `source`: its name in the trace, where that differs.
- `args`: the arguments in order (after the device name). `arg=column` where the column is not called like the
  argument; a column may also be `end` (offset + length - 1), `ro` (text "ro" or "rw"), `*` (the width of the next
  number, not kept) or `digits` (the same, and half of it is the size).
- `text`: what QEMU prints after the event's name, or after `NAME: ` where the event is named.
- `named`: false where there is no device name; such rows have the device "pflash".
- `texts`: all that a string argument can be. Ref: hw/block/pflash_cfi01.c, then pflash_cfi02.c, releases 6.0 to 10.2.
- `fixed`: columns the event's name implies.
- `model`: the device model that has the event: cfi01, cfi02, both, or rfc (series 20210222090747.2310104-1).
- `since`, `until`: the QEMU releases; stable releases and distributions carry later sets.

A CFI02 device logs `pflash_reset` at each return to rest, too: `idle`, where what precedes it explains it (see
`tracetool.ingest.device_resets`). Before 6.0 `pflash_reset` says that the chip went back to read array
(`mode_read_array`); real resets leave no event.

Ref: QEMU hw/block/trace-events of each release from 3.0 to 10.2: names, arguments and printf texts.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "ACCESSES",
    "ACCESS_SIZES",
    "CATALOGUE",
    "CFI01_ONLY",
    "CFI02_ONLY",
    "EVENTS_SCHEMA",
    "EVENT_CODES",
    "EVENT_NAMES",
    "NAMELESS_DEVICE",
    "OPENING",
    "PREFIX",
    "READABLE",
    "Argument",
    "EventType",
    "Model",
    "Variant",
    "render",
    "variants",
]

Model = Literal["cfi01", "cfi02", "both", "rfc"]

PREFIX = "pflash_"
"""Prefix of every event's name in a trace."""

ACCESSES = ("io_write", "io_read", "outer_write", "outer_read", "read")
"""Events that are accesses of the guest."""

ACCESS_SIZES = (1, 2, 4)
"""Bytes of an access. Ref: QEMU softmmu/memory.c, access_with_adjusted_size, and hw/block/pflash_cfi01.c and
pflash_cfi02.c, which implement at most 4: an access of 8 bytes reaches the device, and the trace, as two of 4."""

NAMELESS_DEVICE = "pflash"
"""The device of events from before QEMU 6.0, which do not say which flash they come from."""

OPENING = ("reset", "realize")
"""With one of these events a device begins in a run of QEMU."""

_CONVERSION = re.compile(r"(?:0x)?%(0\*|\d*)([xuds])")


class Argument(NamedTuple):
    """One argument of an event, as printed.

    Attributes:
        name: QEMU's name of the argument.
        column: the column of the canonical frame it fills, or `end` (offset + length - 1) or `ro` (text "ro" or "rw").
        conversion: the piece of the printf text that prints it, such as `0x%04x`.
        sizes: the number of hex digits printed is twice the size of the access.
    """

    name: str
    column: str
    conversion: str
    sizes: bool = False

    @property
    def radix(self) -> int:
        """10 or 16; 0 for a string."""
        return {"x": 16, "s": 0}.get(self.conversion[-1], 10)

    @property
    def template(self) -> str:
        """The conversion as Python's format has it: `0x{:04x}`; `{}` for a string."""
        if not self.radix:
            return "{}"
        prefix, _, rest = self.conversion.partition("%")
        return f"{prefix}{{:{rest[:-1].replace('*', '')}{'x' if rest.endswith('x') else 'd'}}}"

    def show(self, value: int | str | None) -> str:
        """The value of a column as QEMU prints it; `?` for an unknown one."""
        if value is None:
            return "?"
        if isinstance(value, str):
            return {"ro": "1", "rw": "0"}.get(value, value) if self.column == "ro" else value
        return self.template.format(value)


class Variant(NamedTuple):
    """One event as a range of QEMU releases writes it.

    Attributes:
        event: the canonical name.
        source: the name in the trace, without `pflash_`.
        text: the printf text after the name (and after `NAME: ` where `named`).
        arguments: the printed arguments, in order, without the device name.
        pieces: the literal text before each argument, and after the last.
        recorded: name and column of every argument, the printed ones and those that only say how wide another is
            printed (column `*` or `digits`), as the binary backends have them after the device's name.
        texts: all that a string argument can be.
        fixed: columns the name implies.
        named: whether the device's name is printed.
        model: the device model that has the event.
        since: first QEMU release, or "rfc".
        until: last QEMU release, or None.
    """

    event: str
    source: str
    text: str
    arguments: tuple[Argument, ...]
    pieces: tuple[str, ...]
    recorded: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    fixed: Mapping[str, int]
    named: bool
    model: Model
    since: str
    until: str | None

    @property
    def accesses(self) -> bool:
        """True if its size is one of `ACCESS_SIZES`; the RFC's outer region has no such limit."""
        return self.model != "rfc"

    def written(self, shown: Iterable[str]) -> str:
        """The text with its arguments as they are shown."""
        return "".join(map("".join, zip(self.pieces, [*shown, ""], strict=True)))

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the canonical frame that an event of this variant fills, device and event apart."""
        derived = {"end": "length", "ro": "text"}
        own = {derived.get(argument.column, argument.column) for argument in self.arguments}
        return frozenset(own | set(self.fixed) | ({"size"} if any(a.sizes for a in self.arguments) else set()))


def _arguments(args: list[str], text: str) -> tuple[Argument, ...]:
    pending = iter(args)
    found = []
    for conversion in _CONVERSION.finditer(text):
        width = next(pending).partition("=")[2] if "*" in conversion[1] else ""
        name, _, column = next(pending).partition("=")
        found.append(Argument(name, column or name, conversion[0], sizes=width == "digits"))
    return tuple(found)


def _variant(entry: dict[str, Any]) -> Variant:
    text = entry["text"]
    return Variant(
        event=entry["name"],
        source=entry.get("source", entry["name"]),
        text=text,
        arguments=_arguments(entry["args"], text),
        pieces=tuple(_CONVERSION.sub("\0", text).split("\0")),
        recorded=tuple((name, column or name) for name, _, column in (arg.partition("=") for arg in entry["args"])),
        texts=tuple(entry.get("texts", ())),
        fixed=MappingProxyType(entry.get("fixed", {})),
        named=entry.get("named", True),
        model=entry["model"],
        since=entry["since"],
        until=entry.get("until"),
    )


def _load() -> tuple[Variant, ...]:
    sections = json.loads(Path(__file__).with_name("events.json").read_text(encoding="utf-8"))
    return tuple(_variant(entry) for section in sections.values() for entry in section)


CATALOGUE: tuple[Variant, ...] = _load()
"""Every variant of every event; of one event, the newest first."""


def _readable() -> dict[str, list[int]]:
    found: dict[str, dict[tuple[bool, str], int]] = {}
    for kind, variant in enumerate(CATALOGUE):
        found.setdefault(variant.source, {}).setdefault((variant.named, variant.text), kind)
    return {source: list(own.values()) for source, own in found.items()}


READABLE: Mapping[str, list[int]] = _readable()
"""For each name in a trace, places in the catalogue of the variants that its events are read as. Of variants that are
written alike (`reset` and `idle`) it is the first: what precedes an event tells the others."""

EVENT_NAMES: tuple[str, ...] = tuple(dict.fromkeys(variant.event for variant in CATALOGUE))
"""Canonical names; the order is that of the Enum's codes. The accesses come first."""

EVENT_CODES: dict[str, int] = {name: code for code, name in enumerate(EVENT_NAMES)}

EventType = pl.Enum(EVENT_NAMES)

CFI02_ONLY: frozenset[str] = frozenset(EVENT_NAMES) - {v.event for v in CATALOGUE if v.model != "cfi02"}
"""Events that only a CFI02 device writes."""

CFI01_ONLY: frozenset[str] = frozenset(EVENT_NAMES) - {v.event for v in CATALOGUE if v.model in ("cfi02", "both")}
"""Events that no CFI02 device writes."""

EVENTS_SCHEMA = pl.Schema(
    {
        "trace": pl.UInt16(),
        "boot": pl.UInt32(),
        "seq": pl.Int64(),
        "time_ns": pl.Int64(),
        "process": pl.UInt32(),
        "thread": pl.UInt32(),
        "event": EventType,
        "device": pl.Categorical(),
        "offset": pl.Int64(),
        "size": pl.UInt8(),
        "value": pl.UInt32(),
        "cmd": pl.UInt8(),
        "wcycle": pl.UInt8(),
        "counter": pl.UInt64(),
        "length": pl.Int64(),
        "region": pl.Int64(),
        "text": pl.String(),
    }
)
"""The canonical frame. `trace`, `boot`, `seq`, `event` and `device` are never null; `process` is where the format names
none, `thread` where it names neither."""

_BY_EVENT = {name: tuple(v for v in CATALOGUE if v.event == name) for name in EVENT_NAMES}


def variants(event: str) -> tuple[Variant, ...]:
    """The variants of a canonical event, newest first.

    Raises:
        KeyError: there is no such event.
    """
    return _BY_EVENT[event]


def _argument_of(row: Mapping[str, Any], argument: Argument) -> int | str | None:
    value: int | str | None
    if argument.column == "end":
        known = row.get("offset") is not None and row.get("length") is not None
        return row["offset"] + row["length"] - 1 if known else None
    value = row.get({"ro": "text"}.get(argument.column, argument.column))
    return value


def render_as(variant: Variant, row: Mapping[str, Any]) -> str:
    """The event as the variant's releases log it, after `pflash_`."""
    text = variant.written(argument.show(_argument_of(row, argument)) for argument in variant.arguments)
    device = f"{row['device']}: " if variant.named else ""
    return f"{variant.source} {device}{text}"


def render(row: Mapping[str, Any]) -> str:
    """The event as QEMU logs it, after `pflash_`: `io_write virt.flash1: offset:0x0008 size:4 value:0x900090 wcycle:0`.

    The newest set's text, unless only an older one has room for all the row holds (`data_write` with its counter).

    Args:
        row: a row of the canonical frame, as a mapping from column to value.
    """
    held = {column for column, value in row.items() if value is not None}
    return render_as(max(variants(row["event"]), key=lambda variant: len(variant.columns & held)), row)

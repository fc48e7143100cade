"""Helpers for tests of exports: traces made of frames, strategies for events, and a reader of simple traces."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
from hypothesis import strategies as st

from tracetool.analysis.options import Options
from tracetool.events import ACCESS_SIZES, CATALOGUE, EVENTS_SCHEMA, NAMELESS_DEVICE
from tracetool.export.formats import FORMATS
from tracetool.export.job import Job
from tracetool.ingest import Health, TraceMeta
from tracetool.ingest.numbering import Numbering

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracetool.events import Variant
    from tracetool.ingest import TraceReader

__all__ = ["Exported", "Frames", "Record", "exported", "frames", "made", "simple_records"]

EMPTY = EVENTS_SCHEMA.to_frame()


@dataclass
class Frames:
    """A trace that is a list of frames, with any health."""

    parts: list[pl.DataFrame]
    health: Health = field(default_factory=Health)
    meta: TraceMeta = field(default_factory=lambda: TraceMeta("memory", "memory", clocks={"wall"}))
    rereadable: bool = True

    def chunks(self, trace: int = 0) -> Iterator[pl.DataFrame]:
        """Read from the beginning."""
        for part in self.parts:
            self.health.events += part.height
            yield part.with_columns(pl.lit(trace, pl.UInt16).alias("trace"))

    @property
    def whole(self) -> pl.DataFrame:
        """All events."""
        return pl.concat([EMPTY, *self.parts])


class Exported(NamedTuple):
    """An exported file, and the messages about it."""

    data: bytes
    remarks: list[str]


def exported(reader: TraceReader, name: str, *, device: str | None = None, boot: int | None = None) -> Exported:
    """Write a trace in a format."""
    file = BytesIO()
    remarks = FORMATS[name].write(Job(reader, Options(device=device, boot=boot, keep_operations=True)), file)
    return Exported(file.getvalue(), remarks)


def made(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A numbered frame of these rows; omitted columns are null."""
    frame = pl.DataFrame(rows, schema_overrides=EVENTS_SCHEMA)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in EVENTS_SCHEMA.items() if name not in frame]
    return Numbering(0).apply(frame.with_columns(missing).select(EVENTS_SCHEMA.names()).cast(EVENTS_SCHEMA))


_U63, _U64 = st.integers(0, (1 << 63) - 1), st.integers(0, (1 << 64) - 1)
_U8 = st.integers(0, 255)
_PRINTABLE = st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters=":")
_DEVICES = st.sampled_from(["virt.flash0", "virt.flash1", "a b:c", "pflash_0", "x" * 255]) | st.text(
    _PRINTABLE, min_size=1, max_size=20
).filter(str.strip)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "offset": _U63,
    "size": st.sampled_from(ACCESS_SIZES),
    "value": st.integers(0, 999_999_999),
    "cmd": _U8,
    "wcycle": _U8,
    "counter": _U64,
    "length": _U63,
    "region": _U63,
    "text": st.sampled_from([text for variant in CATALOGUE for text in variant.texts]),
}
TIMES = st.none() | st.integers(0, 1_900_000_000_000_000_000)
THREADS = st.none() | st.integers(0, 999_999_999)
PROCESSES = st.none() | st.sampled_from([4711, 4812]) | st.integers(1, 999_999_999)


def _argument_values(variant: Variant) -> dict[str, st.SearchStrategy[Any]]:
    found: dict[str, st.SearchStrategy[Any]] = {}
    for argument in variant.arguments:
        if argument.column == "ro":
            found["text"] = st.sampled_from(["ro", "rw"])
        elif argument.column == "text" and argument.radix:
            numbers = st.integers(0, 999_999_999)
            found["text"] = numbers.map(argument.show)
        elif argument.column == "end":
            found["offset"] = st.integers(0, 1 << 40)
            found["length"] = st.integers(1, 1 << 40)
        else:
            found.setdefault(argument.column, _VALUES[argument.column])
        if argument.sizes:
            found["size"] = _VALUES["size"]
    return found


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """One event, as any release logs it."""
    variant = draw(st.sampled_from([variant for variant in CATALOGUE if variant.event != "idle"]))
    known = {"time_ns": draw(TIMES), "process": draw(PROCESSES), "thread": draw(THREADS), "event": variant.event}
    known |= variant.fixed
    known["device"] = draw(_DEVICES) if variant.named else NAMELESS_DEVICE
    return known | {name: draw(values) for name, values in _argument_values(variant).items()}


def frames(max_size: int = 12) -> st.SearchStrategy[pl.DataFrame]:
    """Any events."""
    return st.lists(rows(), min_size=1, max_size=max_size).map(made)


# --- simple, read without the program's reader -------------------------------------------------------------------


class Record(NamedTuple):
    """An event record of a simple trace; `payload` are its arguments."""

    name: str
    time_ns: int
    pid: int
    payload: bytes


DROPPED = "dropped"


def simple_records(data: bytes) -> list[Record]:
    """The records of pflash events, and those of dropped ones, of a simple trace of version 4."""
    assert struct.unpack_from("<3Q", data) == (0xFFFFFFFFFFFFFFFF, 0xF2B177CB0AA429B4, 4)
    names = {0xFFFFFFFFFFFFFFFE: DROPPED}
    found, at = [], 24
    while at < len(data):
        (kind,) = struct.unpack_from("<Q", data, at)
        if kind == 0:
            number, length = struct.unpack_from("<QI", data, at + 8)
            names[number] = data[at + 20 : at + 20 + length].decode()
            at += 20 + length
            continue
        assert kind == 1
        number, time, length, pid = struct.unpack_from("<QQII", data, at + 8)
        if names[number].startswith(("pflash_", DROPPED)):
            found.append(Record(names[number], time, pid, data[at + 32 : at + 8 + length]))
        at += 8 + length
    assert at == len(data)
    return found

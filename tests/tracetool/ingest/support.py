"""Helpers for tests of ingestion: texts into frames, variants into rows, all forms of a line."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.forms import plain
from tracetool.events import EVENTS_SCHEMA, Variant, render_as
from tracetool.ingest import Health, TraceMeta, open_trace
from tracetool.ingest.reader import ReadOptions
from tracetool.ingest.scanner import TextScanner
from tracetool.ingest.source import Source
from tracetool.ingest.text import TextTrace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tracetool.ingest import TraceReader

PLAIN_SCANNER: type[TextScanner] = plain("tracetool.ingest.scanner").TextScanner
SCANNERS = pytest.mark.parametrize("scanner", [TextScanner, PLAIN_SCANNER], ids=["as built", "plain"])
EMPTY = pl.DataFrame(schema=EVENTS_SCHEMA)


@dataclass(frozen=True)
class Reading:
    """Frames, health and metadata of a trace."""

    frame: pl.DataFrame
    health: Health
    meta: TraceMeta

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The frame as mappings from column to value."""
        return self.frame.to_dicts()


def collect(reader: TraceReader) -> Reading:
    frames = list(reader.chunks())
    for frame in frames:
        assert frame.schema == EVENTS_SCHEMA
        assert frame.height
    health = reader.health
    assert health.understood + health.other + health.damaged == health.lines
    assert health.events == sum(frame.height for frame in frames)
    return Reading(pl.concat([EMPTY, *frames]), health, reader.meta)


def no_scanner() -> None:
    """A scanner that leaves all lines to the parser."""


def read_text(
    data: bytes, *, chunk_bytes: int = 1 << 22, scanner: Callable[[], TextScanner | None] = no_scanner
) -> Reading:
    """Read a text without a file: with the parser alone, or with a scanner before it."""
    source = Source(io.BytesIO(data), "text", None, rereadable=False)
    return collect(
        TextTrace(TraceMeta("text", "text"), source, ReadOptions(chunk_bytes=chunk_bytes), new_scanner=scanner)
    )


def read_file(path: Path, data: bytes) -> Reading:
    path.write_bytes(data)
    return collect(open_trace(str(path)))


def one(line: str) -> dict[str, Any]:
    """The single event of a line."""
    reading = read_text(line.encode() + b"\n")
    assert (reading.health.understood, len(reading.rows)) == (1, 1), (line, reading.health)
    return reading.rows[0]


def row_of(variant: Variant) -> dict[str, Any]:
    """A row that the variant can express, as it must be read back."""
    known: dict[str, Any] = {
        "offset": 0x12A40,
        "size": 4,
        "value": 0x400040 if variant.source not in {"data_read8", "data_read16"} else 0x40,
        "cmd": 0xE8,
        "wcycle": 2,
        "counter": 0x1D,
        "length": 0x40000,
        "region": 0x4000000,
        "text": "write to buffer",
    }
    row = {column: value for column, value in known.items() if column in variant.columns} | dict(variant.fixed)
    for argument in variant.arguments:
        if argument.column == "ro":
            row["text"] = "rw"
        elif argument.column == "text" and argument.radix:
            row["text"] = "0x0555" if argument.radix == 16 else "4"
        if argument.sizes:
            row["size"] = 4
            row["value"] = 0x12345678
    return row | {"event": variant.event, "device": "virt.flash1" if variant.named else "pflash"}


def log_of(variant: Variant) -> str:
    """Text of such a row in a log."""
    return "pflash_" + render_as(variant, row_of(variant))


class FakeStdin:
    """Standard input with these bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BufferedReader(io.BytesIO(data))

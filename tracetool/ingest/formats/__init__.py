"""The formats of traces that are read: a module each, which describes itself in `FORMAT`.

These modules are small: what reads a trace is imported when one of its format is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracetool.ingest.reader import ReadOptions
    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import TraceReader

__all__ = ["FORMATS", "TraceFormat", "recognise"]


@dataclass(frozen=True)
class TraceFormat:
    """One format.

    Attributes:
        name: value of `--input-format` and of `TraceMeta.format`.
        label: its name in lists of what a directory holds.
        unit: what a trace consists of, and `Health` counts: line, record, message or row.
        begins: True for the first 64 KiB, unpacked, of a file that is read as this format by default.
        open: makes the reader of an open file, given its path and its first 64 KiB; InputError if it is not of this
            format. Closes the file, or has the reader close it.
        holds_events: True for the first MiB, unpacked, of a file that such a list has to name.
    """

    name: str
    label: str
    unit: str
    begins: Callable[[bytes], bool]
    open: Callable[[Source, str, bytes, ReadOptions], TraceReader]
    holds_events: Callable[[bytes], bool] = bool


FORMATS = Registry[TraceFormat](
    "tracetool.ingest.formats",
    "FORMAT",
    {"text": "a log", "simple": "QEMU's simple format", "ctf": "CTF", "parquet": "Parquet"},
)


def recognise(head: bytes) -> TraceFormat:
    """The format of a file that begins with these bytes, unpacked; what begins as no other format does is text."""
    return next((found for found in FORMATS.values() if found.begins(head)), FORMATS["text"])

"""Logs, and other text with events in its lines."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

from tracetool.errors import InputError
from tracetool.ingest.formats import TraceFormat
from tracetool.ingest.trace_reader import Health, TraceMeta

if TYPE_CHECKING:
    from tracetool.ingest.reader import ReadOptions
    from tracetool.ingest.source import Source
    from tracetool.ingest.trace_reader import TraceReader

__all__ = ["FORMAT", "RECORD_A_LOG", "may_be_an_event"]

RECORD_A_LOG = "record a log instead (-trace 'pflash*' -D FILE)"
_HEAD_BYTES = 1 << 16
_UNPRINTABLE = bytes(code for code in range(0x20) if code not in b"\t\n\r\x1b\b\f") + b"\x7f"


def may_be_an_event(data: bytes) -> bool:
    """True if something in these bytes looks like an event of a log."""
    return re.search(rb"\bpflash_(?:reset\b|\w+\b[^\n]{0,120}\b0x[0-9a-f])", data) is not None


def _open(source: Source, path: str, head: bytes, options: ReadOptions) -> TraceReader:
    from tracetool.ingest.text import TextTrace

    meta = TraceMeta(path, source.name, compression=source.compression)
    if not _read_head(meta, head, whole=len(head) < _HEAD_BYTES) and _is_binary(head):
        raise InputError(f"{source.name}: is not a trace: binary data without any pflash event; {RECORD_A_LOG}")
    shapes = ", ".join(f"{count} {shape}" for shape, count in meta.shapes.most_common())
    meta.reason = f"text with pflash events in its first 64 KiB: {shapes}" if shapes else _NO_EVENT
    return TextTrace(meta, source.as_stream(), options)


_NO_EVENT = "text, no pflash event at its start"


def _is_binary(head: bytes) -> bool:
    # A log that was emptied while QEMU went on writing begins with a hole, however long.
    head = head.lstrip(b"\0") if len(head) == _HEAD_BYTES else head
    noise = len(head) - len(head.translate(None, _UNPRINTABLE))
    return b"\0" in head or noise * 10 > len(head) * 3


def _read_head(meta: TraceMeta, head: bytes, *, whole: bool) -> int:
    """Add to `meta` what the first lines tell of the trace; the number of events in them.

    Raises:
        InputError: there are none, and the text is known to be something else.
    """
    from tracetool.ingest.foreign import foreign_lines, foreign_text
    from tracetool.ingest.lines import pieces
    from tracetool.ingest.numbering import Numbering
    from tracetool.ingest.parser import TextParser
    from tracetool.ingest.scanner import usual_scanner
    from tracetool.ingest.text import Reading

    health = Health()
    reading = Reading(TextParser(health, meta), usual_scanner(), health, meta, Numbering(0))
    for piece in pieces(BytesIO(head if whole else head[: head.rfind(b"\n") + 1]).readinto):
        reading.feed(piece)
    events = reading.take().height
    what = None if events else foreign_text(head) or foreign_lines(health)
    if what is not None:
        raise InputError(f"{meta.name}: is {what}")
    return events


FORMAT = TraceFormat("text", "log", "line", lambda _: False, _open, may_be_an_event)

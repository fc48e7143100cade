"""Traces in, canonical event frames out.

`open_trace` recognises what a file is by what is in it; the reader it returns gives frames of
`tracetool.events.EVENTS_SCHEMA`, chunk by chunk, and keeps count of what it could not read.
"""

from tracetool.ingest.detect import open_trace
from tracetool.ingest.trace_reader import (
    Damage,
    Health,
    HostWriteFailure,
    LineReader,
    LostPlace,
    TraceMeta,
    TraceReader,
)

__all__ = [
    "Damage",
    "Health",
    "HostWriteFailure",
    "LineReader",
    "LostPlace",
    "TraceMeta",
    "TraceReader",
    "open_trace",
]

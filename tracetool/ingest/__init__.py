"""Traces in, canonical event frames out.

`open_trace` recognises what a file is by what is in it; the reader it returns gives frames of
`tracetool.events.EVENTS_SCHEMA`, chunk by chunk, and keeps count of what it could not read.
"""

from tracetool.ingest.ahead import read_ahead
from tracetool.ingest.chunk import Damage, Health, HostWriteFailure, LineReader, LostPlace, TraceMeta, TraceReader
from tracetool.ingest.sniff import open_trace

__all__ = [
    "Damage",
    "Health",
    "HostWriteFailure",
    "LineReader",
    "LostPlace",
    "TraceMeta",
    "TraceReader",
    "open_trace",
    "read_ahead",
]

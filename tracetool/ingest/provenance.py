"""Provenance of converted traces, kept beside the events: losses and damage of the original must not vanish."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from tracetool.ingest.trace_reader import Health
from tracetool.json_document import DocumentError, instance, load_document

if TYPE_CHECKING:
    from tracetool.ingest.trace_reader import TraceMeta

__all__ = ["KEY", "Provenance", "describe", "parse"]

KEY = "tracetool.trace"
"""Key of the document in the metadata of a file."""

_SCHEMA = "tracetool.provenance/1"
_ADDED_LATER = {"starts"}


@dataclass(frozen=True)
class Provenance:
    """The trace that a file was made from; `clocks` are those of `trace_reader.Clock`."""

    format: str
    unit: str
    nameless: bool
    clocks: tuple[str, ...]
    health: Health


def describe(meta: TraceMeta, health: Health, events: int) -> dict[str, str]:
    """The entries for a file that holds `events` events of a trace; with fewer the file counts as incomplete."""
    health_of_file = asdict(health) | {"events": events}
    told = Provenance(meta.format, meta.unit, meta.nameless, tuple(sorted(meta.clocks)), Health())
    return {KEY: json.dumps({"schema": _SCHEMA, **asdict(told), "health": health_of_file})}


def parse(text: str) -> Provenance:
    """Read what `describe` wrote.

    Raises:
        DocumentError: it is something else, or lacks something.
    """
    found = load_document(text, _SCHEMA)
    told = instance(Provenance, found)
    missing = {field.name for field in fields(Health)} - _ADDED_LATER - found["health"].keys()
    if missing:
        raise DocumentError(f"health.{min(missing)} is missing")
    return told

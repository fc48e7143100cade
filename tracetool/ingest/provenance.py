"""What a trace was, written beside its events: a converted trace must not look better than the one it was made from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from tracetool.ingest.trace_reader import COUNTS, Damage, Health, HostWriteFailure, LostPlace

if TYPE_CHECKING:
    from tracetool.ingest.trace_reader import TraceMeta

__all__ = ["KEY", "Provenance", "describe", "parse"]

KEY = "tracetool.trace"
"""Under which name the metadata of a file holds it."""

_SCHEMA = "tracetool.provenance/1"
_CLOCKS = ("wall", "monotonic", "boot-relative", "none", "mixed")


@dataclass(frozen=True)
class Provenance:
    """What is known of the trace that a file was made from."""

    format: str
    unit: str
    nameless: bool
    clocks: frozenset[Any]
    health: Health


def describe(meta: TraceMeta, health: Health, events: int) -> dict[str, str]:
    """The entries for a file that holds `events` events of a trace, or is to be known as incomplete without them."""
    trace = {
        "schema": _SCHEMA,
        "format": meta.format,
        "unit": meta.unit,
        "nameless": meta.nameless,
        "clocks": sorted(meta.clocks),
        "health": asdict(health) | {"events": events},
    }
    return {KEY: json.dumps(trace)}


def parse(text: str) -> Provenance:
    """Read what `describe` wrote.

    Raises:
        ValueError: it is something else.
    """
    trace = json.loads(text)
    if not isinstance(trace, dict) or trace.get("schema") != _SCHEMA:
        raise ValueError("it is none of this version")
    try:
        clocks = frozenset(clock for clock in trace["clocks"] if clock in _CLOCKS)
        found = Provenance(
            str(trace["format"]), str(trace["unit"]), bool(trace["nameless"]), clocks, _health(trace["health"])
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{error} is missing or wrong in it") from error
    return found


def _health(told: dict[str, Any]) -> Health:
    numbers = {name: _count(told[name]) for name in COUNTS}
    truncated = told["truncated"]
    return Health(
        **numbers,
        first_damaged=[_row(Damage, row) for row in told["first_damaged"]],
        lost_places=[_row(LostPlace, row) for row in told["lost_places"]],
        host_write_failures=[_row(HostWriteFailure, row) for row in told["host_write_failures"]],
        starts=[_count(seq) for seq in told.get("starts", [])],
        truncated=None if truncated is None else str(truncated),
        unterminated=bool(told["unterminated"]),
    )


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError(f"a count of {value!r}")
    return value


def _row(kind: type[Any], row: dict[str, Any]) -> Any:  # noqa: ANN401  one of three small classes
    values = {field.name: row[field.name] for field in fields(kind)}
    return kind(
        **{name: _count(value) if kind.__annotations__[name] == "int" else str(value) for name, value in values.items()}
    )

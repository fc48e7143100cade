"""Reasons of a verdict: a sentence for people, a code and numbers for programs."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple

from tracetool.findings.phrases import count_of
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tracetool.analysis.session import TraceReport

__all__ = ["Code", "Reason", "located", "reason"]


class Code(StrEnum):
    """Subject of a reason; the JSON's `verdict_codes`."""

    PROGRAMMED_OUTSIDE = "programmed-outside"
    ERASED_OUTSIDE = "erased-outside"
    COMMANDED_OUTSIDE = "commanded-outside"
    WROTE_OUTSIDE = "wrote-outside"

    GEOMETRY_UNKNOWN = "geometry-unknown"
    NAMELESS = "nameless"
    DEVICES_LEFT_OUT = "devices-left-out"
    DEVICES_NOT_CHOSEN = "devices-not-chosen"
    PROCESSES_LEFT_OUT = "processes-left-out"
    BOOTS_LEFT_OUT = "boots-left-out"
    PROCESSES_MIXED = "processes-mixed"
    EVENTS_LOST = "events-lost"
    DAMAGED = "damaged"
    TRUNCATED = "truncated"
    HOST_WRITE_FAILED = "host-write-failed"
    TOO_THIN = "too-thin"
    IO_WRITE_NOT_TRACED = "io-write-not-traced"
    IMPOSSIBLE_EVENTS = "impossible-events"
    MODEL_DISAGREES = "model-disagrees"
    BEGINS_MID_COMMAND = "begins-mid-command"
    MIGRATED = "migrated"
    IMAGE_CHANGED = "image-changed"

    BEGINS_WITHOUT_RESET = "begins-without-reset"
    ENDS_MID_OPERATION = "ends-mid-operation"
    RESET_MID_OPERATION = "reset-mid-operation"
    STORES_UNKNOWN = "stores-unknown"
    FILE_CHANGED = "file-changed"
    NEVER_ACCESSED = "never-accessed"
    STORE_UNUSED = "store-unused"

    NO_EXTENT = "no-extent"
    WITHIN_EXTENT = "within-extent"


class Reason(NamedTuple):
    """One reason of a verdict: a code and values by name for programs, and a sentence for people."""

    code: Code
    values: tuple[tuple[str, str | int], ...]
    text: str

    @property
    def document(self) -> dict[str, str | int]:
        """Code, text and values by name."""
        return {"code": str(self.code), "text": self.text, **dict(self.values)}


def reason(code: Code, variant: str = "", /, **values: str | int) -> Reason:
    """Build a reason with its sentence (`reasons.toml`)."""
    sentence = _sentences()[f"{code}.{variant}" if variant else code]
    return Reason(code, tuple(values.items()), _Formatter().format(sentence, **values))


@cache
def _sentences() -> dict[str, str]:
    return tomllib.loads(files("tracetool.audit").joinpath("reasons.toml").read_text(encoding="utf-8"))


class _Formatter(Formatter):
    """Formats sizes, offsets and counts of a noun."""

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401  the standard library's
        """Format by `size`, `offset` or a noun; else as Python does."""
        if format_spec in _FORMATS:
            return _FORMATS[format_spec](value)
        return count_of(value, format_spec) if format_spec.isalpha() else str(format(value, format_spec))


_FORMATS = {"size": format_size, "offset": format_offset}


def located(found: Iterable[tuple[int, Reason]], traces: Sequence[TraceReport]) -> Iterator[Reason]:
    """Name the traces that each reason is about, unless it is about all of them; equal reasons are joined."""
    numbers: dict[Reason, list[int]] = {}
    for trace, about in found:
        numbers.setdefault(about, []).append(trace)
    for about, concerned in numbers.items():
        names = ", ".join(traces[number].meta.name for number in concerned)
        yield about if len(concerned) == len(traces) else about._replace(text=f"{names}: {about.text}")

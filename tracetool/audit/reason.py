"""Reasons of a verdict: a sentence for people, a code and numbers for programs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tracetool.analysis.session import TraceReport

__all__ = ["Code", "Reason", "located"]


class Code(StrEnum):
    """Subject of a reason; the JSON's `verdict_codes`."""

    PROGRAMMED_OUTSIDE = "programmed-outside"
    ERASED_OUTSIDE = "erased-outside"
    COMMANDED_OUTSIDE = "commanded-outside"
    WROTE_OUTSIDE = "wrote-outside"

    CFI02 = "cfi02"
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
    """One reason of a verdict: a sentence for people, a code and numbers by name for programs."""

    code: Code
    text: str
    values: tuple[tuple[str, int], ...] = ()

    @property
    def document(self) -> dict[str, str | int]:
        """Code, text and values by name."""
        return {"code": str(self.code), "text": self.text, **dict(self.values)}


def located(found: Iterable[tuple[int, Reason]], traces: Sequence[TraceReport]) -> Iterator[Reason]:
    """Name the traces that each reason is about, unless it is about all of them; equal reasons are joined."""
    numbers: dict[Reason, list[int]] = {}
    for trace, reason in found:
        numbers.setdefault(reason, []).append(trace)
    for reason, concerned in numbers.items():
        names = ", ".join(traces[number].meta.name for number in concerned)
        yield reason if len(concerned) == len(traces) else reason._replace(text=f"{names}: {reason.text}")

"""Reasons of a verdict: words for people, and a code for programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Code", "Reason"]


class Code(StrEnum):
    """What a reason is about; the JSON's `verdict_codes`."""

    PROGRAMMED_OUTSIDE = "programmed-outside"
    ERASED_OUTSIDE = "erased-outside"
    COMMANDED_OUTSIDE = "commanded-outside"
    WROTE_OUTSIDE = "wrote-outside"

    CFI02 = "cfi02"
    GEOMETRY_UNKNOWN = "geometry-unknown"
    NAMELESS = "nameless"
    DEVICES_LEFT_OUT = "devices-left-out"
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


@dataclass(frozen=True)
class Reason:
    """One reason of a verdict."""

    code: Code
    text: str

"""What a change of the flash touched of a variable store, and what for: parts, intents, copies, faults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import polars as pl

from tracetool.uefi.variables import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.uefi.variables import VariableHeader

__all__ = [
    "TOUCHES_SCHEMA",
    "Copy",
    "Event",
    "Fault",
    "FaultyStep",
    "Intent",
    "Part",
    "SpareCopy",
    "Touch",
    "touches_frame",
]

Event = tuple[int, int]
"""Trace and seq of an event."""


class Part(StrEnum):
    """A part of the flash, as the firmware uses it."""

    VOLUME_HEADER = "volume header"
    STORE_HEADER = "store header"
    HEADER = "header"
    STATE = "state"
    NAME = "name"
    DATA = "data"
    VARIABLES = "variables"
    """The store as a whole, as for an erase of its block."""
    FREE = "free space"
    EVENT_LOG = "event log"
    FTW_WORKING = "FTW working"
    """The working block's own header, or all of the block, as for an erase."""
    FTW_HEADER = "FTW header"
    FTW_RECORD = "FTW record"
    FTW_SPARE = "FTW spare"
    OUTSIDE = "outside"


class Intent(StrEnum):
    """The purpose of a change."""

    FORMAT = "format"
    CREATE = "create"
    UPDATE = "update"
    MARK = "mark for deletion"
    DELETE = "delete"
    SUPERSEDE = "supersede"
    """The end of an update: the old copy is deleted, since a newer one counts."""
    REWRITE = "rewrite"
    """The live store is erased and written again outside fault tolerant write."""
    RECLAIM = "reclaim"
    """The live store is erased and written again from the spare."""
    FTW_QUEUE = "FTW queue"
    FTW_HEADER = "FTW header"
    FTW_RECORD = "FTW record"
    FTW_SPARE = "FTW spare"
    FTW_SPARE_COMPLETE = "FTW spare complete"
    FTW_DESTINATION_COMPLETE = "FTW destination complete"
    FTW_COMPLETE = "FTW complete"
    OTHER = "other"


class Fault(StrEnum):
    """A kind of step that the firmware should not take."""

    ILLEGAL_STATE = "illegal state"
    REFORMATTED = "reformatted"
    QUEUE_ORDER = "queue order"
    WRONG_REGION = "wrong region"
    LOST = "lost"


class FaultyStep(NamedTuple):
    """One step that the firmware should not take: the event, the bytes of the flash, and what happened in words."""

    fault: Fault
    trace: int
    seq: int
    offset: int
    length: int
    words: str


@dataclass(eq=False, slots=True)
class Copy:
    """One copy of a variable, from its first byte to its end. Events are (trace, seq), None: before the trace.

    Attributes:
        number: counts from 0 in order of appearance.
        header: the latest.
        name: None until it was written.
        born: the event that programmed its start id.
        added: the event from which it counted.
        marked: the event that put it into deleted transition.
        ended: the event that deleted it, or erased it for good.
        replaces: the copy of the same name that counted when this one was added.
        kept_from: the copy that a reclaim took over as this one.
    """

    number: int
    header: VariableHeader
    name: str | None = None
    born: Event | None = None
    added: Event | None = None
    marked: Event | None = None
    ended: Event | None = None
    replaces: Copy | None = None
    kept_from: Copy | None = None

    @property
    def live(self) -> bool:
        """True where the firmware may find it."""
        return self.header.state in (State.ADDED, State.IN_DELETED_TRANSITION)

    @property
    def guid(self) -> bytes:
        """The vendor's, little-endian."""
        return self.header.guid


@dataclass(eq=False, slots=True)
class SpareCopy:
    """A variable in the spare of a fault tolerant write; name and GUID are None until they were written."""

    name: str | None = None
    guid: bytes | None = None


class Touch(NamedTuple):
    """What a change did to one variable or part; `TOUCHES_SCHEMA` describes the fields."""

    trace: int
    seq: int
    offset: int
    length: int
    part: Part
    intent: Intent | None
    """None: to create or to update its copy, which is known once that is added."""
    of: Copy | SpareCopy | None
    rewrite: int | None
    erased: Sequence[str] | None


TOUCHES_SCHEMA = pl.Schema(
    {
        "trace": pl.UInt16(),
        "seq": pl.Int64(),
        "offset": pl.Int64(),
        "length": pl.Int64(),
        "part": pl.Enum([str(part) for part in Part]),
        "intent": pl.Enum([str(intent) for intent in Intent]),
        "copy": pl.UInt32(),
        "variable": pl.String(),
        "guid": pl.String(),
        "rewrite": pl.UInt32(),
        "erased": pl.List(pl.String()),
    }
)
"""One row a change and variable: the event that committed it, the bytes of the flash (offset, length), what they are,
what for, the copy of the variable (its number, null for one in the spare; name and GUID; null where it concerns none),
the number of the rewrite or reclaim of the live store that it is part of (null: of none), and the names of the live
variables that an erase of the store took (null: no such erase)."""


def touches_frame(touches: Sequence[Touch]) -> pl.DataFrame:
    """The touches as a frame of `TOUCHES_SCHEMA`."""
    columns = list(zip(*touches, strict=True)) or [()] * len(Touch._fields)
    *numbers, parts, intents, concerned, rewrites, erased = columns
    written = {of: str(_written_for(of)) for of in concerned}
    guids = {of: None if of is None or of.guid is None else str(UUID(bytes_le=of.guid)) for of in written}
    return pl.DataFrame(
        [
            *numbers,
            parts,
            [intent or written[of] for intent, of in zip(intents, concerned, strict=True)],
            [of.number if isinstance(of, Copy) else None for of in concerned],
            [of and of.name for of in concerned],
            [guids[of] for of in concerned],
            rewrites,
            erased,
        ],
        TOUCHES_SCHEMA,
        orient="col",
    )


def _written_for(of: Copy | SpareCopy | None) -> Intent:
    if not isinstance(of, Copy):
        return Intent.OTHER
    if of.kept_from is not None:
        return Intent.RECLAIM
    return Intent.CREATE if of.replaces is None else Intent.UPDATE

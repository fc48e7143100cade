"""What a change of the flash touched of a variable store, and what for: parts, intents, copies, faults."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import polars as pl

from tracetool.frames import merge_short
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
    "TouchTable",
    "copies_of",
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


def copies_of(copies: Sequence[Copy]) -> tuple[Copy, ...]:
    """The copies as they are now, which speak of one another."""
    now = [copy(each) for each in copies]
    for each in now:
        each.replaces = None if each.replaces is None else now[each.replaces.number]
        each.kept_from = None if each.kept_from is None else now[each.kept_from.number]
    return tuple(now)


_FIXED = {name: TOUCHES_SCHEMA[name] for name in ("trace", "seq", "offset", "length", "part", "intent")}
_FIXED |= {"of": pl.UInt32(), "rewrite": TOUCHES_SCHEMA["rewrite"], "erased": TOUCHES_SCHEMA["erased"]}
"""Fields of `Touch`: what it concerns by its place among all that is concerned, which may change yet."""


class TouchTable:
    """Touches as a frame, of which only what is new is made each time.

    What a touch concerns may get its name, and what it was written for, later than the touch.
    """

    def __init__(self) -> None:
        self._fixed: list[pl.DataFrame] = []
        self._count = 0
        self._concerned: dict[Copy | SpareCopy | None, int] = {}

    def frame(self, touches: Sequence[Touch], more: Sequence[Touch] = ()) -> pl.DataFrame:
        """The touches, those of the last time and new ones, as a frame of `TOUCHES_SCHEMA`; `more` are for once."""
        if len(touches) > self._count:
            self._fixed.append(self._fix(touches[self._count :]))
            self._count = len(touches)
            merge_short(self._fixed)
        fixed = pl.concat([pl.DataFrame(schema=_FIXED), *self._fixed, *([self._fix(more)] if more else [])])
        said = [(_number(of), of and of.name, _guid(of and of.guid), _written_for(of)) for of in self._concerned]
        schema = {name: TOUCHES_SCHEMA[name] for name in ("copy", "variable", "guid")} | {"written": _FIXED["intent"]}
        known = pl.DataFrame(said, schema, orient="row")[fixed["of"]]
        whole = fixed.hstack(known).with_columns(pl.coalesce("intent", "written").alias("intent"))
        return whole.select(TOUCHES_SCHEMA.names())

    def _fix(self, touches: Sequence[Touch]) -> pl.DataFrame:
        *before, concerned, rewrites, erased = zip(*touches, strict=True)
        places = [self._concerned.setdefault(of, len(self._concerned)) for of in concerned]
        return pl.DataFrame([*before, places, rewrites, erased], _FIXED, orient="col")


def _number(of: Copy | SpareCopy | None) -> int | None:
    return of.number if isinstance(of, Copy) else None


@lru_cache(1024)
def _guid(guid: bytes | None) -> str | None:
    return None if guid is None else str(UUID(bytes_le=guid))


def _written_for(of: Copy | SpareCopy | None) -> Intent:
    if not isinstance(of, Copy):
        return Intent.OTHER
    if of.kept_from is not None:
        return Intent.RECLAIM
    return Intent.CREATE if of.replaces is None else Intent.UPDATE

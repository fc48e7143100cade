"""What each boot does to the UEFI variable store: room taken and left, erases, and what a reclaim costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import polars as pl

from tracetool.analysis.variables import store_changes, store_follower, store_range
from tracetool.timeline.operations import OPERATIONS_SCHEMA
from tracetool.uefi.boot import FIRMWARES
from tracetool.uefi.touches import Intent, Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.device import Device
    from tracetool.uefi.store_timeline import StoreFollower, StoreTimeline

__all__ = [
    "BOOT_WEAR_SCHEMA",
    "DRIVERS",
    "IS_ERASED",
    "IS_PROGRAMMED",
    "MODULE_WEAR_SCHEMA",
    "VARIABLE_WEAR_SCHEMA",
    "FlashDriver",
    "Reclaim",
    "StoreRoom",
    "StoreWear",
    "store_wear",
    "variable_writes",
]

_BOOT: dict[str, pl.DataType] = {"trace": pl.UInt16(), "boot": pl.UInt32()}
_SEQ: dict[str, pl.DataType] = {"trace": pl.UInt16(), "seq": pl.Int64()}
_WRITES: dict[str, pl.DataType] = {
    "variable": pl.String(),
    "guid": pl.String(),
    "copies": pl.Int64(),
    "bytes": pl.Int64(),
    "rewrites": pl.Int64(),
    "lasting": pl.Boolean(),
}

BOOT_WEAR_SCHEMA = pl.Schema(
    _BOOT
    | dict.fromkeys(
        ("added_bytes", "free_bytes", "live_bytes", "erases", "programmed_bytes", "rewrites", "reclaims"), pl.Int64()
    )
)
"""One row a boot: bytes of the copies of variables that it added to the store, bytes that were free and that live
copies took when it ended (null where there was no store yet), erases and bytes programmed anywhere in the flash, and
how often the live store was rewritten and reclaimed."""

VARIABLE_WEAR_SCHEMA = pl.Schema(_BOOT | _WRITES)
"""One row a boot and variable: copies added to the store, their bytes with header and padding, and rewrites of the live
store that were made for it. `lasting`: it was created here and is there at the end, so no later boot creates it."""

MODULE_WEAR_SCHEMA = pl.Schema(
    _BOOT
    | {"module": pl.String()}
    | dict.fromkeys(("added_bytes", "programmed_bytes", "programs", "erases", "rewrites"), pl.Int64())
)
"""One row a boot and module of the guest that asked for a program or erase of the flash, the most bytes first: bytes of
the copies of variables that it added to the store, bytes programmed, programs and erases anywhere in the flash, and
rewrites of the live store. `module` is null where the log of the guest's code does not tell."""

_WRITES_SCHEMA = pl.Schema(_SEQ | _WRITES)


class FlashDriver(NamedTuple):
    """How a firmware writes its store.

    Attributes:
        firmware: its builds.
        reclaims_below: free bytes below which it reclaims the store at ReadyToBoot.
        erases: of each block, where one is wanted.
        program_bytes: most bytes of one program.
        programs_blank: erased bytes are programmed too, and a reclaim puts the spare's old contents back.
    """

    firmware: str
    reclaims_below: int
    erases: int
    program_bytes: int
    programs_blank: bool


_LEAST_FREE = {firmware.volume_bytes: firmware.least_free for firmware in FIRMWARES.values()}
DRIVERS = {
    0xC0000: FlashDriver("AAVMF and RiscVVirt", _LEAST_FREE[0xC0000], 2, 128, programs_blank=False),
    0x84000: FlashDriver("OVMF 4M", _LEAST_FREE[0x84000], 1, 1, programs_blank=True),
    0x20000: FlashDriver("OVMF 2M", 0x2800, 1, 1, programs_blank=True),
}
"""By the length of the volume. Ref: reclaims by AAVMF and both builds of OVMF 2022.11."""


class StoreRoom(NamedTuple):
    """Room in a variable store, in bytes: in all, behind the last variable, and taken by the copies that count."""

    capacity: int
    free: int
    live: int


class Reclaim(NamedTuple):
    """One reclaim through fault tolerant write: events, work, and time (None in a trace without times).

    `complete` is False where the trace ends within it.
    """

    trace: int
    first_seq: int
    last_seq: int
    erases: int
    programs: int
    duration_ns: int | None
    complete: bool


@dataclass(frozen=True)
class StoreWear:
    """What the boots of a session did to the store of one device.

    Attributes:
        timeline: the life of the store.
        operations: the device's (`OPERATIONS_SCHEMA`).
        boots: one row a boot (`BOOT_WEAR_SCHEMA`).
        variables: one row a boot and variable (`VARIABLE_WEAR_SCHEMA`), by boot and bytes.
        modules: one row a boot and module (`MODULE_WEAR_SCHEMA`), by boot and bytes; empty without a log of its code.
        rooms: the room before the first boot, then at the end of each; None where there was no store.
        reclaims: those in the traces, in order.
    """

    timeline: StoreTimeline
    operations: pl.DataFrame
    boots: pl.DataFrame
    variables: pl.DataFrame
    modules: pl.DataFrame
    rooms: tuple[StoreRoom | None, ...]
    reclaims: tuple[Reclaim, ...]


def store_wear(device: Device) -> StoreWear | None:
    """Follow the store of a device that was replayed with journal and operations, boot by boot; None without one."""
    span = store_range(device)
    if span is None:
        return None
    follower = store_follower(device, span)
    operations = pl.concat([OPERATIONS_SCHEMA.to_frame(), *device.operations])
    starts = _starts(operations)
    rooms = tuple(_rooms(device, follower, starts.select("trace", "first_seq").rows()))
    timeline = follower.follow(())
    writes = variable_writes(timeline)
    variables = _by_boot(writes, operations)
    boots = _boots(starts, timeline.touches, operations, variables, rooms)
    modules = _modules(device.operations_with_code(), writes) if device.callers else MODULE_WEAR_SCHEMA.to_frame()
    reclaims = tuple(_reclaims(timeline.touches, operations))
    return StoreWear(timeline, operations, boots, variables, modules, rooms, reclaims)


def _starts(operations: pl.DataFrame) -> pl.DataFrame:
    """The boots with an operation, and the first event that counts for each: -1 where its trace begins."""
    boots = operations.group_by("trace", "boot").agg(pl.col("first_seq").min()).sort("trace", "boot")
    first = pl.col("boot") == pl.col("boot").min().over("trace")
    return boots.with_columns(pl.when(first).then(-1).otherwise("first_seq").alias("first_seq"))


def _rooms(device: Device, follower: StoreFollower, starts: list[tuple[int, int]]) -> Iterator[StoreRoom | None]:
    """The room before the first boot, then at the end of each, while the follower takes in the changes."""
    yield _room(follower)
    ends = starts[1:]
    for trace, change in store_changes(device):
        while ends and (trace, change.seq) >= ends[0]:
            yield _room(follower)
            del ends[0]
        follower.change(trace, change)
    for _ in range(len(ends) + bool(starts)):
        yield _room(follower)


def _room(follower: StoreFollower) -> StoreRoom | None:
    variables = follower.variables
    if variables is None:
        return None
    counted = {(copy.name, copy.header.guid): copy.header for copy in follower.live.values() if copy.live}
    live = sum(header.end - header.offset for header in counted.values())
    return StoreRoom(variables.store.end - variables.store.first, variables.store.end - variables.end, live)


# --- tables ------------------------------------------------------------------------------------------------------

_ON_BOOT = ["trace", "boot"]
_DONE = pl.col("outcome") == "done"
IS_ERASED = _DONE & (pl.col("kind") == "erase")
IS_PROGRAMMED = _DONE & pl.col("kind").is_in(["program", "buffered-program"])


def _modules(operations: pl.DataFrame, writes: pl.DataFrame) -> pl.DataFrame:
    """A frame of `MODULE_WEAR_SCHEMA`, of operations with their code and what was written of variables."""
    on_module = [*_ON_BOOT, "module"]
    named = operations.rename({"by": "module"})
    added = (
        _with_operation(writes, named)
        .group_by(on_module)
        .agg(pl.col("bytes").sum().alias("added_bytes"), pl.col("rewrites").sum())
    )
    asked = named.filter(IS_PROGRAMMED | IS_ERASED).group_by(on_module)
    summed = asked.agg(
        pl.col("length").filter(IS_PROGRAMMED).sum().alias("programmed_bytes"),
        IS_PROGRAMMED.sum().alias("programs"),
        IS_ERASED.sum().alias("erases"),
    )
    order = ["trace", "boot", "programmed_bytes", "erases", "module"]
    both = summed.join(added, on=on_module, how="left", nulls_equal=True)
    filled = both.with_columns(pl.col("added_bytes", "rewrites").fill_null(0))
    ordered = filled.sort(order, descending=[False, False, True, True, False])
    return ordered.select(MODULE_WEAR_SCHEMA.names()).cast(MODULE_WEAR_SCHEMA)


def _boots(
    starts: pl.DataFrame,
    touches: pl.DataFrame,
    operations: pl.DataFrame,
    variables: pl.DataFrame,
    rooms: tuple[StoreRoom | None, ...],
) -> pl.DataFrame:
    """A frame of `BOOT_WEAR_SCHEMA`."""
    ends = [(None, None) if room is None else (room.free, room.live) for room in rooms[1:]]
    work = operations.group_by(_ON_BOOT).agg(
        IS_ERASED.sum().alias("erases"), pl.col("length").filter(IS_PROGRAMMED).sum().alias("programmed_bytes")
    )
    added = variables.group_by(_ON_BOOT).agg(pl.col("bytes").sum().alias("added_bytes"))
    phases = _with_operation(touches.filter(pl.col("rewrite").is_not_null()), operations).group_by(_ON_BOOT)
    counts = phases.agg(
        pl.col("rewrite").filter(pl.col("intent") == str(intent)).n_unique().alias(name)
        for intent, name in ((Intent.REWRITE, "rewrites"), (Intent.RECLAIM, "reclaims"))
    )
    found = starts.hstack(pl.DataFrame(ends, {"free_bytes": pl.Int64, "live_bytes": pl.Int64}, orient="row"))
    for table in (work, added, counts):
        found = found.join(table, on=_ON_BOOT, how="left", maintain_order="left")
    found = found.with_columns(pl.col("added_bytes", "rewrites", "reclaims").fill_null(0))
    return found.select(BOOT_WEAR_SCHEMA.names()).cast(BOOT_WEAR_SCHEMA)


def variable_writes(timeline: StoreTimeline) -> pl.DataFrame:
    """What was written of variables: a row a copy added, and a row a rewrite of the live store.

    Returns:
        Columns trace and seq, then those of `VARIABLE_WEAR_SCHEMA` from `variable` on.
    """
    present = {(copy.name, copy.header.guid) for copy in timeline.copies if copy.live and copy.ended is None}
    added = [
        (
            *copy.born,
            copy.name,
            str(UUID(bytes_le=copy.header.guid)),
            1,
            copy.header.end - copy.header.offset,
            0,
            copy.replaces is None and (copy.name, copy.header.guid) in present,
        )
        for copy in timeline.copies
        if copy.born is not None and copy.kept_from is None
    ]
    copies = pl.DataFrame(added, _WRITES_SCHEMA, orient="row")
    return pl.concat([copies, _rewrites(timeline.touches)])


def _rewrites(touches: pl.DataFrame) -> pl.DataFrame:
    """The rewrites of the live store, each with the variable that is written next: it is what the rewrite is for."""
    erased = (pl.col("part") == str(Part.VARIABLES)) & (pl.col("intent") == str(Intent.REWRITE))
    erases = touches.filter(erased).unique("rewrite", keep="first", maintain_order=True).select("trace", "seq")
    other = ~pl.col("intent").is_in([str(Intent.REWRITE), str(Intent.RECLAIM)])
    written = touches.filter(other & pl.col("variable").is_not_null()).select("trace", "seq", "variable", "guid")
    return (
        erases.sort("seq")
        .join_asof(written.sort("seq"), on="seq", by="trace", strategy="forward", check_sortedness=False)
        .filter(pl.col("variable").is_not_null())
        .with_columns(copies=0, bytes=0, rewrites=1, lasting=False)
        .select(_WRITES_SCHEMA.names())
        .cast(_WRITES_SCHEMA)
    )


def _by_boot(writes: pl.DataFrame, operations: pl.DataFrame) -> pl.DataFrame:
    """A frame of `VARIABLE_WEAR_SCHEMA`."""
    found = _with_operation(writes, operations).group_by(*_ON_BOOT, "variable", "guid")
    summed = found.agg(pl.col("copies", "bytes", "rewrites").sum(), pl.col("lasting").any())
    order = ["trace", "boot", "bytes", "rewrites", "variable"]
    ordered = summed.sort(order, descending=[False, False, True, True, False])
    return ordered.select(VARIABLE_WEAR_SCHEMA.names()).cast(VARIABLE_WEAR_SCHEMA)


def _with_operation(rows: pl.DataFrame, operations: pl.DataFrame) -> pl.DataFrame:
    """Rows with `trace` and `seq`, and the boot, and `module` if known, of the operation that the event belongs to."""
    known = [name for name in ("boot", "module") if name in operations.columns]
    begun = operations.select("trace", pl.col("first_seq").alias("seq"), *known).sort("seq")
    return rows.sort("seq").join_asof(begun, on="seq", by="trace", check_sortedness=False)


_MOST_SEQ = (1 << 63) - 1
_QUEUE = [str(intent) for intent in Intent if intent.name.startswith("FTW_")]


def _reclaims(touches: pl.DataFrame, operations: pl.DataFrame) -> Iterator[Reclaim]:
    """Each reclaim, from the header of its write in the queue to the last touch of the spare after it."""
    queue = touches.filter(pl.col("intent").is_in(_QUEUE))
    reclaims = touches.filter(pl.col("intent") == str(Intent.RECLAIM), pl.col("rewrite").is_not_null())
    spans = reclaims.group_by("trace", "rewrite", maintain_order=True).agg(
        pl.col("seq").min().alias("begins"), pl.col("seq").max().alias("ends")
    )
    for trace, _, begins, ends in spans.rows():
        mine = queue.filter(pl.col("trace") == trace)
        headers = mine.filter(pl.col("intent") == str(Intent.FTW_HEADER))["seq"].to_list()
        # The header of a write is programmed in two steps: allocated, then its writes.
        first = min([seq for seq in headers if seq < begins][-2:], default=begins)
        next_write = next((seq for seq in headers if seq > ends), None)
        after = mine.filter(pl.col("seq").is_between(ends + 1, _MOST_SEQ if next_write is None else next_write - 1))
        complete = (after["intent"] == str(Intent.FTW_COMPLETE)).any()
        yield _reclaim(trace, first, max(after["seq"].to_list(), default=ends), operations, complete=complete)


def _reclaim(trace: int, first: int, last: int, operations: pl.DataFrame, *, complete: bool) -> Reclaim:
    # An operation counts from its first event on, which may be before the change that it makes.
    within = operations.filter(pl.col("trace") == trace, pl.col("last_seq") >= first, pl.col("first_seq") <= last)
    erases, programs = (int(within.select(which.sum()).item()) for which in (IS_ERASED, IS_PROGRAMMED))
    end_ns = (pl.col("time_ns") + pl.col("duration_ns")).max()
    duration_ns = within.select(end_ns - pl.col("time_ns").min()).item()
    return Reclaim(trace, first, last, erases, programs, duration_ns, complete)

"""The UEFI variables of a replayed device: its store at the end of the replay, and how it came about."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.errors import InputError, UsageError
from tracetool.timeline.operations import OPERATIONS_SCHEMA, with_times
from tracetool.uefi.store_timeline import StoreFollower
from tracetool.uefi.varstore import VariableStore, find_variable_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.journal import StorageChange
    from tracetool.analysis.device import Device
    from tracetool.analysis.session import Replayed
    from tracetool.uefi.store_timeline import StoreTimeline

__all__ = [
    "CHANGES_SCHEMA",
    "changes_frame",
    "changes_of",
    "chosen_store",
    "device_store",
    "store_after",
    "store_changes",
    "store_follower",
    "store_range",
]

_SHOWN = 5

CHANGES_SCHEMA = pl.Schema(
    {
        "trace": pl.UInt16(),
        "first_seq": pl.Int64(),
        "last_seq": pl.Int64(),
        "time_ns": pl.Int64(),
        "intent": pl.String(),
        "variable": pl.String(),
        "guid": pl.String(),
        "copy": pl.UInt32(),
        "offset": pl.Int64(),
        "bytes": pl.Int64(),
        "commits": pl.UInt32(),
    }
)
"""One row a step in the life of a variable, or of the store: the events (first, last) that it took, when the first one
was, what it was for, the copy of the variable (null: none), the lowest offset, the bytes programmed or erased, and in
how many commits."""


def device_store(device: Device) -> VariableStore | None:
    """Decode the store that the guest would read after the replay; None where there is none, or no contents."""
    machine = device.machine
    if machine is None:
        return None
    return find_variable_store(machine.storage(), machine.storage_mask, machine.known_value)


def store_after(device: Device, trace: int, seq: int) -> VariableStore | None:
    """Decode the store just after an event, from the journal; None where there is none at that moment."""
    history = device.history()
    return None if history is None else find_variable_store(*history.snapshot(history.position(trace, seq)).whole())


def _first_store(device: Device) -> VariableStore | None:
    """The store in the image before the trace."""
    image = None if device.machine is None else device.machine.config.image
    return None if image is None else find_variable_store(image)


def store_range(device: Device) -> tuple[int, int] | None:
    """Start and end of the volume with the store after the replay, else before it; None where there was neither."""
    store = device_store(device) or _first_store(device)
    return None if store is None else (store.start, store.end)


def store_follower(device: Device, span: tuple[int, int]) -> StoreFollower:
    """A follower of the device's store in a range (see `store_range`), as it was before the first change."""
    start, end = span
    image = None if device.machine is None else device.machine.config.image
    before = np.zeros(end - start, np.uint8)
    known = np.zeros(end - start, np.uint8)
    if image is not None:
        part = image[start:end]
        before[: len(part)], known[: len(part)] = part, 1
    return StoreFollower(start, bytearray(before), bytearray(known))


def store_changes(device: Device, start: int = 0) -> Iterator[tuple[int, StorageChange]]:
    """The changes from number `start` on, each with its trace's number; of a device replayed with a journal."""
    machine = device.machine
    if machine is None:
        return
    starts = [(notes.changes_before, notes.trace) for notes in device.notes]
    ends = [start for start, _ in starts[1:]] + [len(machine.journal)]
    for (begin, trace), end in zip(starts, ends, strict=True):
        yield from ((trace, change) for change in machine.journal.storage_changes(max(begin, start), end))


def chosen_store(replayed: Replayed) -> Device:
    """The device that holds a variable store, or held one before the trace.

    Raises:
        InputError: there is none.
        UsageError: there is more than one.
    """
    found = [device for device in replayed.devices.values() if device.has_store]
    if len(found) == 1:
        return found[0]
    names = ", ".join(device.name for device in found)
    if names:
        raise UsageError(f"several devices have a variable store: {names}; choose one with --device")
    raise InputError(
        f"no UEFI variable store in {', '.join(replayed.devices)}; where the trace does not show its beginning, "
        "give the image before the trace with --image"
    )


def changes_of(device: Device, name: str | None) -> pl.DataFrame:
    """The steps in the life of a device's store, or of the variables of one name; a frame of `CHANGES_SCHEMA`.

    Raises:
        InputError: the store cannot be followed.
        UsageError: there never was a variable of this name.
    """
    timeline = device.followed_store
    if timeline is None:
        raise InputError(f"{device.name}: its variable store cannot be followed from its beginning; give --image")
    steps = changes_frame(timeline, pl.concat([OPERATIONS_SCHEMA.to_frame(), *device.operations]))
    if name is None:
        return steps
    known = sorted({copy.name for copy in timeline.copies if copy.name})
    if name not in known:
        close = get_close_matches(name, known) or known[:_SHOWN]
        raise UsageError(f"no variable {name!r} in the store at any time; there is {', '.join(close) or 'none'}")
    return steps.filter(pl.col("variable") == name)


def changes_frame(timeline: StoreTimeline, operations: pl.DataFrame) -> pl.DataFrame:
    """Sum up what was done to each copy, step by step, as a frame of `CHANGES_SCHEMA` in the order of events.

    `operations` are the device's (`OPERATIONS_SCHEMA`), from which the times come.
    """
    touches = timeline.touches.with_row_index("row").sort("copy", "row", nulls_last=True)
    steps = (
        touches.with_columns(pl.struct("copy", "variable", "guid", "intent", "rewrite").rle_id().alias("step"))
        .group_by("step", maintain_order=True)
        .agg(
            pl.col("trace", "intent", "variable", "guid", "copy", "row").first(),
            pl.col("seq").first().alias("first_seq"),
            pl.col("seq").last().alias("last_seq"),
            pl.col("offset").min(),
            pl.col("length").sum().alias("bytes"),
            pl.col("seq").n_unique().alias("commits"),
        )
        .sort("first_seq", "row")
    )
    timed = with_times(steps.sort("trace", "first_seq", "row"), "first_seq", operations)
    return timed.select(pl.col(name).cast(dtype) for name, dtype in CHANGES_SCHEMA.items())

"""The variable store of a flash: its volume, variables, fault tolerant write, and free space, on any bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tracetool.uefi.ftw import read_queue, read_working_header
from tracetool.uefi.regions import nv_regions
from tracetool.uefi.store import STEP, find_store
from tracetool.uefi.values import value_text
from tracetool.uefi.variables import (
    STORE_GUIDS,
    STORE_HEADER_BYTES,
    CurrentCopies,
    State,
    VariableList,
    read_store_header,
    read_variable,
)
from tracetool.uefi.volume import HEADER_BYTES, WORKING_GUID, find_nv_volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_] | NDArray[np.uint8]

    from tracetool.uefi.ftw import Queue
    from tracetool.uefi.regions import Region
    from tracetool.uefi.variables import Read, StoreHeader, Variable
    from tracetool.uefi.volume import Volume

__all__ = [
    "VARIABLES_SCHEMA",
    "VariableStore",
    "find_variable_store",
    "is_blank",
    "qemu_document",
    "read_variable_store",
    "reader",
    "remarks",
    "store_differences",
    "variables_frame",
    "why_no_store",
]

VARIABLES_SCHEMA = pl.Schema(
    {
        "variable": pl.String(),
        "guid": pl.String(),
        "state": pl.UInt8(),
        "status": pl.Enum(["current", "superseded", "deleted", "unfinished", "illegal"]),
        "attributes": pl.UInt32(),
        "offset": pl.Int64(),
        "length": pl.Int64(),
        "data_bytes": pl.Int64(),
        "value": pl.String(),
    }
)
"""One row a copy of a variable, in the order of the store: its state byte and what that means for the firmware,
attributes, offset and length of the whole copy with its header (bytes), length of its data, and the data in words, or
in hex where they are of no known kind."""

_ERASED = 0xFF
_ERASED_GUID = b"\xff" * 16
_LONGEST_VOLUME = 1 << 20
"""Bytes behind a store whose volume header is damaged in which its fault tolerant write is looked for."""


@dataclass(frozen=True)
class VariableStore:
    """A variable store at one moment. Offsets are those of the flash.

    Attributes:
        start: where the volume begins.
        volume: its header; None where that is damaged or not known.
        header: the store's own header; None likewise, and then there are no variables.
        variables: every copy in the list, in order, whatever its state.
        list_end: where the list ends; what lies behind it does not exist for the firmware.
        tail_erased: whether all behind the list is erased: else the firmware reclaims the store at its next start.
            None where a byte is not known.
        queue: the working block of fault tolerant writes; None where there is none.
        regions: the parts of the volume by name.
    """

    start: int
    volume: Volume | None
    header: StoreHeader | None
    variables: tuple[Variable, ...] = field(repr=False)
    list_end: int
    tail_erased: bool | None
    queue: Queue | None = field(repr=False)
    regions: tuple[Region, ...] = field(repr=False)

    @cached_property
    def current(self) -> dict[tuple[str, UUID], Variable]:
        """The copy of each variable that the firmware finds, by name and GUID."""
        return {(variable.name, variable.guid): variable for variable in CurrentCopies(self.variables)}

    @property
    def end(self) -> int:
        """First offset behind the volume; behind the store where the volume's length is not known."""
        if self.volume is not None:
            return self.start + self.volume.fv_length
        return self.header.end if self.header else self.start

    @property
    def free_bytes(self) -> int:
        """Bytes between the end of the list and the end of the store."""
        return max(self.header.end - self.list_end, 0) if self.header else 0


def reader(contents: NDArray[np.uint8], known: Mask | None = None, known_value: int = 1) -> Read:
    """Make a `Read` of contents (uint8), of which all bytes are known, or those where a mask has `known_value`."""

    def read(offset: int, length: int) -> bytes | None:
        if (
            offset < 0
            or offset + length > len(contents)
            or not (known is None or (known[offset : offset + length] == known_value).all())
        ):
            return None
        return contents[offset : offset + length].tobytes()

    return read


def find_variable_store(
    image: NDArray[np.uint8], known: Mask | None = None, known_value: int = 1
) -> VariableStore | None:
    """Find and decode the variable store in a flash's contents, at any multiple of 4 KiB.

    A store behind a sound volume header comes first; without one, a store whose volume header is damaged.

    Args:
        image: contents of the flash, uint8.
        known: mask, as long: `known_value` where a byte is known; None: all are.
        known_value: see `known`.
    """
    read = reader(image, known, known_value)
    found = find_store(image)
    starts = _damaged(image) if found is None else [found.start]
    return read_variable_store(read, starts[0], limit=len(image)) if starts else None


def _damaged(image: NDArray[np.uint8]) -> list[int]:
    """Offsets of store headers in a volume; copies in a spare, behind a working block, are left out."""
    stores = np.concatenate([_steps_with(image, guid, HEADER_BYTES) for guid in sorted(STORE_GUIDS)])
    working = _steps_with(image, WORKING_GUID)
    return sorted(
        start for start in stores.tolist() if not ((working < start) & (working >= start - _LONGEST_VOLUME)).any()
    )


def _steps_with(image: NDArray[np.uint8], guid: bytes, at: int = 0) -> NDArray[np.int64]:
    """Multiples of 4 KiB (int64) that have a GUID `at` bytes behind them."""
    steps = image[: len(image) // STEP * STEP].reshape(-1, STEP)[:, at : at + len(guid)]
    return np.flatnonzero((steps == np.frombuffer(guid, np.uint8)).all(axis=1)) * STEP


def read_variable_store(read: Read, start: int, *, limit: int) -> VariableStore:
    """Decode the variable store at `start` in a flash of `limit` bytes."""
    volume_header = read(start, HEADER_BYTES)
    volume = None if volume_header is None else find_nv_volume(volume_header, limit=limit - start)
    header = read_store_header(read, start + HEADER_BYTES)
    regions = tuple(nv_regions(read, limit=limit, start=start))
    end = start + volume.fv_length if volume else min(start + _LONGEST_VOLUME, limit)
    if header is None or header.size < STORE_HEADER_BYTES or header.end > end:
        return VariableStore(start, volume, None, (), start, None, _queue(read, start + HEADER_BYTES, end), regions)
    headers = VariableList(read, header)
    variables = tuple(read_variable(read, found, header.end) for found in headers.headers)
    tail = read(headers.end, header.end - headers.end)
    erased = None if tail is None else not tail.strip(b"\xff")
    return VariableStore(start, volume, header, variables, headers.end, erased, _queue(read, header.end, end), regions)


def _queue(read: Read, start: int, end: int) -> Queue | None:
    """Read the queue in the working block between the store and the end of the volume."""
    for offset in range(-(-start // STEP) * STEP, end, STEP):
        raw = read(offset, 32)
        if raw is not None and raw[:16] == WORKING_GUID:
            queue_bytes = int.from_bytes(raw[24:], "little")
            working_end = min(offset + 32 + queue_bytes, end)
            header = read_working_header(read, offset, working_end - offset)
            return None if header is None else read_queue(read, header, working_end)
    return None


# --- as frames and documents -------------------------------------------------------------------------------------


def variables_frame(store: VariableStore, *, deleted: bool = False) -> pl.DataFrame:
    """The variables as a frame of `VARIABLES_SCHEMA`: those that the firmware finds, or every copy with `deleted`."""
    current = {id(variable) for variable in store.current.values()}
    rows = [
        (
            variable.name,
            str(variable.guid),
            variable.header.state,
            _status(variable, current=id(variable) in current),
            variable.header.attributes,
            variable.header.offset,
            min(variable.header.data_end, store.end) - variable.header.offset,
            len(variable.data),
            _value(variable),
        )
        for variable in store.variables
        if deleted or id(variable) in current
    ]
    return pl.DataFrame(rows, VARIABLES_SCHEMA, orient="row")


def _status(variable: Variable, *, current: bool) -> str:
    """Status of a copy for the firmware."""
    if current:
        return "current"
    if variable.header.abandoned or variable.header.state == State.HEADER_VALID:
        return "unfinished"
    if variable.header.state in (State.ADDED, State.IN_DELETED_TRANSITION):
        return "superseded"
    deleted = (State.DELETED, State.DELETED_AFTER_TRANSITION)
    return "deleted" if variable.header.state in deleted else "illegal"


def store_differences(before: VariableStore | None, after: VariableStore) -> pl.DataFrame:
    """The variables that differ in a byte or an attribute, by name and GUID, a row each.

    Args:
        before: None for a blank flash.
        after: compared with it.

    Returns:
        Columns variable, guid, change (added, removed or changed), value and value_after (in words; in hex where both
        are the same in words) as strings, attributes and attributes_after (uint32).
    """
    old, new = {} if before is None else before.current, after.current
    rows = []
    for key in sorted(old.keys() | new.keys(), key=str):
        first, last = old.get(key), new.get(key)
        if first and last and (first.data, first.header.attributes) == (last.data, last.header.attributes):
            continue
        change = "added" if first is None else "removed" if last is None else "changed"
        values = [each and _value(each) for each in (first, last)]
        if first and last and values[0] == values[1] and first.data != last.data:
            values = [first.data.hex(), last.data.hex()]
        attributes = [each and each.header.attributes for each in (first, last)]
        rows.append((key[0], str(key[1]), change, *values, *attributes))
    text, number = pl.String(), pl.UInt32()
    names = ("variable", "guid", "change", "value", "value_after", "attributes", "attributes_after")
    return pl.DataFrame(rows, dict(zip(names, (*[text] * 5, number, number), strict=True)), orient="row")


def _value(variable: Variable) -> str:
    """The data in words, or in hex where they are of no known kind."""
    return value_text(variable) or variable.data.hex()


def remarks(store: VariableStore) -> Iterator[str]:
    """Say where the firmware will not take the store as it is.

    Ref: boots of AAVMF and OVMF 2022.11 and 2025.02 on images as a power cut leaves them.
    """
    header = store.header
    if store.volume is None:
        yield "its volume header is damaged: AAVMF formats the store at its next start, OVMF does not start any more"
    if header is None:
        yield "its store header is damaged or of an unknown kind: the firmware finds no variable in it"
    elif not header.usable:
        yield "it is not marked formatted and healthy: the firmware hangs at its next start"
    elif not header.authenticated:
        yield "it is a store of plain variables, which current firmware does not write"
    if store.queue is not None and store.queue.pending is not None:
        yield "a fault-tolerant write is pending: the firmware writes the store anew from the spare at its next start"
    if store.tail_erased is False:
        yield "bytes behind its last variable are not erased: the firmware reclaims the store at its next start"
    for variable in store.current.values():
        place = f"at {variable.header.offset:#x}"
        if not variable.complete:
            yield f"the variable {place} reaches beyond the store or is not known: the firmware fails on it"
        elif not variable.name or variable.header.guid == _ERASED_GUID:
            yield f"the variable {place} is torn: its name or GUID was not written"


def why_no_store(image: NDArray[np.uint8]) -> str:
    """Say why an image holds no variable store."""
    head = image[:_LONGEST_VOLUME]
    if not head.any() or (head == _ERASED).all():
        return "it is blank; the firmware formats it at its first start"
    volume = find_nv_volume(image[:HEADER_BYTES].tobytes())
    if volume is not None and volume.fv_length > len(image):
        return f"its volume is {volume.fv_length:,} bytes long and the image {len(image):,}: it is cut short"
    working = _steps_with(image[:_LONGEST_VOLUME], WORKING_GUID)
    copies = _copies(image, int(working[0])) if len(working) else []
    if copies:
        return (
            f"its headers are erased; the spare of a fault-tolerant write holds a copy of the store at {copies[0]:#x}"
        )
    return "give the image or the trace of the variables' flash"


def is_blank(image: NDArray[np.uint8]) -> bool:
    """True for a flash that no firmware has formatted yet: all zeros or all erased."""
    return not image.any() or bool((image == _ERASED).all())


def _copies(image: NDArray[np.uint8], working: int) -> list[int]:
    """Offsets of store headers behind the working block."""
    stores = np.concatenate([_steps_with(image, guid, HEADER_BYTES) for guid in sorted(STORE_GUIDS)])
    return sorted(start for start in stores.tolist() if working < start < working + _LONGEST_VOLUME)


def qemu_document(store: VariableStore) -> dict[str, Any]:
    """The variables that the firmware finds as plain data, in the JSON form of QEMU's `uefi-vars` devices.

    Ref: QEMU docs/devel/uefi-vars.rst; virt-fw-vars reads it too.
    """
    return {"version": 2, "variables": [_qemu_variable(variable) for variable in store.current.values()]}


def _qemu_variable(variable: Variable) -> dict[str, Any]:
    header = variable.header
    document = {
        "name": variable.name,
        "guid": str(variable.guid),
        "attr": header.attributes,
        "data": variable.data.hex(),
    }
    return document | ({"time": header.timestamp.hex()} if any(header.timestamp) else {})

"""What was made of devices so far: while a trace grows, only what is new is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.timeline.operations import OPERATIONS_SCHEMA
from tracetool.timeline.touched import with_touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from tracetool.analysis.device import Device
    from tracetool.uefi.store_timeline import StoreFollower, StoreTimeline

__all__ = ["Growth", "SessionGrowth"]

_MOST_CHUNKS = 64
_NO_OPERATIONS = OPERATIONS_SCHEMA.to_frame()
_END = (1 << 63) - 1
_SAID = ("trace", "seq", "part", "intent", "variable")
"""Columns of touches from which those of operations are made; of the same event, `erased` is the same too."""


class _Shared:
    """What copies of a session share: each goes on from where the one before was, and results stay as they are."""

    def __deepcopy__(self, _memo: object) -> Self:
        return self


class Growth(_Shared):
    """The variable store of one device, and its operations with what they touched of it, as they were last made."""

    def __init__(self) -> None:
        self._span: tuple[int, int] | None = None
        self._follower: StoreFollower | None = None
        self._changes = 0
        self._touches: pl.DataFrame | None = None
        self._table = _NO_OPERATIONS
        self.same = 0
        """Operations of the last table that are as they were in the one before."""

    def store_timeline(self, device: Device) -> StoreTimeline | None:
        """Follow the store of a device that was replayed with a journal; None where it never had one."""
        from tracetool.analysis.variables import store_changes, store_follower, store_range  # noqa: PLC0415  few ask

        machine, span = device.machine, store_range(device)
        if machine is None or span is None:
            return None
        if self._follower is None or span != self._span or self._changes > len(machine.journal):
            self._follower, self._span, self._changes = store_follower(device, span), span, 0
        start, self._changes = self._changes, len(machine.journal)
        return self._follower.follow(store_changes(device, start))

    def operations(self, operations: pl.DataFrame, touches: pl.DataFrame | None) -> pl.DataFrame:
        """The operations (`OPERATIONS_SCHEMA`, by first event) with what they touched.

        `touches` (`tracetool.uefi.touches.TOUCHES_SCHEMA`) are those of the device's store; None without one.
        """
        self.same = same = self._same(operations, touches)
        rest = operations[same:]
        if touches is not None and len(rest):
            rest = with_touches(rest, touches.filter(_key("seq") >= _first(rest)))
        self._table, self._touches = _joined(self._table[:same], rest), touches
        return self._table

    def _same(self, operations: pl.DataFrame, touches: pl.DataFrame | None) -> int:
        """How many operations are as they were: those before the first that is new, or that other touches are of."""
        old, known = self._table, self._touches
        count = min(len(old), len(operations))
        if not count or old.item(0, "device") != operations.item(0, "device"):
            return 0
        if known is None or touches is None:
            return count if known is touches else 0
        both = min(len(known), len(touches))
        now, then = touches[:both].select(_SAID), known[:both].select(pl.col(_SAID).name.prefix("then_"))
        differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"then_{name}")) for name in _SAID)
        other = now.hstack(then).select(differs).to_series()
        places = (now.filter(other), known[:both].filter(other), touches[both:], known[both:])
        first = min((int(place.select(_key("seq").min()).item()) for place in places if len(place)), default=_END)
        return int(operations[:count].select((_key("last_seq") < first).sum()).item())


class SessionGrowth(_Shared):
    """The operations of all devices, as they were last made."""

    def __init__(self) -> None:
        self._tables: dict[str, pl.DataFrame] = {}
        self._table = _NO_OPERATIONS

    def operations(self, devices: Mapping[str, Device]) -> pl.DataFrame:
        """The timeline of all devices, a frame of `OPERATIONS_SCHEMA` by trace and first event."""
        before, now = self._tables, {name: device.operation_table() for name, device in devices.items()}
        first = 0
        if before.keys() == now.keys():
            changed = (each[name][device.growth.same :] for name, device in devices.items() for each in (before, now))
            first = min((_first(rows) for rows in changed if len(rows)), default=_END)
        rest = pl.concat([_NO_OPERATIONS, *(_since(table, first) for table in now.values())])
        self._tables = now
        self._table = _joined(self._before(first), rest.sort("trace", "first_seq"))
        return self._table

    def _before(self, first: int) -> pl.DataFrame:
        return self._table[: len(self._table) - len(_since(self._table, first))]


def _key(seq: str) -> pl.Expr:
    """A number by which rows are in the order of traces and events."""
    return pl.col("trace").cast(pl.Int64) * (1 << 40) + pl.col(seq)


def _first(operations: pl.DataFrame) -> int:
    return int(operations[:1].select(_key("first_seq")).item())


def _since(operations: pl.DataFrame, first: int) -> pl.DataFrame:
    """The operations from a key on."""
    return operations[int(operations.select((_key("first_seq") < first).sum()).item()) :]


def _joined(before: pl.DataFrame, rest: pl.DataFrame) -> pl.DataFrame:
    table = before.vstack(rest) if len(before) else rest
    return table.rechunk() if table.n_chunks() > _MOST_CHUNKS else table

"""The selection that all views share: a device, an event, and a range of bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracetool.analysis.history import History
    from tracetool.viewmodel.tables import Tables

__all__ = ["Selection", "selection_at", "selection_of_moment", "settled"]


@dataclass(frozen=True)
class Selection:
    """What is selected; None for what is not.

    `seq` is the number of the event in trace number `trace`; `start` to `end` (exclusive) are bytes of `device`.
    """

    device: str | None = None
    trace: int = 0
    seq: int | None = None
    start: int | None = None
    end: int | None = None

    @property
    def event(self) -> tuple[int, int] | None:
        """Trace and seq of the event."""
        return None if self.seq is None else (self.trace, self.seq)

    @property
    def bytes(self) -> tuple[int, int] | None:
        """First byte of the range and its end."""
        return None if self.start is None or self.end is None else (self.start, self.end)

    def over(self, before: Selection) -> Selection:
        """This selection, with the event of another where it has none."""
        return self if self.seq is not None else replace(self, trace=before.trace, seq=before.seq)


def selection_at(tables: Tables, trace: int, seq: int) -> Selection:
    """An event with its device and the bytes of its operation, or of its own where that has none."""
    row = tables.event(tables.number(trace, seq))
    device = str(row["device"])
    operation = tables.operation_at(trace, seq, device)
    if operation is not None:
        found = tables.operations.row(operation, named=True)
        if found["last_seq"] >= seq and found["offset"] is not None:
            row = found
    if row["offset"] is None:
        return Selection(device, trace, seq)
    length = row.get("length") or row.get("size") or 1
    return Selection(device, trace, seq, int(row["offset"]), int(row["offset"]) + int(length))


def selection_of_moment(history: History, position: int, device: str) -> Selection:
    """The event that led to a moment of a device, and the bytes that it changed.

    Before the first change it is the first event of all, after a restart the first event of that trace.
    """
    commit = history.commit(position)
    if commit is None:
        return Selection(device, 0, 0)
    return Selection(device, commit.trace, max(commit.seq, 0), commit.offset, commit.end)


def settled(history: History, position: int) -> int:
    """The position just after the event that led to a position: an event may make several changes."""
    event = history.event(position)
    return 0 if event is None else history.position(event[0], max(event[1], 0))

"""Tables of a session: operations, accesses and events, and their relations."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from tracetool.events import ACCESSES, EVENTS_SCHEMA
from tracetool.findings.marked import cases_of, with_findings
from tracetool.timeline.code import modules_in
from tracetool.timeline.touched import FOUND, OF_OPERATIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracetool.findings import Severity
    from tracetool.viewmodel.audit_session import AuditSession

__all__ = ["Level", "Mark", "Tables"]

_WRITES = ("io_write", "outer_write")
_OF_READS = ("data_read", "read_status", "manufacturer_id", "device_id", "device_info", "read_unknown_state")
"""Inner events of a read; QEMU logs them before the `io_read` that they are part of."""

_NEAR = 64
"""Events around an access among which its inner events are looked for."""

_ACCESS = pl.col("event").is_in(list(ACCESSES))


class Level(Enum):
    """Level of the timeline: what its unopened rows are. The value is the plural in messages."""

    OPERATIONS = "operations"
    ACCESSES = "accesses"
    EVENTS = "events"

    @property
    def next(self) -> Level:
        """The next level, wrapping around."""
        levels = list(Level)
        return levels[(levels.index(self) + 1) % len(levels)]

    @property
    def of_operations(self) -> bool:
        """True where rows are operations."""
        return self is Level.OPERATIONS

    @property
    def of_accesses(self) -> bool:
        """True where rows are accesses."""
        return self is Level.ACCESSES


class Mark(NamedTuple):
    """The worst finding about an operation, and its event there."""

    severity: Severity
    rule: str
    seq: int


class Tables:
    """Operations by row; events by a number that runs through all traces."""

    def __init__(self, session: AuditSession) -> None:
        self.session = session
        self.operations = session.operations
        counts = [trace.events for trace in session.traces]
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.events = int(self.starts[-1])
        self._begins: dict[str | None, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    # --- events --------------------------------------------------------------------------------------------------

    def number(self, trace: int, seq: int) -> int:
        """The number of an event over all traces."""
        return int(self.starts[trace]) + seq

    def place(self, number: int) -> tuple[int, int]:
        """Trace and seq of the event with a number."""
        trace = int(np.searchsorted(self.starts, number, side="right")) - 1
        return trace, number - int(self.starts[trace])

    def event(self, number: int) -> dict[str, Any]:
        """The row of an event."""
        trace, seq = self.place(number)
        return self.session.traces[trace].rows(seq, 1, trace).row(0, named=True)

    def gather_events(self, numbers: NDArray[np.int64]) -> pl.DataFrame:
        """Events with these numbers (ascending), as a frame of `EVENTS_SCHEMA`."""
        pieces = [EVENTS_SCHEMA.to_frame()]
        traces = np.searchsorted(self.starts, numbers, side="right") - 1
        for trace in np.unique(traces).tolist():
            seqs = numbers[traces == trace] - self.starts[trace]
            pieces.append(self.session.traces[trace].gather(seqs, trace))
        return pl.concat(pieces)

    CHOSEN = "chosen"
    """Column of events: whether they are of one of the operations given to `select_events`."""

    def select_events(self, condition: pl.Expr, chosen: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """The numbers (int64) of the events for which a condition holds.

        With `chosen` operations (int64) it can also be on the column `CHOSEN`.
        """
        asked = set(condition.meta.root_names())
        operations = self._asked_of(condition) if asked & {*OF_OPERATIONS, *FOUND, self.CHOSEN} else None
        if operations is not None and chosen is not None:
            mask = np.zeros(len(operations), np.bool_)
            mask[chosen] = True
            operations = operations.with_columns(pl.Series(self.CHOSEN, mask))
        found = [
            trace.select(condition, at, operations) + self.starts[at] for at, trace in enumerate(self.session.traces)
        ]
        return np.concatenate([np.zeros(0, np.int64), *found])

    @cached_property
    def accesses(self) -> NDArray[np.int64]:
        """The numbers of all accesses, int64."""
        return self.select_events(_ACCESS)

    def accesses_of(self, operation: int) -> NDArray[np.int64]:
        """The numbers of the accesses of an operation, int64."""
        row = self.operations.row(operation, named=True)
        found = self._span(row).filter(_ACCESS)["seq"].to_numpy()
        return found + self.number(row["trace"], 0)

    def _span(self, operation: dict[str, Any]) -> pl.DataFrame:
        """The events of an operation's device from its first to its last."""
        first, count = operation["first_seq"], operation["last_seq"] - operation["first_seq"] + 1
        events: pl.DataFrame = self.session.traces[operation["trace"]].rows(first, count, operation["trace"])
        return events.filter(pl.col("device").cast(pl.String) == operation["device"])

    def inner_events(self, number: int) -> NDArray[np.int64]:
        """The numbers of the events that QEMU logged during an access, int64."""
        trace, seq = self.place(number)
        first = max(seq - _NEAR, 0)
        near = self.session.traces[trace].rows(first, seq + _NEAR - first, trace)
        mine = near.filter(pl.col("device").cast(pl.String) == near["device"].cast(pl.String)[seq - first])
        at = int(np.searchsorted(mine["seq"].to_numpy(), seq))
        kinds = mine["event"].cast(pl.String).to_list()
        inside = _before(kinds, at) if kinds[at] not in _WRITES else _after(kinds, at)
        return mine["seq"].to_numpy()[inside] + self.number(trace, 0)

    # --- operations ----------------------------------------------------------------------------------------------

    def select_operations(self, condition: pl.Expr) -> NDArray[np.int64]:
        """The operations (int64, ascending) for which a condition holds."""
        return self._asked_of(condition).select(condition.arg_true())[:, 0].to_numpy().astype(np.int64)

    def _asked_of(self, condition: pl.Expr) -> pl.DataFrame:
        """The operations with the columns that a condition is on."""
        return self.operations if set(FOUND).isdisjoint(condition.meta.root_names()) else self.audited

    @cached_property
    def audited(self) -> pl.DataFrame:
        """The operations with what findings say of them, the columns `FOUND`."""
        return with_findings(self.operations, self.session.audit.findings)

    def operation_at(self, trace: int, seq: int, device: str | None = None) -> int | None:
        """The operation that an event belongs to: the last one of its device that began at or before it."""
        if device not in self._begins:
            name = pl.col("device").cast(pl.String)
            rows = self.select_operations(name.is_not_null() if device is None else name == device)
            begins = pl.col("trace").cast(pl.Int64) * (1 << 40) + pl.col("first_seq")
            starts = self.operations.select(begins)[:, 0].to_numpy()[rows]
            # Operations of several devices are not in the order of their beginnings; these are, and find the same row.
            self._begins[device] = rows, np.minimum.accumulate(starts[::-1])[::-1]
        rows, starts = self._begins[device]
        at = int(np.searchsorted(starts, trace * (1 << 40) + seq, side="right")) - 1
        return int(rows[at]) if at >= 0 else None

    def main_seq(self, operation: int) -> int:
        """Seq of the event that stands for an operation: its last write, else its first event.

        For an erase its first write, at which QEMU erases.
        """
        row = self.operations.row(operation, named=True)
        if row["kind"] == "erase":
            return int(row["first_seq"])
        writes = self._span(row).filter(pl.col("event").cast(pl.String).is_in(_WRITES))["seq"]
        return int(writes[-1]) if len(writes) else int(row["first_seq"])

    @cached_property
    def outside(self) -> NDArray[np.bool_]:
        """Mask (bool, per operation) of those that reach beyond the extent of their device."""
        extents = self.session.extents
        if not extents:
            return np.zeros(len(self.operations), np.bool_)
        extent = pl.col("device").cast(pl.String).replace_strict(extents, default=None, return_dtype=pl.Int64)
        beyond = (pl.col("offset") + pl.col("length") > extent).fill_null(value=False)
        found: NDArray[np.bool_] = self.operations.select(beyond.alias("beyond"))["beyond"].to_numpy()
        return found

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The names of the UEFI variables that operations touched, sorted."""
        return tuple(self.operations["variable"].explode().drop_nulls().unique().sort())

    @cached_property
    def modules(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the modules that asked for operations, and of all in their chains, sorted."""
        every = self.operations.select(modules_in(pl.col("chain").drop_nulls().unique()).alias("module"))
        return tuple(self.operations["by"].drop_nulls().unique().sort()), tuple(
            every["module"].explode().drop_nulls().unique().sort()
        )

    @cached_property
    def marks(self) -> dict[int, Mark]:
        """The worst finding of each operation that has one."""
        marks: dict[int, Mark] = {}
        for finding in self.session.audit.findings:  # the worst first
            for operation, seq in self._operations_of(finding.device, list(cases_of(finding))):
                marks.setdefault(operation, Mark(finding.severity, finding.rule, seq))
        return marks

    @cached_property
    def severities(self) -> pl.Series:
        """Severity of the worst finding of each operation, the worst first; null where there is none."""
        found: list[int | None] = [None] * len(self.operations)
        for operation, mark in self.marks.items():
            found[operation] = -mark.severity
        return pl.Series("mark", found, pl.Int8)

    def _operations_of(self, device: str | None, cases: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The operation and the seq of each case, (trace, seq), on a device."""
        if not cases or device is None:
            return []
        mine = self.operations.with_row_index("at").filter(pl.col("device").cast(pl.String) == device)
        keys = mine.select(pl.col("trace").cast(pl.Int64) * (1 << 40) + pl.col("first_seq"))[:, 0].to_numpy()
        wanted = np.array([(trace << 40) + seq for trace, seq in cases], np.int64)
        found = np.searchsorted(keys, wanted, side="right") - 1
        rows = mine["at"].to_list()
        return [(rows[at], seq) for at, (_, seq) in zip(found.tolist(), cases, strict=True) if at >= 0]


def _before(kinds: list[str], at: int) -> list[int]:
    """The inner events of a read: just before it."""
    first = at
    while first > 0 and kinds[first - 1] in _OF_READS:
        first -= 1
    return list(range(first, at))


def _after(kinds: list[str], at: int) -> list[int]:
    """The inner events of a write: after it, up to the next access or what belongs to it."""
    last = at + 1
    while last < len(kinds) and kinds[last] not in ACCESSES and kinds[last] not in _OF_READS:
        last += 1
    return list(range(at + 1, last))

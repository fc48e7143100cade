"""Requests to QEMU's `uefi-vars` device, which keeps UEFI variables in the place of a flash.

Ref: QEMU hw/uefi/var-service-core.c (a write of the command register runs a request), include/hw/uefi/
var-service-api.h (registers). Lengths of data are not traced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from tracetool.ingest.uefi_vars_events import read_events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracetool.ingest.trace_reader import TraceReader

    _Arguments = Mapping[str, int | str]

__all__ = ["CHANGING", "DEVICE", "REQUESTS_SCHEMA", "read_requests", "request_totals"]

DEVICE = "uefi-vars"

REQUESTS_SCHEMA = pl.Schema(
    {
        "trace": pl.UInt16(),
        "boot": pl.UInt32(),
        "request": pl.Int64(),
        "line": pl.Int64(),
        "time_ns": pl.Int64(),
        "duration_ns": pl.Int64(),
        "device": pl.String(),
        "operation": pl.String(),
        "variable": pl.String(),
        "guid": pl.String(),
        "name_bytes": pl.Int64(),
        "outcome": pl.String(),
        "accesses": pl.Int64(),
        "transferred_bytes": pl.Int64(),
    }
)
"""One row a request: its number in the trace, the line or record of its first event, the time of that and until the
last, what was asked for, the variable (null: none) with the length of its name, terminator included, QEMU's answer
(null: not traced), the register accesses that it took, and the bytes that went through the transfer register (none with
DMA)."""

BY_QEMU = "set by QEMU"
"""A variable that the device itself sets, as `SetupMode`; no request of the guest's."""

CHANGING = ("set-variable", "lock-variable", BY_QEMU)
"""Operations that change a variable."""

_TRANSFER = 0x10


@dataclass
class _Request:
    """A request so far; the fields are those of `REQUESTS_SCHEMA`."""

    boot: int
    line: int
    time_ns: int | None
    last_ns: int | None
    operation: str
    accesses: int = 0
    transferred_bytes: int = 0
    variable: str | None = None
    guid: str | None = None
    name_bytes: int | None = None
    outcome: str | None = None

    def row(self, trace: int, number: int) -> tuple[object, ...]:
        """A row of `REQUESTS_SCHEMA`."""
        duration = None if self.time_ns is None or self.last_ns is None else self.last_ns - self.time_ns
        return (
            *(trace, self.boot, number, self.line, self.time_ns, duration, DEVICE, self.operation),
            *(self.variable, self.guid, self.name_bytes, self.outcome, self.accesses, self.transferred_bytes),
        )


@dataclass
class _Requests:
    """The requests of one trace, event by event.

    Register writes count for the request that follows, which they prepare; reads for the one before, whose answer they
    fetch.
    """

    done: list[_Request] = field(default_factory=list)
    _boot: int = -1
    _prepared: _Request | None = None

    def event(self, line: int, time_ns: int | None, name: str, arguments: _Arguments) -> None:
        """Take in the next event."""
        if name == "hard_reset":
            self._boot += 1
        elif name.startswith("reg_"):
            self._access(line, time_ns, arguments, write=name == "reg_write")
        elif name == "variable":
            self._variable(line, time_ns, arguments)
        elif name in ("status", "vars_security_violation", "vars_policy_deny"):
            self._answer(time_ns, str(arguments["text"]))
        elif not (name == "event" and self._current and self._current.operation == arguments["text"]):
            self._begin(line, time_ns, ("policy " if "policy" in name else "") + str(arguments["text"]))

    @property
    def _current(self) -> _Request | None:
        """The request that was begun last, in this boot."""
        return self.done[-1] if self.done and self.done[-1].boot == max(self._boot, 0) else None

    def _new(self, line: int, time_ns: int | None, operation: str) -> _Request:
        return _Request(max(self._boot, 0), line, time_ns, time_ns, operation)

    def _begin(self, line: int, time_ns: int | None, operation: str) -> None:
        request, self._prepared = self._prepared or self._new(line, time_ns, operation), None
        request.operation, request.last_ns = operation, time_ns
        self.done.append(request)

    def _access(self, line: int, time_ns: int | None, arguments: _Arguments, *, write: bool) -> None:
        if write:
            self._prepared = self._prepared or self._new(line, time_ns, "")
        request = self._prepared if write else self._current or self._prepared
        if request is None:
            return
        request.accesses += 1
        request.last_ns = time_ns
        if arguments["address"] == _TRANSFER:
            request.transferred_bytes += int(arguments["size"])

    def _variable(self, line: int, time_ns: int | None, arguments: _Arguments) -> None:
        context = str(arguments["context"])
        asked = context.partition("_mm_")[2].replace("_", "-")
        request = self._current
        if not asked:
            if context != "uefi_vars_set_variable":
                return  # a check of the policies, within a request
            request = self._new(line, time_ns, BY_QEMU)
            # Before the request that it is part of, so that the answer still goes to that.
            self.done.insert(max(len(self.done) - (self._current is not None), 0), request)
        elif request is None or request.variable is not None or request.outcome is not None:
            self._begin(line, time_ns, asked)
            request = self.done[-1]
        request.variable, request.guid = str(arguments["name"]), str(arguments["guid"])
        request.name_bytes, request.last_ns = int(arguments["size"]), time_ns

    def _answer(self, time_ns: int | None, text: str) -> None:
        request = self._current
        if request is not None:
            request.outcome = f"{request.outcome}, {text}" if request.outcome else text
            request.last_ns = time_ns


def read_requests(readers: Sequence[TraceReader]) -> tuple[pl.DataFrame, int]:
    """The requests in logs and traces of the simple backend, and how many of the device's events are damaged.

    Returns:
        A frame of `REQUESTS_SCHEMA`, and the number of damaged events.

    Raises:
        InputError: a trace cannot be read, or not a second time.
    """
    rows: list[tuple[object, ...]] = []
    damaged = 0
    for trace, reader in enumerate(readers):
        requests = _Requests()
        for event in read_events(reader):
            if event.arguments is None:
                damaged += 1
            else:
                requests.event(event.number, event.time_ns, event.name, event.arguments)
        rows += [request.row(trace, number) for number, request in enumerate(requests.done)]
    return pl.DataFrame(rows, REQUESTS_SCHEMA, orient="row"), damaged


def request_totals(requests: pl.DataFrame) -> pl.DataFrame:
    """Each variable that was asked for, by name: how often it was read, written and refused.

    Returns:
        Columns variable and guid (strings), name_bytes, reads, writes and refused (int64).
    """
    operation, refused = pl.col("operation"), pl.col("outcome").is_not_null() & (pl.col("outcome") != "success")
    return (
        requests.drop_nulls("variable")
        .group_by("variable", "guid")
        .agg(
            pl.col("name_bytes").max(),
            (operation == "get-variable").sum().cast(pl.Int64).alias("reads"),
            operation.is_in(CHANGING).sum().cast(pl.Int64).alias("writes"),
            (operation.is_in(CHANGING) & refused).sum().cast(pl.Int64).alias("refused"),
        )
        .sort("variable", "guid")
    )

"""The guest code behind the events of one trace, by the plugin's log of the run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tracetool.errors import InputError
from tracetool.events import EVENT_CODES
from tracetool.ingest.source import open_source
from tracetool.who.attribution import BUS_ACCESSES_SCHEMA, Attributed, attribute, named
from tracetool.who.log import ACCESSES_SCHEMA, WhoLog, read_who_log
from tracetool.who.modules import Modules
from tracetool.who.symbols import Symbols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Callers", "CodeReport", "with_code"]

NO_ACCESSES = ACCESSES_SCHEMA.to_frame()

_MOST_BYTES = 1 << 30
_PIECE = 1 << 24
_MOST_SEQ = (1 << 63) - 1
_IO = [EVENT_CODES["io_read"], EVENT_CODES["io_write"]]


@dataclass(frozen=True)
class CodeReport:
    """How well a log of the guest's code fits its trace; see `Attributed`.

    `log` is the name of its file, `rows` and `damaged` are numbers of its lines, `lost` accesses that the plugin could
    not write.
    """

    log: str
    complete: bool
    rows: int
    damaged: int
    lost: int
    accesses: int
    matched: int
    ambiguous: int
    accesses_without_row: int
    rows_without_access: int
    contradictions: int
    of_another_run: bool
    doubts: tuple[str, ...]
    """What is missing or wrong, in words."""


class Callers:
    """Takes the events of a trace as they are read; the log is read, and lined up with them, when it is first asked.

    Args:
        log: finds the log of the plugin.
        code: finds the image of the code flash, which names modules; None: there is none.
        symbols: directory with the ELF files of the build; None: there is none.
        optional: a log that cannot be read is a doubt, not an error.

    Raises:
        InputError: there is no such directory; by every question, where a log that is not optional cannot be read.
        MissingDependencyError: symbols are asked for, and pyelftools is not installed.
    """

    def __init__(
        self,
        log: Callable[[], Path | None],
        code: Callable[[], Path | None],
        *,
        symbols: Path | None = None,
        optional: bool = False,
    ) -> None:
        self._log = log
        self._name = "no log"
        self._code = code
        self._symbols = None if symbols is None else Symbols(symbols)
        self._optional = optional
        self._gapless = False
        self._unreadable: list[str] = []
        self._frames = [BUS_ACCESSES_SCHEMA.to_frame()]

    def finish(self, *, gapless: bool) -> None:
        """End the trace; `gapless`: it lacks no events, unless it is all from some moment on."""
        self._gapless = gapless

    def see(self, events: pl.DataFrame) -> None:
        """Take the next events (`EVENTS_SCHEMA`), with their process."""
        kind = pl.col("event").to_physical()
        self._frames.append(
            events.lazy()
            .filter(kind.is_in(_IO))
            .select(
                "seq",
                "process",
                pl.col("device").cast(pl.String),
                (kind == EVENT_CODES["io_write"]).alias("store"),
                pl.col("offset").fill_null(-1),
                pl.col("size").cast(pl.Int64).fill_null(0),
            )
            .collect()
        )

    @cached_property
    def log(self) -> WhoLog:
        """The log."""
        found = self._bytes_of(self._found_log)
        return WhoLog(NO_ACCESSES) if found is None else read_who_log(found)

    def _found_log(self) -> Path | None:
        path = self._log()
        self._name = str(path)
        return path

    @cached_property
    def attributed(self) -> Attributed:
        """The bus accesses with their rows of the log; none has one where they are of several QEMUs."""
        accesses = pl.concat(self._frames)
        log = WhoLog(NO_ACCESSES) if self._several(accesses) else self.log
        return attribute(accesses, log, gapless=self._gapless)

    @staticmethod
    def _several(accesses: pl.DataFrame) -> bool:
        return accesses["process"].n_unique() > 1

    @cached_property
    def _named(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Every bus access (device, seq, index; null: no row), and the code by index, a frame of `CODE_SCHEMA`."""
        return named(
            self.attributed.rows, self.log, Modules(self.log, lambda: self._bytes_of(self._code), self._symbols)
        )

    def _bytes_of(self, find: Callable[[], Path | None]) -> bytes | None:
        """The contents of a file; None where there is none, or it cannot be read and is optional."""
        try:
            path = find()
            return None if path is None else _read(path)
        except InputError as error:
            if not self._optional:
                raise
            self._unreadable.append(str(error))
            return None

    @cached_property
    def report(self) -> CodeReport:
        """How well the log fits the trace."""
        log, found = self.log, self.attributed
        _ = self._named  # which may find that the firmware cannot be read
        return CodeReport(
            log=Path(self._name).name,
            complete=log.complete,
            rows=log.accesses.height,
            damaged=log.damaged,
            lost=log.lost,
            accesses=found.accesses,
            matched=found.matched,
            ambiguous=found.ambiguous,
            accesses_without_row=found.accesses_over,
            rows_without_access=found.rows_over,
            contradictions=found.contradictions,
            of_another_run=found.foreign,
            doubts=self._doubts(),
        )

    def _doubts(self) -> tuple[str, ...]:
        """What is missing or wrong, a line each."""
        log, found = self.log, self.attributed
        doubts = []
        if log.damaged and not (log.target or log.chains or log.accesses.height):
            doubts.append("is no log of the guest's code; tracetool record --who writes one")
        elif log.damaged:
            doubts.append(f"{log.damaged:,} damaged lines, the first is line {log.first_damage:,}")
        elif log.lost:
            doubts.append(f"{log.lost:,} accesses could not be written, says the log itself")
        elif not log.complete and not self._unreadable:
            doubts.append("is not complete: QEMU was killed, or the disk was full")
        if self._several(pl.concat(self._frames)):
            doubts.append("is of one QEMU, and the trace holds events of several: choose one with --process")
        elif found.foreign:
            doubts.append("does not fit the trace, so it is of another run, and nothing is attributed by it")
        elif log.accesses.height:
            doubts += _left_over(found)
        unfit = [] if self._symbols is None else self._symbols.doubts
        return *self._unreadable, *unfit, *(f"{self._name}: {doubt}" for doubt in doubts)

    def code_at(self, device: str, first: int, last: int | None) -> tuple[str, str] | None:
        """By whom, and the chain of, the first bus access in a range of events of a device; None: not known."""
        end = _MOST_SEQ if last is None else last
        _, by, chain = self.of_spans(device, pl.Series([first]), pl.Series([end])).row(0)
        return None if by is None else (by, chain)

    def of_spans(self, device: str, first: pl.Series, last: pl.Series) -> pl.DataFrame:
        """The code that made the first bus access of each range of events of a device, a frame of `CODE_SCHEMA`."""
        rows, code = self._named
        mine = rows.filter(pl.col("device") == device)
        at = mine["seq"].search_sorted(first)
        at = at.set(at == len(mine), None)
        inside = mine["seq"].gather(at) <= last
        return code[mine["index"].gather(at.set(~inside, None))]


def _left_over(found: Attributed) -> Iterator[str]:
    """What has no partner, in words."""
    if found.contradictions:
        yield f"{found.contradictions:,} of its stores are not in the trace, and others are in their place"
    if found.ambiguous:
        yield f"{found.ambiguous:,} of {found.accesses:,} accesses may have one row or another, and are given none"
    if found.accesses_over:
        yield (
            f"{found.accesses_over:,} of {found.accesses:,} accesses have no row: no load or store of a virtual CPU "
            "made them, or the log lost it"
        )


def with_code(table: pl.DataFrame, device: str, callers: Mapping[int, Callers], first: str, last: str) -> pl.DataFrame:
    """Fill the columns `CODE` of one device's rows from the callers of each trace, by its number.

    `first` and `last` name the columns with the first and last event of a row.
    """
    parts = [table.clear()]
    for (trace,), part in table.group_by("trace", maintain_order=True):
        found = callers.get(trace)
        parts.append(part if found is None else part.with_columns(found.of_spans(device, part[first], part[last])))
    return pl.concat(parts)


def _read(path: Path) -> bytes:
    source = open_source(str(path))
    data = bytearray()
    try:
        while piece := source.read(_PIECE):
            data += piece
            if len(data) > _MOST_BYTES:
                raise InputError(f"{path}: is larger than {_MOST_BYTES >> 30} GiB, which no log of a boot is")
    finally:
        source.close()
    return bytes(data)

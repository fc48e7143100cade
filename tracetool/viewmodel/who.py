"""What each module of the guest did to the flash, as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tracetool.audit.modules import sum_by_module
from tracetool.findings.phrases import count_of
from tracetool.report.tables import columns_of
from tracetool.timeline.chain import UNKNOWN
from tracetool.timeline.query.lexer import spell_text
from tracetool.viewmodel.cells import Cell, Column
from tracetool.viewmodel.chips import MODULE
from tracetool.viewmodel.filters import Chip
from tracetool.viewmodel.frame_rows import FrameColumn, FrameRows
from tracetool.viewmodel.tables import Tables

if TYPE_CHECKING:
    from typing import Any

    from tracetool.report.tables import TableColumn
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.passing import Passing

__all__ = ["WhoModel", "module_chip"]

_MISSING = (
    "no log of the guest's code: tracetool record --who keeps one in the run directory, --who-log FILE gives that of a "
    "trace"
)
_WIDEST = 32
"""Most columns of a module's name."""


def module_chip(by: str | None) -> Chip:
    """The chip of what a module asked for; None or `?`: of what unknown code did."""
    return Chip("by is null" if by in (None, UNKNOWN) else f"by == {spell_text(by)}", MODULE)


class WhoModel:
    """Sums by module of a session, of all operations or of those that pass a filter."""

    def __init__(self, session: AuditSession) -> None:
        self.session = session
        self.frame = pl.DataFrame()
        """A frame of `WHO_SCHEMA`."""
        self.words = _MISSING
        self._tables = Tables(session)

    @property
    def known(self) -> bool:
        """True where a log of the guest's code tells."""
        return self.session.has_code

    def sum(self, passing: Passing | None) -> None:
        """Sum what passes the filter, or everything."""
        if not self.known:
            return
        table = self._tables.audited
        if passing is not None and passing.tables.session is self.session:
            table = passing.tables.audited[passing.numbers]
        self.frame = sum_by_module(table)
        named = self.frame.filter(pl.col("by") != UNKNOWN)
        total = count_of(len(self.session.operations), "operation")
        asked = named["operations"].sum()
        share = total if asked == len(self.session.operations) else f"{asked:,} of {total}"
        words = f"{count_of(len(named), 'module')} asked for {share}"
        nobody = self.frame.filter(pl.col("by") == UNKNOWN)["operations"].sum()
        self.words = f"{words}; {nobody:,} by code that is not known" if nobody else words

    def rows(self) -> FrameRows:
        """The sums as a table, most accesses first."""
        if self.frame.is_empty():
            return FrameRows(self.frame, ())
        frame = self.frame.with_columns(pl.col("rules").list.join(" ").alias("rules_text"))
        return FrameRows(frame, tuple(_column(each, frame) for each in columns_of("modules")))

    def chip(self, row: int) -> Chip | None:
        """The chip of a row's module."""
        return module_chip(self.frame["by"][row]) if 0 <= row < len(self.frame) else None

    def row_of_event(self, trace: int, seq: int) -> int | None:
        """The row of the module that asked for the operation of an event; None where there is none."""
        device = str(self._tables.event(self._tables.number(trace, seq))["device"])
        operation = self._tables.operation_at(trace, seq, device)
        if operation is None or self.frame.is_empty():
            return None
        by = self.session.operations["by"][operation] or UNKNOWN
        found = self.frame["by"].to_list()
        return found.index(by) if by in found else None


def _column(made: TableColumn, frame: pl.DataFrame) -> FrameColumn:
    title, name, write, right = made

    def cell(row: dict[str, Any]) -> Cell:
        value = row[name]
        return Cell("" if value is None else write(value), "strong" if name == "by" else "")

    widest = max(len(title), *(len(cell(row).text) for row in frame.iter_rows(named=True)))
    key = "rules_text" if name == "rules" else name
    return FrameColumn(Column(name, title, min(widest, _WIDEST), right=right), cell, key)

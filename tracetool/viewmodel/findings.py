"""Rows of the findings view: each finding with its cases and evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tracetool.findings.phrases import count_of
from tracetool.report.phrases import SIGNS, evidence, severity_counts
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset
from tracetool.viewmodel.table_look import text_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tracetool.audit import Audit
    from tracetool.findings import Finding, Severity
    from tracetool.viewmodel.passing import Passing

__all__ = [
    "FindingCase",
    "FindingRow",
    "FindingsModel",
    "finding_rows",
    "findings",
    "findings_passing",
    "next_match",
    "row_of_event",
    "sorted_findings",
]

MOST_CASES = 200
"""Cases of one finding that are listed."""

_NAME = 24


class FindingCase(NamedTuple):
    """A case of a finding: its event, and a description."""

    seq: int
    trace: int
    words: str


@dataclass(frozen=True)
class FindingRow:
    """A finding as texts without control characters; those of its rule are in `RULES`.

    `seq` and `trace` are its first event, None where it is not about events.
    """

    severity: Severity
    sign: str
    rule: str
    device: str
    count: int
    place: str
    message: str
    evidence: str
    seq: int | None
    trace: int | None
    cases: tuple[FindingCase, ...] = ()
    events: frozenset[tuple[int, int]] = frozenset()
    """Trace and seq of every case."""
    finding: Finding | None = field(default=None, repr=False, compare=False)
    """What it is made of."""

    @property
    def tabbed(self) -> str:
        """The finding as text, separated by tabs."""
        words = (self.severity.label, self.rule, f"{self.count}", self.device, self.place, self.message)
        return "\t".join(words)

    @property
    def target(self) -> tuple[int, int] | None:
        """Seq and trace of its first event; None where there is none."""
        return None if self.seq is None else (self.seq, self.trace or 0)


@dataclass(frozen=True)
class FindingsModel:
    """All findings, the worst first, and their number per severity in words."""

    rows: tuple[FindingRow, ...]
    words: str


def findings(audit: Audit) -> FindingsModel:
    """The findings of an audit."""
    rows = finding_rows(audit)
    return FindingsModel(
        rows, severity_counts(audit.findings) or "no findings: every rule that could look found nothing"
    )


def findings_passing(model: FindingsModel, passing: Passing | None) -> FindingsModel:
    """The findings that speak of an operation that passes the filter, with the number of these operations."""
    if passing is None:
        return model
    known = {(rule, sanitize(device, _NAME)) for rule, device in passing.findings}
    rows = tuple(row for row in model.rows if (row.rule, row.device) in known)
    words = f"{len(rows)} of {count_of(len(model.rows), 'finding')}: those of operations that pass the filter"
    return FindingsModel(rows, words)


_KEYS: dict[str, Callable[[FindingRow], Any]] = {
    "severity": lambda row: -row.severity,
    "rule": lambda row: row.rule,
    "times": lambda row: row.count,
    "device": lambda row: row.device,
    "place": lambda row: text_key(row.place),
    "what": lambda row: row.message.casefold(),
}
"""What findings are sorted by, for each column."""


def sorted_findings(rows: Sequence[FindingRow], by: tuple[str, bool] | None) -> tuple[FindingRow, ...]:
    """Findings sorted by a column, descending or not; None for their own order."""
    return tuple(rows) if by is None else tuple(sorted(rows, key=_KEYS[by[0]], reverse=by[1]))


def finding_rows(audit: Audit) -> tuple[FindingRow, ...]:
    """One row a finding, in the audit's order: by severity, then by rule."""
    several = len(audit.traces) > 1
    return tuple(_row(finding, several=several) for finding in audit.findings)


def _row(finding: Finding, *, several: bool) -> FindingRow:
    return FindingRow(
        severity=finding.severity,
        sign=SIGNS[finding.severity],
        rule=finding.rule,
        device=sanitize(finding.device or "", _NAME),
        count=finding.count,
        place="" if finding.offset is None else format_offset(finding.offset),
        message=sanitize(finding.message),
        evidence=evidence(finding, several=several),
        seq=finding.first_seq,
        trace=finding.trace,
        cases=_cases(finding, several=several),
        events=frozenset((case.trace, case.seq) for case in finding.occurrences),
        finding=finding,
    )


def _cases(finding: Finding, *, several: bool) -> tuple[FindingCase, ...]:
    """Its occurrences where they were kept, else the first and the last."""
    cases: list[tuple[int | None, int, int | None]]
    cases = [(case.seq, case.trace, case.offset) for case in finding.occurrences[:MOST_CASES]]
    if not cases:
        ends = [(finding.first_seq, finding.trace or 0, None), (finding.last_seq, finding.last_trace or 0, None)]
        cases = list(dict.fromkeys(ends))
    return tuple(
        FindingCase(seq, trace, _case_words(seq, trace, offset, several=several))
        for seq, trace, offset in cases
        if seq is not None
    )


def _case_words(seq: int, trace: int, offset: int | None, *, several: bool) -> str:
    where = "" if offset is None or offset < 0 else f" at {format_offset(offset)}"
    return f"event {seq:,}{where}" + (f" of trace {trace}" if several else "")


def row_of_event(rows: Sequence[FindingRow], event: tuple[int, int] | None, preferred: int = 0) -> int | None:
    """The finding of an event: the preferred one where it is one of several, else the worst; None: it has none."""
    if event is None:
        return None
    found = [number for number, row in enumerate(rows) if event in row.events or row.target == event[::-1]]
    return preferred if preferred in found else found[0] if found else None


def next_match(rows: Sequence[FindingRow], text: str, here: int, *, forward: bool) -> int | None:
    """The next or previous finding that has all words of a text, in any case, wrapping around; None: none has."""
    words = text.lower().split()
    found = [number for number, row in enumerate(rows) if all(word in row.tabbed.lower() for word in words)]
    later = [number for number in found if (number > here if forward else number < here)]
    beyond = later or found
    return (beyond[0] if forward else beyond[-1]) if beyond else None

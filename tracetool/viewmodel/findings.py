"""Rows of the findings view: each finding with its cases and evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tracetool.report.phrases import SIGNS, evidence, severity_counts
from tracetool.sanitize import sanitize
from tracetool.sizes import format_offset

if TYPE_CHECKING:
    from tracetool.audit import Audit
    from tracetool.findings import Finding, Severity

__all__ = ["FindingCase", "FindingRow", "FindingsModel", "finding_rows", "findings"]

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

"""Phrases and signs that several faces share: counts, evidence of a finding, remarks on a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.audit.verdict import Verdict
from tracetool.findings import Severity
from tracetool.findings.phrases import count_of, events_of
from tracetool.sizes import format_offset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.analysis.session import TraceReport
    from tracetool.findings import Finding

__all__ = ["SIGNS", "counted", "evidence", "severity_counts", "trace_remarks"]

SIGNS: dict[Verdict | Severity, str] = {
    Verdict.OUTSIDE_EXTENT: "✖",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NO_EXTENT: "–",  # noqa: RUF001  a dash
    Verdict.WITHIN_EXTENT: "✔",
    Severity.ERROR: "✖",
    Severity.WARNING: "▲",
    Severity.NOTE: "●",
}
"""Sign beside each colour."""


def counted(number: int | None) -> str:
    """Format a count, `?` where it is unknown."""
    return "?" if number is None else f"{number:,}"


def evidence(finding: Finding, *, several: bool) -> str:
    """Say where to see a finding: events, bytes, times. `several`: the session has more than one trace."""
    parts = [events] if (events := events_of(finding, several=several)) else []
    if finding.offset is not None:
        end = finding.offset + (finding.length or 0)
        parts.append(f"bytes {format_offset(finding.offset)} to {format_offset(end)}")
    if finding.count > 1:
        parts.append(f"{finding.count:,} times")
    return "; ".join(parts) or "the device as a whole"


def severity_counts(findings: Sequence[Finding]) -> str:
    """Count the findings of each severity, the worst first: `2 errors, 1 note`; empty without findings."""
    severities = [finding.severity for finding in findings]
    worst_first = sorted(set(severities), reverse=True)
    return ", ".join(count_of(severities.count(severity), severity.label) for severity in worst_first)


def trace_remarks(trace: TraceReport) -> str:
    """Defects of a trace as it was read; empty without any."""
    health = trace.health
    said = []
    if health.first_damaged:
        first = health.first_damaged[0]
        said.append(f"{trace.meta.unit} {first.number:,}: {first.reason}: {first.excerpt}")
    if health.truncated:
        said.append(health.truncated)
    elif health.unterminated:
        said.append("the last line has no newline")
    if health.host_write_failures:
        first_failure = health.host_write_failures[0]
        said.append(f"line {first_failure.number:,}: {first_failure.text}")
    if trace.code is not None:
        said += trace.code.doubts
    return "; ".join(said)

"""Figures of a device, evidence of a finding, and the shapes that stand beside colours: shared by the faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tracetool.audit.verdict import Verdict
from tracetool.findings.phrases import count_of, events_of
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracetool.analysis.session import TraceReport
    from tracetool.audit import DeviceAudit
    from tracetool.findings import Finding

__all__ = ["SIGNS", "Figure", "counted", "device_figures", "evidence", "severity_counts", "trace_remarks"]

SIGNS: dict[str, str] = {
    Verdict.OUTSIDE_EXTENT: "✖",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NO_EXTENT: "–",  # noqa: RUF001  a dash
    Verdict.WITHIN_EXTENT: "✔",
    "error": "✖",
    "warning": "▲",
    "note": "●",
}
"""A shape beside each colour, by verdict and by the label of a severity."""


class Figure(NamedTuple):
    """A number and what it counts; `key` marks the one that is looked for first."""

    label: str
    value: str
    key: bool = False


def device_figures(device: DeviceAudit, guests: int) -> Iterator[Figure]:
    """The figures of a device: sizes that matter, then counts of what was done, those that are 0 left out."""
    yield from _sizes(device, guests)
    totals = device.totals
    counts = {
        "erases": totals.erases,
        "programs, stored or not": totals.unproved_programs,
        "programs": totals.buffered_programs + totals.programs,
        "bytes programmed": totals.bytes_programmed,
        "bus writes": totals.writes,
        "refused or aborted": totals.refused + totals.aborted,
    }
    yield from (Figure(label, f"{count:,}") for label, count in counts.items() if count)


def _sizes(device: DeviceAudit, guests: int) -> Iterator[Figure]:
    read_only = device.identity is not None and device.identity.read_only
    if device.minimum_backing_bytes is not None and not read_only:
        yield Figure("smallest backing", format_size(device.minimum_backing_bytes), key=True)
        if device.saved_bytes:
            yield Figure("saved, one guest", format_size(device.saved_bytes))
            if guests > 1:
                yield Figure(f"saved, {guests:,} guests", f"{device.saved_bytes * guests / (1 << 30):,.1f} GiB")
    if device.extent is not None:
        yield Figure("extent", format_size(device.extent.bytes))


def counted(number: int | None) -> str:
    """A count, `?` where it is not known."""
    return "?" if number is None else f"{number:,}"


def evidence(finding: Finding, *, several: bool) -> str:
    """Where a finding can be seen; `several`: the session has more than one trace."""
    parts = [events] if (events := events_of(finding, several=several)) else []
    if finding.offset is not None:
        end = finding.offset + (finding.length or 0)
        parts.append(f"bytes {format_offset(finding.offset)} to {format_offset(end)}")
    if finding.count > 1:
        parts.append(f"{finding.count:,} times")
    return "; ".join(parts) or "the device as a whole"


def severity_counts(findings: Sequence[Finding]) -> str:
    """How many findings there are of each severity, the worst first: `2 errors, 1 note`; empty if there are none."""
    severities = [finding.severity for finding in findings]
    worst_first = sorted(set(severities), reverse=True)
    return ", ".join(count_of(severities.count(severity), severity.label) for severity in worst_first)


def trace_remarks(trace: TraceReport) -> str:
    """What is wrong with a trace as it was read; empty if nothing is."""
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
    return "; ".join(said)

"""Model of the overview: verdict, devices, findings and traces, in the phrases and figures of the reports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from tracetool.audit.activity import activity, activity_of, with_outside
from tracetool.audit.flash import flash_use
from tracetool.audit.verdict import Verdict
from tracetool.findings import Severity
from tracetool.findings.phrases import count_of, events_lost
from tracetool.report.facts import Topic, device_facts, headline, shown_figures
from tracetool.report.phrases import SIGNS, severity_counts, trace_remarks
from tracetool.sanitize import sanitize
from tracetool.viewmodel.findings import FindingRow, FindingsModel, finding_rows, findings_passing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.session import TraceReport
    from tracetool.audit import Audit, DeviceAudit
    from tracetool.audit.activity import TraceActivity
    from tracetool.audit.figures import Figure
    from tracetool.audit.flash import FlashUse
    from tracetool.report.facts import Fact
    from tracetool.viewmodel.passing import Passing

__all__ = ["BootColumn", "DeviceCard", "OverviewModel", "overview", "overview_passing"]

_MOST_FINDINGS = 8
"""Findings that a small overview lists; the others have a view of their own."""

_TOPICS = (
    Topic.REGION,
    Topic.BOARD,
    Topic.ACCESS,
    Topic.EXTENT,
    Topic.WRITTEN,
    Topic.PROGRAMMED,
    Topic.ERASED,
    Topic.POLICY,
    Topic.SELF_CHECK,
)
"""Facts of a card, the self-check at its end."""

_NAME = 48


@dataclass(frozen=True)
class DeviceCard:
    """Card of one device; of its sizes and counts the smallest backing comes first."""

    name: str
    verdict: Verdict
    sign: str
    reasons: tuple[str, ...]
    flash: FlashUse | None
    figures: tuple[Figure, ...]
    facts: tuple[Fact, ...]
    quiet: bool
    """True for a device that is not written or read-only, with nothing outside."""
    passing: str = ""
    """Counts of its operations that pass the filter; empty without one."""


@dataclass(frozen=True)
class BootColumn:
    """Column of one trace: title, health, and the activity of each device (name and chart)."""

    number: int
    title: str
    health: str
    healthy: bool
    charts: tuple[tuple[str, TraceActivity], ...]


@dataclass(frozen=True)
class OverviewModel:
    """Model of the overview. Every text is free of control characters."""

    verdict: Verdict
    sign: str
    headline: str
    cards: tuple[DeviceCard, ...]
    findings: tuple[FindingRow, ...]
    counts: str
    """Number of findings by severity, or why there is none."""
    boots: tuple[BootColumn, ...]

    @property
    def worst(self) -> tuple[FindingRow, ...]:
        """The findings worth a look where there is little room."""
        return tuple(row for row in self.findings if row.severity >= Severity.WARNING)[:_MOST_FINDINGS]

    def findings_words(self, shown: int) -> str:
        """The findings in words, of which the first `shown` are listed."""
        left = len(self.findings) - shown
        return f"{self.counts}; {left:,} more in the findings view" if left else self.counts


def overview(audit: Audit) -> OverviewModel:
    """Make the model of an audit: devices and findings, the worst first, traces in their order.

    Operations beyond the extent are marked where the audit has its operations.
    """
    return OverviewModel(
        verdict=audit.verdict,
        sign=SIGNS[audit.verdict],
        headline=sanitize(headline(audit)),
        cards=tuple(_card(device, audit) for device in audit.worst_first),
        findings=finding_rows(audit),
        counts=severity_counts(audit.findings) or "no findings",
        boots=tuple(_boot(number, trace, audit) for number, trace in enumerate(audit.traces)),
    )


def overview_passing(model: OverviewModel, audit: Audit, passing: Passing | None) -> OverviewModel:
    """The overview with the counts and the activity of what passes the filter; the verdict is that of the whole."""
    if passing is None:
        return model
    cards = tuple(
        replace(card, passing=passing.words(device.name) or "nothing")
        for card, device in zip(model.cards, audit.worst_first, strict=True)
    )
    found = findings_passing(FindingsModel(finding_rows(audit), ""), passing)
    boots = tuple(replace(boot, charts=tuple(_charts(boot.number, audit, passing))) for boot in model.boots)
    return replace(model, cards=cards, findings=found.rows, counts=found.words, boots=boots)


def _charts(trace: int, audit: Audit, passing: Passing) -> Iterator[tuple[str, TraceActivity]]:
    """Activity of each device in a trace, of what passes."""
    for device in audit.worst_first:
        mine = passing.operations.filter((pl.col("trace") == trace) & (pl.col("device").cast(pl.String) == device.name))
        for chart in activity(device, audit):
            if chart.trace == trace:
                found = activity_of(mine, chart)
                yield sanitize(device.name, _NAME), with_outside(found, _outside(device, chart, mine))


# --- a device ----------------------------------------------------------------------------------------------------


def _card(device: DeviceAudit, audit: Audit) -> DeviceCard:
    return DeviceCard(
        name=sanitize(device.name, _NAME),
        verdict=device.verdict,
        sign=SIGNS[device.verdict],
        reasons=tuple(map(sanitize, device.verdict_reasons)),
        flash=flash_use(device, audit),
        figures=tuple(shown_figures(device)),
        facts=tuple(
            fact._replace(words=sanitize(fact.words)) for fact in device_facts(device) if fact.topic in _TOPICS
        ),
        quiet=device.excused and not device.unsure and device.verdict != Verdict.OUTSIDE_EXTENT,
    )


# --- a trace -----------------------------------------------------------------------------------------------------


def _boot(number: int, trace: TraceReport, audit: Audit) -> BootColumn:
    health = list(_health(trace))
    charts = [
        (sanitize(device.name, _NAME), with_outside(chart, _outside(device, chart, audit.operations)))
        for device in audit.worst_first
        for chart in activity(device, audit)
        if chart.trace == number
    ]
    return BootColumn(
        number=number,
        title=f"{sanitize(trace.meta.name)}: {count_of(trace.events, 'event')}",
        health="; ".join(map(sanitize, health)) or f"{count_of(trace.health.lines, trace.meta.unit)}, read to the end",
        healthy=not health,
        charts=tuple(charts),
    )


def _outside(device: DeviceAudit, chart: TraceActivity, operations: pl.DataFrame) -> Iterator[int]:
    """Positions, on the chart's axis, of operations that reach beyond the extent."""
    if device.extent is None:
        return
    mine = (pl.col("trace") == chart.trace) & (pl.col("device").cast(pl.String) == device.name)
    beyond = pl.col("offset") + pl.col("length") > device.extent.bytes
    yield from operations.filter(mine & beyond)["time_ns" if chart.timed else "first_seq"].drop_nulls()


def _health(trace: TraceReport) -> Iterator[str]:
    """Defects of a trace, a phrase each."""
    health = trace.health
    if health.damaged:
        yield f"{health.damaged:,} of {count_of(health.lines, trace.meta.unit)} not understood"
    lost = events_lost(health)
    if lost:
        yield f"{lost}, says the trace itself"
    remarks = trace_remarks(trace)
    if remarks:
        yield remarks

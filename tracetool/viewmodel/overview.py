"""What the overview shows: is it fine, for each device and trace, in the words and figures of the reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tracetool.audit.verdict import Verdict
from tracetool.findings import Severity
from tracetool.findings.phrases import count_of, events_lost
from tracetool.report.activity_chart import draw_activity
from tracetool.report.facts import device_facts, headline, worst_first
from tracetool.report.figures import SIGNS, device_figures, severity_counts, trace_remarks
from tracetool.sanitize import sanitize
from tracetool.viewmodel.activity_strip import with_outside
from tracetool.viewmodel.findings import FindingRow, finding_rows
from tracetool.viewmodel.flash_bar import flash_bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.analysis.session import TraceReport
    from tracetool.audit import Audit, DeviceAudit
    from tracetool.report.activity_chart import ActivityChart
    from tracetool.report.figures import Figure
    from tracetool.viewmodel.flash_bar import FlashBar

__all__ = ["BootColumn", "DeviceCard", "OverviewModel", "overview"]

MOST_FINDINGS = 8
"""Findings that the overview lists; the others have a view of their own."""

_FACTS = ("board", "access", "extent", "written", "programmed", "erased", "policy")
_NAME = 48


@dataclass(frozen=True)
class DeviceCard:
    """One device. `figures` are the sizes and counts, the key figure first; `facts` label and words."""

    name: str
    verdict: Verdict
    sign: str
    reasons: tuple[str, ...]
    bar: FlashBar | None
    figures: tuple[Figure, ...]
    facts: tuple[tuple[str, str], ...]
    self_check: str
    quiet: bool
    """Whether there is nothing to look at: nobody wrote to it, or it is read-only and nothing was done outside."""


@dataclass(frozen=True)
class BootColumn:
    """One trace: what it is, how well it was read, and what each device did over time (name and chart)."""

    number: int
    title: str
    health: str
    healthy: bool
    charts: tuple[tuple[str, ActivityChart], ...]


@dataclass(frozen=True)
class OverviewModel:
    """The whole. Every text is harmless to a terminal."""

    verdict: Verdict
    sign: str
    headline: str
    cards: tuple[DeviceCard, ...]
    findings: tuple[FindingRow, ...]
    findings_words: str
    boots: tuple[BootColumn, ...]


def overview(audit: Audit, operations: pl.DataFrame | None = None) -> OverviewModel:
    """The overview of an audit: devices and findings, the worst first, traces in their order.

    `operations` is a frame of `OPERATIONS_SCHEMA`, from which those beyond the extent are marked.
    """
    verdict, words = headline(audit)
    rows = finding_rows(audit)
    shown = tuple(row for row in rows if row.severity >= Severity.WARNING)[:MOST_FINDINGS]
    return OverviewModel(
        verdict=verdict,
        sign=SIGNS[verdict],
        headline=sanitize(words),
        cards=tuple(_card(device, audit) for device in worst_first(audit.devices)),
        findings=shown,
        findings_words=_findings_words(audit, len(rows) - len(shown)),
        boots=tuple(_boot(number, trace, audit, operations) for number, trace in enumerate(audit.traces)),
    )


def _findings_words(audit: Audit, left: int) -> str:
    counts = severity_counts(audit.findings)
    if not counts:
        return "no findings"
    return f"{counts}; {left:,} more in the findings view" if left else counts


# --- a device ----------------------------------------------------------------------------------------------------


def _card(device: DeviceAudit, audit: Audit) -> DeviceCard:
    facts = [(label, words) for label, words in device_facts(device, audit) if words not in device.reasons]
    by_label = dict(facts)
    return DeviceCard(
        name=sanitize(device.name, _NAME),
        verdict=device.verdict,
        sign=SIGNS[device.verdict],
        reasons=tuple(map(sanitize, device.reasons)),
        bar=flash_bar(device, audit),
        figures=tuple(device_figures(device, audit.guests)),
        facts=tuple((label, sanitize(words)) for label, words in facts if label in (*_FACTS, "region")),
        self_check=sanitize(by_label.get("self-check", "")),
        quiet=device.excused and not device.unsure and device.verdict != Verdict.OUTSIDE_EXTENT,
    )


# --- a trace -----------------------------------------------------------------------------------------------------


def _boot(number: int, trace: TraceReport, audit: Audit, operations: pl.DataFrame | None) -> BootColumn:
    health = list(_health(trace))
    charts = [
        (sanitize(device.name, _NAME), with_outside(chart, _outside(device, chart, operations)))
        for device in worst_first(audit.devices)
        for chart in draw_activity(device, audit.traces, audit.devices)
        if chart.number == number
    ]
    return BootColumn(
        number=number,
        title=f"{sanitize(trace.meta.name)}: {count_of(trace.events, 'event')}",
        health="; ".join(map(sanitize, health)) or f"{count_of(trace.health.lines, trace.meta.unit)}, read to the end",
        healthy=not health,
        charts=tuple(charts),
    )


def _outside(device: DeviceAudit, chart: ActivityChart, operations: pl.DataFrame | None) -> Iterator[int]:
    """Positions, on the chart's axis, of a device's operations that reach beyond its extent."""
    if operations is None or device.extent is None:
        return
    mine = (pl.col("trace") == chart.number) & (pl.col("device").cast(pl.String) == device.name)
    beyond = pl.col("offset") + pl.col("length") > device.extent.bytes
    yield from operations.filter(mine & beyond)["time_ns" if chart.timed else "first_seq"].drop_nulls()


def _health(trace: TraceReport) -> Iterator[str]:
    """What is wrong with a trace, in words."""
    health = trace.health
    if health.damaged:
        yield f"{health.damaged:,} of {count_of(health.lines, trace.meta.unit)} not understood"
    lost = events_lost(health)
    if lost:
        yield f"{lost}, says the trace itself"
    remarks = trace_remarks(trace)
    if remarks:
        yield remarks

"""The audit as one page of HTML: no network, no fonts, readable without its script, on paper and in the dark.

What stands in a trace is not to be trusted: everything but the style sheet and the script is escaped, and a content
security policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tracetool.audit.verdict import Verdict
from tracetool.findings import RULES
from tracetool.findings.phrases import count_of
from tracetool.report.activity_chart import LEFT, PLOT, draw_activity
from tracetool.report.facts import device_facts, headline, host_words, worst_first
from tracetool.report.figures import SIGNS, counted, device_figures, evidence, severity_counts, trace_remarks
from tracetool.report.flash_map import NARROWEST, draw_flash
from tracetool.sanitize import sanitize_lines
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracetool.audit import Audit, DeviceAudit

__all__ = ["write_html"]

MOST_BLOCKS = 2000
"""Blocks that the table of a device lists."""

ROWS_OPEN = 32
"""Rows up to which that table is open when the page is."""

CHARTS_SHOWN = 6
"""Traces whose activity is shown without asking."""


def write_html(audit: Audit) -> str:
    """The page as text, one newline at its end."""
    verdict, words = headline(audit)
    style, script = _part("style.css"), _part("sort.js")
    page = _environment().get_template("audit.html.jinja")
    return page.render(
        verdict=verdict,
        headline=words,
        names=_names([trace.meta.name for trace in audit.traces]),
        policy=audit.policy.label,
        counts=severity_counts(audit.findings),
        devices=[_card(device, audit) for device in worst_first(audit.devices)],
        policies=audit.policies,
        findings=audit.findings,
        findings_first=verdict == Verdict.NO_EXTENT,
        host=host_words(audit),
        traces=audit.traces,
        several_traces=len(audit.traces) > 1,
        rules=RULES,
        signs=SIGNS,
        style=style,
        script=script,
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        charts_shown=CHARTS_SHOWN,
        rows_open=ROWS_OPEN,
    )


def _part(name: str) -> str:
    return files("tracetool.report").joinpath("page", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tracetool.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_seen,
    )
    environment.filters.update(
        offset=format_offset,
        size=format_size,
        count=counted,
        event=_event,
        evidence=evidence,
        remarks=trace_remarks,
    )
    environment.globals.update(left=LEFT, plot=PLOT, narrowest=NARROWEST)
    return environment


def _seen(value: object) -> object:
    """What is shown of a value: text without characters that hide or reorder what stands beside them."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return sanitize_lines(value)
    return value


# --- words -------------------------------------------------------------------------------------------------------


def _names(names: list[str]) -> str:
    shown = 3
    more = len(names) - shown
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:shown])} and {count_of(more, 'more trace')}"


def _event(row: Mapping[str, Any], which: str, several: bool) -> str:
    """The first or last event of a block."""
    trace = f"{row[f'{which}_trace']}:" if several else ""
    return f"{trace}{row[f'{which}_seq']}"


# --- a device ----------------------------------------------------------------------------------------------------


def _card(device: DeviceAudit, audit: Audit) -> dict[str, Any]:
    """What the page shows of one device."""
    return {
        "name": device.name,
        "verdict": device.verdict,
        "reasons": device.reasons,
        "figures": list(device_figures(device, audit.guests)),
        "map": draw_flash(device, audit),
        "charts": draw_activity(device, audit.traces, audit.devices),
        "facts": [(label, words) for label, words in device_facts(device, audit) if words not in device.reasons],
        "blocks": device.blocks.head(MOST_BLOCKS).to_dicts(),
        "blocks_used": len(device.blocks),
    }

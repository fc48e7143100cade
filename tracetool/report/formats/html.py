"""One page of HTML: no network, no fonts, readable without its script, on paper and in the dark.

Names and texts of a trace are not trusted: everything but the style sheet and the script is escaped, and a content
security policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tracetool.analysis.tolls import Toll
from tracetool.audit.activity import activity
from tracetool.audit.verdict import Verdict
from tracetool.findings import RULES
from tracetool.findings.phrases import count_of
from tracetool.report import activity as phrases_of_activity
from tracetool.report import activity_svg
from tracetool.report.facts import device_facts, figure_text, headline, host_words, shown_figures
from tracetool.report.flash_svg import NARROWEST, draw_flash
from tracetool.report.formats import Report
from tracetool.report.frames import seconds
from tracetool.report.phrases import SIGNS, counted, evidence, severity_counts, trace_remarks
from tracetool.sanitize import sanitize_lines
from tracetool.sizes import format_offset, format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

    from tracetool.audit import Audit, DeviceAudit

__all__ = ["REPORT", "page_parts", "template", "write_html"]

MOST_BLOCKS = 2000
"""Most blocks in the table of a device."""

ROWS_OPEN = 32
"""Most rows of a table that is open from the start."""

CHARTS_SHOWN = 6
"""Traces whose activity is shown from the start."""


def write_html(audit: Audit) -> str:
    """Render the page, with a newline at its end."""
    return template("audit.html.jinja").render(
        **page_parts(),
        verdict=audit.verdict,
        headline=headline(audit),
        names=_names([trace.meta.name for trace in audit.traces]),
        policy=audit.policy.label,
        counts=severity_counts(audit.findings),
        devices=[_card(device, audit) for device in audit.worst_first],
        policies=audit.policies,
        findings=audit.findings,
        findings_first=audit.verdict == Verdict.NO_EXTENT,
        modules=audit.modules.to_dicts(),
        host=host_words(audit),
        traces=audit.traces,
        several_traces=len(audit.traces) > 1,
        rules=RULES,
        signs=SIGNS,
        charts_shown=CHARTS_SHOWN,
        rows_open=ROWS_OPEN,
    )


REPORT = Report("html", lambda audit, _console: write_html(audit), unfit="a page for a browser")


def page_parts() -> dict[str, str]:
    """Style sheet and script of a page, and the hash by which its security policy knows the script."""
    script = _part("sort.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": _part("style.css"), "script": script, "script_hash": f"sha256-{digest}"}


def template(name: str) -> Template:
    """A page's template, by its file name."""
    return _environment().get_template(name)


def _part(name: str) -> str:
    return files("tracetool.report.formats").joinpath("page", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tracetool.report.formats", "page"),
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
        seconds=seconds,
        count=counted,
        event=_event,
        figure=figure_text,
        evidence=evidence,
        remarks=trace_remarks,
    )
    environment.globals.update(phrases=phrases_of_activity, svg=activity_svg, narrowest=NARROWEST, tolls=list(Toll))
    return environment


def _seen(value: object) -> object:
    """Escape characters that hide or reorder the text beside them."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return sanitize_lines(value)
    return value


# --- words -------------------------------------------------------------------------------------------------------


def _names(names: list[str]) -> str:
    shown = 3
    more = len(names) - shown
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:shown])} and {count_of(more, 'more trace')}"


def _event(row: Mapping[str, Any], which: str, several: bool) -> str:
    """Name the first or last event of a block."""
    trace = f"{row[f'{which}_trace']}:" if several else ""
    return f"{trace}{row[f'{which}_seq']}"


# --- a device ----------------------------------------------------------------------------------------------------


def _card(device: DeviceAudit, audit: Audit) -> dict[str, Any]:
    """Values of one device, for the template."""
    return {
        "name": device.name,
        "verdict": device.verdict,
        "reasons": device.verdict_reasons,
        "figures": list(shown_figures(device)),
        "map": draw_flash(device, audit),
        "charts": activity(device, audit),
        "facts": list(device_facts(device)),
        "blocks": device.blocks.head(MOST_BLOCKS).to_dicts(),
        "blocks_used": len(device.blocks),
    }

"""The audit as text: the verdict first, a block a device, findings with their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tracetool.audit import Gate
from tracetool.audit.verdict import Verdict
from tracetool.findings import Severity
from tracetool.findings.phrases import events_of
from tracetool.report.facts import device_facts, headline, host_words, worst_first
from tracetool.report.layout import print_grid, print_words
from tracetool.report.policies import print_policies

if TYPE_CHECKING:
    from rich.console import Console

    from tracetool.audit import Audit
    from tracetool.findings import Finding

__all__ = ["print_audit"]

_VERDICT_STYLE = {
    Verdict.OUTSIDE_EXTENT: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.NO_EXTENT: "bold",
    Verdict.WITHIN_EXTENT: "bold green",
}
_SEVERITY_STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def print_audit(audit: Audit, console: Console, gate: Gate | None = None) -> None:
    """Print the report; `console` decides about colour and width, `gate` about the exit code that it explains."""
    verdict, words = headline(audit)
    print_words(console, Text.assemble((str(verdict).upper(), _VERDICT_STYLE[verdict]), ": ", words))
    ending = (gate or Gate()).ending(audit)
    if ending.code:
        print_words(console, f"exit code {ending.code}: {ending.why}")
    if verdict == Verdict.NO_EXTENT:
        _print_findings(audit, console)
    for device in worst_first(audit.devices):
        console.print()
        verdict_of_device = (str(device.verdict), _VERDICT_STYLE[device.verdict])
        console.print(Text.assemble((device.name, "bold"), "  ", verdict_of_device))
        print_grid(console, list(device_facts(device, audit)), first_style="dim")
    host = host_words(audit)
    if host:
        console.print()
        print_words(console, f"host: {host}")
    print_policies(audit.policies, console)
    if verdict != Verdict.NO_EXTENT:
        _print_findings(audit, console)


def _print_findings(audit: Audit, console: Console) -> None:
    if not audit.findings:
        return
    several = len(audit.traces) > 1
    console.print()
    console.print(Text("findings", style="bold"), Text("(tracetool rules RULE explains one)", style="dim"))
    print_grid(console, [_finding_row(finding, several=several) for finding in audit.findings])


def _finding_row(finding: Finding, *, several: bool) -> tuple[Text, str, str, str]:
    events = events_of(finding, several=several)
    # What is wrong with a trace itself names its event already.
    where = f", {events}" if events and (several or finding.rule[:3] != "TRC") else ""
    severity = Text(finding.severity.label, style=_SEVERITY_STYLE[finding.severity])
    return severity, finding.rule, finding.device or "", finding.message + where

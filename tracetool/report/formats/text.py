"""Text: the verdict first, a block a device, policies compared, findings with their evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from replay.backing import Policy
from tracetool.audit.verdict import Verdict
from tracetool.findings import RULES, Severity
from tracetool.findings.phrases import events_of
from tracetool.report.facts import device_facts, headline, host_words
from tracetool.report.formats import Report
from tracetool.report.layout import print_grid, print_words
from tracetool.report.phrases import counted
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from rich.console import Console

    from tracetool.audit import Audit, DeviceAudit
    from tracetool.audit.compare import Consequence
    from tracetool.findings import Finding

__all__ = ["REPORT", "print_audit"]

_VERDICT_STYLE = {
    Verdict.OUTSIDE_EXTENT: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.NO_EXTENT: "bold",
    Verdict.WITHIN_EXTENT: "bold green",
}
_SEVERITY_STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


_SEEN = {
    Policy.PADDED: "everything as recorded",
    Policy.DISCARD: "success, and zeros when it reads",
    Policy.VOLATILE: "success, until the machine ends",
    Policy.ERROR: "an error bit in the status",
}
_POLICY_TITLES = ("device", "policy", "reads differ", "torn", "refused", "lost", "memory", "what the guest sees of it")


def _render(audit: Audit, console: Console) -> bytes:
    """Render in the console's encoding; characters that it lacks are escaped."""
    with console.capture() as captured:
        print_audit(audit, console)
    return captured.get().encode(console.encoding, "backslashreplace")


REPORT = Report("text", _render)


def print_audit(audit: Audit, console: Console) -> None:
    """Print the report; the console decides about colour and width."""
    verdict = audit.verdict
    words = Text.assemble((str(verdict).upper(), _VERDICT_STYLE[verdict]), ": ", headline(audit))
    print_words(console, words)
    if audit.ending.code:
        print_words(console, f"exit code {audit.ending.code}: {audit.ending.why}")
    if verdict == Verdict.NO_EXTENT:
        _print_findings(audit, console)
    for device in audit.worst_first:
        _print_device(device, console)
    host = host_words(audit)
    if host:
        console.print()
        print_words(console, f"host: {host}")
    if audit.policies:
        console.print()
        console.print(Text("policies", style="bold"), Text("what each would have meant for this trace", style="dim"))
        print_grid(console, [_POLICY_TITLES, *map(_policy_row, audit.policies)])
    if verdict != Verdict.NO_EXTENT:
        _print_findings(audit, console)


def _print_device(device: DeviceAudit, console: Console) -> None:
    console.print()
    verdict = (str(device.verdict), _VERDICT_STYLE[device.verdict])
    console.print(Text.assemble((device.name, "bold"), "  ", verdict))
    reasons = [("" if number else "because", reason) for number, reason in enumerate(device.verdict_reasons)]
    print_grid(console, [*reasons, *device_facts(device)], first_style="dim")


def _policy_row(row: Consequence) -> tuple[str, ...]:
    return (
        row.device,
        row.policy.label,
        counted(row.reads_that_differ),
        counted(row.torn_writes),
        counted(row.refused),
        "?" if row.lost_bytes is None else f"{row.lost_bytes:,} B",
        format_size(row.memory_bytes),
        _SEEN[row.policy] if row.evaluated else "not in this trace: the recorded device threw writes away",
    )


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
    where = f", {events}" if events and (several or not RULES[finding.rule].about_trace) else ""
    severity = Text(finding.severity.label, style=_SEVERITY_STYLE[finding.severity])
    return severity, finding.rule, finding.device or "", finding.message + where

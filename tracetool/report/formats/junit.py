"""JUnit XML: a suite for the traces and one for each device, a case for each rule.

The elements and attributes are those of Jenkins' junit-10 schema. No times and no host names: the same audit gives
the same bytes.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, NamedTuple

from tracetool.audit.coverage import why_not_evaluated
from tracetool.audit.figures import SIZES, TOTALS
from tracetool.audit.verdict import Verdict
from tracetool.findings import RULES
from tracetool.findings.phrases import events_of
from tracetool.findings.registry import device_rules, trace_rules
from tracetool.report.formats import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.audit import Audit, DeviceAudit
    from tracetool.findings import Finding

__all__ = ["REPORT", "write_junit"]

TRACES = "traces"
"""Suite of the defects of the traces themselves."""

# Ref: Extensible Markup Language (XML) 1.0, production [2] Char: what no escape can bring into a document.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Outcome(NamedTuple):
    """Outcome of a case: its element (none for one that passed), message and text."""

    tag: str = ""
    type: str = ""
    message: str = ""
    text: str = ""


def write_junit(audit: Audit) -> str:
    """Render the document, with a newline at its end.

    A finding is a failure from the gate's severity on and otherwise only output; what makes the audit inconclusive is
    an error, or skipped where that is allowed. There are failures exactly where the exit code is 1.
    """
    writer = _Writer(audit)
    root = ET.Element("testsuites", name="tracetool audit")
    root.extend([writer.of_traces(), *(writer.of_device(device) for device in audit.devices)])
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


REPORT = Report("junit", lambda audit, _console: write_junit(audit))


class _Writer:
    """Writes the suites of one audit."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._fail_on = audit.gate.fail_on
        self._unsure = "skipped" if audit.gate.allow_inconclusive else "error"

    def of_traces(self) -> ET.Element:
        """Suite of the traces: what is wrong with them."""
        found = self._findings(None)
        rules = [*trace_rules(), *sorted(found.keys() - set(trace_rules()))]
        cases = [(self._title(rule), self._outcome(found.get(rule, []))) for rule in rules]
        properties = [("trace", f"{trace.meta.name}: {trace.events:,} events") for trace in self._audit.traces]
        return _suite(TRACES, cases, properties)

    def of_device(self, device: DeviceAudit) -> ET.Element:
        """Suite of a device: its verdict, and every rule."""
        found = self._findings(device.name)
        cases = [(f"{device.name}: verdict", self._verdict(device))]
        for rule in device_rules():
            why_not = why_not_evaluated(self._audit, device, rule)
            skipped = why_not is not None and rule not in found
            outcome = _Outcome("skipped", "", why_not or "") if skipped else self._outcome(found.get(rule, []))
            cases.append((f"{device.name}: {self._title(rule)}", outcome))
        return _suite(device.name, cases, _properties(device))

    def _findings(self, device: str | None) -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}
        for finding in self._audit.findings:
            if finding.device == device:
                found.setdefault(finding.rule, []).append(finding)
        return found

    def _title(self, rule: str) -> str:
        return f"{rule} {RULES[rule].title}"

    def _verdict(self, device: DeviceAudit) -> _Outcome:
        message = f"{device.verdict}: {'; '.join(device.verdict_reasons)}"
        if device.verdict == Verdict.OUTSIDE_EXTENT:
            return _Outcome("failure", str(device.verdict), message, message)
        return _Outcome(self._unsure if device.unsure else "", str(device.verdict), message, message)

    def _outcome(self, findings: Sequence[Finding]) -> _Outcome:
        if not findings:
            return _Outcome()
        worst = max(findings, key=lambda finding: finding.severity)
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        failed = "failure" if worst.severity >= self._fail_on else ""
        tag = self._unsure if RULES[worst.rule].about_trace else failed
        return _Outcome(tag, worst.severity.label, worst.message + more, "\n\n".join(map(_in_full, findings)))


def _in_full(finding: Finding) -> str:
    """Write a finding with its evidence and remedy."""
    lines = [f"{finding.severity.label}: {finding.message}"]
    if events := events_of(finding, several=True):
        lines.append(f"evidence: {events}")
    return "\n".join([*lines, f"why it matters: {finding.why}", f"what to do: {finding.remedy}"])


def _properties(device: DeviceAudit) -> list[tuple[str, str]]:
    """Figures of a device by key; unknown ones are left out."""
    found = [("verdict", device.verdict), _figure(device, "extent_bytes"), ("extent_source", device.extent_source)]
    found += [_figure(device, key) for key in ("region_bytes", *SIZES, "events", *TOTALS)]
    return [(name, str(value)) for name, value in found if value is not None]


def _figure(device: DeviceAudit, key: str) -> tuple[str, object]:
    return key, device.figures[key].value


# --- elements ----------------------------------------------------------------------------------------------------


def _suite(name: str, cases: Sequence[tuple[str, _Outcome]], properties: Sequence[tuple[str, str]]) -> ET.Element:
    tags = [outcome.tag for _, outcome in cases]
    suite = ET.Element(
        "testsuite",
        name=_clean(name),
        tests=str(len(cases)),
        failures=str(tags.count("failure")),
        errors=str(tags.count("error")),
        skipped=str(tags.count("skipped")),
    )
    listed = ET.SubElement(suite, "properties")
    for label, value in properties:
        ET.SubElement(listed, "property", name=label, value=_clean(value))
    for title, outcome in cases:
        case = ET.SubElement(suite, "testcase", classname=_clean(name), name=_clean(title))
        _end(case, outcome)
    return suite


def _end(case: ET.Element, outcome: _Outcome) -> None:
    """Add the outcome to a case."""
    if outcome.tag:
        element = ET.SubElement(case, outcome.tag, message=_clean(outcome.message))
        if outcome.type:
            element.set("type", outcome.type)
        element.text = _clean(outcome.text) or None
    elif outcome.text:
        ET.SubElement(case, "system-out").text = _clean(outcome.text)


def _clean(text: str) -> str:
    """Drop characters that XML 1.0 has no way to write."""
    return _NOT_XML.sub("", text)

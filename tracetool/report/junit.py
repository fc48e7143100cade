"""The audit as JUnit XML: a suite for the traces and one for each device, a case for each rule.

The elements and attributes are those of Jenkins' junit-10 schema. No times and no host names: the same audit gives
the same bytes.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, NamedTuple

from tracetool.audit import Gate
from tracetool.audit.coverage import why_not_evaluated
from tracetool.audit.verdict import Verdict
from tracetool.findings import RULES
from tracetool.findings.phrases import events_of
from tracetool.report.json import SIZES, device_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracetool.audit import Audit, DeviceAudit
    from tracetool.findings import Finding, Severity

__all__ = ["write_junit"]

TRACES = "traces"
"""The suite of what is wrong with the traces themselves."""

_TRACE_RULES = ("TRC002", "TRC003", "TRC006", "TRC008")
_ONLY_OF_TRACES = ("TRC002", "TRC006", "TRC008")
_ABOUT_THE_TRACE = "TRC"
_FIGURES = ("verdict", "extent_bytes", "extent_source", "region_bytes", *SIZES, "events")

# Ref: Extensible Markup Language (XML) 1.0, production [2] Char: what no escape can bring into a document.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Outcome(NamedTuple):
    """How a case ended: the element it holds (none for one that passed), its message and its text."""

    tag: str = ""
    type: str = ""
    message: str = ""
    text: str = ""


def write_junit(audit: Audit, gate: Gate | None = None) -> str:
    """The document as text, one newline at its end.

    A finding is a failure from the gate's severity on and otherwise only output; what keeps the audit from being sure
    is an error, or skipped where that is allowed. There are failures exactly where the exit code is 1.
    """
    gate = gate or Gate()
    writer = _Writer(audit, gate.fail_on, "skipped" if gate.allow_inconclusive else "error")
    root = ET.Element("testsuites", name="tracetool audit")
    root.extend([writer.of_traces(), *(writer.of_device(device) for device in audit.devices)])
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


class _Writer:
    """Makes the suites of one audit."""

    def __init__(self, audit: Audit, fail_on: Severity, unsure: str) -> None:
        self._audit = audit
        self._fail_on = fail_on
        self._unsure = unsure

    def of_traces(self) -> ET.Element:
        """What is wrong with the traces themselves."""
        found = self._findings(None)
        rules = [*_TRACE_RULES, *sorted(found.keys() - set(_TRACE_RULES))]
        cases = [(self._title(rule), self._outcome(found.get(rule, []))) for rule in rules]
        properties = [("trace", f"{trace.meta.name}: {trace.events:,} events") for trace in self._audit.traces]
        return _suite(TRACES, cases, properties)

    def of_device(self, device: DeviceAudit) -> ET.Element:
        """The verdict on a device, and every rule."""
        found = self._findings(device.name)
        cases = [(f"{device.name}: verdict", self._verdict(device))]
        for rule in RULES:
            if rule not in _ONLY_OF_TRACES or rule in found:
                why_not = why_not_evaluated(self._audit, device, rule)
                skipped = why_not is not None and rule not in found
                outcome = _Outcome("skipped", "", why_not or "") if skipped else self._outcome(found.get(rule, []))
                cases.append((f"{device.name}: {self._title(rule)}", outcome))
        return _suite(device.name, cases, list(_figures(device, self._audit.guests)))

    def _findings(self, device: str | None) -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}
        for finding in self._audit.findings:
            if finding.device == device:
                found.setdefault(finding.rule, []).append(finding)
        return found

    def _title(self, rule: str) -> str:
        return f"{rule} {RULES[rule].title}"

    def _verdict(self, device: DeviceAudit) -> _Outcome:
        message = f"{device.verdict}: {'; '.join(device.reasons)}"
        if device.verdict == Verdict.OUTSIDE_EXTENT:
            return _Outcome("failure", str(device.verdict), message, message)
        return _Outcome(self._unsure if device.unsure else "", str(device.verdict), message, message)

    def _outcome(self, findings: Sequence[Finding]) -> _Outcome:
        if not findings:
            return _Outcome()
        worst = max(findings, key=lambda finding: finding.severity)
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        if worst.rule.startswith(_ABOUT_THE_TRACE):
            tag = self._unsure
        else:
            tag = "failure" if worst.severity >= self._fail_on else ""
        return _Outcome(tag, worst.severity.label, worst.message + more, "\n\n".join(map(_in_full, findings)))


def _in_full(finding: Finding) -> str:
    """A finding with its evidence and what to do."""
    lines = [f"{finding.severity.label}: {finding.message}"]
    if events := events_of(finding, several=True):
        lines.append(f"evidence: {events}")
    return "\n".join([*lines, f"why it matters: {finding.why}", f"what to do: {finding.remedy}"])


def _figures(device: DeviceAudit, guests: int) -> Iterator[tuple[str, str]]:
    """The figures of a device; what is not known is left out."""
    document = device_document(device, guests) | {"region_bytes": device.region_bytes}
    figures = {name: document[name] for name in _FIGURES} | device.counts
    yield from ((name, str(value)) for name, value in figures.items() if value is not None)


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
    """Put into a case how it ended."""
    if outcome.tag:
        element = ET.SubElement(case, outcome.tag, message=_clean(outcome.message))
        if outcome.type:
            element.set("type", outcome.type)
        element.text = _clean(outcome.text) or None
    elif outcome.text:
        ET.SubElement(case, "system-out").text = _clean(outcome.text)


def _clean(text: str) -> str:
    """The text without characters that XML 1.0 does not know."""
    return _NOT_XML.sub("", text)

"""The audit as SARIF 2.1.0, for whatever shows the results of static analysis.

Ref: OASIS Static Analysis Results Interchange Format (SARIF) Version 2.1.0 Plus Errata 01.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tracetool.audit import Gate
from tracetool.audit.verdict import Verdict
from tracetool.findings import RULES
from tracetool.report.json import SIZES, device_document, document_text
from tracetool.sizes import format_offset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracetool.analysis.session import TraceReport
    from tracetool.audit import Audit
    from tracetool.findings import Finding, Rule
    from tracetool.ingest import TraceMeta

    Lines = Mapping[int, Mapping[int, int]]
    """For each trace by number, the line (1-based) of events by their number."""

__all__ = ["SCHEMA", "lines_needed", "sarif_document", "write_sarif"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
"""What the document names as its schema; nothing is fetched."""

FINGERPRINT = "ruleDevicePlace/v1"

_STREAM = "-"
_FORMAT = "2.1.0"
_DAMAGED = "TRC003"
_OF_DEVICE = ("name", "verdict", "verdict_reasons", "extent_bytes", *SIZES)
_OF_FINDING = ("device", "trace", "last_trace", "offset", "length", "first_seq", "last_seq", "count")
_UNSURE = {
    Verdict.INCONCLUSIVE: "the trace does not show everything that was done to the device",
    Verdict.NO_EXTENT: "no extent is known for a device that was written",
}


def write_sarif(audit: Audit, lines: Lines | None = None, gate: Gate | None = None) -> str:
    """The document as text; see `sarif_document` and `document_text`."""
    return document_text(sarif_document(audit, lines, gate))


def lines_needed(audit: Audit) -> dict[int, set[int]]:
    """For each trace by number, the events whose lines the document would name."""
    needed: dict[int, set[int]] = {}
    for finding in audit.findings:
        if finding.first_seq is not None:
            needed.setdefault(finding.trace or 0, set()).add(finding.first_seq)
    return needed


def sarif_document(audit: Audit, lines: Lines | None = None, gate: Gate | None = None) -> dict[str, Any]:
    """The document as plain data.

    Args:
        audit: what to report.
        lines: those of the events that `lines_needed` names, as far as they are known.
        gate: what the exit code depends on.
    """
    driver = {
        "name": "tracetool",
        "semanticVersion": version("pflash-tracetool"),
        "rules": [_rule(rule) for rule in RULES.values()],
        "notifications": [
            {"id": str(verdict), "shortDescription": {"text": _sentence(words)}} for verdict, words in _UNSURE.items()
        ],
    }
    gate = gate or Gate()
    ending = gate.ending(audit)
    run = {
        "tool": {"driver": driver},
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": ending.code,
                "exitCodeDescription": ending.why,
                "toolExecutionNotifications": list(_notifications(audit, allowed=gate.allow_inconclusive)),
            }
        ],
        "artifacts": [_artifact(trace) for trace in audit.traces],
        "results": list(_results(audit, lines or {})),
        "properties": {
            "policy": audit.policy.label,
            "guests": audit.guests,
            "devices": [_camel(device_document(device, audit.guests), _OF_DEVICE) for device in audit.devices],
        },
    }
    return {"$schema": SCHEMA, "version": _FORMAT, "runs": [run]}


# --- rules -------------------------------------------------------------------------------------------------------


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in re.findall(r"\w+", rule.title)),
        "shortDescription": {"text": _sentence(rule.title)},
        "fullDescription": {"text": _plain(rule.why)},
        "help": {"text": _plain(f"{rule.cause}\n\n{rule.remedy}")},
        "defaultConfiguration": {"level": rule.severity.label},
    }


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _plain(text: str) -> str:
    """A message's text in which nothing is taken for a link or a placeholder (sections 3.11.5 and 3.11.6).

    Names of files that are not UTF-8 are shown with escapes.
    """
    text = text.encode("utf-8", "backslashreplace").decode()
    text = re.sub(r"[\[\]](?=[^\[\]]*\]\(|\()", r"\\\g<0>", text)
    return re.sub(r"\{(\d+)\}", r"{{\1}}", text)


# --- where -------------------------------------------------------------------------------------------------------


def _artifact(trace: TraceReport) -> dict[str, Any]:
    meta = trace.meta
    packed = f", {meta.compression}: lines are those of the unpacked text" if meta.compression else ""
    artifact: dict[str, Any] = {
        "description": {"text": _plain(f"{meta.name}: {trace.events:,} pflash events{packed}")},
        "roles": ["analysisTarget"],
    }
    return artifact if meta.path == _STREAM else {"location": {"uri": _uri(meta)}} | artifact


def _uri(meta: TraceMeta) -> str:
    """The path as it was given: relative to wherever the program ran, or a file URI."""
    path = quote(os.fsencode(meta.path))
    return f"file://{path}" if path.startswith("/") else path


def _locations(audit: Audit, finding: Finding, lines: Lines) -> list[dict[str, Any]]:
    """The event in the trace, and the place in the device."""
    location: dict[str, Any] = {}
    number = finding.trace or 0
    meta = audit.traces[number].meta
    if meta.path != _STREAM:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(meta), "index": number}}
        line = _line(audit, finding, lines)
        if line is not None:
            location["physicalLocation"]["region"] = {"startLine": line}
    if finding.device is not None:
        location["logicalLocations"] = [_logical(finding.device, finding.offset)]
    return [location] if location else []


def _line(audit: Audit, finding: Finding, lines: Lines) -> int | None:
    trace = audit.traces[finding.trace or 0]
    damaged = trace.health.first_damaged if trace.meta.format == "text" else []
    if finding.first_seq is not None:
        return lines.get(finding.trace or 0, {}).get(finding.first_seq)
    if finding.rule == _DAMAGED and finding.device is None and damaged:
        return damaged[0].number
    return None


def _logical(device: str, offset: int | None) -> dict[str, Any]:
    if offset is None:
        return {"name": device, "fullyQualifiedName": device, "kind": "resource"}
    place = format_offset(offset)
    return {"name": place, "fullyQualifiedName": f"{device}@{place}", "kind": "resource"}


# --- results -----------------------------------------------------------------------------------------------------


def _results(audit: Audit, lines: Lines) -> Iterator[dict[str, Any]]:
    indices = {rule_id: index for index, rule_id in enumerate(RULES)}
    seen: dict[tuple[object, ...], int] = {}
    for finding in audit.findings:
        key = (finding.rule, finding.device, finding.offset, finding.length)
        seen[key] = seen.get(key, 0) + 1
        yield {
            "ruleId": finding.rule,
            "ruleIndex": indices[finding.rule],
            "level": finding.severity.label,
            "message": {"text": _plain(finding.message)},
            "locations": _locations(audit, finding, lines),
            "occurrenceCount": max(finding.count, 1),
            "partialFingerprints": {FINGERPRINT: _fingerprint((*key, seen[key]))},
            "properties": _camel(finding.values, _OF_FINDING),
        }


def _fingerprint(key: Sequence[object]) -> str:
    """Equal for the same thing in another run: of the rule and the place, not of events, times or processes.

    The last part tells apart several findings of one rule in one place.
    """
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]


def _notifications(audit: Audit, *, allowed: bool) -> Iterator[dict[str, Any]]:
    """What keeps the audit from being sure."""
    for device in audit.devices:
        if device.unsure:
            yield {
                "descriptor": {"id": str(device.verdict), "index": list(_UNSURE).index(device.verdict)},
                "level": "warning" if allowed else "error",
                "message": {"text": _plain(f"{device.name}: {device.verdict}: {'; '.join(device.reasons)}")},
                "locations": [{"logicalLocations": [_logical(device.name, None)]}],
            }


def _camel(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Some of the values, called as SARIF calls properties."""
    return {re.sub("_(.)", lambda found: found[1].upper(), name): values[name] for name in names}

"""SARIF 2.1.0, for tools that show results of static analysis.

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

from tracetool.audit.figures import SIZES
from tracetool.audit.verdict import Verdict
from tracetool.findings import RULES
from tracetool.report.formats import Report
from tracetool.report.formats.json import device_document, document_text
from tracetool.sizes import format_offset
from tracetool.timeline.chain import CALLED_BY, OTHER_STACK, module_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracetool.analysis.session import TraceReport
    from tracetool.audit import Audit
    from tracetool.findings import Finding, Rule
    from tracetool.ingest import TraceMeta

__all__ = ["REPORT", "SCHEMA", "sarif_document"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
"""Schema that the document names; nothing is fetched."""

FINGERPRINT = "ruleDevicePlace/v1"

_STREAM = "-"
_FORMAT = "2.1.0"
_DAMAGED = "TRC003"
_OF_DEVICE = ("name", "verdict", "verdict_reasons", "extent_bytes", *SIZES)
_OF_FINDING = ("device", "trace", "last_trace", "offset", "length", "first_seq", "last_seq", "count", "by")
_UNSURE = {
    Verdict.INCONCLUSIVE: "the trace does not show everything that was done to the device",
    Verdict.NO_EXTENT: "no extent is known for a device that was written",
}


REPORT = Report("sarif", lambda audit, _console: document_text(sarif_document(audit)), names_lines=True)


def sarif_document(audit: Audit) -> dict[str, Any]:
    """Build the document as plain data."""
    driver = {
        "name": "tracetool",
        "semanticVersion": version("pflash-tracetool"),
        "rules": [_rule(rule) for rule in RULES.values()],
        "notifications": [
            {"id": str(verdict), "shortDescription": {"text": _sentence(words)}} for verdict, words in _UNSURE.items()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": audit.ending.code,
                "exitCodeDescription": audit.ending.why,
                "toolExecutionNotifications": list(_notifications(audit)),
            }
        ],
        "artifacts": [_artifact(trace) for trace in audit.traces],
        "results": list(_results(audit)),
        "properties": {
            "policy": audit.policy.label,
            "guests": audit.guests,
            "devices": [_camel(device_document(device), _OF_DEVICE) for device in audit.devices],
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
    """Escape a message's text, so that nothing is taken for a link or a placeholder (sections 3.11.5 and 3.11.6).

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
    """URI of a trace: the path as it was given, relative to the working directory, or a file URI."""
    path = quote(os.fsencode(meta.path))
    return f"file://{path}" if path.startswith("/") else path


def _locations(audit: Audit, finding: Finding) -> list[dict[str, Any]]:
    """Locate the event in the trace, and the place in the device."""
    location: dict[str, Any] = {}
    number = finding.trace or 0
    meta = audit.traces[number].meta
    if meta.path != _STREAM:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(meta), "index": number}}
        line = _line(audit, finding)
        if line is not None:
            location["physicalLocation"]["region"] = {"startLine": line}
    if finding.device is not None:
        location["logicalLocations"] = [_logical(finding.device, finding.offset), *_code(finding)]
    return [location] if location else []


def _line(audit: Audit, finding: Finding) -> int | None:
    trace = audit.traces[finding.trace or 0]
    damaged = trace.health.first_damaged if trace.meta.format == "text" else []
    if finding.first_seq is not None:
        return audit.lines.get(finding.trace or 0, {}).get(finding.first_seq)
    if finding.rule == _DAMAGED and finding.device is None and damaged:
        return damaged[0].number
    return None


def _logical(device: str, offset: int | None) -> dict[str, Any]:
    if offset is None:
        return {"name": device, "fullyQualifiedName": device, "kind": "resource"}
    place = format_offset(offset)
    return {"name": place, "fullyQualifiedName": f"{device}@{place}", "kind": "resource"}


def _code(finding: Finding) -> Iterator[dict[str, Any]]:
    """The module that made the first access, and the one that asked for it."""
    if finding.chain is not None and finding.by is not None:
        first = finding.chain.partition(CALLED_BY)[0]
        yield _module(first)
        if module_of(first) != finding.by:
            yield _module(finding.by)


def _module(caller: str) -> dict[str, Any]:
    return {"name": module_of(caller), "fullyQualifiedName": caller, "kind": "module"}


def _stacks(finding: Finding) -> dict[str, Any]:
    """The chain of callers of the first access (section 3.44)."""
    if finding.chain is None:
        return {}
    callers = [caller for caller in finding.chain.split(CALLED_BY) if caller != OTHER_STACK]
    frames = [{"location": {"logicalLocations": [_module(caller)]}, "module": module_of(caller)} for caller in callers]
    return {"stacks": [{"message": {"text": "The first access, innermost caller first."}, "frames": frames}]}


# --- results -----------------------------------------------------------------------------------------------------


def _results(audit: Audit) -> Iterator[dict[str, Any]]:
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
            "locations": _locations(audit, finding),
            **_stacks(finding),
            "occurrenceCount": max(finding.count, 1),
            "partialFingerprints": {FINGERPRINT: _fingerprint((*key, seen[key]))},
            "properties": _camel(finding.values, _OF_FINDING),
        }


def _fingerprint(key: Sequence[object]) -> str:
    """Hash the rule and the place, not events, times or processes, so that another run has the same.

    The last part tells apart several findings of one rule in one place.
    """
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]


def _notifications(audit: Audit) -> Iterator[dict[str, Any]]:
    """Notify of each device of which the question has no answer."""
    for device in audit.devices:
        if device.unsure:
            yield {
                "descriptor": {"id": str(device.verdict), "index": list(_UNSURE).index(device.verdict)},
                "level": "warning" if audit.gate.allow_inconclusive else "error",
                "message": {"text": _plain(f"{device.name}: {device.verdict}: {'; '.join(device.verdict_reasons)}")},
                "locations": [{"logicalLocations": [_logical(device.name, None)]}],
            }


def _camel(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Select values, with SARIF's spelling of their names."""
    return {re.sub("_(.)", lambda found: found[1].upper(), name): values[name] for name in names}

"""JSON: the result document serialised; its schema, `docs/audit.schema.json`, says what each key means."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tracetool.audit.figures import TOTALS
from tracetool.report.formats import Report

if TYPE_CHECKING:
    from tracetool.analysis.session import TraceReport
    from tracetool.audit import Audit, DeviceAudit

__all__ = ["REPORT", "SCHEMA", "audit_document", "device_document", "document_text"]

SCHEMA = "tracetool.audit/1"

_AFTER_BACKING = ("saved_bytes", "saved_bytes_all_guests", "programmed_end", "erased_end", "commanded_end")

REPORT = Report("json", lambda audit, _console: document_text(audit_document(audit)))


def document_text(document: dict[str, Any]) -> str:
    """Serialise a document, with a newline at its end; file names that are not UTF-8 are written with escapes."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def audit_document(audit: Audit) -> dict[str, Any]:
    """Build the document as plain data; unknown numbers are None."""
    return {
        "schema": SCHEMA,
        "verdict": str(audit.verdict),
        "exit_code": audit.ending.code,
        "exit_reason": audit.ending.why,
        "policy": audit.policy.label,
        "guests": audit.guests,
        "traces": [_trace(trace) for trace in audit.traces],
        "devices": [device_document(device) for device in audit.devices],
        "host": _host(audit),
        "findings": [finding.values | {"why": finding.why, "remedy": finding.remedy} for finding in audit.findings],
        "health": _health(audit.traces),
        "policies": [asdict(row) | {"policy": row.policy.label} for row in audit.policies],
    }


def _host(audit: Audit) -> dict[str, int] | None:
    if audit.host is None:
        return None
    sizes = {f"{name}_bytes": getattr(audit.host, name) for name in ("mapped", "needed", "saved")}
    return {**sizes, **{f"{name}_all_guests": size * audit.guests for name, size in sizes.items()}}


def _trace(trace: TraceReport) -> dict[str, Any]:
    meta = trace.meta
    return {
        "name": meta.name,
        "format": meta.format,
        "compression": meta.compression,
        "clock": meta.clock,
        "events": trace.events,
        "shapes": dict(meta.shapes),
        "processes": [{"process": process, **asdict(span)} for process, span in trace.processes.named.items()],
    }


def _geometry(device: DeviceAudit) -> dict[str, Any] | None:
    geometry = device.geometry
    if geometry is None or device.identity is None:
        return None
    return {
        "size": device.region_bytes,
        "block": geometry.block,
        "bank_width": geometry.bank_width,
        "chip_width": geometry.chip_width or None,
        "endian": geometry.endian,
        "ids": list(geometry.ids),
        "source": device.identity.geometry_source,
        "board": device.identity.board,
        "board_guessed": bool(device.identity.others),
    }


def device_document(device: DeviceAudit) -> dict[str, Any]:
    """Build the object of a device, by the keys that all documents share."""
    values = {key: figure.value for key, figure in device.figures.items()}
    return {
        "name": device.name,
        "process": device.process,
        "geometry": _geometry(device),
        "behaviour": device.behaviour.label,
        "read_only": device.read_only,
        "extent_bytes": values["extent_bytes"],
        "extent_source": device.extent.source if device.extent else None,
        "verdict": str(device.verdict),
        "verdict_reasons": list(device.reasons),
        "verdict_codes": [str(reason.code) for reason in device.grounds],
        "reasons": [reason.document for reason in device.grounds],
        "minimum_backing_bytes": values["minimum_backing_bytes"],
        "minimum_backing_source": device.backing.why or "the guest's writes",
        **{key: values[key] for key in _AFTER_BACKING},
        "policy_evaluated": device.policy_evaluated,
        "self_check": device.checked,
        "events": device.events,
        "totals": {key: values[key] for key in TOTALS},
    }


def _health(traces: tuple[TraceReport, ...]) -> dict[str, Any]:
    total = ("lines", "understood", "other", "damaged", "events", "lost")
    summed = {name: sum(getattr(trace.health, name) for trace in traces) for name in total}
    return summed | {
        "host_write_failures": sum(len(trace.health.host_write_failures) for trace in traces),
        "truncated": [f"{trace.meta.name}: {trace.health.truncated}" for trace in traces if trace.health.truncated],
        "unterminated": [trace.meta.name for trace in traces if trace.health.unterminated],
        "first_damaged": [
            {"trace": number, "line": damage.number, "reason": damage.reason, "excerpt": damage.excerpt}
            for number, trace in enumerate(traces)
            for damage in trace.health.first_damaged
        ],
    }

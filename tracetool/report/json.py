"""The audit as JSON, schema `tracetool.audit/1`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tracetool.audit import Gate
from tracetool.audit.backing import host_totals
from tracetool.report.facts import headline
from tracetool.report.policies import policies_document

if TYPE_CHECKING:
    from tracetool.analysis.session import TraceReport
    from tracetool.audit import Audit, DeviceAudit

__all__ = ["SCHEMA", "SIZES", "audit_document", "device_document", "document_text", "write_audit"]

SCHEMA = "tracetool.audit/1"

SIZES = ("minimum_backing_bytes", "saved_bytes", "programmed_end", "erased_end", "commanded_end")
"""What of a device's document other documents have too."""


def write_audit(audit: Audit, gate: Gate | None = None) -> str:
    """The document as text; see `document_text`."""
    return document_text(audit_document(audit, gate))


def document_text(document: dict[str, Any]) -> str:
    """A document as text, one newline at its end; names of files that are not UTF-8 are written with escapes."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def audit_document(audit: Audit, gate: Gate | None = None) -> dict[str, Any]:
    """The document as plain data. Numbers that are not known are None; `gate` is what the exit code depends on."""
    ending = (gate or Gate()).ending(audit)
    return {
        "schema": SCHEMA,
        "verdict": str(headline(audit)[0]),
        "exit_code": ending.code,
        "exit_reason": ending.why,
        "policy": audit.policy.label,
        "guests": audit.guests,
        "traces": [_trace(trace) for trace in audit.traces],
        "devices": [device_document(device, audit.guests) for device in audit.devices],
        "host": _host(audit),
        "findings": [finding.values | {"why": finding.why, "remedy": finding.remedy} for finding in audit.findings],
        "health": _health(audit.traces),
        "policies": policies_document(audit.policies),
    }


def _host(audit: Audit) -> dict[str, int] | None:
    """The flashes of a guest together."""
    total = host_totals(audit.devices)
    if total is None:
        return None
    sizes = {"mapped_bytes": total.mapped, "needed_bytes": total.needed, "saved_bytes": total.saved}
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


def device_document(device: DeviceAudit, guests: int) -> dict[str, Any]:
    """What is known of a device, by the names that all documents have for it."""
    return {
        "name": device.name,
        "process": device.process,
        "geometry": _geometry(device),
        "behaviour": device.behaviour.label,
        "read_only": device.read_only,
        "extent_bytes": device.extent.bytes if device.extent else None,
        "extent_source": device.extent.source if device.extent else None,
        "verdict": str(device.verdict),
        "verdict_reasons": list(device.reasons),
        "verdict_codes": [str(reason.code) for reason in device.grounds],
        "minimum_backing_bytes": device.minimum_backing_bytes,
        "minimum_backing_source": device.backing.why or "the guest's writes",
        "saved_bytes": device.saved_bytes,
        "saved_bytes_all_guests": None if device.saved_bytes is None else device.saved_bytes * guests,
        "programmed_end": device.programmed_end,
        "erased_end": device.ends.erased,
        "commanded_end": device.ends.commanded,
        "policy_evaluated": device.policy_evaluated,
        "self_check": device.checked,
        "events": device.events,
        "totals": device.counts,
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

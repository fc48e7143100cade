"""JSON: the result document serialised; its schema, `docs/audit.schema.json`, says what each key means.

A key is an attribute of `Audit` or `DeviceAudit`, or a figure of the device.
"""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from tracetool.audit.figures import TOTALS
from tracetool.audit.reason import Reason
from tracetool.findings import Finding
from tracetool.report.formats import Report

if TYPE_CHECKING:
    from tracetool.analysis.session import TraceReport
    from tracetool.audit import Audit, DeviceAudit

__all__ = ["REPORT", "SCHEMA", "audit_document", "device_document", "document_text"]

SCHEMA = "tracetool.audit/1"

_AUDIT = (
    *("verdict", "exit_code", "exit_reason", "policy", "guests"),
    *("traces", "devices", "host", "findings", "modules", "health", "policies"),
)
_DEVICE = (
    *("name", "process", "geometry", "behaviour", "read_only", "extent_bytes", "extent_source"),
    *("verdict", "verdict_reasons", "verdict_codes", "reasons", "minimum_backing_bytes", "minimum_backing_source"),
    *("saved_bytes", "saved_bytes_all_guests", "programmed_end", "erased_end", "commanded_end"),
    *("policy_evaluated", "self_check", "events", "totals"),
)

REPORT = Report("json", lambda audit, _console: document_text(audit_document(audit)))


def document_text(document: dict[str, Any]) -> str:
    """Serialise a document, with a newline at its end; file names that are not UTF-8 are written with escapes."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def audit_document(audit: Audit) -> dict[str, Any]:
    """Convert the result to plain data; unknown numbers are None."""
    made = {
        "exit_code": audit.ending.code,
        "exit_reason": audit.ending.why,
        "traces": [_trace(trace) for trace in audit.traces],
        "devices": [device_document(device) for device in audit.devices],
        "host": _host(audit),
        "modules": audit.modules.to_dicts(),
        "health": _health(audit.traces),
    }
    return {"schema": SCHEMA} | {key: made[key] if key in made else _plain(getattr(audit, key)) for key in _AUDIT}


def device_document(device: DeviceAudit) -> dict[str, Any]:
    """Convert the result for a device to plain data, by the keys that all documents share."""
    figures = {key: figure.value for key, figure in device.figures.items()}
    made = figures | {"geometry": _geometry(device), "totals": {key: figures[key] for key in TOTALS}}
    return {key: made[key] if key in made else _plain(getattr(device, key)) for key in _DEVICE}


def _plain(value: object) -> object:
    """Convert enumerations to their labels, findings, reasons and dataclasses to objects, sequences to lists."""
    if isinstance(value, Enum):
        return getattr(value, "label", value.value)
    if isinstance(value, Finding):
        return value.values | {"why": value.why, "remedy": value.remedy}
    if isinstance(value, Reason):
        return value.document
    if isinstance(value, tuple):
        return list(map(_plain, value))
    if is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(entry) for key, entry in asdict(value).items()}
    return value


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
        "sectors": [{"count": count, "bytes": sector} for count, sector in geometry.layout],
        "bank_width": geometry.bank_width,
        "chip_width": geometry.chip_width or None,
        "endian": geometry.endian,
        "ids": list(geometry.ids),
        "command_set": geometry.command_set.label,
        "mapped": device.identity.mirrors,
        "source": device.identity.geometry_source,
        "board": device.identity.board,
        "board_guessed": bool(device.identity.others),
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
        "guest_code": [
            {"trace": number, **asdict(trace.code)} for number, trace in enumerate(traces) if trace.code is not None
        ],
    }

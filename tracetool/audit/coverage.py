"""Rules that could not be evaluated on a device, so that no finding of theirs proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.backing import Policy

if TYPE_CHECKING:
    from tracetool.audit.result import Audit, DeviceAudit

__all__ = ["why_not_evaluated"]

_ABOUT_TRACES = "TRC"
_UNDER_A_POLICY = ("EXT004", "EXT005", "EXT006")
_OF_BUS_WRITES = ("SEQ", "NOR")
_OF_CODE = "VAR004"
_OF_WRITABLE = ("SEQ001", "SEQ002", "WEAR002", "WEAR003")


def why_not_evaluated(audit: Audit, device: DeviceAudit, rule_id: str) -> str | None:
    """Say why a rule could not be evaluated on a device; None if it could."""
    if rule_id.startswith(_ABOUT_TRACES):
        return None
    if not device.replayed:
        return "the device was not replayed"
    if not device.totals.accesses:
        return "no access of a guest is in the trace"
    if rule_id.startswith("VAR") and (rule_id != _OF_CODE or not (device.extent and device.extent.code_end)):
        return None if device.variables_followed else "the variable store was not followed: give --variables"
    if rule_id.startswith(("EXT", "VAR")):
        return _why_not_beyond(audit, device, rule_id)
    return _why_not_inside(audit, device, rule_id)


def _why_not_inside(audit: Audit, device: DeviceAudit, rule_id: str) -> str | None:
    if rule_id.startswith(_OF_BUS_WRITES) and _writes_not_traced(audit, device):
        return "the device's pflash_io_write events were not traced"
    read_only = device.taken_as_read_only
    if rule_id.startswith("RO") and not read_only:
        return "the device is writable"
    if rule_id in _OF_WRITABLE and read_only:
        return "the device is read-only"
    if rule_id == "WEAR003" and not device.contents_known:
        return "the contents before the trace are not known: give --image"
    return None


def _why_not_beyond(audit: Audit, device: DeviceAudit, rule_id: str) -> str | None:
    if device.extent is None:
        return "no extent is known: give --extent or --image"
    if rule_id not in _UNDER_A_POLICY:
        return None
    if audit.policy == Policy.PADDED:
        return "under padded nothing is lost or differs"
    if not device.policy_evaluated:
        return "the extent became known only after writes beyond it, and a stream cannot be read again"
    return None


def _writes_not_traced(audit: Audit, device: DeviceAudit) -> bool:
    return any(finding.rule == "TRC004" and finding.device == device.name for finding in audit.findings)

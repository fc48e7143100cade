"""Rules that could not be evaluated on a device, so that no finding of theirs proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.backing import Policy
from replay.command_set import CommandSet
from tracetool.findings import RULES, Need

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tracetool.audit.result import Audit, DeviceAudit

__all__ = ["why_not_evaluated"]


def why_not_evaluated(audit: Audit, device: DeviceAudit, rule_id: str) -> str | None:
    """Say which need of a rule (`Rule.needs`) is not met on a device; None if all are."""
    unmet = (why for need in RULES[rule_id].needs for lacks, why in _UNMET[need] if lacks(audit, device))
    return next(unmet, None)


def _writes_not_traced(audit: Audit, device: DeviceAudit) -> bool:
    return any(finding.rule == "TRC004" and finding.device == device.name for finding in audit.findings)


def _knows_code(device: DeviceAudit) -> bool:
    return device.extent is not None and bool(device.extent.code_end)


def _is_of(device: DeviceAudit, command_set: CommandSet) -> bool:
    return device.geometry is not None and device.geometry.command_set == command_set


_NO_VARIABLES = "the variable store was not followed: give --variables"

_UNMET: Mapping[Need, tuple[tuple[Callable[[Audit, DeviceAudit], bool], str], ...]] = {
    Need.REPLAY: (
        (lambda _, device: not device.replayed, "the device was not replayed"),
        (lambda _, device: not device.totals.accesses, "no access of a guest is in the trace"),
    ),
    Need.CFI01: ((lambda _, device: _is_of(device, CommandSet.CFI02), "the device is a CFI02 flash"),),
    Need.CFI02: ((lambda _, device: not _is_of(device, CommandSet.CFI02), "the device is no CFI02 flash"),),
    Need.EXTENT: ((lambda _, device: device.extent is None, "no extent is known: give --extent or --image"),),
    Need.SHORT_FILE: (
        (lambda audit, _: audit.policy == Policy.PADDED, "under padded nothing is lost or differs"),
        (
            lambda _, device: not device.policy_evaluated,
            "the extent became known only after writes beyond it, and a stream cannot be read again",
        ),
    ),
    Need.BUS_WRITES: ((_writes_not_traced, "the device's pflash_io_write events were not traced"),),
    Need.READ_ONLY: ((lambda _, device: not device.taken_as_read_only, "the device is writable"),),
    Need.WRITABLE: ((lambda _, device: device.taken_as_read_only, "the device is read-only"),),
    Need.CONTENTS: (
        (lambda _, device: not device.contents_known, "the contents before the trace are not known: give --image"),
    ),
    Need.VARIABLES: ((lambda _, device: not device.variables_followed, _NO_VARIABLES),),
    Need.POWER_CUTS: (
        (
            lambda _, device: device.cuts is None,
            "no power cut was tried: give --power-cuts, and --image where the store is not known",
        ),
    ),
    Need.VARIABLES_OR_CODE: (
        (lambda _, device: not (device.variables_followed or _knows_code(device)), _NO_VARIABLES),
    ),
}
"""Conditions under which a need is not met, with the reason; the first that holds counts."""

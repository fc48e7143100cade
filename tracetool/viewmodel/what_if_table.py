"""What if, side by side: the same traces audited under every policy, and with the smallest safe extent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from replay.backing import Policy
from tracetool.audit.audit import audit_replayed
from tracetool.audit.compare import consequences
from tracetool.report.phrases import SIGNS
from tracetool.sanitize import sanitize
from tracetool.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tracetool.audit import Audit, DeviceAudit
    from tracetool.audit.compare import Consequence
    from tracetool.viewmodel.audit_session import AuditSession, Settings

__all__ = ["TITLES", "AuditedVariant", "Variant", "aligned", "audited", "variants"]

TITLES = ("what if", "device", "verdict", "reads", "torn", "refused", "lost", "memory")
_DEVICE = 1
"""Number of the column `device`."""


@dataclass(frozen=True)
class Variant:
    """Settings to compare, by name; `now` are those of the session that is shown."""

    name: str
    settings: Settings
    now: bool


def variants(session: AuditSession) -> list[Variant]:
    """Every policy, and the smallest extent with which nothing would have been outside, where that is another one.

    The name of an extent has its device where others have extents too.
    """
    settings, options = session.settings, session.settings.options
    now = session.audit.policy
    found = [
        Variant(f"policy {policy.label}", replace(settings, options=replace(options, policy=policy)), policy == now)
        for policy in Policy
    ]
    alone = sum(device.extent is not None for device in session.audit.devices) == 1
    for device in session.audit.devices:
        smallest, extent = device.backing.bytes if device.backing else None, device.extent
        if extent is not None and smallest is not None and smallest > extent.bytes:
            extents = {**options.extents, device.name: smallest}
            changed = replace(settings, options=replace(options, extents=extents))
            of = "" if alone else f" of {sanitize(device.name, 24)}"
            found.append(Variant(f"extent {format_size(smallest)}{of}", changed, now=False))
    return found


def audited(session: AuditSession, variant: Variant, report: Callable[[int, int | None], None]) -> AuditedVariant:
    """Audit the traces of a session, from memory, with other settings; takes as long as the audit.

    Raises:
        UsageError: the settings contradict the trace.
        Cancelled: by `report`.
    """
    traces = [trace.again(report) for trace in session.traces]
    options, rules = variant.settings.options, variant.settings.rules
    replayed, audit = audit_replayed(traces, options, rules, guests=variant.settings.guests)
    return AuditedVariant(variant, audit, consequences(replayed, audit.policy), session.audit)


@dataclass(frozen=True)
class AuditedVariant:
    """A variant, its audit, and that of the session it is compared with."""

    variant: Variant
    audit: Audit
    found: Sequence[Consequence]
    before: Audit

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Cells of `TITLES`, a row for each device with an extent, or one for the whole."""
        devices = {device.name: device for device in self.audit.devices}
        if not self.found:
            verdict = self.audit.verdict
            yield self.variant.name, "", f"{SIGNS[verdict]} {verdict}", *[""] * 5
        for number, row in enumerate(self.found):
            yield (
                "" if number else self.variant.name,
                sanitize(row.device, 24),
                _verdict(devices[row.device]),
                *(_amount(count) for count in (row.reads_that_differ, row.torn_writes, row.refused)),
                "?" if row.lost_bytes is None else format_size(row.lost_bytes) if row.lost_bytes else "0",
                format_size(row.memory_bytes),
            )

    def findings(self) -> str:
        """Rules of findings that the variant adds to those now, and takes away; empty where it has the same."""
        there, here = _named(self.audit), _named(self.before)
        parts = (("with", there - here), ("without", here - there))
        return ", ".join(f"{word} {' '.join(sorted(names))}" for word, names in parts if names)


def _named(audit: Audit) -> set[str]:
    return {finding.rule for finding in audit.findings}


def _verdict(device: DeviceAudit) -> str:
    return f"{SIGNS[device.verdict]} {device.verdict}"


def _amount(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of `TITLES` as lines whose columns have one width; without devices where there is one."""
    every = [list(row) for row in rows]
    if len({row[_DEVICE] for row in every[1:]} - {""}) <= 1:
        for row in every:
            del row[_DEVICE]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every]

"""Findings of a trace that grows, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracetool.findings.phrases import events_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracetool.findings.registry import Finding

__all__ = ["Arrivals", "finding_line"]


class Arrivals:
    """Tells findings that were not there before; each is there once for a rule, a device and a trace."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str | None, int | None]] = set()

    def new(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings that no call before had, in their order."""
        found = []
        for finding in findings:
            key = (finding.rule, finding.device, finding.trace)
            if key not in self._seen:
                self._seen.add(key)
                found.append(finding)
        return found


def finding_line(finding: Finding) -> str:
    """A finding in a line: severity, rule, device, message and events."""
    device = f" {finding.device}" if finding.device else ""
    where = events_of(finding, several=False)
    return f"{finding.severity.label} {finding.rule}{device}: {finding.message}{f', {where}' if where else ''}"

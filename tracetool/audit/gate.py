"""The gate: which findings fail an audit, and the exit code that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tracetool.audit.verdict import Verdict
from tracetool.findings import RULES, Severity
from tracetool.findings.phrases import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracetool.audit.result import Audit

__all__ = ["Ending", "Gate"]


class Ending(NamedTuple):
    """Exit code, and its reason as a sentence without a full stop."""

    code: int
    why: str


class Gate(NamedTuple):
    """Least severity that fails, and whether an inconclusive trace is accepted."""

    fail_on: Severity = Severity.ERROR
    allow_inconclusive: bool = False

    def ending(self, audit: Audit) -> Ending:
        """Return 1 for findings or a write outside, 4 for inconclusive, else 0.

        Findings about the trace itself (TRC) make a verdict inconclusive; they are not the guest's doing and do not
        count here.
        """
        failures = list(self._failures(audit))
        if failures:
            return Ending(1, "; ".join(failures))
        unsure = "; ".join(f"{device.name} is {device.verdict}" for device in audit.devices if device.unsure)
        if unsure and not self.allow_inconclusive:
            return Ending(4, f"{unsure} (audit --allow-inconclusive ends with 0)")
        return Ending(0, f"{unsure}, which --allow-inconclusive allows" if unsure else self._nothing)

    def _failures(self, audit: Audit) -> Iterator[str]:
        if any(device.verdict == Verdict.OUTSIDE_EXTENT for device in audit.devices):
            yield "the guest wrote outside the extent"
        counted = [f for f in audit.findings if f.severity >= self.fail_on and not RULES[f.rule].about_trace]
        if counted:
            yield f"{count_of(len(counted), 'finding')} {self.severities}"

    @property
    def severities(self) -> str:
        """Which findings fail, as in `of severity warning or worse`."""
        worst = "" if self.fail_on == max(Severity) else " or worse"
        return f"of severity {self.fail_on.label}{worst}"

    @property
    def _nothing(self) -> str:
        return f"no finding {self.severities}"

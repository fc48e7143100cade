"""The findings: a table, and the finding under the cursor in full."""

from __future__ import annotations

from tracetool.tui.findings.view import FindingsView
from tracetool.tui.view import View
from tracetool.viewmodel.findings import findings

__all__ = ["VIEW", "FindingsView"]

VIEW = View(
    "4",
    "Findings",
    "Show every finding: why it matters and what to do.",
    FindingsView,
    model=lambda session: findings(session.audit),
)

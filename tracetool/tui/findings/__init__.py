"""The findings: what is wrong, why it matters, what to do, and where to look."""

from tracetool.tui.findings.findings import FindingsView

__all__ = ["FindingsView"]

"""The danger view: what a power cut would have cost at each moment, and why."""

from __future__ import annotations

from tracetool.tui.danger.view import DangerView
from tracetool.tui.view import View

__all__ = ["VIEW", "DangerView"]

VIEW = View("7", "Danger", "Show what a power cut would have cost at each moment.", DangerView, renewed=False)

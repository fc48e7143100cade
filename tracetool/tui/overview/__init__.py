"""The overview: the answer without a key press."""

from __future__ import annotations

from tracetool.tui.overview.overview import Overview
from tracetool.tui.view import View
from tracetool.viewmodel.overview import overview

__all__ = ["VIEW", "Overview"]

VIEW = View(
    "1",
    "Overview",
    "Show the verdict, the devices and the findings worth a look.",
    Overview,
    model=lambda session: overview(session.audit),
    wait=Overview.wait_for,
)

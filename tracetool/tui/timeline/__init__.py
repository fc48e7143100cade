"""The timeline: the table of operations, and the inspector of the event under the cursor."""

from __future__ import annotations

from tracetool.tui.timeline.view import TimelineView
from tracetool.tui.view import View

__all__ = ["VIEW", "TimelineView"]

VIEW = View("2", "Timeline", "Show the table of operations.", TimelineView)

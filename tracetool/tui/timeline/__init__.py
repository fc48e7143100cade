"""The timeline: the table of operations, and beside it the event under the cursor explained."""

from tracetool.tui.timeline.view import TimelineView

__all__ = ["TimelineView"]

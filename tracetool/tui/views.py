"""The views, by key: what makes each, and how it is given what was loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracetool.tui.timeline import TimelineView

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.widget import Widget

    from tracetool.browse.loading import Loaded

__all__ = ["VIEWS", "View"]


@dataclass(frozen=True)
class View:
    """A view: `show` gives the widget what was loaded, `focus` the keys."""

    id: str
    key: str
    title: str
    make: Callable[[], Widget]
    show: Callable[[Any, Loaded], None]
    focus: Callable[[Any], None]


VIEWS: tuple[View, ...] = (
    View(
        "timeline",
        "2",
        "Timeline",
        lambda: TimelineView(id="timeline"),
        TimelineView.show_loaded,
        TimelineView.focus_table,
    ),
)

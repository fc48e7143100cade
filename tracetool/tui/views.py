"""The views, by key: what makes each, and how it is given what was loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.widgets import DataTable

from tracetool.tui.findings import FindingsView
from tracetool.tui.image import ImageView
from tracetool.tui.map import MapView
from tracetool.tui.overview import Overview
from tracetool.tui.timeline import TimelineView
from tracetool.viewmodel.findings import findings
from tracetool.viewmodel.overview import overview

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.widget import Widget

    from tracetool.viewmodel.audit_session import AuditSession

__all__ = ["VIEWS", "View"]


@dataclass(frozen=True)
class View:
    """A view: `show` gives the widget what was loaded, `focus` the keys, `wait` words until then."""

    id: str
    key: str
    title: str
    make: Callable[[], Widget]
    show: Callable[[Any, AuditSession], Awaitable[None] | None]
    focus: Callable[[Any], object]
    wait: Callable[[Any, str], None] = lambda _view, _words: None

    def widget(self) -> Widget:
        """The view's widget, which has its id."""
        made = self.make()
        made.id = self.id
        return made


def _focus_findings(view: FindingsView) -> None:
    view.query_one(DataTable).focus()


def _focus_grid(view: TimelineView | MapView | ImageView) -> None:
    view.grid.focus()


VIEWS: tuple[View, ...] = (
    View(
        "overview",
        "1",
        "Overview",
        Overview,
        lambda view, loaded: view.show(overview(loaded.audit, loaded.operations)),
        Overview.focus,
        Overview.wait_for,
    ),
    View("timeline", "2", "Timeline", TimelineView, TimelineView.show_session, _focus_grid),
    View("map", "3", "Map", MapView, MapView.show_session, _focus_grid),
    View(
        "findings",
        "4",
        "Findings",
        FindingsView,
        lambda view, loaded: view.show(findings(loaded.audit)),
        _focus_findings,
    ),
    View("image", "5", "Image", ImageView, ImageView.show_session, _focus_grid),
)
"""In the order of their tabs; the first is the one that is seen first."""

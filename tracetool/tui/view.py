"""The entry of a view in the registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracetool.tui.actions import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.widget import Widget

    from tracetool.viewmodel.audit_session import AuditSession

__all__ = ["View"]


@dataclass(frozen=True)
class View:
    """A view of the app; its package declares it as `VIEW`.

    Attributes:
        key: key that shows it, by which views are sorted.
        title: name on its tab; in lower case, its id.
        help: what its key does.
        make: the class of its widget; the first of the widget and its descendants that can, has the focus.
        model: what the widget's method `show` takes of a session.
        renewed: it shows a trace that grows anew while it is in front, and not only when it comes there.
        wait: tells the widget how far the loading is, until it shows something.
    """

    key: str
    title: str
    help: str
    make: Callable[[], Any]
    model: Callable[[AuditSession], Any] = lambda session: session
    wait: Callable[[Any, str], None] = lambda _widget, _words: None
    renewed: bool = True

    @property
    def id(self) -> str:
        """Id of the view and its widget."""
        return self.title.lower()

    @property
    def action(self) -> Action:
        """The action that shows the view."""
        return Action(f"view.{self.id}", "anywhere", self.key, f"view('{self.id}')", self.title, self.help)

    def widget(self) -> Widget:
        """A new widget of the view, with the view's id."""
        made: Widget = self.make()
        made.id = self.id
        return made

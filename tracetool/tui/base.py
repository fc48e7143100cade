"""What all parts of the app use: its views, and a word in passing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import ContentSwitcher

from tracetool.plain import plain
from tracetool.tui.key_queue import KeyQueue
from tracetool.tui.prompt import Prompt
from tracetool.tui.timeline import TimelineView
from tracetool.tui.top_bar import TopBar
from tracetool.tui.views import VIEWS

if TYPE_CHECKING:
    from tracetool.browse.loading import Loaded, Settings
    from tracetool.browse.timeline import Timeline

__all__ = ["ViewsApp"]


class ViewsApp(KeyQueue):
    """Views of what was loaded, one of them in front."""

    loaded: Loaded | None = None

    def tell(self, words: str, *, wrong: bool = False) -> None:
        """Say something in passing; never as markup."""
        self.notify(plain(words), severity="error" if wrong else "information", markup=False, timeout=6 if wrong else 3)

    def load_again(self, settings: Settings) -> None:
        """Audit the same traces under other settings."""
        raise NotImplementedError

    @property
    def current_view(self) -> str:
        """The id of the view in front."""
        return self.query_one(ContentSwitcher).current or VIEWS[0].id

    def action_view(self, name: str) -> None:
        """Show a view."""
        self.query_one(ContentSwitcher).current = name
        self.query_one(TopBar).mark(name)
        view = next(view for view in VIEWS if view.id == name)
        if not self.query_one(Prompt).asking:
            view.focus(self.query_one(f"#{name}"))

    def view(self) -> TimelineView:
        """The timeline's view."""
        return self.query_one(TimelineView)

    def ready(self, *, partly: bool = False) -> Timeline | None:
        """The timeline, with its view in front; None, and a word about it, as long as there is none.

        `partly`: what is shown while the trace is read will do.
        """
        timeline = self.view().timeline
        if timeline is None or not (timeline.loaded.complete or partly):
            self.tell("the trace is still being read")
            return None
        if self.current_view != "timeline":
            self.action_view("timeline")
        return timeline

"""All keys, those of what has the focus first."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tracetool.tui.actions import ACTIONS, PLACES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import ComposeResult

__all__ = ["HelpScreen", "help_text"]

_KEYS = 18
_TITLE = 32


def help_text(first: Sequence[str], keys: Mapping[str, str], width: int = 100) -> Text:
    """The actions under the headings of where they work; `keys` has those that the user chose."""
    text = Text()
    for where in [*first, *(place for place in PLACES if place not in first)]:
        text.append(f"{PLACES[where]}\n", style="bold underline")
        for action in ACTIONS:
            if action.where == where:
                shown = keys.get(action.id, "") or action.shown_keys
                text.append(f"  {shown:<{_KEYS}}", style="bold")
                text.append(f"{action.title:<{_TITLE}}")
                text.append(f"\n{'':{_KEYS + 2}}{action.help}\n" if width < _WIDE else f"{action.help}\n", style="dim")
        text.append("\n")
    return text


_WIDE = 130


class HelpScreen(ModalScreen[None]):
    """A page over the views."""

    BINDINGS: ClassVar = [("escape,q,question_mark", "app.pop_screen", "Close")]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll { width: 90%; height: 90%; background: $surface; border: round $primary; padding: 0 1; }
    HelpScreen Static { width: 1fr; }
    """

    def __init__(self, first: Sequence[str], keys: Mapping[str, str]) -> None:
        super().__init__()
        self._first = first
        self._keys = keys

    def compose(self) -> ComposeResult:
        """The text."""
        page = VerticalScroll(Static(help_text(self._first, self._keys, self.app.size.width)))
        page.border_title = "Keys (Esc closes)"
        yield page

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

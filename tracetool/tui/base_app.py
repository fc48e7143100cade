"""What the app over one session and that over two runs have in common: looks, the user's keys, notifications."""

from __future__ import annotations

from abc import abstractmethod
from importlib.resources import files
from typing import TYPE_CHECKING

from tracetool.sanitize import sanitize
from tracetool.tui.bars import TopBar
from tracetool.tui.key_queue import KeyQueue
from tracetool.tui.keys import keys_path, read_keys
from tracetool.tui.screens import MainScreen
from tracetool.tui.theme import DARK, FEW_COLOURS, LIGHT, THEMES, in_sixteen_colours

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.viewmodel.audit_session import Progress

__all__ = ["BaseApp"]


class BaseApp(KeyQueue):
    """Base of the apps.

    Args:
        keys: file of the user's keys, by default that of `keys_path`.

    Attributes:
        own_keys: the user's keys by action.
    """

    CSS = files("tracetool.tui").joinpath("app.tcss").read_text(encoding="utf-8")

    def __init__(self, keys: Path | None) -> None:
        super().__init__()
        self.own_keys: dict[str, str] = {}
        self._keys_path = keys or keys_path()
        few = self.console.color_system in FEW_COLOURS
        for theme in THEMES:
            self.register_theme(in_sixteen_colours(theme) if few else theme)
        self.theme = DARK.name

    def get_default_screen(self) -> MainScreen:
        """The screen of the views."""
        return MainScreen(id="_default")

    def take_own_keys(self) -> None:
        """Read the user's keys, and say what is wrong with them."""
        self.own_keys, wrong = read_keys(self._keys_path)
        self.set_keymap(self.own_keys)
        if wrong is not None:
            self.tell(wrong, wrong=True)

    def tell(self, words: str, *, wrong: bool = False) -> None:
        """Notify the user; never as markup."""
        self.notify(
            sanitize(words), severity="error" if wrong else "information", markup=False, timeout=6 if wrong else 3
        )

    def say_progress(self, what: str, progress: Progress, stop: str = "Esc stops") -> None:
        """Say how far long work is, in place of the title, and what stops it."""
        share = "" if progress.share is None else f" {progress.share:4.0%}"
        self.query_one(TopBar).say(f"{what}{share}  {stop}")

    @abstractmethod
    def say_title(self) -> None:
        """Say what is shown, unless the app has ended meanwhile."""

    def action_theme(self) -> None:
        """Switch between the light and the dark theme."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def action_help_quit(self) -> None:
        """Say which key quits; textual calls this for Ctrl+C where nothing is selected."""
        self.tell("q leaves")

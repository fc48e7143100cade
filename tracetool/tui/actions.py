"""Actions of the app, from `actions.toml`: one registry for key bindings, palette, help, footer and documentation."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.keys import key_to_character

if TYPE_CHECKING:
    from textual.binding import BindingType

__all__ = ["ACTIONS", "DIFFERENCE_ACTIONS", "PLACES", "Action", "actions_of", "binding", "bindings_of", "shown_key"]

PLACES = {
    "anywhere": "Anywhere",
    "lane": "In the time lane",
    "timeline": "In the timeline",
    "table": "In tables of rows",
    "map": "In the map",
    "map-cells": "In the map",
    "image": "In the image",
    "image-bytes": "In the image",
    "findings": "In the findings",
    "variables": "In the variables",
    "danger": "In the danger view",
    "who": "In the who view",
}
"""Where actions work, in the order of the help, with the heading there."""


@dataclass(frozen=True)
class Action:
    """An action of the app.

    `keys` are textual's names, separated by commas. `call` is the action of the widget it works in, or of a controller
    of the app (`prompts.filter`). `footer` is its word in the footer, empty for an action that is not shown there.
    """

    id: str
    where: str
    keys: str
    call: str
    title: str
    help: str
    footer: str = ""

    @property
    def shown_keys(self) -> str:
        """The keys as people read them."""
        return " ".join(shown_key(key) for key in self.keys.split(","))


_SYMBOLS = {
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "escape": "Esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
}
_NAMED = ("enter", "space", "home", "end", "tab")


def shown_key(key: str) -> str:
    """A key as people read it."""
    *modifiers, last = key.split("+")
    if last in _NAMED:
        name = last.capitalize()
    else:
        character = key_to_character(last) or ""
        name = _SYMBOLS.get(last) or (character if character.isprintable() else "") or last
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


def actions_of(name: str) -> tuple[Action, ...]:
    """The actions that a file of this package lists."""
    table = tomllib.loads(files("tracetool.tui").joinpath(name).read_text(encoding="utf-8"))
    return tuple(Action(name, where, **entry) for where, actions in table.items() for name, entry in actions.items())


ACTIONS = actions_of("actions.toml")
"""All actions of the app over traces except those that show a view; ids are those of the user's file of keys."""

DIFFERENCE_ACTIONS = actions_of("difference.toml")
"""Actions of the app over two runs."""


def bindings_of(where: str) -> list[BindingType]:
    """Bindings of the widget in which these actions work."""
    return [binding(action) for action in ACTIONS if action.where == where]


def binding(action: Action) -> Binding:
    """The key binding of an action."""
    return Binding(action.keys, action.call, action.footer or action.title, show=bool(action.footer), id=action.id)

"""One thing that can be done, and how its keys are written."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Action", "shown_key"]


@dataclass(frozen=True)
class Action:
    """Something that can be done.

    `keys` are textual's names, separated by commas; `call` the action of the widget that it works in; the footer
    shows it where `footer` is a word for it.
    """

    id: str
    keys: str
    call: str
    title: str
    help: str
    where: str = "anywhere"
    footer: str = ""

    @property
    def shown_keys(self) -> str:
        """The keys as people read them."""
        return " ".join(shown_key(key) for key in self.keys.split(","))


_SYMBOLS = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "full_stop": ".",
    "comma": ",",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "apostrophe": "'",
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "tab": "Tab",
}


def shown_key(key: str) -> str:
    """A key as people read it."""
    *modifiers, last = key.split("+")
    names = [modifier.capitalize() for modifier in modifiers]
    return "+".join([*names, _SYMBOLS.get(last, last)])

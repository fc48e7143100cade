"""Text of others, made harmless for a terminal."""

from __future__ import annotations

import unicodedata

__all__ = ["harmless"]

_TURNS = ("R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "PDF", "PDI", "FSI")


def harmless(text: str, most: int = 200) -> str:
    """The text without what moves a cursor, turns the line around or stacks on other characters; cut if it is long.

    Such characters are written as escapes, so that nothing is hidden.
    """
    shown = text if text.isascii() and text.isprintable() else "".join(map(_shown, text[: most + 1]))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _shown(character: str) -> str:
    safe = (
        character.isprintable()
        and not unicodedata.combining(character)
        and unicodedata.bidirectional(character) not in _TURNS
        and character != "\u200d"
    )
    return character if safe else character.encode("unicode_escape").decode()

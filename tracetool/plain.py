"""Text from a trace made harmless: nothing that moves a cursor, hides, or reorders what stands beside it."""

from __future__ import annotations

import unicodedata

__all__ = ["plain"]

_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_MOST = 4096
_ELLIPSIS = "…"


def plain(text: str, most: int = _MOST) -> str:
    """The text on one line and at most `most` characters long, with escapes for what a terminal should not see.

    Escaped are control and format characters, lone surrogates, marks that would pile up on the character before them,
    and right-to-left letters, which terminals that know bidirectional text would set before what precedes them.
    """
    composed = unicodedata.normalize("NFC", text[: most + 1])
    shown = "".join(c if _harmless(c) else _escape(c) for c in composed)
    return shown if len(shown) <= most else shown[: most - 1] + _ELLIPSIS


def _harmless(character: str) -> bool:
    if " " <= character <= "~":
        return True
    upright = unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT and not unicodedata.combining(character)
    return character.isprintable() and upright


def _escape(character: str) -> str:
    return " " if character in "\t\r\n" else character.encode("unicode_escape").decode()

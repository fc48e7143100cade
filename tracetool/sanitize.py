"""Sanitizing of foreign text: nothing that moves the cursor, hides or reorders the text around it.

Names of devices and files, texts of traces and messages of other programs are shown only after it.
Machine formats keep data as it is.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["excerpt", "first_of", "listed", "sanitize", "sanitize_lines"]

_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_MOST = 4096
_EXCERPT = 120
_ESCAPED = 10  # characters of the longest escape
_ELLIPSIS = "…"


def sanitize(text: str, most: int = _MOST) -> str:
    """The text on one line and at most `most` characters long, with escapes for what a terminal should not see.

    Escaped are control and format characters, lone surrogates, marks that would pile up on the character before them,
    and right-to-left letters, which terminals that know bidirectional text would set before what precedes them.
    """
    if text.isascii() and text.isprintable() and len(text) <= most:
        return text
    composed = unicodedata.normalize("NFC", text[: most + 1])
    shown = "".join(c if _harmless(c) else _escape(c) for c in composed)
    return shown if len(shown) <= most else shown[: most - 1] + _ELLIPSIS


def sanitize_lines(text: str) -> str:
    """The text as `sanitize` returns it, but with its newlines and not cut."""
    return "\n".join(sanitize(line, _ESCAPED * len(line)) for line in text.split("\n"))


def excerpt(line: str) -> str:
    """The beginning of a line of a trace, at most 120 characters of ASCII: its encoding is unknown."""
    shown = "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in line[: _EXCERPT + 1])
    return sanitize(shown, _EXCERPT)


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; at least one."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def first_of(names: Sequence[str], most: int) -> str:
    """The first of some names: `a, b`, or `a, b and 3 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def _harmless(character: str) -> bool:
    if " " <= character <= "~":
        return True
    upright = unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT and not unicodedata.combining(character)
    return character.isprintable() and upright


def _escape(character: str) -> str:
    return " " if character in "\t\r\n" else character.encode("unicode_escape").decode()

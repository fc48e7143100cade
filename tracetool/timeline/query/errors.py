"""The error of a query, with its place and the words that are valid there."""

from __future__ import annotations

import unicodedata
from textwrap import shorten, wrap
from typing import NamedTuple

from tracetool.errors import UsageError

__all__ = ["Choice", "QueryError", "shown"]

_SHOWN_CHARACTERS = 40
_VALID_WIDTH = 72
_VALID_CHARACTERS = 210
_AROUND = 36


class Choice(NamedTuple):
    """Something that may stand at a place of a query.

    Attributes:
        text: the word itself, or (`literal` false) what is to be written in words, with examples.
        help: what it means.
        literal: it can be typed as it stands, and so completed.
    """

    text: str
    help: str = ""
    literal: bool = True


class QueryError(UsageError):
    """A query that cannot be understood. `str()` is one line; `pretty()` also draws the place.

    Attributes:
        message: what is wrong, in one line.
        text: the whole query.
        start: where the wrong word begins, in characters; the length of the query if something is missing at its end.
        end: where it ends, exclusive.
        expected: what would be valid there, the nearest first; may be empty.
    """

    def __init__(self, message: str, *, text: str, start: int, end: int, expected: tuple[Choice, ...] = ()) -> None:
        self.message = message
        self.text = text
        self.start = start
        self.end = end
        self.expected = expected
        super().__init__(message)

    def __str__(self) -> str:
        place = f"character {self.start + 1}" if self.start < len(self.text) else "at its end"
        valid = self._valid()
        return f"query, {place}: {self.message}{valid and f'; {valid}'}"

    @property
    def picture(self) -> str:
        """The query with the wrong word underlined."""
        return "\n".join(self.pretty().splitlines()[1:3])

    def pretty(self) -> str:
        """Several lines: the message, the query with the wrong word underlined, and what would be valid there."""
        first = max(self.start - _AROUND, 0)
        last = min(max(self.end, self.start), self.start + _AROUND)
        before = ("…" if first else "") + self.text[first : self.start]
        wrong = self.text[self.start : last]
        after = self.text[last : last + _AROUND]
        cut = "…" if last + _AROUND < len(self.text) else ""
        line = "".join(map(_visible, before + wrong + after)) + cut
        marker = " " * _width(before) + "~" * _width(wrong) + "^"
        valid = wrap(self._valid(), _VALID_WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        return "\n".join([self.message, *(f"    {part}" for part in (line, marker, *valid) if part)])

    def _valid(self) -> str:
        names = ", ".join(choice.text for choice in self.expected)
        return shorten(names and f"valid here: {names}", _VALID_CHARACTERS, placeholder=" and more: see docs/query.md")


def shown(text: str) -> str:
    """A piece of a query as a message quotes it: on one line, not too long."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…")


def _visible(character: str) -> str:
    """The character, or a stand-in for one that would move a terminal's cursor."""
    if character.isprintable():
        return character
    return " " if character in "\t\r\n" else "?"


def _width(text: str) -> int:
    """Columns of a terminal that the text takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1
        for c in map(_visible, text)
    )

"""Completion: the words that the parser accepts at a place of a query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.timeline.query.errors import QueryError
from tracetool.timeline.query.lexer import Kind, Token, tokens
from tracetool.timeline.query.parser import Parser

if TYPE_CHECKING:
    from tracetool.timeline.query.errors import Choice
    from tracetool.timeline.query.vocabulary import Vocabulary

__all__ = ["Completion", "complete"]

_PARTIAL = re.compile(r"""["'][^"'\\]*\Z|[=!<>~]+\Z|[A-Za-z_][\w:-]*(?:\.[\w:-]+)*\.?\Z""", re.ASCII)
_REST = re.compile(r"[\w:-]*(?:\.[\w:-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Completion:
    """A word for a place of a query, to be put there instead of `text[start:end]`."""

    text: str
    start: int
    end: int
    help: str


def complete(text: str, position: int, vocabulary: Vocabulary) -> list[Completion]:
    """The words that may stand at the position (in characters), those alone that begin as the word there does.

    What comes after the position is not looked at, but for the rest of the word. Nothing is offered where the query
    is wrong already, or in a number.
    """
    partial = _PARTIAL.search(text, 0, position)
    start = partial.start() if partial else position
    if text[:start][-1:].isalnum():
        return []
    begun = text[start:position]
    rest = _REST.match(text, position)
    end = rest.end() if rest and begun[-1:].isalnum() else position
    expected: tuple[Choice, ...] = ()
    try:
        words = tokens(text[:start])[:-1]
        Parser(text, [*words, Token(Kind.CURSOR, "", start, start)], vocabulary).query()
    except QueryError as error:
        if error.start == start:
            expected = error.expected
    return [
        Completion(choice.text, start, end, choice.help)
        for choice in expected
        if choice.literal and choice.text.startswith(begun)
    ]

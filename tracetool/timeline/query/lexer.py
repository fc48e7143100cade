"""A query cut into words."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from tracetool.timeline.query.errors import QueryError, shown

__all__ = ["MAX_CHARACTERS", "RESERVED", "Kind", "Token", "spell_regex", "spell_text", "tokens", "unquoted"]

MAX_CHARACTERS = 10_000
"""The longest query that is read."""

RESERVED = frozenset({"and", "or", "not", "in", "is", "null"})
"""Words that are values only in quotes."""


class Kind(Enum):
    """The kinds of word."""

    WORD = "word"
    NUMBER = "number"
    QUOTED = "quoted"
    REGEX = "regex"
    OPERATOR = "operator"
    END = "end"
    CURSOR = "cursor"
    """Stands where completion is asked for; nothing accepts it."""


class Token(NamedTuple):
    """A word of a query and its place: `start` inclusive, `end` exclusive, in characters."""

    kind: Kind
    text: str
    start: int
    end: int


_WORD = r"[A-Za-z_]\w*(?:[.:-]\w+)*"
_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\r\n]+)
    | (?P<word>{_WORD})
    | (?P<number>-?[0-9][\wµμ]*(?:\.[\wµμ]+)*)
    | (?P<quoted>"(?:[^"\\\t\r\n]|\\.)*"|'(?:[^'\\\t\r\n]|\\.)*')
    | (?P<regex>/(?:[^/\\\t\r\n]|\\.)*/)
    | (?P<operator>\.\.=?|==|!=|!~|<=|>=|&&|\|\||[=<>~&|!(),])
    """,
    re.ASCII | re.VERBOSE,
)
_PLAIN = re.compile(_WORD, re.ASCII)
_UNCLOSED = {'"': "this quote is not closed", "'": "this quote is not closed", "/": "this pattern is not closed"}


def tokens(text: str) -> list[Token]:
    """The words of a query, the last of them `END`.

    Raises:
        QueryError: too long, or a character that no word begins with.
    """
    if len(text) > MAX_CHARACTERS:
        message = f"the query is longer than {MAX_CHARACTERS:,} characters"
        raise QueryError(message, text=text, start=MAX_CHARACTERS, end=MAX_CHARACTERS)
    _check_characters(text)
    found = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        if match.lastgroup != "space":
            found.append(Token(Kind(match.lastgroup), match[0], position, match.end()))
        position = match.end()
    return [*found, Token(Kind.END, "", position, position)]


def _check_characters(text: str) -> None:
    """No control characters, no halves of surrogate pairs: neither a terminal nor polars could take them."""
    for position, character in enumerate(text):
        if not character.isprintable() and character not in "\t\r\n":
            message = f"{shown(character)} is not a printable character"
            raise QueryError(message, text=text, start=position, end=position + 1)


def _unreadable(text: str, position: int) -> QueryError:
    character = text[position]
    message = _UNCLOSED.get(character, f"{shown(character)} begins no word: quote texts that are not plain words")
    return QueryError(message, text=text, start=position, end=position + 1)


def unquoted(token: Token) -> str:
    r"""The value of a quoted word or pattern: `\"`, `\'` and `\\` in quotes, and `\/` in a pattern, are unescaped."""
    if token.kind is Kind.QUOTED:
        return re.sub(r"\\([\"'\\])", r"\1", token.text[1:-1])
    if token.kind is Kind.REGEX:
        return re.sub(r"\\.", lambda pair: "/" if pair[0] == r"\/" else pair[0], token.text[1:-1])
    return token.text


def spell_text(text: str) -> str:
    """A text as a query writes it: bare where it is a plain word."""
    if _PLAIN.fullmatch(text) and text not in RESERVED:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def spell_regex(pattern: str) -> str:
    """A pattern between slashes."""
    return "/" + re.sub(r"\\.|/", lambda piece: r"\/" if piece[0] == "/" else piece[0], pattern) + "/"

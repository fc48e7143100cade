"""Words to tree: precedence by descent.

```
query      = some END
some       = all {"or" all}
all        = unary {"and" unary}
unary      = "not" unary | "(" some ")" | comparison
comparison = COLUMN ["&" NUMBER] tail | TRUTH | BYTES (range | NUMBER)
tail       = ("==" | "=" | "!=" | "<" | "<=" | ">" | ">=") value
           | ("~" | "!~") (value | REGEX)
           | ["not"] "in" ("(" value {"," value} ")" | range)
           | "is" ["not"] ("null" | "known")
range      = NUMBER (".." | "..=") [NUMBER] | (".." | "..=") NUMBER
```

Written by hand because a parser library would not make it smaller: what may follow depends on the column's type, so
a generated parser would accept too much, and the checks, the messages and the completions, which are most of this
module, would still have to be written. Here one failure carries all three: the place, the reason, what may stand there.
"""

from __future__ import annotations

from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

from tracetool.sanitize import listed
from tracetool.timeline.query.errors import Choice, QueryError, shown
from tracetool.timeline.query.lexer import RESERVED, Kind, spell_text, unquoted
from tracetool.timeline.query.patterns import matching
from tracetool.timeline.query.tree import All, Among, Compare, Known, Match, Not, Some, Term, Within, joined
from tracetool.timeline.query.values import EXAMPLES, read_number
from tracetool.timeline.query.vocabulary import VOCABULARIES, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tracetool.timeline.query.lexer import Token
    from tracetool.timeline.query.tree import Node, Value
    from tracetool.timeline.query.vocabulary import Column, Vocabulary

__all__ = ["MAX_NESTING", "OPERATORS", "Parser"]

MAX_NESTING = 50
"""Limit of nested parentheses and `not`, far below that of Python's stack."""

OPERATORS = {
    "==": "equal to",
    "!=": "not equal to",
    "<": "less than",
    "<=": "at most",
    ">": "greater than",
    ">=": "at least",
    "~": "contains the text, or matches the /pattern/",
    "!~": "does not contain it",
    "in": "one of (a, b), or in the range a..b",
    "is": "is null, or is known",
    "&": "the bits that a mask keeps",
}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_ALIASES = {"=": "=="}
_RANGES = ("..", "..=")
_FOREIGN = {"&&": "and", "||": "or", "|": "or", "!": "not"}

_AND = Choice("and", "both")
_OR = Choice("or", "one of them, or both")
_NOT = Choice("not", "the opposite")
_OPEN = Choice("(", "a group or a list")
_CLOSE = Choice(")", "the end of the group or list")
_TRUTH = (Choice("true"), Choice("false"))
_KNOWN = (Choice("null", "no value"), Choice("known", "some value"))
_TEXT = Choice('a text: word, "several words"', literal=False)
_PATTERN = Choice('a text: word, "several words", /pattern/', literal=False)


class Parser:
    """Reads the words of one query once."""

    def __init__(self, text: str, words: list[Token], vocabulary: Vocabulary) -> None:
        self._text = text
        self._words = words
        self._vocabulary = vocabulary
        self._next = 0
        self._depth = 0

    def query(self) -> Node:
        """The whole query.

        Raises:
            QueryError: it is none.
        """
        if self._peek().kind is Kind.END:
            self._fail("the query is empty", self._peek(), self._starts())
        node = self._some()
        if self._peek().kind is not Kind.END:
            self._fail_expecting("'and', 'or' or the end", (_AND, _OR))
        return node

    # Words

    def _peek(self) -> Token:
        return self._words[self._next]

    def _read(self) -> Token:
        token = self._peek()
        self._next += 1
        return token

    def _at(self, *texts: str) -> bool:
        return self._peek().kind in (Kind.WORD, Kind.OPERATOR) and self._peek().text in texts

    def _took(self, *texts: str) -> bool:
        """Read the next word if it is one of these; True when it was."""
        found = self._at(*texts)
        if found:
            self._next += 1
        return found

    def _fail(self, message: str, token: Token, expected: Iterable[Choice] = ()) -> NoReturn:
        raise QueryError(message, text=self._text, start=token.start, end=token.end, expected=tuple(expected))

    def _fail_expecting(self, wanted: str, expected: Iterable[Choice]) -> NoReturn:
        token = self._peek()
        if token.kind is Kind.OPERATOR and token.text in _FOREIGN:
            self._fail(f"{shown(token.text)} is written {shown(_FOREIGN[token.text])}", token, expected)
        found = "the query ends" if token.kind is Kind.END else shown(token.text)
        self._fail(f"{found} where {wanted} is expected", token, expected)

    # Joining

    def _some(self) -> Node:
        return self._chain(Some, "or", self._all)

    def _all(self) -> Node:
        return self._chain(All, "and", self._unary)

    def _chain(self, kind: type[All | Some], word: str, inner: Callable[[], Node]) -> Node:
        nodes = [inner()]
        while self._took(word):
            nodes.append(inner())
        return joined(kind, nodes)

    def _unary(self) -> Node:
        token = self._peek()
        if self._took("not"):
            with self._deeper(token):
                return Not(self._unary())
        if self._took("("):
            with self._deeper(token):
                node = self._some()
                self._close(token, "'and', 'or' or ')'", (_AND, _OR, _CLOSE))
                return node
        return self._comparison()

    @contextmanager
    def _deeper(self, token: Token) -> Iterator[None]:
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._fail(f"nested deeper than {MAX_NESTING} levels", token)
        yield
        self._depth -= 1

    def _close(self, opened: Token, wanted: str, expected: Iterable[Choice]) -> None:
        if self._peek().kind is Kind.END:
            self._fail("this parenthesis is not closed", opened)
        if not self._took(")"):
            self._fail_expecting(wanted, expected)

    # Comparisons

    def _comparison(self) -> Node:
        term = self._term()
        operators = _ALLOWED_AFTER_MASK if term.mask is not None else term.column.operators
        token = self._peek()
        if self._took("not"):
            if not self._at("in"):
                self._fail_expecting("'in'", (Choice("in", OPERATORS["in"]),))
            return Not(self._tail(term, operators))
        bare = self._bare(term)
        if bare is not None:
            return bare
        if token.kind is Kind.OPERATOR or self._at("in", "is"):
            return self._tail(term, operators)
        return self._fail_expecting("an operator", _choices(operators))

    def _bare(self, term: Term) -> Node | None:
        """A comparison without an operator: what is true or false, or bytes that are touched."""
        token = self._peek()
        if term.column.type is Type.BOOL and (token.kind is Kind.END or self._at("and", "or", ")")):
            return Compare(term, "==", value=True)
        if term.column.type is not Type.BYTES or not (token.kind is Kind.NUMBER or self._at(*_RANGES)):
            return None
        if token.kind is Kind.NUMBER and self._words[self._next + 1].text not in _RANGES:
            return Compare(term, "==", self._number(Type.BYTES))
        return self._within(term)

    def _term(self) -> Term:
        token = self._peek()
        if token.kind is not Kind.WORD or token.text in RESERVED:
            self._fail_expecting("a column", self._starts())
        column = self._vocabulary.column(token.text) or self._unknown(token)
        self._read()
        if "&" in column.operators and self._took("&"):
            return Term(column, self._number(Type.BITS))
        return Term(column)

    def _tail(self, term: Term, operators: tuple[str, ...]) -> Node:
        token = self._peek()
        operator = _ALIASES.get(token.text, token.text)
        if operator not in OPERATORS:
            self._fail_expecting("an operator", _choices(operators))
        if operator not in operators:
            subject = f"{term.column.name} is {term.column.type.value}" if term.mask is None else f"{term} is a number"
            self._fail(f"{subject}: {shown(operator)} does not apply", token, _choices(operators))
        self._read()
        match operator:
            case "in":
                return self._among(term) if self._at("(") else self._within(term)
            case "is":
                return self._known(term)
            case "~" | "!~":
                return self._match(term, negated=operator == "!~")
            case _:
                return Compare(term, operator, self._compared(term, operator))

    def _compared(self, term: Term, operator: str) -> Value:
        value = self._value(term.column)
        if self._at(*_RANGES):
            numeric = term.column.type in EXAMPLES
            reason = f"{shown(operator)} takes one value: a range follows 'in'"
            self._fail(reason if numeric else "ranges are of numbers and times", self._peek())
        return value

    def _match(self, term: Term, *, negated: bool) -> Node:
        token = self._peek()
        regex = token.kind is Kind.REGEX
        pattern = unquoted(self._read()) if regex else self._word(_offered(term.column, _PATTERN))
        column = term.column
        try:
            found = matching(column.values if column.type is Type.ENUM else (), pattern, regex=regex)
        except ValueError as error:
            self._fail(f"the pattern is not valid: {error}", token)
        if column.type is Type.ENUM and not found:
            message = f"no {column.name} matches {shown(token.text)}{_hint(pattern, column.values)}"
            self._fail(message, token, _nearest(pattern, column.values))
        return Match(term, pattern, regex, negated)

    def _known(self, term: Term) -> Node:
        negated = self._took("not")
        if not self._at("null", "known"):
            expected = _KNOWN if negated else (*_KNOWN, _NOT)
            self._fail_expecting("'null' or 'known'", expected)
        return Known(term, known=(self._read().text == "known") is not negated)

    def _among(self, term: Term) -> Node:
        opened = self._read()
        values = [self._value(term.column)]
        while self._took(","):
            values.append(self._value(term.column))
        self._close(opened, "',' or ')'", (Choice(",", "another value"), _CLOSE))
        return Among(term, tuple(values))

    def _within(self, term: Term) -> Node:
        column = term.column
        if column.type not in EXAMPLES:
            self._fail_expecting("'('", (_OPEN,))
        first = self._peek()
        low = None if self._at(*_RANGES) else self._number(column.type, also=(_OPEN, Choice("..", "up to")))
        if not self._at(*_RANGES):
            self._fail_expecting("'..'", (Choice("..", "up to, the end excluded"), Choice("..=", "the end included")))
        closed = self._read().text == "..="
        bounded = self._peek().kind is Kind.NUMBER or low is None or closed
        high = self._number(column.type) if bounded else None
        if low is not None and high is not None and (low > high or (low == high and not closed)):
            whole = first._replace(end=self._words[self._next - 1].end)
            why = "its end is excluded, ..= includes it" if low == high else "it ends before it begins"
            self._fail(f"the range is empty: {why}", whole)
        return Within(term, low, high, closed)

    # Values

    def _value(self, column: Column) -> Value:
        if column.type in EXAMPLES:
            return self._number(column.type)
        token = self._peek()
        text = self._word(_offered(column, _TEXT))
        if column.type in (Type.TEXT, Type.NAMES):
            return text
        allowed = ("true", "false") if column.type is Type.BOOL else column.values
        if text not in allowed:
            self._fail(f"{shown(text)} is no {column.name}{_hint(text, allowed)}", token, _nearest(text, allowed))
        return text == "true" if column.type is Type.BOOL else text

    def _refuse_null(self, token: Token) -> None:
        if token.kind is Kind.WORD and token.text == "null":
            self._fail("nothing compares with null: write 'is null' or 'is known'", token)

    def _word(self, expected: tuple[Choice, ...]) -> str:
        """A text: bare, or in quotes."""
        token = self._peek()
        self._refuse_null(token)
        if token.kind is Kind.REGEX:
            self._fail("a pattern follows '~' or '!~'", token, expected)
        if token.kind not in (Kind.WORD, Kind.NUMBER, Kind.QUOTED) or token.text in RESERVED:
            self._fail_expecting("a value", expected)
        return unquoted(self._read())

    def _number(self, kind: Type, *, also: tuple[Choice, ...] = ()) -> int:
        token = self._peek()
        self._refuse_null(token)
        if token.kind is not Kind.NUMBER:
            self._fail_expecting(_NOUNS[kind], (EXAMPLES[kind], *also))
        try:
            number = read_number(token.text, kind)
        except ValueError as error:
            self._fail(str(error), token, (EXAMPLES[kind],))
        self._read()
        return number

    # Names

    def _starts(self) -> Iterator[Choice]:
        """Choices at the start of a comparison."""
        yield from (Choice(column.name, column.help) for column in self._vocabulary.columns)
        yield from (_NOT, _OPEN)

    def _unknown(self, token: Token) -> NoReturn:
        table, name = self._vocabulary.name, token.text
        names = [column.name for column in self._vocabulary.columns]
        others = [other.name for other in VOCABULARIES if other.name != table and other.column(name)]
        instead = dict(self._vocabulary.instead).get(name)
        message = f"{table} have no column {shown(name)}"
        if others:
            message += f": {listed(others)} have it"
        if instead is not None:
            message += f"{',' if others else ':'} {table} have {shown(instead)}"
        elif not others:
            message += _hint(name, names)
        self._fail(message, token, _nearest(name if instead is None else instead, names))


_NOUNS = {
    **dict.fromkeys((Type.COUNT, Type.SPAN, Type.BITS), "a number"),
    **dict.fromkeys((Type.OFFSET, Type.BYTES, Type.SIZE), "a size"),
    **dict.fromkeys((Type.TIME, Type.DURATION, Type.ELAPSED), "a time"),
}
_ALLOWED_AFTER_MASK = (*_COMPARISONS, "in")


def _choices(operators: Iterable[str]) -> Iterator[Choice]:
    return (Choice(operator, OPERATORS[operator]) for operator in operators)


def _offered(column: Column, description: Choice) -> tuple[Choice, ...]:
    """Choices for a value of a column of names or texts."""
    if column.type is Type.BOOL:
        return _TRUTH
    values = tuple(Choice(spell_text(value)) for value in column.values)
    return values if column.type is Type.ENUM else (*values, description)


def _similar(name: str, names: Iterable[str]) -> list[str]:
    return get_close_matches(name.lower().removeprefix("pflash_"), names, n=3)


def _nearest(name: str, names: Iterable[str]) -> Iterator[Choice]:
    """All of the names, those most like `name` first."""
    every = list(names)
    return (Choice(each) for each in dict.fromkeys([*_similar(name, every), *every]))


def _hint(name: str, names: Iterable[str]) -> str:
    """The name that was perhaps meant, as the end of a message."""
    similar = _similar(name, names)
    return f": did you mean {shown(similar[0])}?" if similar else ""

"""The tree of a query. Nodes are values: equal queries have equal trees, and `str` gives the canonical text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracetool.timeline.query.lexer import spell_regex, spell_text
from tracetool.timeline.query.values import write_number
from tracetool.timeline.query.vocabulary import Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tracetool.timeline.query.vocabulary import Column

__all__ = ["All", "Among", "Compare", "Known", "Match", "Node", "Not", "Some", "Term", "Value", "Within", "terms"]

Value = int | str | bool


@dataclass(frozen=True, slots=True)
class Term:
    """The left side of a comparison: a column, or the bits of it that a mask keeps."""

    column: Column
    mask: int | None = None

    def __str__(self) -> str:
        return self.column.name if self.mask is None else f"{self.column.name} & 0x{self.mask:02x}"

    def spell(self, value: Value) -> str:
        """The value as a query writes it beside this term."""
        match value:
            case bool():
                return "true" if value else "false"
            case str():
                return spell_text(value)
            case _:
                return write_number(value, self.column.type if self.mask is None else Type.BITS)


@dataclass(frozen=True, slots=True)
class Compare:
    """`==`, `!=`, `<`, `<=`, `>` or `>=` with a value."""

    term: Term
    operator: str
    value: Value

    def __str__(self) -> str:
        return f"{self.term} {self.operator} {self.term.spell(self.value)}"


@dataclass(frozen=True, slots=True)
class Match:
    """`~` or, negated, `!~`: a text that contains `pattern`, or that the regular expression finds."""

    term: Term
    pattern: str
    regex: bool
    negated: bool

    def __str__(self) -> str:
        pattern = spell_regex(self.pattern) if self.regex else spell_text(self.pattern)
        return f"{self.term} {'!~' if self.negated else '~'} {pattern}"


@dataclass(frozen=True, slots=True)
class Among:
    """`in (a, b)`: equal to one of the values."""

    term: Term
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.term} in ({', '.join(map(self.term.spell, self.values))})"


@dataclass(frozen=True, slots=True)
class Within:
    """`in low..high`, the end excluded, or `in low..=high`, the end included; one of them may be None."""

    term: Term
    low: int | None
    high: int | None
    closed: bool

    def __str__(self) -> str:
        low, high = ("" if end is None else self.term.spell(end) for end in (self.low, self.high))
        return f"{self.term} in {low}..{'=' if self.closed else ''}{high}"


@dataclass(frozen=True, slots=True)
class Known:
    """`is known`, or `is null`."""

    term: Term
    known: bool

    def __str__(self) -> str:
        return f"{self.term} is {'known' if self.known else 'null'}"


@dataclass(frozen=True, slots=True)
class Not:
    """`not`, which binds tighter than `and`."""

    node: Node

    def __str__(self) -> str:
        return f"not {_enclosed(self.node, All, Some)}"


@dataclass(frozen=True, slots=True)
class All:
    """Several nodes joined by `and`; none of them is an `All`."""

    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " and ".join([_enclosed(node, Some) for node in self.nodes])


@dataclass(frozen=True, slots=True)
class Some:
    """Several nodes joined by `or`; none of them is a `Some`."""

    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join([str(node) for node in self.nodes])


Leaf = Compare | Match | Among | Within | Known
Node = Leaf | Not | All | Some


def joined(kind: type[All | Some], nodes: Iterable[Node]) -> Node:
    """The nodes as one: a node alone is itself, and what stood in parentheses for nothing is taken in."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.nodes if isinstance(node, kind) else [node])
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def terms(node: Node) -> Iterator[Term]:
    """Every term of the tree, in order."""
    match node:
        case Not():
            yield from terms(node.node)
        case All() | Some():
            for inner in node.nodes:
                yield from terms(inner)
        case _:
            yield node.term


def _enclosed(node: Node, *kinds: type[Node]) -> str:
    return f"({node})" if isinstance(node, kinds) else str(node)

"""Tree to polars.

Comparisons follow SQL: with a null they are neither true nor false, `not` leaves that so, `and` and `or` know what
follows anyway; what is still undecided at the end is false. Integers are compared exactly whatever their widths.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import polars as pl

from tracetool.timeline.query.patterns import expression, matching
from tracetool.timeline.query.tree import All, Among, Compare, Known, Match, Not, Some, Within
from tracetool.timeline.query.vocabulary import Type
from tracetool.timeline.starts import start_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tracetool.timeline.query.tree import Leaf, Node, Term, Value
    from tracetool.timeline.query.vocabulary import Column

__all__ = ["compiled"]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_INT64 = range(-(1 << 63), 1 << 63)


def compiled(node: Node, starts: Sequence[int | None]) -> pl.Expr:
    """The condition as a boolean column without nulls."""
    return _Compiler(starts).node(node).fill_null(value=False)


class _Compiler:
    def __init__(self, starts: Sequence[int | None]) -> None:
        self._starts = starts

    def node(self, node: Node) -> pl.Expr:
        match node:
            case Not():
                return ~self.node(node.node)
            case All():
                return pl.all_horizontal([self.node(inner) for inner in node.nodes])
            case Some():
                return pl.any_horizontal([self.node(inner) for inner in node.nodes])
            case _:
                return self._leaf(node)

    def _leaf(self, leaf: Leaf) -> pl.Expr:
        match leaf:
            case Compare():
                return self._compare(leaf.term, leaf.operator, leaf.value)
            case Among():
                return pl.any_horizontal([self._compare(leaf.term, "==", value) for value in leaf.values])
            case Within():
                return self._within(leaf)
            case Match():
                found = _match(leaf)
                return ~found if leaf.negated else found
            case Known():
                known = self._number(leaf.term).is_not_null()
                return known if leaf.known else ~known

    def _compare(self, term: Term, symbol: str, value: Value) -> pl.Expr:
        if symbol == "!=":
            return ~self._compare(term, "==", value)
        match value:
            case bool():
                return pl.col(term.column.name) == value
            case str():
                return _compare_text(term, symbol, value)
            case _ if term.column.type in (Type.SPAN, Type.BYTES):
                return _compare_span(term, symbol, value)
            case _:
                holds: pl.Expr = _OPERATORS[symbol](self._number(term), _integer(value))
                return holds

    def _within(self, leaf: Within) -> pl.Expr:
        column = leaf.term.column
        within = pl.all_horizontal([self._compare(leaf.term, symbol, value) for symbol, value in _ends(leaf)])
        if column.type is not Type.SPAN or len(column.reads) == 2:  # noqa: PLR2004  first and last of one trace
            return within
        # Of two traces, one of the two numbers must lie in the range; together they can reach over it.
        first, last, *traces = _first_and_last(column)
        alone = [
            pl.all_horizontal([_OPERATORS[symbol](number, _integer(value)) for symbol, value in _ends(leaf)])
            for number in (first, last)
        ]
        known = pl.when(first.is_not_null() & last.is_not_null())
        return pl.when(traces[0].eq_missing(traces[1])).then(within).otherwise(known.then(pl.any_horizontal(alone)))

    def _number(self, term: Term) -> pl.Expr:
        """The column, or what is computed from its sources; null where one of them is."""
        first, *rest = term.column.reads
        number = pl.col(first)
        if term.column.type is Type.ELAPSED:
            return number.cast(pl.Int128) - start_of(self._starts).cast(pl.Int128)
        if term.column.type is Type.BYTES:
            return number
        for name in rest[:1] if term.column.type is Type.SPAN else rest:
            number = number.cast(pl.Int128) + pl.col(name).cast(pl.Int128)
        return number if term.mask is None else number.cast(pl.Int128) & pl.lit(term.mask, dtype=pl.Int128)


def _ends(leaf: Within) -> Iterator[tuple[str, int]]:
    """The comparisons that a range is made of."""
    if leaf.low is not None:
        yield ">=", leaf.low
    if leaf.high is not None:
        yield "<=" if leaf.closed else "<", leaf.high


def _integer(value: int) -> pl.Expr:
    """A literal that polars compares with any integer column without rounding or wrapping."""
    return pl.lit(value, dtype=pl.Int64 if value in _INT64 else pl.Int128)


def _first_and_last(column: Column) -> list[pl.Expr]:
    """First and last number of a range, then the trace of each where these can differ."""
    if column.type is Type.SPAN:
        return [pl.col(name) for name in column.reads]
    first, *lengths = (pl.col(name).cast(pl.Int128) for name in column.reads)
    return [first, first + pl.max_horizontal(pl.coalesce(*lengths, 1), 1) - 1]


def _compare_span(term: Term, symbol: str, value: int) -> pl.Expr:
    """True when it holds for one number from first to last; undecided where one of them is null.

    Where the two are of different traces the numbers between them are not known, and it must hold for one of the two.
    """
    first, last, *traces = _first_and_last(term.column)
    edge = _integer(value)
    holds = _OPERATORS[symbol](first, edge) | _OPERATORS[symbol](last, edge)
    if symbol == "==":
        between = (first < edge) & (last > edge)
        holds |= between & traces[0].eq_missing(traces[1]) if traces else between
    return pl.when(first.is_not_null() & last.is_not_null()).then(holds)


def _text(column: Column) -> pl.Expr:
    """A column of texts or names."""
    (source,) = column.reads
    return pl.col(source) if column.names_in is None else column.names_in(pl.col(source))


def _compare_text(term: Term, symbol: str, value: str) -> pl.Expr:
    column = _text(term.column)
    if term.column.type is Type.NAMES:
        return column.list.contains(value)
    if symbol == "==":
        return column == value
    rank = {name: position for position, name in enumerate(term.column.values)}
    chosen = [name for name in rank if _OPERATORS[symbol](rank[name], rank[value])]
    return _one_of(column, chosen)


def _match(leaf: Match) -> pl.Expr:
    column = _text(leaf.term.column)
    if leaf.term.column.type is Type.ENUM:
        return _one_of(column, list(matching(leaf.term.column.values, leaf.pattern, regex=leaf.regex)))
    pattern = expression(leaf.pattern, regex=leaf.regex)
    if leaf.term.column.type is Type.NAMES:
        return column.list.eval(pl.element().str.contains(pattern)).list.any()
    return column.cast(pl.String).str.contains(pattern)


def _one_of(column: pl.Expr, names: list[str]) -> pl.Expr:
    """True when the column holds one of the names; a null is undecided even for no names."""
    return pl.when(column.is_not_null()).then(column.is_in(names) if names else pl.lit(value=False))

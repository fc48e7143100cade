"""A query that was read, and what it compiles to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracetool.timeline.query.compiler import compiled
from tracetool.timeline.query.lexer import tokens
from tracetool.timeline.query.parser import Parser
from tracetool.timeline.query.tree import terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from tracetool.timeline.query.tree import Node
    from tracetool.timeline.query.vocabulary import Vocabulary

__all__ = ["Query", "parse"]


@dataclass(frozen=True, slots=True)
class Query:
    """A condition on the rows of a table.

    `str` gives its canonical text, which reads back as an equal query (if it is not itself too long to be read).

    Attributes:
        root: the tree.
        text: as it was written.
    """

    root: Node
    text: str = field(compare=False)

    def __str__(self) -> str:
        return str(self.root)

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the frame that `expression` reads."""
        return frozenset(name for term in terms(self.root) for name in term.column.reads)

    def expression(self, starts: Sequence[int | None]) -> pl.Expr:
        """The condition as a boolean expression over the table's frame, never null.

        Args:
            starts: for each trace, by its number, the recorded time of its first event (ns), from which `t` counts;
                None if it has no times, and `t` is null then.
        """
        return compiled(self.root, starts)


def parse(text: str, vocabulary: Vocabulary) -> Query:
    """Read a query on the table that the vocabulary describes.

    Raises:
        QueryError: it is none; says where and what would be valid there.
    """
    return Query(Parser(text, tokens(text), vocabulary).query(), text)

"""The query language: `offset >= 768K and op == program` over a table of events, operations or findings.

`parse` reads a query against the `Vocabulary` of a table and gives a `Query`, which compiles to a polars expression;
`complete` says what may stand at a place. The language is described in docs/query.md.
"""

from tracetool.timeline.query.completion import Completion, complete
from tracetool.timeline.query.errors import Choice, QueryError
from tracetool.timeline.query.query import Query, parse
from tracetool.timeline.query.vocabulary import (
    BLOCKS,
    EVENTS,
    FINDINGS,
    OPERATIONS,
    VOCABULARIES,
    Column,
    Type,
    Vocabulary,
)

__all__ = [
    "BLOCKS",
    "EVENTS",
    "FINDINGS",
    "OPERATIONS",
    "VOCABULARIES",
    "Choice",
    "Column",
    "Completion",
    "Query",
    "QueryError",
    "Type",
    "Vocabulary",
    "complete",
    "parse",
]

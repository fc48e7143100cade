"""Which rows a query leaves, and what it hides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tracetool.errors import UsageError
from tracetool.events import EVENT_NAMES
from tracetool.timeline.operations import KINDS, OUTCOMES
from tracetool.timeline.query import EVENTS, OPERATIONS, QueryError, parse
from tracetool.viewmodel.places import PlaceKind, parse_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tracetool.timeline.query import Query, Vocabulary
    from tracetool.viewmodel.levels import Level
    from tracetool.viewmodel.tables import Tables

__all__ = ["Filter", "matching", "selected", "vocabulary"]


@dataclass(frozen=True)
class Filter:
    """A query that hides rows, where it is on."""

    query: Query | None = None
    on: bool = True

    @property
    def active(self) -> Query | None:
        """The query that hides rows now."""
        return self.query if self.on else None


def vocabulary(tables: Tables, level: Level) -> Vocabulary:
    """The columns that a query may speak of, with the trace's own devices to offer."""
    devices = tuple(device.name for device in tables.loaded.audit.devices)
    return (OPERATIONS if level.of_operations else EVENTS).offering(device=devices)


def selected(tables: Tables, level: Level, query: Query) -> NDArray[np.int64]:
    """The items (int64, ascending) of a level that a query leaves."""
    return _chosen(tables, level, query.expression(tables.loaded.starts))


def _chosen(tables: Tables, level: Level, condition: pl.Expr) -> NDArray[np.int64]:
    if level.of_operations:
        return tables.select_operations(condition)
    found = tables.select_events(condition)
    return np.intersect1d(found, tables.accesses, assume_unique=True) if level.of_accesses else found


# --- search ------------------------------------------------------------------------------------------------------


def matching(tables: Tables, level: Level, text: str) -> NDArray[np.int64]:
    """The items (int64, ascending) that a search finds, hidden or not.

    What is a query is one; else every word must be in a name, or be an offset that the row covers.
    """
    try:
        return selected(tables, level, parse(text, vocabulary(tables, level)))
    except QueryError:
        words = [_word(word, tables, level) for word in text.split()]
        return _chosen(tables, level, pl.all_horizontal(words) if words else pl.lit(value=False))


def _word(word: str, tables: Tables, level: Level) -> pl.Expr:
    devices = tuple(device.name for device in tables.loaded.audit.devices)
    if level.of_operations:
        inside = [_named("kind", KINDS, word), _named("outcome", OUTCOMES, word), _named("device", devices, word)]
    else:
        text = pl.col("text").str.to_lowercase().str.contains(word.lower(), literal=True)
        inside = [_named("event", EVENT_NAMES, word), _named("device", devices, word), text]
    return pl.any_horizontal([*inside, *_covering(word, level)]).fill_null(value=False)


def _named(column: str, names: Sequence[str], word: str) -> pl.Expr:
    """Whether the column has one of those names that hold the word: names are few, rows are many."""
    found = [name for name in names if word.lower() in name.lower()]
    return pl.col(column).is_in(found) if found else pl.lit(value=False)


def _covering(word: str, level: Level) -> list[pl.Expr]:
    """The word as an offset that lies in the row, or as the number of an event."""
    try:
        place = parse_place(word)
    except UsageError:
        return []
    if place.kind is PlaceKind.OFFSET:
        length = "length" if level.of_operations else "size"
        reach = pl.col("offset") + pl.col(length).cast(pl.Int64).fill_null(1)
        return [(pl.col("offset") <= place.value) & (reach > place.value)]
    if place.kind is PlaceKind.EVENT:
        first, last = ("first_seq", "last_seq") if level.of_operations else ("seq", "seq")
        return [(pl.col(first) <= place.value) & (pl.col(last) >= place.value)]
    return []

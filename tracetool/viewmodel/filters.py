"""Filter and search: the rows that match a query."""

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
    from tracetool.viewmodel.tables import Level, Tables

__all__ = ["Filter", "matching", "selected", "vocabulary"]


@dataclass(frozen=True)
class Filter:
    """A query that hides rows, where it is on."""

    query: Query | None = None
    on: bool = True

    @property
    def active(self) -> Query | None:
        """The query while the filter is on."""
        return self.query if self.on else None


def vocabulary(tables: Tables, level: Level) -> Vocabulary:
    """Columns of a query, with the devices and variables of the session for completion."""
    devices = tuple(device.name for device in tables.session.audit.devices)
    table = OPERATIONS if level.of_operations else EVENTS
    return table.offering(device=devices, variable=tables.variables)


def selected(tables: Tables, level: Level, query: Query) -> NDArray[np.int64]:
    """Items (int64, ascending) of a level that match a query."""
    return _chosen(tables, level, query.expression(tables.session.starts))


def _chosen(tables: Tables, level: Level, condition: pl.Expr) -> NDArray[np.int64]:
    if level.of_operations:
        return tables.select_operations(condition)
    found = tables.select_events(condition)
    return np.intersect1d(found, tables.accesses, assume_unique=True) if level.of_accesses else found


# --- search ------------------------------------------------------------------------------------------------------


def matching(tables: Tables, level: Level, text: str) -> NDArray[np.int64]:
    """Items (int64, ascending) that match a search, hidden or not.

    The text is a query, or else words, each in a name or an offset that the row covers.
    """
    try:
        return selected(tables, level, parse(text, vocabulary(tables, level)))
    except QueryError:
        words = [_word(word, tables, level) for word in text.split()]
        return _chosen(tables, level, pl.all_horizontal(words) if words else pl.lit(value=False))


def _word(word: str, tables: Tables, level: Level) -> pl.Expr:
    devices = tuple(device.name for device in tables.session.audit.devices)
    if level.of_operations:
        inside = [_named("kind", KINDS, word), _named("outcome", OUTCOMES, word), _named("device", devices, word)]
        names = pl.element().str.to_lowercase().str.contains(word.lower(), literal=True)
        inside.append(pl.col("variable").list.eval(names).list.any())
    else:
        text = pl.col("text").str.to_lowercase().str.contains(word.lower(), literal=True)
        inside = [_named("event", EVENT_NAMES, word), _named("device", devices, word), text]
    return pl.any_horizontal([*inside, *_covering(word, level)]).fill_null(value=False)


def _named(column: str, names: Sequence[str], word: str) -> pl.Expr:
    """Condition that a column's name contains the word; the few names are searched instead of the rows."""
    found = [name for name in names if word.lower() in name.lower()]
    return pl.col(column).is_in(found) if found else pl.lit(value=False)


def _covering(word: str, level: Level) -> list[pl.Expr]:
    """Conditions for the word as an offset in the row, or as the number of an event."""
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

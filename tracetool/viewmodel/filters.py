"""Filter and search: the rows that match a query."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
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

__all__ = ["Chip", "Filter", "common", "items_passing", "matching", "passing", "selected", "vocabulary"]


@dataclass(frozen=True)
class Chip:
    """A part of the filter: a query on operations, or on `events`, where it is on.

    A chip of the same `slot` takes its place, as one typed query, range of bytes or of time follows another.
    """

    text: str
    slot: str = "typed"
    on: bool = True
    events: bool = False

    @property
    def query(self) -> Query:
        """The query; QueryError if it is none."""
        return _parsed(self.text, events=self.events)

    @property
    def understood(self) -> bool:
        """True if it is a query."""
        try:
            return bool(self.query)
        except QueryError:
            return False


@lru_cache(64)
def _parsed(text: str, *, events: bool) -> Query:
    return parse(text, EVENTS if events else OPERATIONS)


@dataclass(frozen=True)
class Filter:
    """Chips, all of which a row has to match; `on` is false while all of them are off for the moment."""

    chips: tuple[Chip, ...] = ()
    on: bool = True

    def with_chip(self, chip: Chip) -> Filter:
        """Add a chip, in the place of that of its slot; the filter is on."""
        mine = (chip.slot, chip.events)
        slots = [(other.slot, other.events) for other in self.chips]
        if mine not in slots:
            return Filter((*self.chips, chip))
        at = slots.index(mine)
        return Filter((*self.chips[:at], chip, *self.chips[at + 1 :]))

    def without(self, number: int) -> Filter:
        """Drop a chip."""
        return replace(self, chips=(*self.chips[:number], *self.chips[number + 1 :]))

    def toggled(self, number: int) -> Filter:
        """Switch a chip off or on; where all are off for the moment, it alone is on then."""
        return Filter(
            tuple(
                replace(chip, on=not (chip.on and self.on)) if at == number else replace(chip, on=chip.on and self.on)
                for at, chip in enumerate(self.chips)
            )
        )

    def number_of(self, chip: Chip) -> int | None:
        """Place of the chip with the same text and slot."""
        same = [at for at, other in enumerate(self.chips) if (other.text, other.slot) == (chip.text, chip.slot)]
        return same[0] if same else None

    def typed(self, *, events: bool) -> str:
        """The typed query; empty without one."""
        found = (chip.text for chip in self.chips if chip.slot == "typed" and chip.events == events)
        return next(found, "")

    def active(self, *, events: bool) -> tuple[Chip, ...]:
        """Chips on operations, or on events, that are on."""
        return tuple(chip for chip in self.chips if self.on and chip.on and chip.events == events)

    def text(self, *, events: bool) -> str:
        """One query for all active chips on operations or events; empty for none."""
        texts = [chip.text for chip in self.active(events=events)]
        return texts[0] if len(texts) == 1 else " and ".join(f"({text})" for text in texts)


def passing(tables: Tables, chosen: Filter) -> NDArray[np.int64] | None:
    """Operations (int64, ascending) that pass the chips on operations; None without such a chip."""
    chips = chosen.active(events=False)
    if not chips:
        return None
    conditions = [chip.query.expression(tables.session.starts) for chip in chips]
    return tables.select_operations(pl.all_horizontal(conditions))


def items_passing(tables: Tables, level: Level, chosen: Filter) -> NDArray[np.int64] | None:
    """Items (int64, ascending) of a level that pass: events that are of a passing operation; None: all of them."""
    operations = passing(tables, chosen)
    if level.of_operations:
        return operations
    conditions = [chip.query.expression(tables.session.starts) for chip in chosen.active(events=True)]
    if operations is not None:
        conditions.append(pl.col(tables.CHOSEN))
    if not conditions:
        return None
    found = tables.select_events(pl.all_horizontal(conditions).fill_null(value=False), operations)
    return common(found, tables.accesses) if level.of_accesses else found


def common(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers that are in both of two ascending columns without repetitions; linear, where a sort would take long."""
    small, large = (one, other) if len(one) <= len(other) else (other, one)
    if not len(large):
        return small
    at = np.minimum(np.searchsorted(large, small), len(large) - 1)
    both: NDArray[np.int64] = small[large[at] == small]
    return both


def vocabulary(tables: Tables, level: Level) -> Vocabulary:
    """Columns of a query, with the devices, variables and modules of the session for completion."""
    devices = tuple(device.name for device in tables.session.audit.devices)
    table = OPERATIONS if level.of_operations else EVENTS
    by, modules = tables.modules
    return table.offering(device=devices, variable=tables.variables, by=by, module=modules)


def selected(tables: Tables, level: Level, query: Query) -> NDArray[np.int64]:
    """Items (int64, ascending) of a level that match a query."""
    return _chosen(tables, level, query.expression(tables.session.starts))


def _chosen(tables: Tables, level: Level, condition: pl.Expr) -> NDArray[np.int64]:
    if level.of_operations:
        return tables.select_operations(condition)
    found = tables.select_events(condition)
    return common(found, tables.accesses) if level.of_accesses else found


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

"""Free space of the store as a lane: the levels are those of the decoded store, and columns lead to moments."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from tests.tracetool.viewmodel.samples import both, padding
from tests.tracetool.viewmodel.test_variables import known
from tracetool.uefi.store_timeline import StoreTimeline
from tracetool.uefi.varstore import find_variable_store
from tracetool.viewmodel.store_room import LEVELS, StoreRoom
from tracetool.viewmodel.variables import StoreModel, store_model


@cache
def model() -> StoreModel:
    found = store_model(known())
    assert found is not None
    return found


@pytest.mark.parametrize("width", [1, 7, 80, 240])
@pytest.mark.first_quick
def test_each_column_has_the_free_space_of_the_last_change_in_it(width: int) -> None:
    room, history = model().room, model().history
    levels = room.levels(width)
    assert room.timed
    assert len(levels) == width
    compared = 0
    for column in range(width):
        position = room.position_in(column, width)
        store = find_variable_store(*history.snapshot(position).whole())
        event = history.event(position)
        if store is None or store.header is None or event is None:
            continue
        size = store.header.end - store.header.first
        rewriting = store.list_end == store.header.first
        if not rewriting:
            assert levels[column] == 1 + (len(LEVELS) - 2) * store.free_bytes // size
            compared += 1
        assert room.column(event, width) <= column
    assert compared


def test_the_last_change_is_in_its_column_and_no_event_in_the_first() -> None:
    room, history = model().room, model().history
    assert room.column(None, 80) == 0
    last = room.column(history.event(len(history)), 80)
    assert last > 0
    assert room.position_in(last, 80) == len(history)
    assert room.position_in(max(last - 10, 0), 80) < len(history)
    assert room.position_in(79, 80) == len(history)
    assert room.words.endswith(" of 262,044 B")


@pytest.mark.slow
def test_boots_of_several_traces_are_laid_out_by_change() -> None:
    found = store_model(both())
    assert found is not None
    assert not found.room.timed
    columns = [found.room.column(found.history.event(position), 50) for position in range(1, len(found.history) + 1)]
    assert columns == sorted(columns)
    assert {found.room.column(found.history.event(found.room.position_in(column, 50)), 50) for column in range(50)} == {
        *range(50)
    }


def test_a_store_that_never_was_has_no_level() -> None:
    history, operations = model().history, padding().operations
    room = StoreRoom(StoreTimeline(pl.DataFrame(), ()), history, operations)
    assert room.levels(5) == [0] * 5
    assert room.words == "no store"

"""An outline against the plainest one that there can be: a list of rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tracetool.viewmodel.outline import Children, Outline, Spot

ITEMS = st.lists(st.integers(0, 60), unique=True, max_size=30).map(sorted)
OPENED = st.dictionaries(st.integers(0, 60), st.integers(1, 5), max_size=10)


def children(count: int, item: int) -> Children:
    return Children(np.arange(count) + 100 * item, np.ones(count, np.int64))


def naive(items: list[int], opened: dict[int, int]) -> list[Spot]:
    rows = []
    for item in items:
        rows.append(Spot(item))
        rows += [Spot(item, 100 * item + at, 1) for at in range(opened.get(item, 0))]
    return rows


@given(items=ITEMS, opened=OPENED)
def test_rows_are_items_each_with_what_stands_under_it(items: list[int], opened: dict[int, int]) -> None:
    outline = Outline(np.array(items, np.int64))
    for item, count in opened.items():
        if item in items:
            outline.open(item, children(count, item))
    rows = naive(items, opened)
    assert len(outline) == len(rows)
    assert [outline.spot(row) for row in range(len(rows))] == rows
    for index, item in enumerate(items):
        assert rows[outline.row(index)] == Spot(item)
        assert outline.index(item) == index
    for row, spot in enumerate(rows):
        if spot.child is not None:
            assert outline.row_of_child(spot.item, spot.child) == row


@given(items=ITEMS, kept=ITEMS, opened=OPENED)
def test_what_stays_under_a_filter_stays_open(items: list[int], kept: list[int], opened: dict[int, int]) -> None:
    outline = Outline(61)
    for item, count in opened.items():
        outline.open(item, children(count, item))
    narrow = outline.narrowed(np.array(kept, np.int64))
    assert [narrow.spot(row) for row in range(len(narrow))] == naive(kept, opened)
    assert items == sorted(items)


def test_what_is_closed_or_opened_into_nothing_is_one_row() -> None:
    outline = Outline(3)
    outline.open(1, children(2, 1))
    assert (len(outline), outline.is_open(1)) == (5, True)
    outline.open(1, children(0, 1))
    outline.close(2)
    assert (len(outline), outline.is_open(1)) == (3, False)
    assert outline.row_of_child(1, 100) is None


def test_the_place_of_an_item_that_is_left_out_is_that_of_the_next() -> None:
    outline = Outline(np.array([2, 5], np.int64))
    assert (outline.index(3), outline.index_from(3), outline.index_from(9), outline.item(1)) == (None, 1, 2, 5)
    assert Outline(4).index_from(9) == 4

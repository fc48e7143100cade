from __future__ import annotations

import mmap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay import sparse
from replay.sparse import clear, copy_into, find_other, occupied, sparse_zeros

PAGE = mmap.PAGESIZE
PAGES = 40

places = st.lists(st.integers(0, PAGES * PAGE - 1), max_size=6)
bounds = st.tuples(st.integers(0, PAGES * PAGE), st.integers(0, PAGES * PAGE)).map(sorted)


@given(places, bounds)
def test_what_lies_outside_of_the_occupied_runs_is_zero(written: list[int], part: list[int]) -> None:
    array = sparse_zeros(PAGES * PAGE)
    array[written] = 7
    found = array[slice(*part)]
    expected = found.copy()
    for start, end in occupied(found):
        assert 0 <= start < end <= len(found)
        expected[start:end] = 0
    assert not expected.any()


def test_only_touched_pages_are_occupied() -> None:
    array = sparse_zeros(PAGES * PAGE)
    if occupied(array) == [(0, len(array))]:
        pytest.skip("this system does not tell which pages were touched")
    array[5 * PAGE + 1] = array[6 * PAGE] = array[20 * PAGE] = 1
    assert occupied(array) == [(5 * PAGE, 7 * PAGE), (20 * PAGE, 21 * PAGE)]
    assert occupied(array[5 * PAGE + 1 : 20 * PAGE + 9]) == [(0, 2 * PAGE - 1), (15 * PAGE - 1, 15 * PAGE + 8)]


def test_a_search_of_zeros_touches_no_page() -> None:
    array = sparse_zeros(PAGES * PAGE)
    before = occupied(array)
    clear(array)
    copy_into(sparse_zeros(len(array)), array)
    assert find_other(array, 0) == (0, -1)
    assert occupied(array) == before


@pytest.mark.parametrize("array", [np.ones(3 * PAGE, np.uint8), sparse_zeros(PAGES * PAGE)[::2]])
def test_any_other_array_is_occupied_as_a_whole(array: np.ndarray) -> None:
    assert occupied(array) == [(0, len(array))]


def test_where_the_system_does_not_tell_all_is_occupied(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_process: int) -> int:
        raise FileNotFoundError

    monkeypatch.setattr(sparse, "_page_map", lacking)
    array = sparse_zeros(PAGES * PAGE)
    array[9] = 1
    assert occupied(array) == [(0, len(array))]
    assert find_other(array, 0) == (1, 9)


def test_an_empty_array_has_no_run() -> None:
    assert occupied(np.zeros(0, np.uint8)) == occupied(sparse_zeros(PAGE)[:0]) == []

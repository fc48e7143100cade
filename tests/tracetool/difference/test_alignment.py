"""Laws of the alignment: what it pairs is equal and in order, and as much as a longest common subsequence."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetool.difference.alignment import BUDGET, Run, align, gaps, match_levels, moves

keys = st.lists(st.integers(0, 5), max_size=40)


def runs_of(a: list[int], b: list[int], budget: int = BUDGET) -> list[Run]:
    """The alignment of two lists."""
    return align(np.array(a, np.int64), np.array(b, np.int64), budget)


def longest(a: list[int], b: list[int]) -> int:
    """Length of a longest common subsequence, by the textbook's table."""
    row = [0] * (len(b) + 1)
    for x in a:
        above = row[:]
        for j, y in enumerate(b):
            row[j + 1] = above[j] + 1 if x == y else max(row[j], above[j + 1])
    return row[-1]


@given(a=keys, b=keys, budget=st.sampled_from([0, 40, BUDGET]))
def test_pairs_are_equal_and_in_order(a: list[int], b: list[int], budget: int) -> None:
    runs = runs_of(a, b, budget)
    for run in runs:
        assert run.length > 0
        assert a[run.a : run.a + run.length] == b[run.b : run.b + run.length]
    for one, other in pairwise(runs):
        assert one.a + one.length <= other.a
        assert one.b + one.length <= other.b


@given(a=keys, b=keys)
def test_as_many_are_paired_as_can_be(a: list[int], b: list[int]) -> None:
    assert sum(run.length for run in runs_of(a, b)) == longest(a, b)


@given(a=keys, b=keys)
def test_without_budget_nothing_between_two_runs_can_still_be_paired_at_once(a: list[int], b: list[int]) -> None:
    """What no budget is left for is still a maximal common subsequence."""
    for gap in gaps(runs_of(a, b, 0), len(a), len(b)):
        assert not set(a[gap.a : gap.a_end]) & set(b[gap.b : gap.b_end])


@given(a=keys)
def test_a_sequence_is_one_run_of_itself(a: list[int]) -> None:
    assert runs_of(a, a) == ([Run(0, 0, len(a))] if a else [])


@given(a=keys, b=keys)
def test_runs_and_gaps_are_the_whole(a: list[int], b: list[int]) -> None:
    runs = runs_of(a, b)
    between = list(gaps(runs, len(a), len(b)))
    assert sum(run.length for run in runs) + sum(gap.a_end - gap.a for gap in between) == len(a)
    assert sum(run.length for run in runs) + sum(gap.b_end - gap.b for gap in between) == len(b)


def test_a_coarser_level_pairs_only_what_lies_between() -> None:
    fine = np.array([1, 2, 3]), np.array([1, 9, 3])
    coarse = np.array([7, 7, 7]), np.array([7, 7, 7])
    assert match_levels([fine, coarse]) == [[Run(0, 0, 1), Run(2, 2, 1)], [Run(1, 1, 1)]]


def test_moves_pair_equal_keys_once_and_in_order() -> None:
    assert moves([(0, 5), (4, 5), (6, 1)], [(2, 5), (3, 2), (9, 5), (11, 5)]) == [(0, 2), (4, 9)]


@pytest.mark.parametrize("size", [200_000])
@pytest.mark.slow
def test_two_long_sequences_with_nothing_in_order_end_soon(size: int) -> None:
    """Myers alone would take hours."""
    numbers = np.random.default_rng(1).integers(0, 1_000, (2, size))
    runs = align(numbers[0], numbers[1], budget=20_000)
    assert 0 < sum(run.length for run in runs) < size

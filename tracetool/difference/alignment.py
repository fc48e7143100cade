"""Alignment of two sequences of keys: which items of one are which of the other.

Ref: E. Myers, An O(ND) Difference Algorithm and Its Variations, 1986: the least number of differences. Where that
would take too long, a long common subsequence of the k-th occurrences of each key is taken instead, in n log n.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Keys = NDArray[np.int64]
    Level = tuple[Keys, Keys]

__all__ = ["Gap", "Run", "align", "gaps", "match_levels", "moves"]

BUDGET = 3_000_000
"""Steps of the exact algorithm in one range, half a second."""


class Run(NamedTuple):
    """Items `a` to `a + length` of one sequence are items `b` to `b + length` of the other."""

    a: int
    b: int
    length: int


class Gap(NamedTuple):
    """Items between two runs; ends are exclusive."""

    a: int
    a_end: int
    b: int
    b_end: int


def align(a: Keys, b: Keys, budget: int = BUDGET) -> list[Run]:
    """Find a longest common subsequence of two sequences, as runs in order.

    Memory is linear in their lengths. With more differences than `budget` allows, it may not be the longest.
    """
    runs: list[Run] = []
    ranges = [Gap(0, len(a), 0, len(b))]
    while ranges:
        runs += _align_range(a, b, ranges.pop(), budget, ranges)
    return _merged(sorted(runs))


def gaps(runs: Sequence[Run], a_length: int, b_length: int) -> Iterator[Gap]:
    """What lies between runs, where it is not empty."""
    a = b = 0
    for run in (*runs, Run(a_length, b_length, 0)):
        if run.a > a or run.b > b:
            yield Gap(a, run.a, b, run.b)
        a, b = run.a + run.length, run.b + run.length


def match_levels(levels: Sequence[Level]) -> list[list[Run]]:
    """Align by the keys of the first level, and what lies between by those of each next: runs by level."""
    (first_a, first_b), *others = levels
    found = [align(first_a, first_b)]
    known = found[0]
    for a, b in others:
        more: list[Run] = []
        for gap in gaps(known, len(a), len(b)):
            if gap.a < gap.a_end and gap.b < gap.b_end:
                runs = align(a[gap.a : gap.a_end], b[gap.b : gap.b_end])
                more += [Run(gap.a + run.a, gap.b + run.b, run.length) for run in runs]
        found.append(more)
        known = sorted([*known, *more])
    return found


def moves(a: Iterable[tuple[int, int]], b: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pair items (place and key) that are in one sequence only with those of the same key in the other, in order."""
    waiting: defaultdict[int, deque[int]] = defaultdict(deque)
    for place, key in a:
        waiting[key].append(place)
    return [(waiting[key].popleft(), place) for place, key in b if waiting.get(key)]


# --- one range ---------------------------------------------------------------------------------------------------


def _align_range(a: Keys, b: Keys, gap: Gap, budget: int, later: list[Gap]) -> list[Run]:
    """Runs of a range; what is left to be aligned is added to `later`."""
    mine, theirs = a[gap.a : gap.a_end], b[gap.b : gap.b_end]
    runs = []
    head = _common_prefix(mine, theirs)
    tail = _common_prefix(mine[head:][::-1], theirs[head:][::-1])
    if head:
        runs.append(Run(gap.a, gap.b, head))
    if tail:
        runs.append(Run(gap.a_end - tail, gap.b_end - tail, tail))
    mine, theirs = mine[head : len(mine) - tail], theirs[head : len(theirs) - tail]
    # An item whose key the other side lacks is in no common subsequence.
    kept_a, kept_b = (np.flatnonzero(np.isin(these, others)) for these, others in ((mine, theirs), (theirs, mine)))
    if not len(kept_a):
        return runs
    keys_a, keys_b = mine[kept_a].tolist(), theirs[kept_b].tolist()
    pairs = _myers(keys_a, keys_b, budget)
    exact = pairs is not None
    places = [
        (gap.a + head + int(kept_a[i]), gap.b + head + int(kept_b[j]))
        for i, j in (pairs if pairs is not None else _occurrences_in_order(keys_a, keys_b))
    ]
    found = [Run(i, j, 1) for i, j in places]
    if not exact:
        bounds = [(gap.a + head - 1, gap.b + head - 1), *places, (gap.a_end - tail, gap.b_end - tail)]
        for (i, j), (next_i, next_j) in pairwise(bounds):
            if next_i - i > 1 and next_j - j > 1:
                later.append(Gap(i + 1, next_i, j + 1, next_j))
    return runs + found


def _common_prefix(a: Keys, b: Keys) -> int:
    """Number of items at the beginning that are the same."""
    length = min(len(a), len(b))
    different = np.flatnonzero(a[:length] != b[:length])
    return int(different[0]) if len(different) else length


def _myers(a: list[int], b: list[int], budget: int) -> list[tuple[int, int]] | None:
    """Pairs of a longest common subsequence; None where it would take more than `budget` steps."""
    n, m = len(a), len(b)
    furthest = [0] * (n + m + 3)
    """The largest index in `a` that is reached on each diagonal, by the diagonal's number plus m + 1."""
    zero = m + 1
    history: list[list[int]] = []
    """For each number of differences, what was reached before it on diagonals `-d` to `d`."""
    for d in range(n + m + 1):
        low, high = max(-d, -m), min(d, n)
        history.append(furthest[zero + low - 1 : zero + high + 2])
        budget -= high - low + 3
        for k in range(low + (low - d) % 2, high + 1, 2):
            if k == -d or (k != d and furthest[zero + k - 1] < furthest[zero + k + 1]):
                x = furthest[zero + k + 1]
            else:
                x = furthest[zero + k - 1] + 1
            start = x
            while x < n and x - k < m and a[x] == b[x - k]:
                x += 1
            budget -= x - start
            furthest[zero + k] = x
            if x >= n and x - k >= m:
                return _backtrack(n, m, d, history)
        if budget < 0:
            return None
    raise AssertionError("the sequences are aligned after as many differences as items")


def _backtrack(n: int, m: int, d: int, history: list[list[int]]) -> list[tuple[int, int]]:
    """Pairs along the path that ended at (n, m) with `d` differences."""
    pairs = []
    x, y = n, m
    for differences in range(d, -1, -1):
        before, first = history[differences], max(-differences, -m) - 1
        k = x - y
        down = k == -differences or (k != differences and before[k - 1 - first] < before[k + 1 - first])
        start = 0 if not differences else before[k + 1 - first] if down else before[k - 1 - first] + 1
        while x > start:
            x, y = x - 1, y - 1
            pairs.append((x, y))
        x, y = (x, y - 1) if down else (x - 1, y)
    return pairs[::-1]


def _occurrences_in_order(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    """A long common subsequence: k-th occurrences of keys in both, those that are in the same order."""
    place = {item: index for index, item in enumerate(_numbered(b))}
    both = [(i, place[item]) for i, item in enumerate(_numbered(a)) if item in place]
    return [both[index] for index in _longest_increasing([j for _, j in both])]


def _numbered(keys: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Each key with the number of its occurrence."""
    seen: defaultdict[int, int] = defaultdict(int)
    for key in keys:
        yield key, seen[key]
        seen[key] += 1


def _longest_increasing(numbers: Sequence[int]) -> list[int]:
    """Indices of a longest increasing subsequence of different numbers, by patience sorting."""
    tops: list[int] = []
    piles: list[int] = []
    before = [-1] * len(numbers)
    for index, number in enumerate(numbers):
        pile = bisect_left(tops, number)
        if pile == len(tops):
            tops.append(number)
            piles.append(index)
        else:
            tops[pile], piles[pile] = number, index
        before[index] = piles[pile - 1] if pile else -1
    chain, index = [], piles[-1] if piles else -1
    while index >= 0:
        chain.append(index)
        index = before[index]
    return chain[::-1]


def _merged(runs: Sequence[Run]) -> list[Run]:
    """Runs that follow one another as one."""
    merged: list[Run] = []
    for run in runs:
        last = merged[-1] if merged else None
        if last is not None and (last.a + last.length, last.b + last.length) == (run.a, run.b):
            merged[-1] = Run(last.a, last.b, last.length + run.length)
        else:
            merged.append(run)
    return merged

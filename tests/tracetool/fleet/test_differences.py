from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracetool as tt
from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tracetool.fleet.differences import Fork, Step, forks, steps_of


def steps(kinds: str, first: int = 0) -> list[Step]:
    """A letter an operation."""
    return [Step(kind, 0, 4, "done", first + number) for number, kind in enumerate(kinds)]


def parted(*runs: str) -> list[tuple[int, dict[str | None, str]]]:
    """Forks of runs that are called by what they do: operations in common, and who goes on with which."""
    found = forks("f", "flash", [(run, steps(run)) for run in runs])
    return [
        (fork.common, {branch.step and branch.step.kind: " ".join(branch.runs) for branch in fork.branches})
        for fork in found
    ]


def test_runs_part_where_their_operations_differ() -> None:
    assert parted("abcd", "abxd") == [(2, {"c": "abcd", "x": "abxd"})]


def test_a_run_that_ends_parts_there() -> None:
    assert parted("abcd", "ab") == [(2, {"c": "abcd", None: "ab"})]


def test_several_runs_are_compared_at_once() -> None:
    assert parted("abcd", "abce", "axcd", "abxx") == [
        (1, {"b": "abcd abce abxx", "x": "axcd"}),
        (2, {"c": "abcd abce", "x": "abxx"}),
        (3, {"d": "abcd", "e": "abce"}),
    ]


def test_runs_that_did_the_same_do_not_part() -> None:
    assert parted("abc", "abc") == parted("abc") == parted() == parted("", "") == []


def test_the_number_of_an_event_is_not_compared() -> None:
    assert list(forks(None, "flash", [("a", steps("xyz")), ("b", steps("xyz", first=100))])) == []


@given(st.lists(st.text("ab", max_size=6), max_size=6, unique=True))
def test_the_forks_tell_all_runs_apart(runs: list[str]) -> None:
    """As a binary tree has a fork less than leaves, so do several branches count one less each."""
    found = list(forks(None, "flash", [(run, steps(run)) for run in runs]))
    assert sum(len(fork.branches) - 1 for fork in found) == max(len(runs) - 1, 0)
    for fork in found:
        prefixes = {run[: fork.common] for branch in fork.branches for run in branch.runs}
        assert len(prefixes) == 1


@pytest.mark.slow
def test_the_operations_of_a_trace_are_compared_by_device() -> None:
    first, second = (steps_of(tt.open(path).operations()) for path in (FIRST_BOOT, PADDING))
    assert {device: len(found) for device, found in first.items()} == {"virt.flash0": 2, "virt.flash1": 1018}
    (fork, *_) = forks(None, "virt.flash1", [("first", first["virt.flash1"]), ("second", second["virt.flash1"])])
    assert isinstance(fork, Fork)
    assert first["virt.flash1"][fork.common].compared != second["virt.flash1"][fork.common].compared

"""Commits of the captures to their variable stores, and the images that cuts in them left."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from replay.powercut import state_after
from tests.captures import capture_path, sha256
from tracetool.analysis.options import Options
from tracetool.analysis.power_cuts import StoreCommits, store_commits
from tracetool.analysis.session import replay_readers
from tracetool.errors import InputError
from tracetool.ingest import open_trace

DEVICES = {
    "aavmf-first-boot": "virt.flash1",
    "aavmf-shell-padding": "virt.flash1",
    "ovmf-first-boot": "system.flash1",
    "aavmf-reclaim": "virt.flash1",
}


@cache
def commits(name: str, *, image: bool = True) -> StoreCommits:
    before = {DEVICES[name]: capture_path(f"{name}/flash1-before.fd.zst")} if image else {}
    trace = open_trace(str(capture_path(f"{name}/trace.log.zst")))
    return store_commits(replay_readers([trace], Options(images=before, journal=True)))


def cases() -> list[Any]:
    """The recorded images whose bytes follow from the name of their shape."""
    found = json.loads(capture_path("powercut/cases.json").read_text())["cases"]
    return [case for case in found if case["capture"] in DEVICES and "bits" not in case["shape"]]


@pytest.mark.slow
def test_every_image_that_was_booted_comes_out_again() -> None:
    chosen = cases()
    assert len(chosen) >= 10
    for case in chosen:
        made = commits(case["capture"])
        image = state_after(made.before, made, 0, case["seq"], case["shape"])
        assert sha256(image) == case["image_sha256"], case["name"]


@pytest.mark.parametrize(
    ("name", "count", "distinct"),
    [
        ("aavmf-first-boot", 240, 132),
        ("aavmf-shell-padding", 54, 51),
        ("ovmf-first-boot", 15_641, 15_557),
        ("aavmf-reclaim", 22_774, 7_809),
    ],
)
@pytest.mark.first_quick
def test_commits_and_distinct_states_are_as_counted_independently(name: str, count: int, distinct: int) -> None:
    made = commits(name)
    keys = {state.key for state in made.states(torn=False) if state.shape == "after"}
    assert (len(made), len(keys)) == (count, distinct)
    assert (made.unknown_before, made.unknown_after) == (0, 0)


def test_torn_commits_leave_more_states() -> None:
    made = commits("aavmf-first-boot")
    states = [(state.shape.partition(":")[0], state.key) for state in made.states()]
    assert {shape for shape, _ in states} >= {"none", "after", "words", "wordbits", "zero-all", "zero-last", "bits"}
    assert len({key for _, key in states}) > 3 * 132


def test_what_was_not_known_before_the_trace_is_left_out() -> None:
    """Without its image the store is known once the firmware has erased and formatted all of it."""
    made, whole = commits("aavmf-first-boot", image=False), commits("aavmf-first-boot")
    assert 0 < made.unknown_before < len(whole)
    assert list(made) == list(whole)[made.unknown_before :]
    assert made.unknown_after == 0


def test_a_store_that_is_never_known_is_refused() -> None:
    with pytest.raises(InputError, match="not known; give --image"):
        commits("aavmf-shell-padding", image=False)


@pytest.mark.slow
def test_one_name_for_the_same_commits_in_any_form_of_trace() -> None:
    form = open_trace(str(capture_path("aavmf-first-boot/trace.simple.zst")))
    before = {"virt.flash1": capture_path("aavmf-first-boot/flash1-before.fd.zst")}
    other = store_commits(replay_readers([form], Options(images=before, journal=True)))
    assert other.digest == commits("aavmf-first-boot").digest

"""Extent and policy."""

from __future__ import annotations

from replay.backing import UPSTREAM, Backing, Policy


def test_labels() -> None:
    assert [policy.label for policy in Policy] == ["padded", "discard", "volatile", "error"]


def test_upstream_wants_a_file_as_long_as_the_region() -> None:
    assert (UPSTREAM.extent, UPSTREAM.policy) == (None, Policy.PADDED)
    assert Backing() == UPSTREAM

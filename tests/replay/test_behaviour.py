"""Which QEMU stores buffered words when."""

from __future__ import annotations

import pytest

from replay.behaviour import Behaviour, behaviour_of_qemu


@pytest.mark.parametrize(
    ("version", "behaviour"),
    [
        ("6.0.0", Behaviour.DIRECT),
        ("7.2", Behaviour.DIRECT),
        ("7.2.8", Behaviour.DIRECT),
        ("7.2.9", Behaviour.STAGED_AT_COUNT),
        ("7.2.22", Behaviour.STAGED_AT_COUNT),
        ("8.0.5", Behaviour.DIRECT),
        ("8.1.4", Behaviour.DIRECT),
        ("8.1.5", Behaviour.STAGED_AT_COUNT),
        ("8.2.0", Behaviour.DIRECT),
        ("8.2", Behaviour.DIRECT),
        ("8.2.1", Behaviour.STAGED_AT_COUNT),
        ("9.0.0", Behaviour.STAGED_AT_COUNT),
        ("9.0", Behaviour.STAGED_AT_COUNT),
        ("9.0.1", Behaviour.STAGED_AT_DATA),
        ("9.1.0", Behaviour.STAGED_AT_DATA),
        ("10.2.0", Behaviour.STAGED_AT_DATA),
        ("7.2.9 (Debian 1:7.2+dfsg-7+deb12u5)", Behaviour.STAGED_AT_COUNT),
        ("", None),
        ("9", None),
        ("v9.0.1", None),
        ("staged-at-count", None),
    ],
)
def test_releases(version: str, behaviour: Behaviour | None) -> None:
    assert behaviour_of_qemu(version) == behaviour


@pytest.mark.parametrize(
    ("label", "behaviour"),
    [
        ("undetermined", Behaviour.UNDETERMINED),
        ("direct", Behaviour.DIRECT),
        ("staged-at-count", Behaviour.STAGED_AT_COUNT),
        ("staged-at-data", Behaviour.STAGED_AT_DATA),
    ],
)
def test_labels(label: str, behaviour: Behaviour) -> None:
    assert behaviour.label == label
    assert Behaviour.from_label(label) is behaviour


def test_no_behaviour_of_that_name() -> None:
    with pytest.raises(KeyError):
        Behaviour.from_label("sometimes")

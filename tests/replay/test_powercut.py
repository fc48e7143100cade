"""What a cut leaves: contents before, after and inside each commit, each once by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.behaviour import Behaviour
from replay.columns import JournalKind, Target
from replay.engine import Config
from replay.powercut import (
    AFTER,
    BEFORE,
    SHAPES,
    Commit,
    commits_of,
    cut_states,
    digest_of,
    shapes_of,
    state_after,
    tear,
)
from tests.replay.programs import GEOMETRIES, RESET, programs, replayed, rewound, write
from tests.replay.reference import Reference

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject

SPAN = 16
OLD, NEW = b"\xff" * SPAN, bytes(range(SPAN))


def program(before: bytes = OLD, after: bytes = NEW, seq: int = 7) -> Commit:
    return Commit(0, seq, JournalKind.FLUSH, 32, before, after, known=True)


def erase(seq: int = 8) -> Commit:
    return Commit(0, seq, JournalKind.ERASE, 32, NEW, OLD, known=True)


@pytest.mark.parametrize(
    ("commit", "shape", "expected"),
    [
        (program(), BEFORE, OLD),
        (program(), AFTER, NEW),
        (program(), "words:1", NEW[:4] + OLD[4:]),
        (program(), "words:0x3", NEW[:12] + OLD[12:]),
        (program(), "wordmask:1:0xff", NEW[:4] + b"\xff" + NEW[5:8] + OLD[8:]),
        (program(), "words:99", NEW),
        (erase(), "first:3", OLD[:3] + NEW[3:]),
        (erase(), "last:3", NEW[:-3] + OLD[-3:]),
        (erase(), "last:99", OLD),
        (erase(), "first-half", OLD[:8] + NEW[8:]),
        (erase(), "last-half", NEW[:8] + OLD[8:]),
        (erase(), "zero-all", bytes(SPAN)),
        (erase(), "zero-first:5", bytes(5) + NEW[5:]),
        (erase(), "zero-last:5", NEW[:-5] + bytes(5)),
    ],
)
def test_a_shape_leaves_these_bytes(commit: Commit, shape: str, expected: bytes) -> None:
    assert tear(commit, shape) == expected


@pytest.mark.parametrize("shape", ["bits:1", "bits:2", "wordbits:2:9"])
def test_of_the_bits_that_change_some_have_changed(shape: str) -> None:
    torn = tear(program(), shape)
    changed = [old ^ new for old, new in zip(OLD, NEW, strict=True)]
    seen = [old ^ found for old, found in zip(OLD, torn, strict=True)]
    assert all(bits & ~allowed == 0 for bits, allowed in zip(seen, changed, strict=True))
    assert OLD != torn != NEW
    assert torn == tear(program(), shape), "the same seed gives the same bits"


@pytest.mark.parametrize(
    ("commit", "shape", "message"),
    [
        (program(), "zero-all", "no shape 'zero-all' of flush: choose from none, after, words"),
        (erase(), "words:1", "no shape 'words' of erase: choose from none, after, zero-last"),
        (erase(), "", "no shape ''"),
        (erase(), "first", "wrong number of parameters"),
        (erase(), "first:1:2", "wrong number of parameters"),
        (erase(), "first:-1", "not negative"),
        (erase(), "first:x", "invalid literal"),
    ],
)
def test_a_shape_that_is_none_is_refused(commit: Commit, shape: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tear(commit, shape)


@pytest.mark.parametrize("commit", [program(), erase(), program(b"\xff", b"\x7f"), program(OLD[:5], NEW[:5])])
def test_every_shape_that_a_sweep_tries_can_be_made(commit: Commit) -> None:
    tried = shapes_of(commit)
    assert all(len(tear(commit, shape)) == len(commit.after) for shape in tried)
    assert {shape.partition(":")[0] for shape in tried} <= set(SHAPES)
    assert len(tried) == len(set(tried))


def test_an_empty_range_is_touched_by_no_commit() -> None:
    config = Config(GEOMETRIES[0], Behaviour.DIRECT, image=np.zeros(GEOMETRIES[0].size, np.uint8), journal=True)
    machine, _ = replayed(config, [RESET, write(0, 0x20), write(0, 0xD0)])
    assert [len(list(commits_of(machine.journal, [(0, 0)], 5, end))) for end in (5, 6)] == [0, 1]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_after_each_commit_it_is_the_image_file_at_that_moment(data: DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    behaviour = data.draw(
        st.sampled_from((Behaviour.DIRECT, Behaviour.STAGED_AT_COUNT, Behaviour.STAGED_AT_DATA)), "behaviour"
    )
    image = np.arange(geometry.size).astype(np.uint8)
    reference = Reference(geometry, behaviour, image=image.tobytes())
    events = [RESET, *(event for access in data.draw(programs(geometry)) for event in reference.do(access))]
    machine, _ = replayed(Config(geometry, behaviour, image=image, journal=True), events)
    low, high = sorted(data.draw(st.tuples(*[st.integers(0, geometry.size)] * 2), "range"))
    commits = list(commits_of(machine.journal, [(0, 0)], low, high))
    before = image[low:high].tobytes()
    keys: dict[int, bytes] = {}
    for state in cut_states(before, commits):
        contents = keys.setdefault(state.key, bytes(state.contents))
        assert contents == bytes(state.contents), "equal keys, equal contents"
        assert contents == state_after(before, commits, 0, state.commit.seq, state.shape) or _is_one_of_many(
            commits, state.commit
        )
        if state.shape == AFTER and not _is_one_of_many(commits, state.commit):
            then = rewound(machine.journal, machine.backing(), state.commit.seq, Target.BACKING)
            assert contents == then[low:high].tobytes()
    assert len(set(keys.values())) == len(keys), "different contents, different keys"


def _is_one_of_many(commits: list[Commit], commit: Commit) -> bool:
    """True where an access commits in several steps."""
    return sum(other.seq == commit.seq for other in commits) > 1


def test_a_restart_is_no_commit_that_can_be_torn() -> None:
    restart = Commit(1, -1, JournalKind.RESTART, 32, OLD, NEW, known=True)
    assert [state.shape for state in cut_states(bytes(64), [restart])] == [BEFORE, AFTER]


def test_the_digest_names_what_was_committed() -> None:
    assert digest_of([program(), erase()]) == digest_of(iter([program(), erase()]))
    assert len({digest_of(commits) for commits in ([], [program()], [program(seq=8)], [erase()])}) == 4


def test_an_event_that_commits_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="event 9 commits nothing"):
        state_after(bytes(64), [program()], 0, 9, AFTER)

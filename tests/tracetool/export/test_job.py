from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.tracetool.export.support import Frames, frames, made
from tracetool.analysis.options import Options
from tracetool.export.job import Failure, Job, Loss
from tracetool.ingest import Health, HostWriteFailure, LostPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

RESET = {"event": "reset", "device": "a"}


def heights(job: Job) -> Iterator[int | Loss | Failure]:
    """How many events each piece has, or what lies between."""
    return (piece.height if isinstance(piece, pl.DataFrame) else piece for piece in job.pieces())


@given(st.lists(frames(4), max_size=3), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), max_size=4))
@pytest.mark.slow
def test_marks_cut_frames_and_change_none(parts: list[pl.DataFrame], places: list[tuple[int, int]]) -> None:
    whole = made([]) if not parts else pl.concat(parts)
    whole = whole.with_columns(seq=pl.int_range(whole.height, dtype=pl.Int64))
    numbered, at = [], 0
    for part in parts:
        numbered.append(whole[at : at + part.height])
        at += part.height
    marks = sorted((min(seq, whole.height), count) for seq, count in places)
    health = Health(lost=sum(count for _, count in marks), lost_places=[LostPlace(1, *mark) for mark in marks])
    job = Job(Frames(numbered, health), Options())
    pieces = list(job.pieces())
    events = [piece for piece in pieces if isinstance(piece, pl.DataFrame)]
    assert_frame_equal(pl.concat([whole[:0], *events]).drop("boot"), whole.drop("boot"), categorical_as_str=True)
    seen, found = 0, []
    for piece in pieces:
        if isinstance(piece, Loss):
            found.append((seen, piece.count))
        elif isinstance(piece, pl.DataFrame):
            seen += piece.height
    assert found == marks
    assert job.losses == [seq for seq, _ in marks]


def test_one_device_s_events_are_numbered_anew() -> None:
    rows = [RESET, RESET | {"device": "b"}, RESET, RESET | {"device": "b"}]
    health = Health(lost=1, lost_places=[LostPlace(1, 3, 1)], host_write_failures=[HostWriteFailure(1, 1, "Could not")])
    job = Job(Frames([made(rows)], health), Options(device="b"))
    assert pl.concat(job.frames())["seq"].to_list() == [0, 1]
    assert (job.events, job.seen, job.losses, job.failures) == (2, 4, [1, 2], [0])


def test_what_was_not_understood_is_a_loss_at_the_end() -> None:
    health = Health(lost=5, lost_places=[LostPlace(1, 0, 2)], damaged=3, truncated="cut")
    assert list(heights(Job(Frames([made([RESET])], health), Options()))) == [Loss(2), 1, Loss(7)]


def test_a_loss_knows_when_the_event_before_it_was() -> None:
    health = Health(lost=1, lost_places=[LostPlace(1, 1, 1)])
    job = Job(Frames([made([RESET | {"time_ns": 7}, RESET])], health), Options())
    assert list(heights(job)) == [1, Loss(1, 7), 1]

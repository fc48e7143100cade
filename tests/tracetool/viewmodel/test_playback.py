from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetool.viewmodel.playback import AS_FAST_AS_DRAWN, SPEEDS, playback

SECOND = 1_000_000_000


def test_real_time_takes_as_long_as_the_trace_did() -> None:
    clock = playback([5 * SECOND, 6 * SECOND, 8 * SECOND]).toggle()
    clock = clock.tick(0.0)
    assert clock.step == 1
    clock = clock.tick(0.9)
    assert clock.step == 1
    clock = clock.tick(0.2)
    assert clock.step == 2
    assert clock.tick(2.0).at_end
    assert not clock.tick(2.0).playing


def test_a_speed_is_seconds_of_the_trace_in_one() -> None:
    clock = playback([0, 10 * SECOND, 20 * SECOND]).toggle()
    for _ in range(3):
        clock = clock.faster()
    assert clock.speed == 10.0
    assert clock.tick(1.0).step == 2


def test_as_fast_as_drawn_goes_a_step_a_time() -> None:
    clock = playback([0, 10 * SECOND]).faster(100).toggle()
    assert clock.speed == AS_FAST_AS_DRAWN
    assert clock.tick(0.0).step == 1
    assert "as fast as drawn" in clock.words


def test_long_pauses_can_be_cut() -> None:
    clock = playback([0, 3600 * SECOND], longest_pause_ns=SECOND).toggle()
    assert clock.tick(1.0).at_end


def test_without_times_every_step_is_drawn() -> None:
    clock = playback([None, 3]).toggle()
    assert clock.tick(100.0).step == 1


def test_a_clock_that_was_set_back_stands_still() -> None:
    assert playback([10, 5, 11]).times_ns == (10, 10, 11)


def test_at_the_end_it_plays_from_the_beginning_again() -> None:
    clock = playback([0, 1]).toggle().tick(1.0)
    assert clock.at_end
    again = clock.toggle()
    assert (again.step, again.playing) == (0, True)
    assert not again.toggle().playing


def test_speeds_end_at_both_ends() -> None:
    clock = playback([0])
    assert clock.faster(-100).speed == SPEEDS[0]
    assert clock.faster(100).faster().speed == SPEEDS[-1]


def test_nothing_to_play_is_at_its_end() -> None:
    clock = playback([]).toggle()
    assert not clock.playing
    assert clock.tick(1.0).at_end


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=20).map(sorted), st.lists(st.integers(0, 3), max_size=30))
def test_the_result_does_not_depend_on_how_often_it_is_drawn(times: list[int], ticks: list[int]) -> None:
    once = often = playback(times).toggle()
    for tick in ticks:
        often = often.tick(tick)
    once = once.tick(sum(ticks)) if ticks else once
    assert often.step == once.step


@pytest.mark.parametrize("step", [-5, 0, 1, 99])
def test_any_step_can_be_gone_to(step: int) -> None:
    assert playback([0, 1]).seek(step).step == min(max(step, 0), 2)

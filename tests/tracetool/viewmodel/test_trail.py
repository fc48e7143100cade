from __future__ import annotations

from tracetool.viewmodel.selection import Selection
from tracetool.viewmodel.trail import MOST, Spot, Trail


def spot(seq: int) -> Spot:
    return Spot("timeline", Selection(seq=seq))


def test_jumps_are_undone_and_done_again() -> None:
    trail = Trail()
    assert trail.back(spot(0)) is None
    trail.jumped(spot(1), spot(2))
    trail.jumped(spot(3), spot(4))  # the cursor was moved from 2 to 3 by hand
    assert trail.back(spot(4)) == spot(3)
    assert trail.back(spot(3)) == spot(1)
    assert trail.back(spot(1)) is None
    assert trail.forth(spot(1)) == spot(3)
    assert trail.forth(spot(3)) == spot(4)
    assert trail.forth(spot(4)) is None


def test_a_new_jump_forgets_what_was_undone_and_none_to_the_same_place_is_kept() -> None:
    trail = Trail()
    trail.jumped(spot(1), spot(2))
    trail.back(spot(2))
    trail.jumped(spot(1), spot(7))
    assert trail.forth(spot(7)) is None
    trail.jumped(spot(7), spot(7))
    assert trail.back(spot(7)) == spot(1)


def test_it_has_an_end() -> None:
    trail = Trail()
    for seq in range(MOST + 50):
        trail.jumped(spot(seq), spot(seq + 1))
    count = 0
    while trail.back(spot(0)) is not None:
        count += 1
    assert count == MOST

"""Storage, the file behind it, and the write-buffer window."""

from __future__ import annotations

import numpy as np
import pytest

from replay.backing import Backing, Policy
from replay.behaviour import Behaviour
from replay.columns import Effect, RowKind
from replay.engine import Config, Machine
from replay.geometry import Geometry
from tests.replay.programs import RESET, VIRT, Event, feed, replayed, write

IMAGE = np.full(VIRT.size, 0xA5, np.uint8)
DIRECT = Config(VIRT, Behaviour.DIRECT, image=IMAGE)
STAGED = Config(VIRT, Behaviour.STAGED_AT_COUNT, image=IMAGE)
WORD = 0x11111111
UNFINISHED = [RESET, write(0, 0xE8), write(0, 5), write(0x1FC, WORD), write(0x400, WORD), write(0x1400, WORD), RESET]
"""Words that are in storage and not in the file: in sectors 0, 2 and 10."""


def _changed(machine: Machine, *, backing: bool) -> list[int]:
    """Give the words that differ from the image."""
    contents = machine.backing() if backing else machine.storage()
    return sorted({int(at) // 4 * 4 for at in np.flatnonzero(contents != 0xA5)})


def test_an_unfinished_direct_write_is_not_in_the_file() -> None:
    machine, _ = replayed(DIRECT, UNFINISHED)
    assert _changed(machine, backing=False) == [0x1FC, 0x400, 0x1400]
    assert _changed(machine, backing=True) == []


@pytest.mark.parametrize(
    ("event", "in_file"),
    [
        (write(0x100, WORD), [0x100, 0x1FC]),
        (write(0x1FE, WORD), [0x1FC, 0x200]),
        (write(0x3FC, WORD), [0x3FC]),
        (write(0x5FC, WORD), [0x400, 0x5FC]),
        (write(0x3FE, WORD), [0x3FC, 0x400]),
        (write(0x1500, WORD), [0x1400, 0x1500]),
        (write(0x3000, WORD), [0x3000]),
    ],
)
def test_a_program_takes_its_sectors_along(event: Event, in_file: list[int]) -> None:
    machine, _ = replayed(DIRECT, [*UNFINISHED, write(0, 0x40), event])
    assert _changed(machine, backing=True) == in_file


@pytest.mark.parametrize("order", [(0x480, 0x1480, 0x80), (0x1480, 0x480, 0x80), (0x80, 0x480, 0x1480)])
def test_sectors_are_written_back_in_any_order(order: tuple[int, ...]) -> None:
    machine, _ = replayed(DIRECT, UNFINISHED)
    sectors = {0x480: [0x400, 0x480], 0x1480: [0x1400, 0x1480], 0x80: [0x80, 0x1FC]}
    in_file: list[int] = []
    for offset in order:
        feed(machine, [write(0, 0x40), write(offset, WORD)])
        in_file += sectors[offset]
        assert _changed(machine, backing=True) == sorted(in_file)
    machine.power_cycle()
    assert _changed(machine, backing=False) == sorted(in_file)


def test_an_erase_is_in_the_file_though_its_neighbour_is_not() -> None:
    machine, _ = replayed(DIRECT, [*UNFINISHED[:4], write(0x2004, WORD), RESET, write(0x2000, 0x20)])
    assert _changed(machine, backing=False) == [0x1FC, *range(0x2000, 0x4000, 4)]
    assert _changed(machine, backing=True) == [*range(0x2000, 0x4000, 4)]


def test_an_erase_takes_its_own_unfinished_words_away() -> None:
    machine, _ = replayed(DIRECT, [*UNFINISHED, write(0x1FFF, 0x20, 1)])
    assert machine.storage().tobytes() == machine.backing().tobytes() == b"\xff" * 0x2000 + b"\xa5" * 0xE000


def test_a_volatile_tail_is_never_in_the_file() -> None:
    machine, _ = replayed(
        Config(VIRT, image=IMAGE, backing=Backing(0x2000, Policy.VOLATILE)),
        [RESET, write(0, 0x40), write(0x1FFC, WORD), write(0, 0x40), write(0x2000, WORD), write(0x4000, 0x20)],
    )
    assert _changed(machine, backing=False) == [0x1FFC, 0x2000, *range(0x4000, 0x6000, 4)]
    assert (machine.backed_bytes, _changed(machine, backing=True)) == (0x2000, [0x1FFC])


def test_a_program_across_the_end_of_the_file_is_in_it_up_to_there() -> None:
    machine, _ = replayed(
        Config(VIRT, image=IMAGE, backing=Backing(0x2000, Policy.VOLATILE)),
        [RESET, write(0, 0x40), write(0x1FFE, WORD)],
    )
    assert machine.backing()[0x1FFE:].tobytes() == b"\x11\x11"
    assert machine.storage()[0x1FFE:0x2002].tobytes() == b"\x11" * 4


# --- the window --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "offsets",
    [
        (0x1000, 0x1004, 0x1008),
        (0x1008, 0x1004, 0x1000),
        (0x1000, 0x1010, 0x1020),
        (0x1020, 0x1000, 0x1010),
        (0x1010, 0x1020, 0x1000),
        (0x1000, 0x1008, 0x1004),
        (0x1000, 0x1000, 0x1010),
        (0x1FFC, 0x1000, 0x1800),
        (0x1002, 0x1006, 0x1001),
    ],
)
def test_words_are_staged_in_any_order_and_holes_stay(offsets: tuple[int, ...]) -> None:
    events = [RESET, write(0, 0xE8), write(0x1000, 2)]
    events += [write(offset, WORD * (i + 1)) for i, offset in enumerate(offsets)]
    expected = IMAGE.copy()
    for i, offset in enumerate(offsets):
        expected[offset : offset + 4] = 0x11 * (i + 1)
    machine, steps = replayed(STAGED, [*events, write(0, 0xD0)])
    assert machine.storage().tobytes() == machine.backing().tobytes() == expected.tobytes()
    low, high = min(offsets), max(offsets) + 4
    assert (steps.effect[-1], steps.effect_offset[-1], steps.effect_length[-1]) == (Effect.FLUSH, low, high - low)
    assert steps.programmed == [0] * 6 + [12]


@pytest.mark.parametrize("ending", [write(0, 0xFF), RESET, write(0, 0xFF, wcycle=0), Event(RowKind.POSTLOAD)])
def test_what_an_earlier_window_held_is_not_flushed_with_a_later_one(ending: Event) -> None:
    """However it ended: refused, reset, lost sight of, or migrated away."""
    one = [RESET, write(0, 0xE8), write(0, 2), write(0, WORD), write(0x20, WORD), write(0x10, WORD)]
    other = [write(0, 0xE8), write(0, 1), write(0x8, WORD), write(0x28, WORD), write(0, 0xD0)]
    machine, steps = replayed(STAGED, [*one, ending, *other])
    assert steps.effect[-1] == Effect.FLUSH
    assert _changed(machine, backing=False) == _changed(machine, backing=True) == [0x8, 0x28]


@pytest.mark.parametrize("image", [None, IMAGE])
def test_holes_of_a_flush_stay_as_unknown_as_they_were(image: np.ndarray | None) -> None:
    config = Config(VIRT, Behaviour.STAGED_AT_COUNT, image=image)
    machine, _ = replayed(
        config, [RESET, write(0, 0xE8), write(0, 1), write(0x10, WORD), write(0x18, WORD), write(0, 0xD0)]
    )
    holes = (0, -1) if image is not None else (0x20 - 8, 0)
    assert machine.unknown(backing=False, end=0x20) == holes
    assert machine.unknown(backing=True, end=0x20) == holes


def test_a_window_at_the_end_of_a_small_region_ends_with_it() -> None:
    """Blocks smaller than the window: the last window reaches beyond the region."""
    geometry = Geometry(0x600, 0x200, 2)
    events = [RESET, write(0, 0xE8), write(0x400, 1), write(0x5F8, WORD), write(0x5FC, WORD), write(0, 0xD0)]
    machine, _ = replayed(Config(geometry, Behaviour.STAGED_AT_COUNT), events)
    assert machine.unknown(backing=True, end=0x600) == (0x5F8, 0)
    machine, _ = replayed(Config(geometry, Behaviour.STAGED_AT_COUNT), [*events[:4], Event(RowKind.WRITE_BLOCK_ABORT)])
    assert machine.unknown(backing=False, end=0x600) == (0x600, 0)

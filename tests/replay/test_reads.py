"""What a read that reaches the device gives, on every bus."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from replay.backing import Backing, Policy
from replay.columns import ABSENT, Flag, RowKind
from replay.engine import Config, Disagreement, Machine
from replay.geometry import Geometry
from tests.replay.programs import RESET, VIRT, Event, altered_in, feed, read, replayed, valued, write
from tests.replay.reference import identifiers, query_table, query_word, status_word

IDS = (0x89, 0x18, 0x12, 0x34)
ENDIANS: tuple[Literal["little", "big"], ...] = ("little", "big")
BUSES = [
    Geometry(0x10000, 0x1000, bank, chip, widest, endian, IDS)
    for bank in (1, 2, 4, 8)
    for chip in (0, 1, 2, 4, 8)
    for widest in (0, 1, 2, 4, 8)
    for endian in ENDIANS
    if chip <= bank and (chip <= widest <= 8 or widest == 0) and (chip or not widest)
]
SIZES = (1, 2, 3, 4, 8)
SOME_IMAGE = np.arange(0x10000).astype(np.uint8)

OLD = Geometry(0x4000, 0x1000, 4, ids=IDS)
BYTE = Geometry(0x4000, 0x1000, 1, ids=IDS)
X8 = Geometry(0x4000, 0x1000, 2, 1, 2, ids=IDS)
X8_WIDE = Geometry(0x4000, 0x1000, 8, 1, 2, ids=IDS)


def _bus(geometry: Geometry) -> str:
    return f"{geometry.bank_width}/{geometry.chip_width}/{geometry.max_chip_width}/{geometry.endian}"


@pytest.mark.parametrize("geometry", BUSES, ids=_bus)
def test_status_identifiers_and_query_are_the_references(geometry: Geometry) -> None:
    machine = Machine(Config(geometry, image=SOME_IMAGE))
    table = query_table(0x10000, 0x1000, geometry.bank_width, geometry.chips)
    offsets = [*range(0x40), *range(0x40, 0x120, 3), *range(0x120, 0x800, 37), 0xFF00]
    feed(machine, [RESET, write(0, 0x70, 1)])
    for size in SIZES:
        word = status_word(0x80, size, geometry.chip_width)
        steps = feed(machine, [valued(RowKind.READ_STATUS, word), read(0, size, word)])
        assert steps.expected[-1] == word
    feed(machine, [write(0, 0x90, 1)])
    for size in SIZES:
        answers = {offset: identifiers(geometry, offset, size) for offset in offsets}
        logged = [read(offset, size, word, cmd=0x90, wcycle=0) for offset, (_, word) in answers.items()]
        events = [event for (inner, _), last in zip(answers.values(), logged, strict=True) for event in (*inner, last)]
        steps = feed(machine, events)
        reads = [value for event, value in zip(events, steps.expected, strict=True) if event.kind == RowKind.IO_READ]
        assert reads == [word for _, word in answers.values()]
    feed(machine, [write(0, 0x98, 1)])
    for size in SIZES:
        steps = feed(machine, [read(offset, size, cmd=0x98, wcycle=1) for offset in offsets])
        assert steps.expected == [query_word(geometry, table, offset, size) for offset in offsets]
    assert machine.disagreement is None


@pytest.mark.parametrize(
    ("geometry", "command", "offset", "size", "value"),
    [
        (VIRT, 0x70, 0, 4, 0x00800080),
        (VIRT, 0x70, 0, 2, 0x80),
        (VIRT, 0x70, 0, 8, 0x00800080),
        (OLD, 0x70, 0, 2, 0x80),
        (OLD, 0x70, 0, 4, 0x00800080),
        (BYTE, 0x70, 0, 4, 0x00800080),
        (X8, 0x70, 0, 4, 0x80808080),
        (VIRT, 0x90, 0, 4, 0x00890089),
        (VIRT, 0x90, 0, 1, 0x00890089),
        (VIRT, 0x90, 4, 4, 0x00180018),
        (VIRT, 0x90, 8, 4, 0),
        (VIRT, 0x90, 0x400, 4, 0x00890089),
        (OLD, 0x90, 0, 4, 0x8918),
        (OLD, 0x90, 4, 4, 0x1234),
        (OLD, 0x90, 8, 4, 0),
        (OLD, 0x90, 0x100, 4, 0x8918),
        (X8, 0x90, 0, 1, 0xFFFF8989),
        (X8, 0x90, 0, 4, 0x18188989),
        (VIRT, 0x98, 0x40, 4, 0x00510051),
        (VIRT, 0x98, 0x9C, 4, 0x000F000F),
        (VIRT, 0x98, 0x440, 4, 0),
        (OLD, 0x98, 0x40, 4, 0x51),
        (OLD, 0x98, 0x9C, 4, 0x0E),
        (OLD, 0x98, 0x140, 4, 0x51),
        (BYTE, 0x98, 0x2A, 1, 0x08),
        (BYTE, 0x98, 0x52, 1, 0),
        (X8, 0x98, 0x40, 2, 0xFFFF5151),
        (X8_WIDE, 0x98, 0x100, 4, 0),
    ],
)
def test_known_answers(geometry: Geometry, command: int, offset: int, size: int, value: int) -> None:
    _, steps = replayed(Config(geometry), [RESET, write(0, command), read(offset, size)])
    assert steps.expected[-1] == value


@pytest.mark.parametrize("command", [0x10, 0x20, 0x40, 0x60, 0x70, 0xE8])
def test_setup_commands_leave_the_status_to_be_read(command: int) -> None:
    _, steps = replayed(Config(VIRT), [RESET, write(0, command), read(0x1234 & ~3)])
    assert steps.expected[-1] == 0x00800080


@pytest.mark.parametrize("command", [0x28, 0x50])
def test_commands_that_only_a_migration_leaves_give_the_status_too(command: int) -> None:
    _, steps = replayed(Config(VIRT), [read(0, cmd=command, wcycle=0), read(0, value=0x00800080)])
    assert steps.expected == [0x00800080, 0x00800080]


def test_identifiers_wider_than_sixteen_bits_are_cut_in_their_event_only() -> None:
    geometry = Geometry(0x4000, 0x1000, 4, ids=(0x1FF, 0x18, 0x234, 0x56))
    machine, steps = replayed(
        Config(geometry),
        [
            RESET,
            write(0, 0x90),
            valued(RowKind.MANUFACTURER_ID, 0xFF18),
            read(0, value=0x1FF18),
            valued(RowKind.DEVICE_ID, 0x3456),
            read(4, value=0x23456),
        ],
    )
    assert machine.disagreement is None
    assert (steps.expected[3], steps.expected[5]) == (0x1FF18, 0x23456)


def test_an_unknown_size_leaves_its_entries_of_the_query_table_open() -> None:
    geometry = Geometry(0x10000, 0x1000, 1, size_known=False)
    _, steps = replayed(Config(geometry), [RESET, write(0, 0x98, 1), *[read(at, 1) for at in range(0x60)]])
    assert [at for at, value in enumerate(steps.expected[2:]) if value == -1] == [0x27, 0x2D, 0x2E]
    wide = Geometry(0x10000, 0x1000, 2, 2, size_known=False)
    _, steps = replayed(Config(wide), [RESET, write(0, 0x98, 1), read(2 * 0x27, 2), read(2 * 0x28, 2)])
    assert steps.expected[2:] == [-1, 0xFFFF0002]


# --- array -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endian", "offset", "size", "value"),
    [
        ("little", 0x112, 1, 0x12),
        ("little", 0x112, 2, 0x1312),
        ("little", 0x112, 4, 0x15141312),
        ("little", 0x112, 8, 0x15141312),
        ("big", 0x112, 1, 0x12),
        ("big", 0x112, 2, 0x1213),
        ("big", 0x112, 4, 0x12131415),
        ("big", 0x112, 8, 0x16171819),
    ],
)
def test_array_data_is_read_in_the_devices_byte_order(
    endian: Literal["little", "big"], offset: int, size: int, value: int
) -> None:
    geometry = Geometry(0x10000, 0x1000, 4, 2, endian=endian)
    machine, steps = replayed(
        Config(geometry, image=SOME_IMAGE),
        [RESET, Event(RowKind.DATA_READ, offset, size, value), read(offset, size, value, cmd=0, wcycle=0)],
    )
    assert steps.expected[-1] == value
    assert machine.disagreement is None


def test_an_unknown_command_is_read_as_array_and_given_up() -> None:
    """Only an incoming migration leaves one in force."""
    machine, steps = replayed(
        Config(VIRT, image=SOME_IMAGE),
        [
            write(0, 0x98),
            Event(RowKind.READ_UNKNOWN_STATE),
            Event(RowKind.DATA_READ, 0x112, 4, 0x15141312),
            read(0x112, 4, 0x15141312, cmd=0x33, wcycle=0),
            Event(RowKind.OTHER),
        ],
    )
    assert (steps.expected[3], steps.cmd[4], steps.wcycle[4]) == (0x15141312, 0, 0)
    assert machine.disagreement == Disagreement(3, RowKind.IO_READ, RowKind.IO_READ, "cmd", 0x98, 0x33)


def test_unknown_bytes_are_not_predicted() -> None:
    machine, steps = replayed(
        Config(VIRT),
        [RESET, write(0, 0x40), write(0, 0x11223344), write(0, 0xFF), read(0, 4), read(2, 4), read(0, 2)],
    )
    assert steps.expected[4:] == [0x11223344, -1, 0x3344]
    assert machine.disagreement is None


# --- beyond the extent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "answers"),
    [
        (Policy.PADDED, [0x80, 0x80, 0x00800080]),
        (Policy.DISCARD, [0, 0, 0]),
        (Policy.VOLATILE, [0x80, 0x80, 0x00800080]),
        (Policy.ERROR, [0xFF, 0xFFFF, 0xFFFFFFFF]),
    ],
)
def test_a_policy_answers_reads_beyond_its_extent(policy: Policy, answers: list[int]) -> None:
    config = Config(VIRT, backing=Backing(0x4000, policy))
    _, steps = replayed(config, [RESET, write(0, 0x70), *[read(0x4000, size) for size in (1, 2, 4)], read(0x3FFC)])
    assert steps.expected[2:] == [*answers, 0x00800080]


# --- a read that is not what it should be ------------------------------------------------------------------------


def test_a_wrong_value_is_named() -> None:
    machine, steps = replayed(Config(VIRT), [RESET, write(0, 0x70), read(0, value=0x00800080), read(0, value=0x80)])
    assert machine.disagreement == Disagreement(3, RowKind.IO_READ, RowKind.IO_READ, "value", 0x00800080, 0x80)
    assert steps.flags == [0, 0, 0, Flag.MISMATCH]


@pytest.mark.parametrize(("field", "expected"), [("cmd", 0x70), ("wcycle", 0)])
def test_a_wrong_state_is_named_and_followed(field: str, expected: int) -> None:
    stands = {"cmd": 0x40, "wcycle": 1}[field]
    altered = altered_in(read(0, value=0x00800080, cmd=0x70, wcycle=0), field, stands)
    machine, steps = replayed(Config(VIRT), [RESET, write(0, 0x70), altered, Event(RowKind.OTHER)])
    assert machine.disagreement == Disagreement(2, RowKind.IO_READ, RowKind.IO_READ, field, expected, stands)
    assert {"cmd": steps.cmd, "wcycle": steps.wcycle}[field][-1] == stands


def test_the_oldest_reads_have_no_value() -> None:
    machine, steps = replayed(
        Config(VIRT, read_events=False),
        [RESET, write(0, 0x90), Event(RowKind.READ, 0, 4, ABSENT, 0x90, 0), valued(RowKind.MANUFACTURER_ID, 0x89)],
    )
    assert steps.expected[2] == 0x00890089
    assert machine.disagreement is None

"""What each bus write does: the write tables line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from replay.behaviour import Behaviour
from replay.columns import Flag, OpKind, Outcome, RowKind
from replay.engine import Config, Disagreement, Machine
from replay.geometry import Geometry
from tests.replay.programs import PC, RESET, VIRT, Event, altered_in, feed, read, replayed, stored, write
from tests.replay.sequences import IMAGE_BYTE, SEQUENCES, Sequence, events_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TABLE = pytest.mark.parametrize(
    ("sequence", "behaviour"),
    [
        pytest.param(one, behaviour, id=f"{one.name}, {behaviour.label}{', read-only' if one.read_only else ''}")
        for one in SEQUENCES
        for behaviour in one.behaviours
    ],
)
IMAGE = np.full(VIRT.size, IMAGE_BYTE, np.uint8)


def _config(sequence: Sequence, behaviour: Behaviour) -> Config:
    return Config(VIRT, behaviour, sequence.read_only, image=IMAGE)


def _with(changes: Mapping[int, bytes]) -> bytes:
    contents = bytearray(IMAGE.tobytes())
    for offset, data in changes.items():
        contents[offset : offset + len(data)] = data
    return bytes(contents)


@TABLE
def test_each_write_has_its_state_and_effect(sequence: Sequence, behaviour: Behaviour) -> None:
    machine = Machine(_config(sequence, behaviour))
    feed(machine, [RESET])
    for step in sequence.steps:
        steps = feed(machine, [write(step.offset, step.value), *step.inner, Event(RowKind.OTHER)])
        assert (steps.cmd[-1], steps.wcycle[-1], steps.status[-1]) == (step.cmd, step.wcycle, step.status)
        assert (steps.effect[0], steps.effect_offset[0], steps.effect_length[0]) == step.effect
        assert not any(steps.flags[0] & flag for flag in (Flag.MISMATCH, Flag.ADOPTED, Flag.INFERRED))
    assert machine.storage().tobytes() == _with(sequence.storage)
    assert machine.backing().tobytes() == _with(sequence.storage if sequence.backing is None else sequence.backing)
    assert machine.disagreement is None


@TABLE
def test_a_trace_with_the_right_events_agrees(sequence: Sequence, behaviour: Behaviour) -> None:
    machine, steps = replayed(_config(sequence, behaviour), events_of(sequence))
    assert machine.disagreement is None
    assert machine.disagreements == 0
    assert machine.adopted_at is None
    assert not any(flags & Flag.MISMATCH for flags in steps.flags)


def _inner_events(sequence: Sequence) -> Iterator[tuple[int, list[Event], Event]]:
    """Give the place of each inner event, the events of its step that follow it, and itself."""
    at = 1
    for step in sequence.steps:
        for i, event in enumerate(step.inner):
            yield at + 1 + i, list(step.inner[i + 1 :]), event
        at += 1 + len(step.inner)


@TABLE
def test_a_missing_event_is_named_where_it_should_stand(sequence: Sequence, behaviour: Behaviour) -> None:
    """The kind comes later in the trace, so it was traced."""
    events = events_of(sequence)
    for at, _, event in _inner_events(sequence):
        machine, _ = replayed(_config(sequence, behaviour), [*events[:at], *events[at + 1 :], *events])
        assert machine.disagreement == Disagreement(at, event.kind, RowKind.OTHER, "event", -1, -1)


@TABLE
def test_a_kind_that_is_never_traced_is_not_missed(sequence: Sequence, behaviour: Behaviour) -> None:
    events = events_of(sequence)
    for kind in {event.kind for event in events} - {RowKind.IO_WRITE, RowKind.RESET}:
        machine, _ = replayed(_config(sequence, behaviour), [event for event in events if event.kind != kind])
        assert machine.disagreement is None


@TABLE
def test_an_extra_event_is_named(sequence: Sequence, behaviour: Behaviour) -> None:
    events = events_of(sequence)
    for at, following, event in _inner_events(sequence):
        machine, steps = replayed(_config(sequence, behaviour), [*events[: at + 1], *events[at:]])
        expected = following[0].kind if following else RowKind.OTHER
        assert machine.disagreement == Disagreement(at + 1, expected, event.kind, "event", -1, -1)
        assert steps.flags[at + 1] & Flag.MISMATCH
        assert steps.flags[at + 1] & Flag.INFERRED


@TABLE
def test_an_altered_event_is_named_with_both_values(sequence: Sequence, behaviour: Behaviour) -> None:
    events = events_of(sequence)
    blank = Event(RowKind.OTHER)
    for at, _, event in _inner_events(sequence):
        for field in [name for name in Event._fields[1:] if getattr(event, name) != getattr(blank, name)]:
            value = getattr(event, field)
            altered = altered_in(event, field, value + 1)
            machine, steps = replayed(_config(sequence, behaviour), [*events[:at], altered, *events[at + 1 :]])
            assert machine.disagreement == Disagreement(at, event.kind, event.kind, field, value, value + 1)
            assert machine.disagreements == 1
            assert steps.flags[at] & Flag.MISMATCH


@TABLE
def test_an_altered_write_cycle_is_named(sequence: Sequence, behaviour: Behaviour) -> None:
    events = events_of(sequence)
    for at, event in enumerate(events):
        if event.kind == RowKind.IO_WRITE:
            altered = event._replace(wcycle=(event.wcycle + 1) % 4)
            machine, _ = replayed(_config(sequence, behaviour), [*events[:at], altered, *events[at + 1 :]])
            expected = Disagreement(at, event.kind, event.kind, "wcycle", event.wcycle, altered.wcycle)
            assert machine.disagreement == expected


# --- operations ------------------------------------------------------------------------------------------------

D, A, S = Behaviour.DIRECT, Behaviour.STAGED_AT_COUNT, Behaviour.STAGED_AT_DATA
OPEN, DONE, REFUSED, ABORTED = Outcome.OPEN, Outcome.DONE, Outcome.REFUSED, Outcome.ABORTED
BUFFERED, SETUP = OpKind.BUFFERED_PROGRAM, OpKind.INCOMPLETE
STRAY, BAD, RO = Flag.STRAY, Flag.BAD_SECOND_CYCLE, Flag.READ_ONLY_TARGET | Flag.DATA
NOTHING = Flag.STRAY | Flag.NOT_A_COMMAND
FLAGGED = Flag.DATA


@pytest.mark.parametrize(
    ("behaviour", "read_only", "writes"),
    [
        (D, False, [(0x70, 1, OpKind.STATUS, DONE, 0), (0x90, 2, OpKind.IDENTIFY, DONE, 0)]),
        (D, False, [(0x98, 1, OpKind.QUERY, DONE, 0), (0xFF, 2, OpKind.READ_ARRAY, DONE, 0)]),
        (D, False, [(0x98, 1, OpKind.QUERY, DONE, 0), (0xF0, 1, OpKind.QUERY, DONE, BAD)]),
        (D, False, [(0x50, 1, OpKind.CLEAR_STATUS, DONE, 0), (0xFF, 2, OpKind.READ_ARRAY, DONE, 0)]),
        (D, False, [(0xF0, 1, OpKind.READ_ARRAY, DONE, 0), (0x00, 2, OpKind.READ_ARRAY, DONE, STRAY)]),
        (D, False, [(0x1234, 1, OpKind.STRAY, DONE, NOTHING), (0x1240, 2, SETUP, OPEN, STRAY)]),
        (D, False, [(0x20, 1, OpKind.ERASE, OPEN, 0), (0xD0, 1, OpKind.ERASE, DONE, 0)]),
        (D, False, [(0x20, 1, OpKind.ERASE, OPEN, 0), (0x70, 1, OpKind.ERASE, DONE, BAD)]),
        (
            D,
            True,
            [(0x20, 1, OpKind.ERASE, OPEN, Flag.READ_ONLY_TARGET), (0xD0, 1, OpKind.ERASE, REFUSED, 0)],
        ),
        (D, False, [(0x60, 1, SETUP, OPEN, 0), (0xD0, 1, OpKind.UNLOCK, DONE, 0)]),
        (D, False, [(0x60, 1, SETUP, OPEN, 0), (0x01, 1, OpKind.LOCK, DONE, 0)]),
        (D, False, [(0x60, 1, SETUP, OPEN, 0), (0xFF, 1, SETUP, ABORTED, BAD)]),
        (D, False, [(0x40, 1, SETUP, OPEN, 0), (0xAA, 1, OpKind.PROGRAM, DONE, FLAGGED)]),
        (D, True, [(0x10, 1, SETUP, OPEN, 0), (0xAA, 1, OpKind.PROGRAM, REFUSED, RO)]),
        *(
            (
                behaviour,
                False,
                [
                    (0xE8, 1, SETUP, OPEN, 0),
                    (1, 1, BUFFERED, OPEN, FLAGGED),
                    (5, 1, BUFFERED, OPEN, FLAGGED),
                    (6, 1, BUFFERED, OPEN, FLAGGED),
                    (confirm, 1, BUFFERED, outcome, flags),
                ],
            )
            for behaviour in (D, A, S)
            for confirm, outcome, flags in ((0xD0, DONE, 0), (0xFF, ABORTED, BAD))
        ),
        *(
            (
                behaviour,
                True,
                [
                    (0xE8, 1, SETUP, OPEN, 0),
                    (0, 1, BUFFERED, OPEN, FLAGGED),
                    (5, 1, BUFFERED, OPEN, RO),
                    (0xD0, 1, BUFFERED, REFUSED, 0),
                    (0x70, 2, OpKind.STATUS, DONE, 0),
                ],
            )
            for behaviour in (D, A, S)
        ),
        (
            S,
            False,
            [
                (0xE8, 1, SETUP, OPEN, 0),
                (0, 1, BUFFERED, OPEN, FLAGGED),
                (5, 1, BUFFERED, OPEN, FLAGGED),
                (0xD0, 1, BUFFERED, REFUSED, 0),
            ],
        ),
    ],
)
def test_operations_are_numbered_named_and_judged(
    behaviour: Behaviour, read_only: bool, writes: list[tuple[int, int, OpKind, Outcome, int]]
) -> None:
    events = [RESET, *[write(0x10, value) for value, *_ in writes]]
    _, steps = replayed(Config(VIRT, behaviour, read_only, image=IMAGE), events)
    columns = (steps.op, steps.op_kind, steps.outcome, steps.flags)
    assert list(zip(*columns, strict=True)) == [(0, OpKind.RESET, DONE, 0), *(tuple(row[1:]) for row in writes)]


@pytest.mark.parametrize(
    ("geometry", "size", "value", "stray"),
    [
        (VIRT, 4, 0x70, False),
        (VIRT, 4, 0x00700070, False),
        (VIRT, 4, 0x70707070, False),
        (VIRT, 2, 0x7070, False),
        (VIRT, 2, 0x0070, False),
        (VIRT, 1, 0x70, False),
        (VIRT, 4, 0x00710070, True),
        (VIRT, 4, 0x00007070, True),
        (VIRT, 4, 0x70000070, True),
        (VIRT, 2, 0x0170, True),
        (Geometry(0x2000, 0x1000, 4), 4, 0x00700070, False),
        (Geometry(0x2000, 0x1000, 4, 1), 4, 0x70707070, False),
        (Geometry(0x2000, 0x1000, 4, 1), 4, 0x00700070, True),
        (Geometry(0x2000, 0x1000, 4, 4), 4, 0x00700070, True),
        (Geometry(0x2000, 0x1000, 8, 4), 8, 0x0000007000000070, False),
    ],
)
def test_a_command_that_no_driver_would_send_is_a_stray(geometry: Geometry, size: int, value: int, stray: bool) -> None:
    """A driver sends a command alone, once for each chip, or in every byte; the device looks at the low byte."""
    _, steps = replayed(Config(geometry), [write(0, value, size)])
    assert (steps.flags[0], steps.op_kind[0]) == (Flag.STRAY if stray else 0, OpKind.STATUS)


# --- what needs a state from the trace ------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "cmd"), [(0xD0, 0x28), (0x70, 0)])
def test_the_other_erase_command_is_confirmed_likewise(value: int, cmd: int) -> None:
    """0x28 is never in force but where a trace says so."""
    machine = Machine(Config(VIRT))
    feed(machine, [read(0, cmd=0x28, wcycle=1), write(0, value), Event(RowKind.OTHER)])
    steps = feed(machine, [Event(RowKind.OTHER)])
    assert (steps.cmd[0], steps.wcycle[0]) == (cmd, 0)


@pytest.mark.parametrize(
    ("geometry", "count", "left"),
    [
        (VIRT, 0xABCD0003, 3),
        (PC, 0x3, 3),
        (Geometry(0x2000, 0x1000, 4), 0x10003, 0x10003),
        (Geometry(0x2000, 0x1000, 4, 1), 0x1303, 3),
        (Geometry(0x2000, 0x1000, 8, 8), 0xFFFFFFFF, 0xFFFFFFFF),
        (Geometry(0x2000, 0x1000, 2), 0x7FFFF, 0xFFFF),
    ],
)
def test_the_count_is_masked_to_the_chip_or_the_bank(geometry: Geometry, count: int, left: int) -> None:
    events = [write(0, 0xE8), write(0, count), Event(RowKind.WRITE_BLOCK, value=left), write(0, 1)]
    machine, _ = replayed(Config(geometry, Behaviour.DIRECT), [*events, stored(0, 1, counter=left)])
    assert machine.disagreement is None


@pytest.mark.parametrize(
    ("endian", "size", "data"),
    [
        ("little", 1, b"\x88"),
        ("little", 2, b"\x88\x77"),
        ("little", 4, b"\x88\x77\x66\x55"),
        ("little", 8, b"\x88\x77\x66\x55\x44\x33\x22\x11"),
        ("big", 1, b"\x88"),
        ("big", 2, b"\x77\x88"),
        ("big", 4, b"\x55\x66\x77\x88"),
        ("big", 8, b"\x11\x22\x33\x44\x55\x66\x77\x88"),
    ],
)
@pytest.mark.parametrize("staged", [False, True])
def test_a_word_is_stored_in_the_devices_byte_order(endian: str, size: int, data: bytes, staged: bool) -> None:
    geometry = Geometry(0x2000, 0x1000, 8, endian="big" if endian == "big" else "little")
    value = 0x1122334455667788 & (256**size - 1)
    lead = [write(0, 0xE8), write(0x40, 0)] if staged else [write(0, 0x40)]
    tail = [write(0, 0xD0)] if staged else []
    machine, _ = replayed(
        Config(geometry, Behaviour.STAGED_AT_COUNT, image=np.zeros(0, np.uint8)),
        [RESET, *lead, write(0x40, value, size), *tail],
    )
    assert machine.storage()[0x40 : 0x40 + size].tobytes() == data
    assert machine.storage().sum() == sum(data)
    assert machine.backing().tobytes() == machine.storage().tobytes()

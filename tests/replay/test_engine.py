"""Machine: fed in chunks, stopped, forked, restarted, and started in the middle."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from replay.backing import Backing, Policy
from replay.behaviour import Behaviour
from replay.columns import ABSENT, Effect, Flag, OpKind, Outcome, RowKind
from replay.engine import Config, Disagreement, Machine, Stop
from tests.replay.programs import (
    GEOMETRIES,
    READ_ARRAY,
    RESET,
    VIRT,
    Event,
    Steps,
    altered_in,
    asked,
    feed,
    programs,
    read,
    replayed,
    said,
    staged,
    steps_of,
    stored,
    to_rows,
    told,
    valued,
    write,
)
from tests.replay.reference import Reference, log_of

if TYPE_CHECKING:
    from hypothesis.strategies import DataObject, DrawFn

BEHAVIOURS = (Behaviour.DIRECT, Behaviour.STAGED_AT_COUNT, Behaviour.STAGED_AT_DATA)
BLANK = np.zeros(VIRT.size, np.uint8)
PATTERN = np.random.default_rng(7).integers(0, 256, VIRT.size, np.uint8)


@st.composite
def traces(draw: DrawFn) -> tuple[Config, list[Event]]:
    """Traces as they come: begun anywhere, with events lost, altered and added."""
    geometry = draw(st.sampled_from(GEOMETRIES))
    behaviour = draw(st.sampled_from(BEHAVIOURS))
    image = draw(st.sampled_from((None, PATTERN[: geometry.size])))
    reference = Reference(geometry, behaviour, image=None if image is None else image.tobytes())
    events = [RESET, *log_of(reference, draw(programs(geometry)))]
    events = events[draw(st.integers(0, 12)) :]
    for at in draw(st.lists(st.integers(0, 400), max_size=6)):
        if at < len(events):
            what = draw(st.integers(0, 4))
            if what == 0:
                del events[at]
            elif what == 1:
                events.insert(at, draw(st.sampled_from(events)))
            elif what == 2:
                events[at] = altered_in(events[at], draw(st.sampled_from(("wcycle", "cmd", "value"))), at % 4)
            else:
                events.insert(at, Event(RowKind.RESET if what == 3 else RowKind.POSTLOAD))
    return Config(geometry, behaviour, image=image, journal=True), events


def _outcome(machine: Machine) -> list[object]:
    arrays = (machine.storage(), machine.storage_mask, machine.backing(), machine.backing_mask)
    journal = [tuple(x.tobytes() if isinstance(x, np.ndarray) else x for x in row) for row in machine.journal]
    operations = [column.tolist() for column in machine.operations(end=True).values()]
    return [told(machine), *(a.tobytes() for a in arrays), journal, operations]


@settings(max_examples=100, deadline=None)
@given(trace=traces(), cuts=st.lists(st.integers(0, 200), max_size=5), as_one=st.booleans())
def test_the_result_does_not_depend_on_the_chunks(
    trace: tuple[Config, list[Event]], cuts: list[int], as_one: bool
) -> None:
    config, events = trace
    rows = to_rows(events)
    whole, expected = replayed(config, events)
    machine, steps = asked(config), Steps(*([] for _ in Steps._fields))
    bounds = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    for start, end in pairwise(bounds):
        if as_one:
            assert machine.feed(rows, start, end) == (end, Stop.END)
        else:
            assert machine.feed(rows.span(start, end)) == (end - start, Stop.END)
        for column, part in zip(steps, steps_of(machine), strict=True):
            column.extend(part)
    assert steps == expected
    assert _outcome(machine) == _outcome(whole)
    assert machine.disagreement == whole.disagreement


@settings(max_examples=60, deadline=None)
@given(trace=traces())
@pytest.mark.slow
def test_a_loss_never_leaves_a_state_that_no_flash_has(trace: tuple[Config, list[Event]]) -> None:
    config, events = trace
    machine, steps = replayed(config, events)
    assert set(steps.wcycle) <= {0, 1, 2, 3}
    assert all(0 <= status <= 0xFF for status in steps.status)
    assert steps.op == sorted(steps.op)
    assert set(machine.storage_mask) | set(machine.backing_mask) <= {0, 1}
    for effect, offset, length in zip(steps.effect, steps.effect_offset, steps.effect_length, strict=True):
        assert (offset == -1 and length == 0) or (effect and 0 <= offset <= offset + length <= config.geometry.size)


def test_the_first_row_ever_is_the_first_of_the_first_chunk() -> None:
    """A device whose trace begins with its reset has a count of 0; one that is reset later may have any."""
    program = [RESET, write(0, 0x40), said("single byte program (0)")]
    program += [write(0, 5), said("single byte program (1)"), stored(0, 5, counter=9)]
    config = Config(VIRT, Behaviour.DIRECT)
    machine, _ = replayed(config, program)
    assert machine.disagreement == Disagreement(5, RowKind.DATA_WRITE, RowKind.DATA_WRITE, "counter", 0, 9)
    machine = Machine(config)
    feed(machine, [read(0)])
    feed(machine, program, 1)
    assert machine.disagreement is None


# --- being told --------------------------------------------------------------------------------------------------


def test_contents_beyond_the_image_are_zeros() -> None:
    machine = Machine(Config(VIRT, image=PATTERN[:100]))
    assert machine.storage().tobytes() == PATTERN[:100].tobytes() + bytes(VIRT.size - 100)
    assert machine.backing().tobytes() == machine.storage().tobytes()
    assert machine.unknown(backing=False, end=VIRT.size) == (0, -1)


def test_an_image_longer_than_the_region_is_cut() -> None:
    machine = Machine(Config(VIRT, image=np.ones(VIRT.size + 5, np.uint8)))
    assert machine.storage().tobytes() == b"\x01" * VIRT.size


def test_without_an_image_only_what_is_written_is_known() -> None:
    machine, _ = replayed(Config(VIRT), [RESET, write(0, 0x40), write(0x10, 0x11223344), write(0, 0x20)])
    assert machine.unknown(backing=False, end=0x2000) == (0, -1)
    assert machine.unknown(backing=True, end=0x2004) == (4, 0x2000)
    machine, _ = replayed(Config(VIRT), [RESET, write(0, 0x40), write(0x10, 0x11223344)])
    assert machine.unknown(backing=True, end=0x100) == (0xFC, 0)
    assert machine.unknown(backing=True, end=0x10) == (0x10, 0)
    assert machine.known_prefix(0x14) is None
    assert machine.known_prefix(0) == b""


def test_a_known_prefix_is_given() -> None:
    machine, _ = replayed(Config(VIRT), [RESET, write(0, 0x40), write(0, 0x11223344), write(4, 0x70)])
    assert machine.known_prefix(4) == b"\x44\x33\x22\x11"
    assert machine.known_prefix(5) is None


def test_the_first_count_waits_for_the_behaviour() -> None:
    """Everything else is the same in all of them."""
    events = [RESET, write(0, 0x40), write(0, 1), write(0, 0xE8), write(8, 0), write(8, 7), write(8, 0xD0)]
    machine, rows = asked(Config(VIRT, image=BLANK)), to_rows(events)
    assert machine.behaviour == Behaviour.UNDETERMINED
    assert machine.feed(rows) == (4, Stop.BEHAVIOUR)
    assert machine.feed(rows, 4) == (4, Stop.BEHAVIOUR)
    machine.behaviour = Behaviour.STAGED_AT_COUNT
    assert machine.behaviour == Behaviour.STAGED_AT_COUNT
    assert machine.feed(rows, 4) == (7, Stop.END)
    assert machine.storage()[8] == 7
    assert steps_of(machine).effect[4:] == [Effect.NONE, Effect.STAGE, Effect.FLUSH]


@pytest.mark.parametrize(("offset", "stops"), [(0x100, True), (0x3FF, True), (0x400, False), (0x2000, False)], ids=hex)
def test_a_change_of_the_watched_range_stops(offset: int, stops: bool) -> None:
    machine = Machine(Config(VIRT, image=BLANK, watch_end=0x400))
    rows = to_rows([RESET, write(0, 0x40), write(offset, 1, 1), write(0, 0x70)])
    at = 3 if stops else 4
    assert machine.feed(rows) == (at, Stop.WATCH if stops else Stop.END)
    if stops:
        assert machine.feed(rows, 3) == (4, Stop.END)
    machine.stop_watching()
    assert machine.feed(rows) == (4, Stop.END)


def test_an_erase_and_a_flush_are_watched_too() -> None:
    machine = Machine(Config(VIRT, Behaviour.STAGED_AT_COUNT, image=BLANK, watch_end=1))
    rows = to_rows(
        [RESET, write(0x1FFC, 0x20), write(0, 0xD0), write(0, 0xE8), write(0, 0), write(0, 5), write(0, 0xD0)]
    )
    assert machine.feed(rows) == (2, Stop.WATCH)
    assert machine.feed(rows, 2) == (7, Stop.WATCH)


def test_a_realize_event_is_a_start() -> None:
    machine, steps = replayed(Config(VIRT), [write(0, 0x98), Event(RowKind.REALIZE), Event(RowKind.OTHER)])
    assert (steps.cmd[2], steps.wcycle[2], steps.op[1], steps.op_kind[1]) == (0, 0, 1, OpKind.RESET)
    assert not machine.midway


def test_accesses_that_the_device_kept_from_the_chip_are_operations() -> None:
    events = [RESET, write(0, 0x98), Event(RowKind.OUTER_WRITE, 0x8000, 4), Event(RowKind.OUTER_READ, 0x8000, 2)]
    machine, steps = replayed(Config(VIRT, backing=Backing(0x4000, Policy.DISCARD)), events)
    assert steps.op_kind[2:] == [OpKind.OUTSIDE, OpKind.OUTSIDE]
    assert steps.outcome[2:] == [Outcome.DISCARDED, Outcome.DONE]
    assert (steps.effect[2:], steps.effect_offset[2:], steps.effect_length[2:]) == ([7, 0], [0x8000, -1], [4, 0])
    assert (machine.command, machine.wcycle) == (0x98, 1)


# --- beyond the extent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("endian", "stays"), [(0, b"\x44\x33"), (2, b"\x11\x22")])
def test_under_discard_a_straddling_write_is_cut(endian: int, stays: bytes) -> None:
    """The bus splits it; only the inner part reaches the chip."""
    geometry = GEOMETRIES[endian]
    config = Config(geometry, image=np.zeros(0, np.uint8), backing=Backing(0x2000, Policy.DISCARD))
    machine, steps = replayed(config, [RESET, write(0, 0x40), write(0x1FFE, 0x11223344)])
    assert machine.storage()[0x1FFE:0x2002].tobytes() == stays + bytes(2)
    assert (machine.backed_bytes, len(machine.backing()), machine.backing()[0x1FFE:].tobytes()) == (
        0x2000,
        0x2000,
        stays,
    )
    assert (steps.effect_offset[2], steps.effect_length[2]) == (0x1FFE, 2)


def test_under_discard_a_setup_inside_takes_the_next_inner_write_as_data() -> None:
    config = Config(VIRT, image=BLANK, backing=Backing(0x2000, Policy.DISCARD))
    machine, steps = replayed(config, [RESET, write(0, 0x40), write(0x2000, 0x99), write(0, 0x00FF00FF)])
    assert steps.effect[1:] == [Effect.NONE, Effect.DISCARD, Effect.PROGRAM]
    assert (steps.outcome[2], steps.wcycle[2], steps.wcycle[3]) == (Outcome.DISCARDED, 1, 1)
    assert machine.storage()[:4].tobytes() == b"\xff\x00\xff\x00"


def test_under_error_writes_outside_set_error_bits() -> None:
    config = Config(VIRT, image=BLANK, backing=Backing(0x2000, Policy.ERROR))
    machine, steps = replayed(
        config,
        [
            RESET,
            write(0x2000, 0x20),
            write(0x2000, 0xD0),
            write(0x1FFE, 0x40),
            write(0x1FFE, 0x11223344),
            write(0x1FFC, 0x40),
            write(0x1FFC, 0x55667788),
            Event(RowKind.OTHER),
        ],
    )
    assert steps.status == [0x80, 0x80, 0xA0, 0xA0, 0xA0, 0xB0, 0xB0, 0xB0]
    assert [effect for effect in steps.effect if effect] == [Effect.REFUSED, Effect.REFUSED, Effect.PROGRAM]
    assert not any(flags & Flag.READ_ONLY_TARGET for flags in steps.flags)
    assert machine.storage().sum() == 0x55 + 0x66 + 0x77 + 0x88


def test_an_extent_beyond_the_region_is_the_region() -> None:
    machine = Machine(Config(VIRT, backing=Backing(1 << 40, Policy.DISCARD)))
    assert machine.backed_bytes == VIRT.size
    assert Machine(Config(VIRT, backing=Backing(0x2000, Policy.PADDED))).backed_bytes == VIRT.size


# --- fork --------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_fork_at_the_first_access_outside_is_as_if_the_policy_had_always_been(data: DataObject) -> None:
    """And the machine that it was forked from does not notice."""
    geometry = data.draw(st.sampled_from(GEOMETRIES), "geometry")
    extent = data.draw(st.integers(1, 3), "blocks") * geometry.block
    backing = Backing(extent, data.draw(st.sampled_from((Policy.DISCARD, Policy.VOLATILE, Policy.ERROR)), "policy"))
    behaviour = data.draw(st.sampled_from(BEHAVIOURS), "behaviour")
    program = data.draw(programs(geometry), "program")
    program = [access for access in program if not access.offset < extent < access.offset + access.size]
    image = PATTERN[:extent]
    padded = Reference(geometry, behaviour, image=image.tobytes() + bytes(geometry.size - extent))
    events = [RESET, *log_of(padded, program)]
    io = (RowKind.IO_WRITE, RowKind.IO_READ)
    outside = [at for at, event in enumerate(events) if event.kind in io and event.offset >= extent]
    assume(outside)
    config = Config(geometry, behaviour, image=image)
    machine, rows = asked(config), to_rows(events)
    machine.feed(rows, 0, outside[0])
    twin = machine.fork(backing)
    twin.asked.everything = True
    twin.feed(rows, outside[0])
    machine.feed(rows, outside[0])
    alone, alone_steps = replayed(config, events)
    assert steps_of(machine) == alone_steps
    assert _outcome(machine) == _outcome(alone)
    other, other_steps = replayed(Config(geometry, behaviour, image=image, backing=backing, check=False), events)
    assert twin.storage().tobytes() == other.storage().tobytes()
    assert twin.backing().tobytes() == other.backing().tobytes()
    assert list(steps_of(twin)) == [column[outside[0] :] for column in other_steps]
    assert (twin.disagreement, len(twin.journal)) == (None, 0)
    twin.power_cycle()
    other.power_cycle()
    assert twin.storage().tobytes() == other.storage().tobytes()


@pytest.mark.parametrize("image", [None, BLANK])
def test_beyond_its_extent_a_fork_holds_known_zeros(image: np.ndarray | None) -> None:
    machine, _ = replayed(Config(VIRT, image=image), [RESET, write(0, 0x40), write(0x2000, 0x11223344)])
    twin = machine.fork(Backing(0x2000, Policy.VOLATILE))
    assert twin.storage()[0x2000:].tobytes() == bytes(VIRT.size - 0x2000)
    unknown, first = twin.unknown(backing=False, end=VIRT.size)
    assert (unknown, first) == ((0x2000, 0) if image is None else (0, -1))
    assert machine.storage()[0x2000:0x2004].tobytes() == b"\x44\x33\x22\x11"
    whole = machine.fork(Backing())
    assert whole.storage().tobytes() == machine.storage().tobytes()


def test_a_fork_keeps_no_journal_and_does_not_watch() -> None:
    machine, _ = replayed(Config(VIRT, image=BLANK, journal=True, watch_end=0x100), [RESET, write(0, 0x40)])
    twin = machine.fork(Backing(0x2000, Policy.DISCARD))
    feed(twin, [write(0, 1)], 2)
    assert (len(twin.journal), twin.storage()[0], machine.storage()[0]) == (0, 1, 0)


def test_a_fork_amid_a_buffered_write_goes_on_with_it() -> None:
    config = Config(VIRT, Behaviour.STAGED_AT_COUNT, image=BLANK)
    lead = [RESET, write(0, 0xE8), write(0, 2), write(0, 1), write(0x10, 2)]
    machine, _ = replayed(config, lead)
    twin = machine.fork(Backing(0x2000, Policy.DISCARD))
    feed(machine, [write(0x20, 3), write(0, 0xFF)], 5)
    feed(twin, [write(0x20, 4), write(0, 0xD0)], 5)
    assert machine.storage().sum() == 0
    assert [twin.storage()[at] for at in (0, 0x10, 0x20)] == [1, 2, 4]
    assert twin.storage().sum() == 7


# --- restart -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "before", "after"),
    [
        (Policy.PADDED, 9, 9),
        (Policy.VOLATILE, 9, 0),
        (Policy.DISCARD, 0, 0),
        (Policy.ERROR, 0, 0),
    ],
)
@pytest.mark.parametrize("image", [None, BLANK])
def test_what_a_restart_loses_is_the_policys(policy: Policy, before: int, after: int, image: np.ndarray | None) -> None:
    machine, _ = replayed(
        Config(VIRT, image=image, backing=Backing(0x2000, policy)), [RESET, write(0, 0x40), write(0x3000, 9, 1)]
    )
    assert machine.storage()[0x3000] == before
    machine.power_cycle()
    assert machine.storage()[0x3000] == after
    if policy != Policy.PADDED:
        assert machine.unknown(backing=False, end=VIRT.size) == ((0x2000, 0) if image is None else (0, -1))


def test_a_restart_starts_anew_but_for_the_numbers_of_operations() -> None:
    machine = Machine(Config(VIRT, image=BLANK))
    rows = to_rows([RESET, write(0, 0xE8), write(0, 0), write(0, 1)])
    machine.feed(rows)
    machine.behaviour = Behaviour.DIRECT
    feed(machine, [write(0, 0), write(0x10, 7), stored(4, 4)], 2)
    assert (machine.disagreements, machine.midway, machine.storage()[0x10]) == (1, True, 7)
    machine.power_cycle()
    assert machine.behaviour == Behaviour.UNDETERMINED
    assert (machine.disagreement, machine.disagreements, machine.midway) == (None, 0, False)
    assert not machine.has_seen(RowKind.RESET)
    steps = feed(machine, [RESET])
    assert (steps.op[0], steps.status[0], steps.wcycle[0]) == (2, 0x80, 0)


def test_words_staged_before_a_restart_are_gone() -> None:
    """Even where the next write leaves a hole that they would fill."""
    machine, _ = replayed(
        Config(VIRT, Behaviour.STAGED_AT_COUNT, image=BLANK),
        [RESET, write(0, 0xE8), write(0, 2), write(0, 0x11), write(0x10, 0x22)],
    )
    machine.power_cycle()
    feed(machine, [RESET, write(0, 0xE8), write(0, 1), write(0, 0x33), write(0x20, 0x44), write(0, 0xD0)])
    assert [machine.storage()[at] for at in (0, 0x10, 0x20)] == [0x33, 0, 0x44]


# --- a start in the middle ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "cmd", "wcycle", "adopted"),
    [
        ([write(0x100, 0xD0, wcycle=1)], 0x100, 1, 0),
        ([write(0x100, 5, wcycle=2)], 0xE8, 2, 0),
        ([write(0x100, 0xD0, wcycle=3), Event(RowKind.WRITE_BLOCK_FLUSH)], 0xE8, 0, 0),
        ([valued(RowKind.READ_STATUS, 0x00800080), read(0, value=0x00800080, cmd=0x70, wcycle=0)], 0x70, 0, 1),
        ([read(0, value=0x00900090, cmd=0xE8, wcycle=2)], 0xE8, 2, 0),
        ([write(0, 0x70, wcycle=0), write(0, 0x70, wcycle=0)], 0x70, 0, None),
        ([staged(0x100, 5, 4)], 0, 0, 0),
        ([READ_ARRAY, write(0, 0x70, wcycle=0)], 0x70, 0, 0),
    ],
)
def test_a_trace_that_begins_midway_is_followed_without_complaint(
    events: list[Event], cmd: int, wcycle: int, adopted: int | None
) -> None:
    machine, steps = replayed(Config(VIRT, Behaviour.STAGED_AT_COUNT), [*events, Event(RowKind.OTHER)])
    assert (steps.cmd[-1], steps.wcycle[-1]) == (cmd, wcycle)
    assert machine.adopted_at == adopted
    assert machine.disagreement is None
    taken = [at for at, flags in enumerate(steps.flags) if flags & Flag.ADOPTED]
    assert taken[:1] == ([] if adopted is None else [adopted])


def test_the_second_write_of_an_unknown_command_may_have_programmed() -> None:
    machine, _ = replayed(Config(VIRT, image=BLANK), [write(0x100, 5, wcycle=1), write(0, 0x70, wcycle=0)])
    assert machine.unknown(backing=False, end=VIRT.size) == (4, 0x100)
    assert machine.unknown(backing=True, end=VIRT.size) == (4, 0x100)
    assert machine.disagreement is None


def test_reads_of_an_unknown_command_are_not_predicted() -> None:
    machine, steps = replayed(
        Config(VIRT, image=BLANK),
        [write(0x100, 5, wcycle=1), valued(RowKind.READ_STATUS, 5), read(0, value=5), write(0, 0xFF, wcycle=0)],
    )
    assert steps.expected[2] == -1
    assert machine.disagreement is None


def test_a_flush_of_words_that_came_before_the_trace_leaves_their_window_unknown() -> None:
    lead = [
        write(0x1004, 7, wcycle=2),
        staged(0x1004, 7, 0),
        write(0, 0xD0, wcycle=3),
        Event(RowKind.WRITE_BLOCK_FLUSH),
    ]
    machine, steps = replayed(Config(VIRT, Behaviour.STAGED_AT_COUNT, image=BLANK), lead)
    assert machine.unknown(backing=False, end=VIRT.size) == (0xFFC, 0x1000)
    assert machine.unknown(backing=True, end=VIRT.size) == (0xFFC, 0x1000)
    assert machine.storage()[0x1004] == machine.backing()[0x1004] == 7
    assert (steps.effect[2], steps.effect_offset[2], steps.effect_length[2]) == (Effect.FLUSH, 0x1004, 4)
    assert machine.disagreement is None


def test_a_confirm_alone_leaves_its_block_unknown() -> None:
    machine, _ = replayed(Config(VIRT, Behaviour.STAGED_AT_DATA, image=BLANK), [write(0x2800, 0xD0, wcycle=3)])
    assert machine.unknown(backing=False, end=VIRT.size) == (0x2000, 0x2000)


def test_a_status_that_is_not_known_is_taken_from_the_first_read() -> None:
    machine, steps = replayed(
        Config(VIRT), [write(0, 0x70, wcycle=0), read(0, value=0x00B000B0), read(0, value=0x00B000B0), read(0)]
    )
    assert steps.expected == [-1, 0x00B000B0, 0x00B000B0, 0x00B000B0]
    assert (machine.adopted_at, machine.disagreement) == (1, None)
    machine, _ = replayed(Config(VIRT), [write(0, 0x70, wcycle=0), read(0), read(0, value=0x00800080)])
    assert machine.adopted_at is None


def test_after_a_clear_the_status_is_known() -> None:
    machine, _ = replayed(Config(VIRT), [write(0, 0x50), write(0, 0x70), read(0, value=0x00800080)])
    assert machine.disagreement == Disagreement(2, RowKind.IO_READ, RowKind.IO_READ, "value", 0, 0x00800080)


# --- migration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [None, BLANK])
def test_after_an_incoming_migration_nothing_is_known(image: np.ndarray | None) -> None:
    events = [RESET, write(0, 0x98), Event(RowKind.POSTLOAD), read(0, value=0x00900090, cmd=0x40, wcycle=0)]
    machine, steps = replayed(Config(VIRT, image=image), events)
    assert machine.unknown(backing=False, end=VIRT.size) == (VIRT.size, 0)
    assert machine.unknown(backing=True, end=VIRT.size) == (VIRT.size, 0)
    assert (steps.expected[3], machine.adopted_at, machine.disagreement) == (0x00900090, 3, None)
    feed(machine, [write(0, 0x40, wcycle=0), write(0x100, 0x11223344, wcycle=1)], 4)
    assert machine.unknown(backing=False, end=VIRT.size) == (VIRT.size - 4, 0)
    assert machine.unknown(backing=True, end=VIRT.size) == (VIRT.size - 4, 0)
    assert machine.storage()[0x100:0x104].tobytes() == b"\x44\x33\x22\x11"


def test_a_migration_does_not_stop_the_feed() -> None:
    rows = to_rows([RESET, Event(RowKind.POSTLOAD), write(0, 0x70)])
    assert Machine(Config(VIRT)).feed(rows) == (3, Stop.END)


# --- traces without names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0x00800080, 0x80])
def test_inner_events_of_reads_are_not_compared(value: int) -> None:
    """Two devices may lie in one stream, and the oldest event sets log a read before what it caused."""
    poll = [valued(RowKind.READ_STATUS, value), read(0, value=0x00800080, cmd=0x70, wcycle=0)]
    array = [Event(RowKind.READ, 0x10, 4, ABSENT, 0x70, 0), Event(RowKind.DATA_READ, 0x10, 4, value)]
    lead = write(0, 0x70, wcycle=0)
    machine, _ = replayed(Config(VIRT, image=BLANK, read_events=False), [lead, *poll * 20, lead, *poll])
    assert (machine.disagreement, machine.adopted_at) == (None, None)
    machine, _ = replayed(Config(VIRT, image=BLANK, read_events=False), [lead, *array * 20, lead, *array])
    assert (machine.disagreement, machine.adopted_at) == (None, None)


def test_no_rows_are_no_steps() -> None:
    machine = Machine(Config(VIRT))
    assert machine.feed(to_rows([])) == (0, Stop.END)


def test_a_read_inside_after_an_access_outside_is_an_operation_of_its_own() -> None:
    for command, kind in ((0x70, OpKind.STATUS), (0x90, OpKind.IDENTIFY), (0x98, OpKind.QUERY)):
        events = [RESET, write(0, command), Event(RowKind.OUTER_READ, 0x8000, 2), Event(RowKind.IO_READ, 0, 2, 0)]
        _, steps = replayed(Config(VIRT, backing=Backing(0x4000, Policy.DISCARD), check=False), events)
        assert steps.op_kind[1:] == [kind, OpKind.OUTSIDE, kind]
        assert steps.op[1:] == [1, 2, 3]


def test_an_access_outside_in_the_middle_of_a_sequence_belongs_to_it() -> None:
    events = [RESET, write(0, 0x40), Event(RowKind.OUTER_WRITE, 0x8000, 4), write(0, 7, 1)]
    _, steps = replayed(Config(VIRT, backing=Backing(0x4000, Policy.DISCARD)), events)
    assert steps.op[1:] == [1, 1, 1]
    assert steps.op_kind[3] == OpKind.PROGRAM
    assert steps.outcome[1:] == [Outcome.OPEN, Outcome.DISCARDED, Outcome.DONE]

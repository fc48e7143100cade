"""Events that are missing, altered or out of place, and what the machine makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from replay.behaviour import Behaviour
from replay.columns import ABSENT_COUNTER, Effect, Flag, OpKind, Outcome, RowKind
from replay.engine import Config, Disagreement, Machine
from tests.replay.programs import (
    ABORT,
    FLUSH,
    READ_ARRAY,
    RESET,
    VIRT,
    Event,
    altered_in,
    erased,
    feed,
    read,
    replayed,
    said,
    staged,
    stored,
    valued,
    write,
)

BLANK = np.zeros(VIRT.size, np.uint8)
CONFIG = Config(VIRT, Behaviour.STAGED_AT_COUNT, image=BLANK)
IDENTIFY = write(0, 0x90)
MANUFACTURER = valued(RowKind.MANUFACTURER_ID, 0x89)
INFO = Event(RowKind.DEVICE_INFO, 16)
BOTH = read(0, 8)
"""A read of eight bytes on a bank of four: two steps, the second at offset 16."""

PRELUDE = [RESET, IDENTIFY, said("read device information"), MANUFACTURER, INFO, BOTH]


def _seen(*events: Event) -> Disagreement | None:
    machine, _ = replayed(Config(VIRT, image=BLANK, behaviour=Behaviour.STAGED_AT_COUNT), [*PRELUDE, *events])
    return machine.disagreement


# --- inner events of reads ---------------------------------------------------------------------------------------


def test_the_events_of_a_read_stand_before_it() -> None:
    assert _seen(MANUFACTURER, INFO, BOTH) is None


@pytest.mark.parametrize(
    ("events", "disagreement"),
    [
        ([INFO, BOTH], (7, RowKind.MANUFACTURER_ID, RowKind.OTHER, "event", -1, -1)),
        ([MANUFACTURER, BOTH], (7, RowKind.DEVICE_INFO, RowKind.OTHER, "event", -1, -1)),
        ([BOTH], (6, RowKind.MANUFACTURER_ID, RowKind.OTHER, "event", -1, -1)),
        ([MANUFACTURER, INFO, INFO, BOTH], (8, RowKind.OTHER, RowKind.DEVICE_INFO, "event", -1, -1)),
        (
            [valued(RowKind.MANUFACTURER_ID, 0x88), INFO, BOTH],
            (6, RowKind.MANUFACTURER_ID, RowKind.MANUFACTURER_ID, "value", 0x89, 0x88),
        ),
        (
            [MANUFACTURER, Event(RowKind.DEVICE_INFO, 20), BOTH],
            (7, RowKind.DEVICE_INFO, RowKind.DEVICE_INFO, "offset", 16, 20),
        ),
        ([MANUFACTURER, INFO, IDENTIFY], (6, RowKind.IO_READ, RowKind.OTHER, "event", -1, -1)),
        ([MANUFACTURER, RESET], (6, RowKind.IO_READ, RowKind.OTHER, "event", -1, -1)),
        (
            [MANUFACTURER, Event(RowKind.OUTER_READ, 0, 4)],
            (6, RowKind.IO_READ, RowKind.OTHER, "event", -1, -1),
        ),
        ([MANUFACTURER, READ_ARRAY], (6, RowKind.IO_READ, RowKind.OTHER, "event", -1, -1)),
        ([MANUFACTURER] * 17, (22, RowKind.IO_READ, RowKind.MANUFACTURER_ID, "event", -1, -1)),
    ],
)
def test_a_read_with_other_events_is_named(
    events: list[Event], disagreement: tuple[int, RowKind, RowKind, str, int, int]
) -> None:
    assert _seen(*events) == Disagreement(*disagreement)


def test_events_whose_read_never_came_do_not_wait_for_the_next() -> None:
    machine, _ = replayed(CONFIG, [*PRELUDE, MANUFACTURER, *PRELUDE[1:], *PRELUDE[3:]])
    assert machine.disagreement == Disagreement(6, RowKind.IO_READ, RowKind.OTHER, "event", -1, -1)
    assert machine.disagreements == 1


@pytest.mark.parametrize(("field", "stands"), [("offset", 4), ("size", 2), ("value", 1)])
def test_array_data_is_compared_whole(field: str, stands: int) -> None:
    right = Event(RowKind.DATA_READ, 0, 4, 0)
    altered = altered_in(right, field, stands)
    machine, _ = replayed(CONFIG, [RESET, write(0, 0xFF), right, read(0), altered, read(0)])
    expected = {"offset": 0, "size": 4, "value": 0}[field]
    assert machine.disagreement == Disagreement(4, RowKind.DATA_READ, RowKind.DATA_READ, field, expected, stands)


def test_sixteen_events_may_wait_for_a_read() -> None:
    """More than any read causes."""
    machine, _ = replayed(CONFIG, [*PRELUDE, *[MANUFACTURER] * 16])
    assert machine.disagreement is None


def test_events_of_a_read_end_the_wait_for_those_of_a_write() -> None:
    disagreement = _seen(write(0, 0x70), valued(RowKind.READ_STATUS, 0x00800080), read(0), said("CFI query"))
    assert disagreement == Disagreement(7, RowKind.WRITE_TEXT, RowKind.OTHER, "event", -1, -1)


@pytest.mark.parametrize("kind", [RowKind.OUTER_READ, RowKind.OUTER_WRITE, RowKind.RESET])
def test_what_is_no_inner_event_ends_the_wait_too(kind: RowKind) -> None:
    disagreement = _seen(write(0, 0x70), Event(kind, 0, 4), said("CFI query"))
    assert disagreement == Disagreement(7, RowKind.WRITE_TEXT, RowKind.OTHER, "event", -1, -1)


# --- what precedes the first bus write ---------------------------------------------------------------------------


def test_differences_without_any_bus_write_mean_that_they_are_not_traced() -> None:
    events = [RESET, stored(0x10, 0x11223344), valued(RowKind.READ_STATUS, 0x80), read(0, value=0x90, cmd=0x70)]
    machine, _ = replayed(CONFIG, events)
    assert machine.disagreement is None
    assert machine.disagreements == 0
    feed(machine, [write(0, 0xFF)], 4)
    assert machine.disagreement == Disagreement(1, RowKind.IO_WRITE, RowKind.OTHER, "event", -1, -1)


def test_the_earliest_difference_is_the_one_that_is_told() -> None:
    missing = [write(0, 0x50), READ_ARRAY]
    altered = [write(0, 0x90), said("CFI query")]
    machine, _ = replayed(CONFIG, [RESET, *missing, *altered])
    assert machine.disagreement == Disagreement(2, RowKind.WRITE_TEXT, RowKind.OTHER, "event", -1, -1)
    machine, _ = replayed(CONFIG, [RESET, *altered, *missing])
    assert machine.disagreement == Disagreement(2, RowKind.WRITE_TEXT, RowKind.WRITE_TEXT, "text", 6, 7)
    assert machine.disagreements == 2


def test_out_of_step_is_said_once_until_a_command_cycle() -> None:
    """A lost command: what follows differs in everything, and one difference says so."""
    lost = [write(0x10, 0x11, wcycle=1), said("single byte program (1)"), stored(0x10, 0x11), read(0, cmd=0x40)]
    leave = [write(0, 0xFF, wcycle=0), said("read array mode"), READ_ARRAY]
    machine, steps = replayed(CONFIG, [RESET, *leave, *lost, *leave])
    assert machine.disagreements == 1
    assert machine.disagreement == Disagreement(4, RowKind.IO_WRITE, RowKind.IO_WRITE, "wcycle", 0, 1)
    assert [at for at, flags in enumerate(steps.flags) if flags & Flag.MISMATCH] == [4]
    feed(machine, [write(0, 0xFF, wcycle=3)], 11)
    assert machine.disagreements == 2


@pytest.mark.parametrize("step", [RESET, Event(RowKind.REALIZE), write(0, 0x98, wcycle=0)])
def test_in_step_again_the_next_difference_counts(step: Event) -> None:
    """A reset and a command cycle bring the machine in step."""
    again = [step, write(0, 0x70, wcycle=3)]
    machine, _ = replayed(CONFIG, [RESET, write(0, 0x70, wcycle=0), write(0x10, 0x11, wcycle=2), *again])
    assert machine.disagreements == 2


def test_without_the_self_check_nothing_of_the_trace_is_believed() -> None:
    config = Config(VIRT, Behaviour.DIRECT, image=BLANK, check=False)
    machine, steps = replayed(
        config, [RESET, write(0, 0x40, wcycle=3), stored(8, 1), read(0, value=1, cmd=0x90, wcycle=2), write(0, 7)]
    )
    assert (machine.disagreement, machine.disagreements, machine.adopted_at) == (None, 0, None)
    assert steps.expected[3] == 0x00800080
    assert machine.storage()[:12].tobytes() == b"\x07" + bytes(11)


# --- counters ----------------------------------------------------------------------------------------------------


def test_a_counter_that_was_never_seen_is_taken_from_the_trace() -> None:
    machine, _ = replayed(
        Config(VIRT, Behaviour.DIRECT, image=BLANK),
        [
            write(0, 0x40),
            write(0, 1),
            stored(0, 1, counter=7),
            write(0, 0x40),
            write(0, 1),
            stored(0, 1, counter=8),
        ],
    )
    assert machine.disagreement == Disagreement(5, RowKind.DATA_WRITE, RowKind.DATA_WRITE, "counter", 7, 8)


def test_device_sets_without_counters_are_not_asked_for_them() -> None:
    machine, _ = replayed(CONFIG, [RESET, write(0, 0x40), write(0, 1), stored(0, 1, counter=ABSENT_COUNTER)])
    assert machine.disagreement is None


@pytest.mark.parametrize(("counter", "wcycle"), [(5, 2), (1, 2), (0, 3)])
def test_a_buffered_write_that_began_earlier_goes_on_by_its_counter(counter: int, wcycle: int) -> None:
    machine, steps = replayed(
        CONFIG, [write(0x100, 1, wcycle=2), staged(0x100, 1, counter), Event(RowKind.OTHER), Event(RowKind.OTHER)]
    )
    assert machine.disagreement is None
    assert machine.adopted_at == 0
    assert (steps.cmd[2], steps.wcycle[2]) == (0xE8, wcycle)


# --- inner events whose bus write is not in the trace ------------------------------------------------------------


def test_a_lone_store_is_stored() -> None:
    machine, steps = replayed(CONFIG, [RESET, stored(0x10, 0x11223344), staged(0x20, 0x55667788, 3)])
    for array in (machine.storage(), machine.backing()):
        assert array[0x10:0x14].tobytes() == b"\x44\x33\x22\x11"
        assert array[0x20:0x24].tobytes() == b"\x88\x77\x66\x55"
    assert steps.op == [0, 1, 2]
    assert steps.op_kind == [OpKind.RESET, OpKind.PROGRAM, OpKind.BUFFERED_PROGRAM]
    assert steps.outcome == [Outcome.DONE, Outcome.DONE, Outcome.OPEN]
    assert steps.effect == [Effect.NONE, Effect.PROGRAM, Effect.PROGRAM]
    assert steps.flags == [0, Flag.INFERRED, Flag.INFERRED]
    assert machine.disagreement is None


@pytest.mark.parametrize(("read_only", "byte"), [(False, 0xFF), (True, 0)])
def test_a_lone_erase_erases_what_can_be(read_only: bool, byte: int) -> None:
    machine, steps = replayed(Config(VIRT, read_only=read_only, image=BLANK), [RESET, erased(0x2000, 0x2000)])
    assert set(machine.storage()[0x2000:0x4000]) == {byte}
    assert set(machine.storage()[:0x2000]) == {0}
    assert (steps.op_kind[1], steps.outcome[1]) == (OpKind.ERASE, Outcome.DONE)


@pytest.mark.parametrize("kind", [RowKind.WRITE_BLOCK, RowKind.WRITE_BLOCK_START])
def test_a_lone_start_of_a_buffered_write_begins_one(kind: RowKind) -> None:
    _, steps = replayed(CONFIG, [RESET, valued(kind, 5), Event(RowKind.OTHER)])
    assert (steps.cmd[2], steps.wcycle[2]) == (0xE8, 2)


def test_a_lone_return_to_read_array_returns() -> None:
    machine, steps = replayed(CONFIG, [RESET, write(0, 0x98), READ_ARRAY, Event(RowKind.OTHER)])
    assert (steps.cmd[3], steps.wcycle[3]) == (0, 0)
    assert machine.disagreement == Disagreement(2, RowKind.WRITE_TEXT, RowKind.MODE_READ_ARRAY, "event", -1, -1)


OPEN_WINDOW = [RESET, write(0, 0xE8), write(0x1000, 1), write(0x1000, 0x11111111)]
WHOLE_WINDOW = [*OPEN_WINDOW, write(0x1004, 0x22222222)]


def test_a_lone_abort_leaves_its_window_unknown() -> None:
    machine, _ = replayed(CONFIG, [*OPEN_WINDOW, ABORT])
    assert machine.unknown(backing=False, end=VIRT.size) == (0x1000, 0x1000)
    assert machine.unknown(backing=True, end=VIRT.size) == (0x1000, 0x1000)
    machine, _ = replayed(CONFIG, [RESET, ABORT])
    assert machine.unknown(backing=False, end=VIRT.size) == (0, -1)


def test_a_lone_flush_after_all_words_flushes_them() -> None:
    """The confirm is lost, the event that it was taken is not."""
    machine, steps = replayed(CONFIG, [*WHOLE_WINDOW, FLUSH, Event(RowKind.OTHER)])
    assert machine.unknown(backing=False, end=VIRT.size) == (0, -1)
    for array in (machine.storage(), machine.backing()):
        assert array[0x1000:0x1008].tobytes() == b"\x11" * 4 + b"\x22" * 4
    assert (steps.effect[5], steps.cmd[6], steps.wcycle[6]) == (Effect.FLUSH, 0xE8, 0)


def test_a_lone_flush_amid_the_words_leaves_the_rest_of_its_window_unknown() -> None:
    machine, _ = replayed(CONFIG, [*OPEN_WINDOW, FLUSH])
    assert machine.unknown(backing=False, end=VIRT.size) == (0x1000 - 4, 0x1004)
    assert machine.storage()[0x1000:0x1004].tobytes() == b"\x11" * 4


@pytest.mark.parametrize("after", [write(0, 0xFF, wcycle=0), read(0, cmd=0xE8, wcycle=0)])
def test_words_whose_confirm_may_be_lost_leave_their_window_unknown(after: Event) -> None:
    """They were flushed or they were not."""
    machine, _ = replayed(CONFIG, [*WHOLE_WINDOW, after])
    assert machine.unknown(backing=False, end=VIRT.size) == (0x1000, 0x1000)
    assert machine.unknown(backing=True, end=VIRT.size) == (0x1000, 0x1000)
    assert machine.disagreement is not None


def test_texts_and_other_events_out_of_place_change_nothing() -> None:
    machine, steps = replayed(CONFIG, [*PRELUDE, said("CFI query"), FLUSH, Event(RowKind.OTHER)])
    assert machine.disagreement == Disagreement(6, RowKind.OTHER, RowKind.WRITE_TEXT, "event", -1, -1)
    assert machine.disagreements == 1
    assert (steps.cmd[-1], steps.wcycle[-1]) == (0x90, 0)
    assert machine.storage().tobytes() == BLANK.tobytes()


def test_a_lone_flush_of_nothing_leaves_its_window_unknown() -> None:
    machine, steps = replayed(CONFIG, [*OPEN_WINDOW[:3], FLUSH])
    assert machine.unknown(backing=False, end=VIRT.size) == (0x1000, 0x1000)
    assert (steps.effect[3], steps.effect_offset[3], steps.effect_length[3]) == (Effect.FLUSH, 0x1000, 0)


def test_a_machine_says_what_it_has_seen() -> None:
    machine = Machine(CONFIG)
    assert not machine.has_seen(RowKind.IO_WRITE)
    feed(machine, [RESET, write(0, 0x40)])
    assert (machine.has_seen(RowKind.IO_WRITE), machine.has_seen(RowKind.IO_READ)) == (True, False)
    assert machine.midway
    assert (machine.command, machine.wcycle, machine.status) == (0x40, 1, 0x80)


def test_a_machine_in_query_mode_is_at_rest() -> None:
    """It waits in a write cycle, as after a setup, but nothing is begun."""
    machine, _ = replayed(CONFIG, [RESET, write(0, 0x98)])
    assert (machine.midway, machine.command, machine.wcycle) == (False, 0x98, 1)


def test_a_machine_out_of_a_command_is_not_midway() -> None:
    machine, _ = replayed(CONFIG, [RESET, write(0, 0x98), write(0, 0xFF), write(0, 0x50)])
    assert not machine.midway
    assert machine.status == 0

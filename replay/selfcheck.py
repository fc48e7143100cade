"""The self-check: inner events are predicted, and every one in the trace is held against the prediction.

Part of the kernel (see `machine`). A write is logged before its inner events, a read after them; so what a write
should cause is queued in `Chip.expected` and ticked off, and what precedes a read waits in `Chip.held` until the
read comes. An event of a kind that the trace never holds is not missed: `Chip.missing` remembers where it should
have stood, which becomes a mismatch only once `Chip.seen` says that the kind is traced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.columns import ABSENT_COUNTER, Flag, RowKind
from replay.state import (
    ACCESS_SEQ,
    BLIND,
    CHECK,
    COUNTER,
    COUNTER_KNOWN,
    EXPECT_HEAD,
    EXPECT_TAIL,
    EXPECT_WIDTH,
    FIELD_COUNTER,
    FIELD_EVENT,
    FIELD_LENGTH,
    FIELD_OFFSET,
    FIELD_SIZE,
    FIELD_TEXT,
    FIELD_VALUE,
    FLAGS,
    HELD,
    HELD_ROWS,
    HELD_WIDTH,
    MISMATCH_ACTUAL,
    MISMATCH_COUNT,
    MISMATCH_EXPECTED,
    MISMATCH_FIELD,
    MISMATCH_KIND,
    MISMATCH_SEQ,
    MISMATCH_STANDS,
    SOFT,
    SOFT_ADOPTED,
    WCYCLE,
)

if TYPE_CHECKING:
    from replay.state import Chip

_IO_READ = int(RowKind.IO_READ)
_IO_WRITE = int(RowKind.IO_WRITE)
_WRITE_TEXT = int(RowKind.WRITE_TEXT)
_WRITE_BLOCK_ERASE = int(RowKind.WRITE_BLOCK_ERASE)
_F_MISMATCH = int(Flag.MISMATCH)
_F_ADOPTED = int(Flag.ADOPTED)
_NOTHING = -1


def disagree(chip: Chip, seq: int, kind: int, stands: int, field: int, expected: int, actual: int) -> None:
    """Model and trace differ: the first time it is kept whole. Before the machine is in step it is a hint instead."""
    state = chip.state
    if state[SOFT]:
        state[FLAGS] |= _F_ADOPTED
        if state[SOFT_ADOPTED] < 0:
            state[SOFT_ADOPTED] = seq
        return
    if chip.seen[_IO_WRITE] == 0:
        if chip.missing[_IO_WRITE] < 0:
            chip.missing[_IO_WRITE] = seq
        return
    state[FLAGS] |= _F_MISMATCH
    state[MISMATCH_COUNT] += 1
    if state[MISMATCH_SEQ] < 0:
        state[MISMATCH_SEQ] = seq
        state[MISMATCH_KIND] = kind
        state[MISMATCH_STANDS] = stands
        state[MISMATCH_FIELD] = field
        state[MISMATCH_EXPECTED] = expected
        state[MISMATCH_ACTUAL] = actual


def out_of_step(chip: Chip, seq: int, kind: int, stands: int, field: int, expected: int, actual: int) -> None:
    """A difference in the state itself: said once, then the trace is followed until a command cycle."""
    if not chip.state[BLIND]:
        disagree(chip, seq, kind, stands, field, expected, actual)
        chip.state[BLIND] = 1


# --- inner events of writes --------------------------------------------------------------------------------------


def expect(chip: Chip, kind: int, offset: int, size: int, value: int, counter: int, extra: int) -> None:
    """Queue an inner event that the current write must cause; `extra` is its length or the code of its text."""
    state = chip.state
    if not chip.geo[CHECK]:
        return
    at = state[EXPECT_TAIL] * EXPECT_WIDTH
    queue = chip.expected
    queue[at] = kind
    queue[at + 1] = offset
    queue[at + 2] = size
    queue[at + 3] = value
    queue[at + 4] = counter
    queue[at + 5] = extra
    state[EXPECT_TAIL] += 1


def expect_event(chip: Chip, kind: int) -> None:
    """Queue an inner event without arguments."""
    expect(chip, kind, _NOTHING, _NOTHING, _NOTHING, ABSENT_COUNTER, _NOTHING)


def expect_text(chip: Chip, code: int) -> None:
    """Queue a `write` event with the text of this code."""
    expect(chip, _WRITE_TEXT, _NOTHING, _NOTHING, _NOTHING, ABSENT_COUNTER, code)


def _miss(chip: Chip, seq: int, kind: int) -> None:
    if chip.missing[kind] < 0 and not chip.state[BLIND]:
        chip.missing[kind] = seq
    if chip.seen[kind] and not chip.state[BLIND]:
        disagree(chip, seq, kind, 0, FIELD_EVENT, _NOTHING, _NOTHING)


def drain_expected(chip: Chip, seq: int) -> None:
    """The row at `seq` begins something new: what is still queued did not come."""
    state = chip.state
    while state[EXPECT_HEAD] < state[EXPECT_TAIL]:
        _miss(chip, seq, chip.expected[state[EXPECT_HEAD] * EXPECT_WIDTH])
        state[EXPECT_HEAD] += 1
    state[EXPECT_HEAD] = 0
    state[EXPECT_TAIL] = 0


def take_expected(chip: Chip, kind: int) -> int:
    """Position of the queued event of this kind, which is then ticked off with all before it; -1: none is queued."""
    state = chip.state
    head = state[EXPECT_HEAD]
    while head < state[EXPECT_TAIL]:
        if chip.expected[head * EXPECT_WIDTH] == kind:
            return head
        head += 1
    return -1


def tick_off(chip: Chip, seq: int, position: int) -> None:
    """Everything queued before `position` did not come; `position` did."""
    state = chip.state
    while state[EXPECT_HEAD] < position:
        _miss(chip, seq, chip.expected[state[EXPECT_HEAD] * EXPECT_WIDTH])
        state[EXPECT_HEAD] += 1
    state[EXPECT_HEAD] = position + 1


def compare_fields(
    chip: Chip, seq: int, position: int, offset: int, size: int, value: int, counter: int, extra: int
) -> None:
    """Hold an inner event of a write against the queued one; a field the trace does not have is not compared."""
    at = position * EXPECT_WIDTH
    queue = chip.expected
    kind = queue[at]
    if offset != queue[at + 1]:
        disagree(chip, seq, kind, kind, FIELD_OFFSET, queue[at + 1], offset)
    elif size != queue[at + 2]:
        disagree(chip, seq, kind, kind, FIELD_SIZE, queue[at + 2], size)
    elif value != queue[at + 3]:
        disagree(chip, seq, kind, kind, FIELD_VALUE, queue[at + 3], value)
    elif extra != queue[at + 5]:
        field = FIELD_LENGTH if kind == _WRITE_BLOCK_ERASE else FIELD_TEXT
        disagree(chip, seq, kind, kind, field, queue[at + 5], extra)
    elif counter not in (ABSENT_COUNTER, queue[at + 4]) and queue[at + 4] != ABSENT_COUNTER:
        _compare_counter(chip, seq, kind, queue[at + 4], counter)


def _compare_counter(chip: Chip, seq: int, kind: int, expected: int, actual: int) -> None:
    """A counter that was never seen is taken from the trace."""
    state = chip.state
    if state[COUNTER_KNOWN]:
        disagree(chip, seq, kind, kind, FIELD_COUNTER, expected, actual)
        return
    state[COUNTER_KNOWN] = 1
    if state[WCYCLE] == 0:
        state[COUNTER] = actual
    else:
        state[COUNTER] = actual - 1
        if actual == 0:
            state[WCYCLE] = 3


# --- inner events of reads ---------------------------------------------------------------------------------------


def hold(chip: Chip, seq: int, kind: int, offset: int, size: int, value: int) -> None:
    """Keep an inner event until its read comes."""
    state = chip.state
    if state[HELD] >= HELD_ROWS:
        out_of_step(chip, seq, _IO_READ, kind, FIELD_EVENT, _NOTHING, _NOTHING)
        state[HELD] = 0
    at = state[HELD] * HELD_WIDTH
    chip.held[at] = kind
    chip.held[at + 1] = offset
    chip.held[at + 2] = size
    chip.held[at + 3] = value
    chip.held[at + 4] = seq
    state[HELD] += 1


def release_held(chip: Chip) -> None:
    """Inner events of a read that never came: a write, a reset or the end stands there."""
    state = chip.state
    if state[HELD]:
        _miss(chip, chip.held[4], _IO_READ)
        state[HELD] = 0


def check_held(chip: Chip, position: int, kind: int, offset: int, size: int, value: int) -> int:
    """Hold the inner event at `position` against what the read must cause; the position after it.

    An event of another kind, or none, leaves the position where it is and notes the kind as missing.
    """
    state = chip.state
    if position >= state[HELD] or chip.held[position * HELD_WIDTH] != kind:
        _miss(chip, state[ACCESS_SEQ], kind)
        return position
    at = position * HELD_WIDTH
    seq = chip.held[at + 4]
    if offset != chip.held[at + 1]:
        disagree(chip, seq, kind, kind, FIELD_OFFSET, offset, chip.held[at + 1])
    elif size != chip.held[at + 2]:
        disagree(chip, seq, kind, kind, FIELD_SIZE, size, chip.held[at + 2])
    elif value not in (_NOTHING, chip.held[at + 3]):
        disagree(chip, seq, kind, kind, FIELD_VALUE, value, chip.held[at + 3])
    return position + 1


def finish_held(chip: Chip, position: int) -> None:
    """Inner events that the read does not explain."""
    state = chip.state
    if position < state[HELD]:
        at = position * HELD_WIDTH
        out_of_step(chip, chip.held[at + 4], 0, chip.held[at], FIELD_EVENT, _NOTHING, _NOTHING)
    state[HELD] = 0

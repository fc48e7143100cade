"""The self-check: inner events are predicted, and every one in the trace is held against the prediction.

Part of the kernel (see `machine`). A write is logged before its inner events, a read after them; so what a write
should cause is queued (`expect`) and ticked off, and what precedes a read is held until the read comes. An event of a
kind that the trace never holds is not missed: `SelfCheck.missing` remembers where it should have stood, which becomes
a mismatch only once `SelfCheck.seen` says that the kind is traced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.codes import Field, Flag, RowKind
from replay.columns import ABSENT, ABSENT_COUNTER, HELD

if TYPE_CHECKING:
    from replay.state import Chip


def disagree(chip: Chip, seq: int, kind: int, stands: int, field: int, expected: int, actual: int) -> None:
    """Model and trace differ: the first time it is kept whole. Before the machine is in step it is a hint instead."""
    if chip.soft:
        chip.row.flags |= Flag.ADOPTED
        if chip.soft_adopted < 0:
            chip.soft_adopted = seq
    elif chip.check.seen[RowKind.IO_WRITE] == 0:
        if chip.check.missing[RowKind.IO_WRITE] < 0:
            chip.check.missing[RowKind.IO_WRITE] = seq
    else:
        chip.row.flags |= Flag.MISMATCH
        chip.check.differences += 1
        if chip.check.first_seq < 0:
            chip.check.first_seq = seq
            chip.check.first_kind = kind
            chip.check.first_stands = stands
            chip.check.first_field = field
            chip.check.first_expected = expected
            chip.check.first_actual = actual


def out_of_step(chip: Chip, seq: int, kind: int, stands: int, field: int, expected: int, actual: int) -> None:
    """A difference in the state itself: said once, then the trace is followed until a command cycle."""
    if not chip.blind:
        disagree(chip, seq, kind, stands, field, expected, actual)
        chip.blind = True


# --- inner events of writes --------------------------------------------------------------------------------------


def expect(chip: Chip, kind: int, offset: int, size: int, value: int, counter: int, extra: int) -> None:
    """Queue an inner event that the current write must cause; `extra` is its length or the code of its text."""
    if chip.settings.check:
        chip.check.kind[chip.check.tail] = kind
        chip.check.offset[chip.check.tail] = offset
        chip.check.size[chip.check.tail] = size
        chip.check.value[chip.check.tail] = value
        chip.check.counter[chip.check.tail] = counter
        chip.check.extra[chip.check.tail] = extra
        chip.check.tail += 1


def expect_event(chip: Chip, kind: int) -> None:
    """Queue an inner event without arguments."""
    expect(chip, kind, ABSENT, ABSENT, ABSENT, ABSENT_COUNTER, ABSENT)


def expect_text(chip: Chip, code: int) -> None:
    """Queue a `write` event with the text of this code."""
    expect(chip, RowKind.WRITE_TEXT, ABSENT, ABSENT, ABSENT, ABSENT_COUNTER, code)


def miss(chip: Chip, seq: int, kind: int) -> None:
    """An event of this kind should have stood before the row at `seq`."""
    if chip.check.missing[kind] < 0 and not chip.blind:
        chip.check.missing[kind] = seq
    if chip.check.seen[kind] and not chip.blind:
        disagree(chip, seq, kind, 0, Field.EVENT, ABSENT, ABSENT)


def drain_expected(chip: Chip, seq: int) -> None:
    """The row at `seq` begins something new: what is still queued did not come."""
    if chip.check.tail:
        while chip.check.head < chip.check.tail:
            miss(chip, seq, chip.check.kind[chip.check.head])
            chip.check.head += 1
        chip.check.head = 0
        chip.check.tail = 0


def take_expected(chip: Chip, kind: int) -> int:
    """Position of the queued event of this kind, which is then ticked off with all before it; -1: none is queued."""
    position = chip.check.head
    while position < chip.check.tail and chip.check.kind[position] != kind:
        position += 1
    return position if position < chip.check.tail else -1


def tick_off(chip: Chip, seq: int, position: int) -> None:
    """Everything queued before `position` did not come; `position` did."""
    while chip.check.head < position:
        miss(chip, seq, chip.check.kind[chip.check.head])
        chip.check.head += 1
    chip.check.head = position + 1


def compare_fields(
    chip: Chip, seq: int, position: int, offset: int, size: int, value: int, counter: int, extra: int
) -> None:
    """Hold an inner event of a write against the queued one; a field the trace does not have is not compared."""
    kind = chip.check.kind[position]
    if offset != chip.check.offset[position]:
        disagree(chip, seq, kind, kind, Field.OFFSET, chip.check.offset[position], offset)
    elif size != chip.check.size[position]:
        disagree(chip, seq, kind, kind, Field.SIZE, chip.check.size[position], size)
    elif value != chip.check.value[position]:
        disagree(chip, seq, kind, kind, Field.VALUE, chip.check.value[position], value)
    elif extra != chip.check.extra[position]:
        field = Field.LENGTH if kind == RowKind.WRITE_BLOCK_ERASE else Field.TEXT
        disagree(chip, seq, kind, kind, field, chip.check.extra[position], extra)
    elif counter != chip.check.counter[position]:
        compare_counter(chip, seq, kind, chip.check.counter[position], counter)


def compare_counter(chip: Chip, seq: int, kind: int, expected: int, actual: int) -> None:
    """A counter that was never seen is taken from the trace."""
    if ABSENT_COUNTER not in (expected, actual):
        if chip.counter_known:
            disagree(chip, seq, kind, kind, Field.COUNTER, expected, actual)
        else:
            chip.counter_known = True
            chip.counter = actual if chip.wcycle == 0 else actual - 1
            if chip.wcycle and actual == 0:
                chip.wcycle = 3


# --- inner events of reads ---------------------------------------------------------------------------------------


def hold(chip: Chip, seq: int, kind: int, offset: int, size: int, value: int) -> None:
    """Keep an inner event until its read comes."""
    if chip.check.held >= HELD:
        out_of_step(chip, seq, RowKind.IO_READ, kind, Field.EVENT, ABSENT, ABSENT)
        chip.check.held = 0
    chip.check.held_kind[chip.check.held] = kind
    chip.check.held_offset[chip.check.held] = offset
    chip.check.held_size[chip.check.held] = size
    chip.check.held_value[chip.check.held] = value
    chip.check.held_seq[chip.check.held] = seq
    chip.check.held += 1


def release_held(chip: Chip) -> None:
    """Inner events of a read that never came: a write, a reset or the end stands there."""
    if chip.check.held:
        miss(chip, chip.check.held_seq[0], RowKind.IO_READ)
        chip.check.held = 0


def check_held(chip: Chip, position: int, kind: int, offset: int, size: int, value: int) -> int:
    """Hold the inner event at `position` against what the read must cause; the position after it.

    An event of another kind, or none, leaves the position where it is and notes the kind as missing.
    """
    after = position
    if position >= chip.check.held or chip.check.held_kind[position] != kind:
        miss(chip, chip.row.access_seq, kind)
    else:
        after = position + 1
        seq = chip.check.held_seq[position]
        if offset != chip.check.held_offset[position]:
            disagree(chip, seq, kind, kind, Field.OFFSET, offset, chip.check.held_offset[position])
        elif size != chip.check.held_size[position]:
            disagree(chip, seq, kind, kind, Field.SIZE, size, chip.check.held_size[position])
        elif value not in (ABSENT, chip.check.held_value[position]):
            disagree(chip, seq, kind, kind, Field.VALUE, value, chip.check.held_value[position])
    return after


def finish_held(chip: Chip, position: int) -> None:
    """Inner events that the read does not explain."""
    if position < chip.check.held:
        seq = chip.check.held_seq[position]
        out_of_step(chip, seq, 0, chip.check.held_kind[position], Field.EVENT, ABSENT, ABSENT)
    chip.check.held = 0

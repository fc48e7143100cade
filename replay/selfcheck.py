"""Self-check: inner events are predicted and compared with those of the trace.

Part of the kernel (see `loop`). A write is logged before its inner events, a read after them: events that a write
must cause are queued (`expect`) and ticked off, events before a read are held until it comes. A missing event counts
only where its kind is traced at all: `SelfCheck.missing` keeps its place until `SelfCheck.seen` has the kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.codes import Field, Flag, RowKind
from replay.columns import ABSENT, ABSENT_COUNTER, HELD

if TYPE_CHECKING:
    from replay.state import Chip


def disagree(chip: Chip, seq: int, kind: int, actual_kind: int, field: int, expected: int, actual: int) -> None:
    """Record a difference, the first one in full. Before the machine is in step it is a hint instead."""
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
            chip.check.first_actual_kind = actual_kind
            chip.check.first_field = field
            chip.check.first_expected = expected
            chip.check.first_actual = actual


def out_of_step(chip: Chip, seq: int, kind: int, actual_kind: int, field: int, expected: int, actual: int) -> None:
    """Record a difference in the state once, then follow the trace until the next command cycle."""
    if not chip.blind:
        disagree(chip, seq, kind, actual_kind, field, expected, actual)
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
    """Record that an event of this kind is missing before the row at `seq`."""
    if chip.check.missing[kind] < 0 and not chip.blind:
        chip.check.missing[kind] = seq
    if chip.check.seen[kind] and not chip.blind:
        disagree(chip, seq, kind, 0, Field.EVENT, ABSENT, ABSENT)


def drain_expected(chip: Chip, seq: int) -> None:
    """Record everything still queued as missing: the row at `seq` begins a new access."""
    if chip.check.tail:
        while chip.check.head < chip.check.tail:
            miss(chip, seq, chip.check.kind[chip.check.head])
            chip.check.head += 1
        chip.check.head = 0
        chip.check.tail = 0


def take_expected(chip: Chip, kind: int) -> int:
    """Find the first queued event of this kind; -1 if there is none."""
    position = chip.check.head
    while position < chip.check.tail and chip.check.kind[position] != kind:
        position += 1
    return position if position < chip.check.tail else -1


def tick_off(chip: Chip, seq: int, position: int) -> None:
    """Remove the queued event at `position`, and record those before it as missing."""
    while chip.check.head < position:
        miss(chip, seq, chip.check.kind[chip.check.head])
        chip.check.head += 1
    chip.check.head = position + 1


def compare_fields(
    chip: Chip, seq: int, position: int, offset: int, size: int, value: int, counter: int, extra: int
) -> None:
    """Compare an inner event of a write with the queued one; record the first field that differs."""
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
    """Compare the counter of a buffered write; adopt it if the model has not seen it yet."""
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
    """Hold an inner event until its read comes."""
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
    """Record the read of held inner events as missing: a write, a reset or the end came instead."""
    if chip.check.held:
        miss(chip, chip.check.held_seq[0], RowKind.IO_READ)
        chip.check.held = 0


def check_held(chip: Chip, position: int, kind: int, offset: int, size: int, value: int) -> int:
    """Compare the held event at `position` with the read's prediction; return the next position.

    Where the kind differs, or no event is left, record it as missing and return the same position.
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


def check(chip: Chip, position: int, kind: int, offset: int, size: int, value: int) -> int:
    """Compare one inner event with the held ones, if the trace logs them before the read; return the next position."""
    after = position
    if chip.settings.check and chip.settings.check_read_events:
        after = check_held(chip, position, kind, offset, size, value)
    return after


def finish(chip: Chip, position: int) -> None:
    """Report held inner events from `position` on: the read explains none of them."""
    if chip.settings.check and chip.settings.check_read_events:
        finish_held(chip, position)


def finish_held(chip: Chip, position: int) -> None:
    """Release the held events; any from `position` on is unexpected."""
    if position < chip.check.held:
        seq = chip.check.held_seq[position]
        out_of_step(chip, seq, 0, chip.check.held_kind[position], Field.EVENT, ABSENT, ABSENT)
    chip.check.held = 0

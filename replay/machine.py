"""State machine of one CFI01 flash, row by row: the hot loop.

This module and its parts (`state`, `spans`, `contents`, `selfcheck`, `cycles`, `inference`,
`reads`, `operation_sums`) are *the kernel*: ordinary Python that runs as it is. The `.pxd` of the same name gives each
C types, with which the package build compiles it. `engine` is the only caller.

Source of the facts: measured on running QEMUs of all three behaviours (see `behaviour`); the self-check repeats the
measurement on every trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import contents, cycles, inference, operation_sums, reads, selfcheck, spans
from replay.codes import Behaviour, Effect, Field, Opcode, OpKind, Outcome, Policy, RowKind, Status, Stop
from replay.columns import ABSENT

if TYPE_CHECKING:
    from replay.state import Chip, Rows

__all__ = ["run"]

_ROWS_PER_STEP = 8  # upper bound of journal rows, and of block copies, per row
_SLACK = 2048


def power_up(chip: Chip) -> None:
    """Set the state after power-up or reset. Contents and the count register survive."""
    contents.close_window(chip)
    chip.cmd = 0
    chip.wcycle = 0
    chip.status = Status.READY
    chip.status_known = True
    chip.soft = False
    chip.blind = False


def reset(chip: Chip, seq: int) -> None:
    """Process a reset or the start of the device."""
    selfcheck.drain_expected(chip, seq)
    selfcheck.release_held(chip)
    power_up(chip)
    chip.op += 1
    chip.op_kind = OpKind.RESET
    chip.row.outcome = Outcome.DONE


def postload(chip: Chip, seq: int) -> None:
    """Process an incoming migration: state and contents come from another machine and are unknown."""
    reset(chip, seq)
    chip.soft = True
    chip.status_known = False
    chip.counter_known = False
    chip.unknown_seen = True


def write(chip: Chip, seq: int, offset: int, size: int, value: int, wcycle: int) -> None:
    """Process a bus write. Policy `discard` keeps the part beyond the extent from the chip."""
    chip.row.access_seq = seq
    selfcheck.drain_expected(chip, seq)
    selfcheck.release_held(chip)
    if chip.settings.check and wcycle not in (ABSENT, chip.wcycle):
        selfcheck.out_of_step(chip, seq, RowKind.IO_WRITE, RowKind.IO_WRITE, Field.WCYCLE, chip.wcycle, wcycle)
        inference.adopt_wcycle(chip, seq, wcycle)
    if chip.settings.policy != Policy.DISCARD or offset + size <= chip.settings.extent:
        write_inside(chip, seq, offset, size, value)
    elif offset < chip.settings.extent:
        # The bus splits an access that straddles the end; only its inner part reaches the chip.
        inside = chip.settings.extent - offset
        part = value >> 8 * (size - inside) if chip.settings.big_endian else value & spans.low_bits(8 * inside)
        write_inside(chip, seq, offset, inside, part)
    else:
        contents.effect(chip, Effect.DISCARD, offset, size)
        chip.row.outcome = Outcome.DISCARDED


def write_inside(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """Dispatch a bus write that reaches the chip by its write cycle."""
    if chip.wcycle == 2:  # noqa: PLR2004  the most frequent first
        cycles.data_cycle(chip, seq, offset, size, value)
    elif chip.wcycle == 0:
        cycles.command_cycle(chip, seq, offset, size, value)
    elif chip.wcycle == 1:
        cycles.second_cycle(chip, seq, offset, size, value)
    else:
        cycles.confirm_cycle(chip, seq, offset, value)


def read(chip: Chip, seq: int, offset: int, size: int, value: int, cmd: int, wcycle: int) -> int:
    """Process a read that reached the device; return the expected value, -1 if unknown."""
    chip.row.access_seq = seq
    selfcheck.drain_expected(chip, seq)
    if chip.op_kind == OpKind.OUTSIDE:
        resume(chip)
    if chip.settings.check:
        check_state(chip, seq, cmd, wcycle)
    expected = reads.predict_read(chip, seq, offset, size, value)
    if chip.settings.check:
        if not chip.settings.check_read_events:
            chip.check.held = 0
        if value != ABSENT and expected not in (ABSENT, value):
            selfcheck.disagree(chip, seq, RowKind.IO_READ, RowKind.IO_READ, Field.VALUE, expected, value)
    return expected


def resume(chip: Chip) -> None:
    """Begin a read operation after an access outside the extent: the command in force still applies."""
    chip.op += 1
    chip.row.outcome = Outcome.DONE
    chip.op_kind = OpKind.STATUS
    if chip.cmd == Opcode.READ_IDENTIFIER:
        chip.op_kind = OpKind.IDENTIFY
    elif chip.cmd == Opcode.CFI_QUERY:
        chip.op_kind = OpKind.QUERY


def check_state(chip: Chip, seq: int, cmd: int, wcycle: int) -> None:
    """Compare command and write cycle with those the read logs, which are the values after it."""
    if cmd not in (ABSENT, chip.cmd):
        selfcheck.out_of_step(chip, seq, RowKind.IO_READ, RowKind.IO_READ, Field.CMD, chip.cmd, cmd)
        chip.cmd = cmd
    if wcycle not in (ABSENT, chip.wcycle):
        selfcheck.out_of_step(chip, seq, RowKind.IO_READ, RowKind.IO_READ, Field.WCYCLE, chip.wcycle, wcycle)
        command = chip.cmd
        inference.adopt_wcycle(chip, seq, wcycle)
        chip.cmd = command


def outer(chip: Chip, seq: int, kind: int, offset: int, size: int) -> None:
    """Process an access that the recorded device kept from its chip. The trace has no value of a write.

    While a command is in progress it belongs to that operation, which the chip then sees only in part.
    """
    selfcheck.drain_expected(chip, seq)
    selfcheck.release_held(chip)
    if chip.wcycle == 0 or chip.cmd == Opcode.CFI_QUERY:
        chip.op += 1
        chip.op_kind = OpKind.OUTSIDE
        chip.row.outcome = Outcome.DONE
    if kind == RowKind.OUTER_WRITE:
        contents.effect(chip, Effect.DISCARD, offset, size)
        chip.row.outcome = Outcome.DISCARDED


def inner(chip: Chip, rows: Rows, i: int, seq: int, kind: int) -> None:
    """Process an inner event of the device model: hold it for its read, or compare it with its write's prediction."""
    if kind >= RowKind.READ_STATUS:
        selfcheck.drain_expected(chip, seq)
        selfcheck.hold(chip, seq, kind, rows.offset[i], rows.size[i], rows.value[i])
    else:
        selfcheck.release_held(chip)
        position = selfcheck.take_expected(chip, kind)
        if position >= 0:
            selfcheck.tick_off(chip, seq, position)
            extra = rows.text[i] if kind == RowKind.WRITE_TEXT else rows.length[i]
            selfcheck.compare_fields(
                chip, seq, position, rows.offset[i], rows.size[i], rows.value[i], rows.counter[i], extra
            )
        else:
            expected = chip.check.kind[chip.check.head] if chip.check.head < chip.check.tail else 0
            selfcheck.out_of_step(chip, seq, expected, kind, Field.EVENT, ABSENT, ABSENT)
            inference.infer(chip, seq, kind, rows.offset[i], rows.size[i], rows.value[i], rows.length[i])


def do_row(chip: Chip, rows: Rows, i: int, seq: int, kind: int) -> int:
    """Process one row; return the expected value of a read, -1 for other rows."""
    expected = ABSENT
    if kind == RowKind.IO_WRITE:
        write(chip, seq, rows.offset[i], rows.size[i], rows.value[i], rows.wcycle[i])
    elif kind > RowKind.POSTLOAD:
        if chip.settings.check:
            inner(chip, rows, i, seq, kind)
    elif kind in (RowKind.IO_READ, RowKind.READ):
        expected = read(chip, seq, rows.offset[i], rows.size[i], rows.value[i], rows.cmd[i], rows.wcycle[i])
    elif kind in (RowKind.OUTER_READ, RowKind.OUTER_WRITE):
        outer(chip, seq, kind, rows.offset[i], rows.size[i])
    elif kind in (RowKind.RESET, RowKind.REALIZE):
        reset(chip, seq)
    elif kind == RowKind.POSTLOAD:
        postload(chip, seq)
    return expected


def has_room(chip: Chip) -> bool:
    """True if the journal has room for the most that one row can add."""
    most = _ROWS_PER_STEP * (max(chip.settings.block, chip.settings.window) + _SLACK)
    rows = chip.journal.rows + _ROWS_PER_STEP
    return rows <= chip.journal.room and chip.journal.bytes + most <= chip.journal.data_room


def room(chip: Chip) -> int:
    """Capacity in rows, each of which may end an operation and be returned as a step."""
    return min(chip.operations.room - chip.operations.count, chip.steps.room - chip.steps.count)


def run(chip: Chip, rows: Rows, start: int, end: int) -> int:
    """Process rows `start` to `end`; return the reason of the stop (`Stop`), before the row `chip.position`.

    Rows must be valid: 1 <= size <= 8, 0 <= offset, offset + size <= region, lengths inside it.
    """
    why = Stop.END
    i = start
    last = min(end, start + room(chip))
    undetermined = chip.settings.behaviour == Behaviour.UNDETERMINED
    while i < last and why == Stop.END:
        kind = rows.kind[i]
        if undetermined and kind == RowKind.IO_WRITE and chip.wcycle == 1 and chip.cmd == Opcode.BUFFERED_PROGRAM:
            # The count of the first buffered write: from here on the behaviour matters.
            why = Stop.BEHAVIOUR
        elif chip.settings.journal and not has_room(chip):
            why = Stop.ROOM
        else:
            chip.row.effect = Effect.NONE
            chip.row.outcome = Outcome.OPEN
            chip.row.flags = 0
            chip.check.seen[kind] = 1
            cmd = chip.cmd
            wcycle = chip.wcycle
            status = chip.status
            expected = do_row(chip, rows, i, rows.seq[i], kind)
            if (
                RowKind.OTHER < kind <= RowKind.RESET
                or chip.row.effect != Effect.NONE
                or chip.row.outcome != Outcome.OPEN
            ):
                operation_sums.add(chip, rows, i, kind, cmd, wcycle, status, expected)
            elif chip.asked.everything:
                operation_sums.give(chip, chip.steps, chip.row, i, cmd, wcycle, status, expected)
            i += 1
            if chip.row.watched:
                chip.row.watched = False
                why = Stop.WATCH
            elif kind == RowKind.POSTLOAD:
                why = Stop.POSTLOAD
    chip.position = i
    return Stop.ROOM if why == Stop.END and i < end else why

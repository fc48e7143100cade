"""State machine of one CFI01 flash: a row at a time.

Part of the kernel (see `loop`). Source of the facts: measured on running QEMUs of all three behaviours (see
`behaviour`); the self-check repeats the measurement on every trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import contents, cycles, inference, operation_sums, reads, selfcheck, spans
from replay.codes import Effect, Field, Opcode, OpKind, Outcome, Policy, RowKind, Status
from replay.columns import ABSENT

if TYPE_CHECKING:
    from replay.state import Chip, Rows


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
    chip.row.answer = reads.answer(chip.cmd)
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
    elif kind == RowKind.RESET:
        operation_sums.count_reset(chip, seq, chip.wcycle != 0 and chip.cmd != Opcode.CFI_QUERY)
        reset(chip, seq)
    elif kind == RowKind.REALIZE:
        reset(chip, seq)
    elif kind == RowKind.POSTLOAD:
        postload(chip, seq)
    return expected


def awaits_behaviour(chip: Chip, kind: int) -> bool:
    """True before the count of a buffered write: from there on the behaviour matters."""
    return kind == RowKind.IO_WRITE and chip.wcycle == 1 and chip.cmd == Opcode.BUFFERED_PROGRAM

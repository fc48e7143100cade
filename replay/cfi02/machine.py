"""State machine of one CFI02 flash: a row at a time.

Part of the kernel (see `replay.loop`). Inputs are bus writes, reads that reach the device, its timer, and resets of the
device: a `reset` that nothing else explains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import operation_sums, selfcheck
from replay.cfi02 import cycles, reads
from replay.cfi02.codes import Command, Cycle, Status
from replay.codes import Field, Flag, OpKind, Outcome, RowKind
from replay.columns import ABSENT

if TYPE_CHECKING:
    from replay.state import Chip, Rows


def reset(chip: Chip, seq: int) -> None:
    """Process a reset of the device. It ends the command, and nothing else: not bypass, an erase, or its timer."""
    selfcheck.drain_expected(chip, seq)
    selfcheck.release_held(chip)
    operation_sums.count_reset(chip, seq, cycles.is_midway(chip))
    chip.cmd = Command.NONE
    chip.wcycle = Cycle.REST
    chip.soft = False
    chip.blind = False
    chip.sectors.in_flight = False
    chip.row.flags |= Flag.DEVICE_RESET
    cycles.begin(chip, OpKind.RESET, Outcome.DONE)


def write(chip: Chip, seq: int, offset: int, size: int, value: int, wcycle: int) -> None:
    """Process a bus write."""
    chip.row.access_seq = seq
    end_input(chip, seq)
    if chip.settings.check and wcycle not in (ABSENT, chip.wcycle):
        follow(chip, seq, RowKind.IO_WRITE, wcycle)
    if chip.wcycle == Cycle.REST:
        chip.soft = False
        chip.blind = False
    cycles.write_cycle(chip, seq, offset, size, value)


def end_input(chip: Chip, seq: int) -> None:
    """End the input before: record what it lacks. A held `reset` that no read explains is one of the device."""
    selfcheck.drain_expected(chip, seq)
    if chip.check.held == 1 and chip.check.held_kind[0] == RowKind.IDLE:
        chip.check.held = 0
        reset(chip, seq)
    else:
        selfcheck.release_held(chip)
    chip.sectors.in_flight = False


def follow(chip: Chip, seq: int, kind: int, wcycle: int) -> None:
    """Adopt a logged write cycle. Where an input is not traced at all, its effect is no difference."""
    unseen_reset = wcycle == Cycle.REST and chip.check.seen[RowKind.IDLE] == 0
    unseen_timer = chip.wcycle == Cycle.ERASING and chip.check.seen[RowKind.TIMER_EXPIRED] == 0
    if unseen_reset or unseen_timer:
        chip.row.flags |= Flag.ADOPTED
        if unseen_timer:
            chip.sectors.untimed += 1
    else:
        selfcheck.out_of_step(chip, seq, kind, kind, Field.WCYCLE, chip.wcycle, wcycle)
    cycles.adopt_cycle(chip, wcycle)


def read(chip: Chip, seq: int, offset: int, size: int, value: int, cmd: int, wcycle: int) -> int:
    """Process a read that reached the device; return the expected value, -1 if unknown."""
    chip.row.access_seq = seq
    selfcheck.drain_expected(chip, seq)
    if chip.settings.check:
        check_state(chip, seq, cmd, wcycle)
    if chip.sectors.direct_reads and not chip.sectors.in_flight and not chip.soft:
        come_unexpected(chip, seq)
    expected = reads.predict_read(chip, seq, offset, size, value)
    if chip.settings.check and value != ABSENT and expected not in (ABSENT, value):
        selfcheck.disagree(chip, seq, RowKind.IO_READ, RowKind.IO_READ, Field.VALUE, expected, value)
    return expected


def come_unexpected(chip: Chip, seq: int) -> None:
    """Record a read that should have left no event."""
    if chip.settings.check:
        selfcheck.out_of_step(chip, seq, 0, RowKind.IO_READ, Field.EVENT, ABSENT, ABSENT)
    chip.sectors.direct_reads = False


def check_state(chip: Chip, seq: int, cmd: int, wcycle: int) -> None:
    """Compare command and write cycle with those the read logs, which are the values after it."""
    if wcycle not in (ABSENT, chip.wcycle):
        follow(chip, seq, RowKind.IO_READ, wcycle)
        if cmd != ABSENT:
            chip.cmd = cmd
    elif cmd not in (ABSENT, chip.cmd):
        selfcheck.out_of_step(chip, seq, RowKind.IO_READ, RowKind.IO_READ, Field.CMD, chip.cmd, cmd)
        chip.cmd = cmd


def timer(chip: Chip, seq: int, cmd: int) -> None:
    """Process the end of the timer, which logs the command in force."""
    end_input(chip, seq)
    if chip.settings.check:
        if cmd not in (ABSENT, chip.cmd):
            selfcheck.out_of_step(chip, seq, RowKind.TIMER_EXPIRED, RowKind.TIMER_EXPIRED, Field.CMD, chip.cmd, cmd)
            chip.cmd = cmd
        elif not chip.sectors.timer:
            selfcheck.out_of_step(chip, seq, 0, RowKind.TIMER_EXPIRED, Field.EVENT, ABSENT, ABSENT)
    cycles.timer_expired(chip)


def idle(chip: Chip, seq: int) -> None:
    """Process a `reset`: a return to rest that the input explains, part of a read that comes, or a device reset."""
    position = selfcheck.take_expected(chip, RowKind.IDLE)
    if position >= 0:
        selfcheck.tick_off(chip, seq, position)
    elif chip.settings.check and reads.ends_array_reads(chip):
        selfcheck.drain_expected(chip, seq)
        selfcheck.hold(chip, seq, RowKind.IDLE, ABSENT, ABSENT, ABSENT)
    elif (
        chip.wcycle == Cycle.ERASING
        and chip.check.seen[RowKind.TIMER_EXPIRED] == 0
        and chip.check.held == 1
        and chip.check.held_kind[0] == RowKind.MODE_READ_ARRAY
    ):
        end_untimed(chip, seq)
    elif chip.sectors.quiet:
        selfcheck.out_of_step(chip, seq, 0, RowKind.IDLE, Field.EVENT, ABSENT, ABSENT)
    else:
        reset(chip, seq)


def end_untimed(chip: Chip, seq: int) -> None:
    """End an erase by its return to rest, where the timer is not traced."""
    selfcheck.drain_expected(chip, seq)
    chip.check.held = 0
    chip.sectors.untimed += 1
    chip.row.flags |= Flag.ADOPTED
    chip.status |= Status.DQ3
    cycles.timer_expired(chip)
    chip.check.head = chip.check.tail


def inner(chip: Chip, rows: Rows, i: int, seq: int, kind: int) -> None:
    """Process an inner event: compare it with its input's prediction, or hold it for its read."""
    position = selfcheck.take_expected(chip, kind)
    if position >= 0:
        selfcheck.release_held(chip)
        selfcheck.tick_off(chip, seq, position)
        extra = rows.text[i] if kind == RowKind.WRITE_TEXT else rows.length[i]
        if kind == RowKind.SECTOR_ERASE_START and extra == ABSENT:  # CTF has no end of it
            extra = chip.check.extra[position]
        selfcheck.compare_fields(
            chip, seq, position, rows.offset[i], rows.size[i], rows.value[i], rows.counter[i], extra
        )
    elif kind in (RowKind.MODE_READ_ARRAY, RowKind.READ_STATUS, RowKind.DATA_READ, RowKind.READ_DONE):
        selfcheck.drain_expected(chip, seq)
        selfcheck.hold(chip, seq, kind, rows.offset[i], rows.size[i], rows.value[i])
    else:
        selfcheck.release_held(chip)
        expected = chip.check.kind[chip.check.head] if chip.check.head < chip.check.tail else 0
        infer(chip, rows, i, seq, kind, expected)


def infer(chip: Chip, rows: Rows, i: int, seq: int, kind: int, expected: int) -> None:
    """Apply an inner event whose input is missing from the trace."""
    untimed = kind in (RowKind.ERASE_TIMEOUT, RowKind.ERASE_COMPLETE) and chip.check.seen[RowKind.TIMER_EXPIRED] == 0
    if untimed and chip.cmd == Command.SECTOR_ERASE:
        chip.row.flags |= Flag.ADOPTED
        cycles.timer_expired(chip)
        position = selfcheck.take_expected(chip, kind)
        if position >= 0:
            selfcheck.tick_off(chip, seq, position)
    else:
        selfcheck.out_of_step(chip, seq, expected, kind, Field.EVENT, ABSENT, ABSENT)
        infer_change(chip, seq, kind, rows.offset[i], rows.size[i], rows.value[i])


def infer_change(chip: Chip, seq: int, kind: int, offset: int, size: int, value: int) -> None:
    """Apply a programmed word, or an erase."""
    if kind == RowKind.DATA_WRITE and offset >= 0:
        cycles.begin(chip, OpKind.PROGRAM, Outcome.DONE)
        chip.row.flags |= Flag.INFERRED
        if not chip.settings.read_only:
            cycles.store(chip, seq, offset, size, value)
    elif kind == RowKind.SECTOR_ERASE_START and offset >= 0:
        cycles.begin(chip, OpKind.ERASE, Outcome.DONE)
        chip.row.flags |= Flag.INFERRED
        cycles.erase_sector(chip, seq, offset)
        chip.check.head = chip.check.tail
    elif kind == RowKind.CHIP_ERASE_START:
        cycles.begin(chip, OpKind.ERASE, Outcome.DONE)
        chip.row.flags |= Flag.INFERRED
        cycles.erase_chip(chip)
        chip.check.head = chip.check.tail


def do_row(chip: Chip, rows: Rows, i: int, seq: int, kind: int) -> int:
    """Process one row, or the next part of it; return the expected value of a read, -1 for other rows."""
    expected = ABSENT
    if chip.unfinished:
        cycles.erase_more(chip, seq)
    elif kind == RowKind.IO_WRITE:
        write(chip, seq, rows.offset[i], rows.size[i], rows.value[i], rows.wcycle[i])
    elif kind == RowKind.IO_READ:
        expected = read(chip, seq, rows.offset[i], rows.size[i], rows.value[i], rows.cmd[i], rows.wcycle[i])
    elif kind == RowKind.IDLE:
        idle(chip, seq)
    elif kind == RowKind.TIMER_EXPIRED:
        timer(chip, seq, rows.cmd[i])
    elif kind > RowKind.POSTLOAD and chip.settings.check:
        inner(chip, rows, i, seq, kind)
    return expected

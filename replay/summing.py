"""What rows add up to: operations, totals, and the rows that were asked for one by one.

Part of the kernel (see `machine`). A row counts where it is an access or a reset, or had an effect or an outcome of
its own; other inner events only say again what their access did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.cfi import Opcode, Status
from replay.columns import ABSENT, Effect, Flag, OpKind, Outcome, RowKind

if TYPE_CHECKING:
    from replay.state import Chip, Rows

__all__ = ["end_operation"]


def add(chip: Chip, rows: Rows, i: int, kind: int, cmd: int, wcycle: int, status: int, expected: int) -> None:
    """Add the row just done; `cmd`, `wcycle` and `status` are those before it."""
    counts = RowKind.OTHER < kind <= RowKind.RESET or chip.row.effect != Effect.NONE or chip.row.outcome != Outcome.OPEN
    if counts and chip.settings.sum_up:
        count(chip, rows, i, kind, cmd, wcycle)
        if chip.op >= 0 and chip.op_kind != OpKind.RESET:
            if chip.op != chip.operation.number:
                end_operation(chip)
                begin_operation(chip, rows, i, cmd, status)
            add_to_operation(chip, rows, i, kind, cmd, wcycle)
    if chip.asked.everything or (counts and is_asked(chip, rows, i, kind)):
        give(chip, i, cmd, wcycle, status, expected)


# --- totals ------------------------------------------------------------------------------------------------------


def count(chip: Chip, rows: Rows, i: int, kind: int, cmd: int, wcycle: int) -> None:
    """Count the row in the totals."""
    write = kind in (RowKind.IO_WRITE, RowKind.OUTER_WRITE)
    if write:
        chip.totals.accesses += 1
        chip.totals.writes += 1
        end = rows.offset[i] + rows.size[i]
        if end > chip.totals.commanded_end:
            chip.totals.commanded_end = end
    elif kind in (RowKind.IO_READ, RowKind.READ, RowKind.OUTER_READ):
        chip.totals.accesses += 1
        chip.totals.reads += 1
        if kind != RowKind.OUTER_READ:
            count_read(chip, cmd)
    elif kind == RowKind.RESET:
        chip.totals.resets += 1
        if wcycle != 0 and cmd != Opcode.CFI_QUERY and chip.totals.reset_midway < 0:
            chip.totals.reset_midway = rows.seq[i]
    if chip.row.effect != Effect.NONE:
        count_effect(chip)
    if chip.row.flags & Flag.NOT_A_COMMAND:
        chip.totals.strays += 1
    if chip.row.outcome != Outcome.OPEN and (write or chip.row.flags & Flag.INFERRED):
        count_outcome(chip)


def count_read(chip: Chip, cmd: int) -> None:
    """Count a read by the command in force before it."""
    if cmd == Opcode.READ_IDENTIFIER:
        chip.totals.identifier_reads += 1
    elif cmd == Opcode.CFI_QUERY:
        chip.totals.query_reads += 1
    elif cmd != 0:
        chip.totals.status_reads += 1


def count_effect(chip: Chip) -> None:
    """Count what the row programmed or erased."""
    end = chip.row.effect_offset + chip.row.effect_length
    chip.totals.bytes_programmed += chip.row.programmed
    if chip.row.effect in (Effect.PROGRAM, Effect.FLUSH):
        chip.totals.stores += 1
        chip.totals.programmed_end = max(chip.totals.programmed_end, end)
    elif chip.row.effect == Effect.ERASE:
        chip.totals.erases += 1
        chip.totals.erased_end = max(chip.totals.erased_end, end)


def count_outcome(chip: Chip) -> None:
    """Count how an operation ended."""
    if chip.row.outcome == Outcome.DONE:
        if chip.op_kind == OpKind.BUFFERED_PROGRAM:
            chip.totals.buffered_programs += 1
        elif chip.op_kind == OpKind.PROGRAM:
            chip.totals.programs += 1
    elif chip.row.outcome == Outcome.REFUSED:
        chip.totals.refused += 1
    elif chip.row.outcome == Outcome.ABORTED:
        chip.totals.aborted += 1


# --- operations --------------------------------------------------------------------------------------------------


def begin_operation(chip: Chip, rows: Rows, i: int, cmd: int, status: int) -> None:
    """Begin the sums of an operation with its first row."""
    chip.operation.number = chip.op
    chip.operation.boot = rows.boot[i]
    chip.operation.first_seq = rows.seq[i]
    chip.operation.time_ns = rows.time_ns[i]
    chip.operation.command_offset = ABSENT
    chip.operation.command_size = ABSENT
    chip.operation.command_value = ABSENT
    chip.operation.cmd_before = cmd
    chip.operation.status_before = status
    chip.operation.low = ABSENT
    chip.operation.high = ABSENT
    chip.operation.bytes_changed = 0
    chip.operation.bits_set = 0
    chip.operation.unknown = False
    chip.operation.outcome = Outcome.OPEN
    chip.operation.accesses = 0
    chip.operation.programmed = 0
    chip.operation.flags = 0
    chip.operation.erased = False
    chip.operation.inferred = False
    chip.operation.polled_ready = False
    chip.operation.identifier_offset = ABSENT
    chip.operation.count_offset = ABSENT
    chip.operation.count_value = ABSENT
    chip.operation.bad_cycle_value = ABSENT
    chip.operation.words_start = ABSENT
    chip.operation.words_low = ABSENT
    chip.operation.words_high = ABSENT


def add_to_operation(chip: Chip, rows: Rows, i: int, kind: int, cmd: int, wcycle: int) -> None:
    """Add the row to the sums of its operation."""
    chip.operation.kind = chip.op_kind
    chip.operation.last_seq = rows.seq[i]
    chip.operation.end_ns = rows.time_ns[i]
    chip.operation.status = chip.status
    if chip.row.outcome != Outcome.OPEN:
        chip.operation.outcome = chip.row.outcome
    if chip.row.flags:
        chip.operation.flags |= chip.row.flags
        if chip.row.flags & Flag.INFERRED:
            chip.operation.inferred = True
    if chip.row.effect != Effect.NONE:
        add_effect(chip)
    if RowKind.IO_READ <= kind <= RowKind.OUTER_WRITE:
        chip.operation.accesses += 1
        if chip.operation.command_offset < 0:
            chip.operation.command_offset = rows.offset[i]
            chip.operation.command_size = rows.size[i]
    if kind == RowKind.IO_WRITE:
        add_write(chip, rows, i, cmd, wcycle)
    elif kind == RowKind.IO_READ:
        add_read(chip, rows, i, cmd)


def add_write(chip: Chip, rows: Rows, i: int, cmd: int, wcycle: int) -> None:
    """Add a bus write: what command it gives, or which word of a buffered program."""
    if chip.operation.command_value < 0:
        chip.operation.command_value = rows.value[i]
    if chip.row.flags & Flag.BAD_SECOND_CYCLE:
        chip.operation.bad_cycle_value = rows.value[i]
    if cmd == Opcode.BUFFERED_PROGRAM:
        if wcycle == 2:  # noqa: PLR2004  the cycle of data words
            start = rows.offset[i]
            end = start + rows.size[i]
            if chip.operation.words_start < 0:
                chip.operation.words_start = start
                chip.operation.words_low = start
            elif start < chip.operation.words_low:
                chip.operation.words_low = start
            if end > chip.operation.words_high:
                chip.operation.words_high = end
        elif wcycle == 1 and chip.operation.count_offset < 0:
            chip.operation.count_offset = rows.offset[i]
            chip.operation.count_value = rows.value[i]


def add_read(chip: Chip, rows: Rows, i: int, cmd: int) -> None:
    """Add a read: of the status as ready, or of a lock status that says unlocked."""
    if cmd == Opcode.READ_IDENTIFIER:
        if rows.value[i] == 0:
            chip.operation.identifier_offset = rows.offset[i]
    elif rows.value[i] & Status.READY and polls(cmd):
        chip.operation.polled_ready = True


def polls(command: int) -> bool:
    """Whether a read while this command is in force is a look at the status."""
    return command in (
        Opcode.BUFFERED_PROGRAM,
        Opcode.READ_STATUS,
        Opcode.BLOCK_ERASE,
        Opcode.PROGRAM,
        Opcode.PROGRAM_ALTERNATE,
        Opcode.LOCK_SETUP,
    )


def add_effect(chip: Chip) -> None:
    """Add what the row did to contents."""
    chip.operation.programmed += chip.row.programmed
    if chip.row.unknown:
        chip.operation.unknown = True
    else:
        chip.operation.bytes_changed += chip.row.changed
        chip.operation.bits_set += chip.row.bits_set
    if chip.row.effect == Effect.ERASE:
        chip.operation.erased = True
    # A refused word may lie anywhere; a refused program or erase still says what it was meant for.
    meant = chip.row.effect != Effect.REFUSED or chip.op_kind != OpKind.BUFFERED_PROGRAM
    if meant and chip.row.effect != Effect.DROP and chip.row.effect_offset >= 0:
        start = chip.row.effect_offset
        end = start + chip.row.effect_length
        if chip.operation.low < 0 or start < chip.operation.low:
            chip.operation.low = start
        if end > chip.operation.high:
            chip.operation.high = end


def end_operation(chip: Chip) -> None:
    """Give the operation in progress, if there is one. There must be room for it."""
    if chip.operation.number >= 0:
        at = chip.operations.count
        chip.operations.boot[at] = chip.operation.boot
        chip.operations.kind[at] = chip.operation.kind
        chip.operations.first_seq[at] = chip.operation.first_seq
        chip.operations.last_seq[at] = chip.operation.last_seq
        chip.operations.time_ns[at] = chip.operation.time_ns
        chip.operations.end_ns[at] = chip.operation.end_ns
        chip.operations.command_offset[at] = chip.operation.command_offset
        chip.operations.command_size[at] = chip.operation.command_size
        chip.operations.command_value[at] = chip.operation.command_value
        chip.operations.cmd_before[at] = chip.operation.cmd_before
        chip.operations.status_before[at] = chip.operation.status_before
        chip.operations.low[at] = chip.operation.low
        chip.operations.high[at] = chip.operation.high
        chip.operations.bytes_changed[at] = chip.operation.bytes_changed
        chip.operations.bits_set[at] = chip.operation.bits_set
        chip.operations.unknown[at] = chip.operation.unknown
        chip.operations.outcome[at] = chip.operation.outcome
        chip.operations.status[at] = chip.operation.status
        chip.operations.accesses[at] = chip.operation.accesses
        chip.operations.programmed[at] = chip.operation.programmed
        chip.operations.flags[at] = chip.operation.flags
        chip.operations.erased[at] = chip.operation.erased
        chip.operations.inferred[at] = chip.operation.inferred
        chip.operations.polled_ready[at] = chip.operation.polled_ready
        chip.operations.identifier_offset[at] = chip.operation.identifier_offset
        chip.operations.count_offset[at] = chip.operation.count_offset
        chip.operations.count_value[at] = chip.operation.count_value
        chip.operations.bad_cycle_value[at] = chip.operation.bad_cycle_value
        chip.operations.words_start[at] = chip.operation.words_start
        chip.operations.words_low[at] = chip.operation.words_low
        chip.operations.words_high[at] = chip.operation.words_high
        chip.operations.count = at + 1
        chip.operation.number = -1


# --- single rows -------------------------------------------------------------------------------------------------


def is_asked(chip: Chip, rows: Rows, i: int, kind: int) -> bool:
    """Whether the row just done is one of those that are given one by one."""
    asked = chip.row.flags & chip.asked.flags != 0
    write = kind in (RowKind.IO_WRITE, RowKind.OUTER_WRITE)
    stored = chip.row.effect in (Effect.PROGRAM, Effect.FLUSH, Effect.ERASE)
    if write:
        if chip.asked.writes or rows.offset[i] + rows.size[i] > chip.asked.beyond >= 0:
            asked = True
        if chip.asked.writes_after_stray and kind == RowKind.IO_WRITE:
            if chip.row.flags & Flag.STRAY:
                chip.asked.stray_seen = True
            if chip.asked.stray_seen:
                chip.asked.writes_after_stray -= 1
                asked = True
    if stored:
        end = chip.row.effect_offset + chip.row.effect_length
        if chip.asked.writes or chip.row.effect_offset < chip.asked.below or end > chip.asked.beyond >= 0:
            asked = True
    return asked


def give(chip: Chip, i: int, cmd: int, wcycle: int, status: int, expected: int) -> None:
    """Give the row just done; `cmd`, `wcycle` and `status` are those before it."""
    at = chip.steps.count
    effect = chip.row.effect != Effect.NONE
    chip.steps.row[at] = i
    chip.steps.cmd[at] = cmd
    chip.steps.wcycle[at] = wcycle
    chip.steps.status[at] = status
    chip.steps.status_after[at] = chip.status
    chip.steps.expected[at] = expected
    chip.steps.effect[at] = chip.row.effect
    chip.steps.effect_offset[at] = chip.row.effect_offset if effect else ABSENT
    chip.steps.effect_length[at] = chip.row.effect_length if effect else 0
    chip.steps.programmed[at] = chip.row.programmed if effect else 0
    chip.steps.changed[at] = 0
    chip.steps.bits_set[at] = 0
    if effect:
        chip.steps.changed[at] = ABSENT if chip.row.unknown else chip.row.changed
        chip.steps.bits_set[at] = ABSENT if chip.row.unknown else chip.row.bits_set
    chip.steps.op[at] = chip.op
    chip.steps.op_kind[at] = chip.op_kind
    chip.steps.outcome[at] = chip.row.outcome
    chip.steps.flags[at] = chip.row.flags
    chip.steps.count = at + 1

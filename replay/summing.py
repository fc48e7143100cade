"""What rows add up to: operations, totals, and the rows that were asked for one by one.

Part of the kernel (see `machine`). A row counts where it is an access or a reset, or had an effect or an outcome of
its own; other inner events only say again what their access did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.codes import Effect, Flag, Opcode, OpKind, Outcome, RowKind, Status
from replay.columns import ABSENT

if TYPE_CHECKING:
    from replay.state import Asked, Chip, Operation, Operations, Row, Rows, Steps, Totals

__all__ = ["end_operation"]


def add(chip: Chip, rows: Rows, i: int, kind: int, cmd: int, wcycle: int, status: int, expected: int) -> None:
    """Add the row just done, which counts; `cmd`, `wcycle` and `status` are those before it."""
    if chip.settings.sum_up:
        if (
            chip.row.effect == Effect.STAGE
            and chip.op == chip.operation.number
            and chip.operation.words_start >= 0
            and wcycle == 2  # noqa: PLR2004  the cycle of data words
            and cmd == Opcode.BUFFERED_PROGRAM
            and chip.row.effect_length == rows.size[i]
        ):
            add_word(chip.operation, chip.totals, rows.offset[i], rows.offset[i] + rows.size[i])
        else:
            count(chip.totals, chip.row, rows, i, kind, cmd, wcycle, chip.op_kind)
            if chip.op >= 0 and chip.op_kind != OpKind.RESET:
                if chip.op != chip.operation.number:
                    end_operation(chip)
                    begin_operation(chip.operation, rows, i, cmd, status)
                    chip.operation.number = chip.op
                add_to_operation(chip.operation, chip.row, rows, i, kind, cmd, wcycle, chip.op_kind)
        if chip.op == chip.operation.number:
            chip.operation.kind = chip.op_kind
            chip.operation.status = chip.status
            chip.operation.last_seq = rows.seq[i]
            chip.operation.end_ns = rows.time_ns[i]
            chip.operation.flags |= chip.row.flags
    if chip.asked.everything or is_asked(chip.asked, chip.row, rows, i, kind):
        give(chip, chip.steps, chip.row, i, cmd, wcycle, status, expected)


def add_word(operation: Operation, totals: Totals, start: int, end: int) -> None:
    """Add a staged word that is not the first of its operation, which most rows are."""
    totals.accesses += 1
    totals.writes += 1
    operation.accesses += 1
    if end > totals.commanded_end:
        totals.commanded_end = end
    if start < operation.words_low:
        operation.words_low = start
    if end > operation.words_high:
        operation.words_high = end
    if operation.low < 0 or start < operation.low:
        operation.low = start
    if end > operation.high:
        operation.high = end


# --- totals ------------------------------------------------------------------------------------------------------


def count(totals: Totals, row: Row, rows: Rows, i: int, kind: int, cmd: int, wcycle: int, op_kind: int) -> None:
    """Count the row in the totals."""
    write = kind in (RowKind.IO_WRITE, RowKind.OUTER_WRITE)
    if write:
        end = rows.offset[i] + rows.size[i]
        totals.accesses += 1
        totals.writes += 1
        if end > totals.commanded_end:
            totals.commanded_end = end
    elif kind in (RowKind.IO_READ, RowKind.READ, RowKind.OUTER_READ):
        totals.accesses += 1
        totals.reads += 1
        if kind != RowKind.OUTER_READ:
            count_read(totals, cmd)
    elif kind == RowKind.RESET:
        totals.resets += 1
        if wcycle != 0 and cmd != Opcode.CFI_QUERY and totals.reset_midway < 0:
            totals.reset_midway = rows.seq[i]
    if row.effect != Effect.NONE:
        count_effect(totals, row)
    if row.flags & Flag.NOT_A_COMMAND:
        totals.strays += 1
    if row.outcome != Outcome.OPEN and (write or row.flags & Flag.INFERRED):
        count_outcome(totals, row.outcome, op_kind)


def count_read(totals: Totals, cmd: int) -> None:
    """Count a read by the command in force before it."""
    if cmd == Opcode.READ_IDENTIFIER:
        totals.identifier_reads += 1
    elif cmd == Opcode.CFI_QUERY:
        totals.query_reads += 1
    elif cmd != 0:
        totals.status_reads += 1


def count_effect(totals: Totals, row: Row) -> None:
    """Count what the row programmed or erased."""
    end = row.effect_offset + row.effect_length
    totals.bytes_programmed += row.programmed
    if row.effect in (Effect.PROGRAM, Effect.FLUSH):
        totals.stores += 1
        totals.programmed_end = max(totals.programmed_end, end)
    elif row.effect == Effect.ERASE:
        totals.erases += 1
        totals.erased_end = max(totals.erased_end, end)


def count_outcome(totals: Totals, outcome: int, op_kind: int) -> None:
    """Count how an operation ended."""
    if outcome == Outcome.REFUSED:
        totals.refused += 1
    elif outcome == Outcome.ABORTED:
        totals.aborted += 1
    elif outcome == Outcome.DONE and op_kind == OpKind.BUFFERED_PROGRAM:
        totals.buffered_programs += 1
    elif outcome == Outcome.DONE and op_kind == OpKind.PROGRAM:
        totals.programs += 1


# --- operations --------------------------------------------------------------------------------------------------


def begin_operation(operation: Operation, rows: Rows, i: int, cmd: int, status: int) -> None:
    """Begin the sums of an operation with its first row."""
    operation.boot = rows.boot[i]
    operation.first_seq = rows.seq[i]
    operation.time_ns = rows.time_ns[i]
    operation.command_offset = ABSENT
    operation.command_size = ABSENT
    operation.command_value = ABSENT
    operation.cmd_before = cmd
    operation.status_before = status
    operation.low = ABSENT
    operation.high = ABSENT
    operation.bytes_changed = 0
    operation.bits_set = 0
    operation.unknown = False
    operation.outcome = Outcome.OPEN
    operation.accesses = 0
    operation.programmed = 0
    operation.flags = 0
    operation.erased = False
    operation.inferred = False
    operation.polled_ready = False
    operation.identifier_offset = ABSENT
    operation.count_offset = ABSENT
    operation.count_value = ABSENT
    operation.bad_cycle_value = ABSENT
    operation.words_start = ABSENT
    operation.words_low = ABSENT
    operation.words_high = ABSENT


def add_to_operation(
    operation: Operation, row: Row, rows: Rows, i: int, kind: int, cmd: int, wcycle: int, op_kind: int
) -> None:
    """Add the row to the sums of its operation."""
    if row.outcome != Outcome.OPEN:
        operation.outcome = row.outcome
    if row.flags & Flag.INFERRED:
        operation.inferred = True
    if row.effect != Effect.NONE:
        add_effect(operation, row, op_kind)
    if RowKind.IO_READ <= kind <= RowKind.OUTER_WRITE:
        operation.accesses += 1
        if operation.command_offset < 0:
            operation.command_offset = rows.offset[i]
            operation.command_size = rows.size[i]
    if kind == RowKind.IO_WRITE:
        add_write(operation, row.flags, rows, i, cmd, wcycle)
    elif kind == RowKind.IO_READ:
        add_read(operation, rows.offset[i], rows.value[i], cmd)


def add_write(operation: Operation, flags: int, rows: Rows, i: int, cmd: int, wcycle: int) -> None:
    """Add a bus write: what command it gives, or which word of a buffered program."""
    if operation.command_value < 0:
        operation.command_value = rows.value[i]
    if flags & Flag.BAD_SECOND_CYCLE:
        operation.bad_cycle_value = rows.value[i]
    if cmd == Opcode.BUFFERED_PROGRAM:
        if wcycle == 2:  # noqa: PLR2004  the cycle of data words
            if operation.words_start < 0:
                operation.words_start = rows.offset[i]
                operation.words_low = rows.offset[i]
            operation.words_low = min(operation.words_low, rows.offset[i])
            operation.words_high = max(operation.words_high, rows.offset[i] + rows.size[i])
        elif wcycle == 1 and operation.count_offset < 0:
            operation.count_offset = rows.offset[i]
            operation.count_value = rows.value[i]


def add_read(operation: Operation, offset: int, value: int, cmd: int) -> None:
    """Add a read: of the status as ready, or of a lock status that says unlocked."""
    if cmd == Opcode.READ_IDENTIFIER:
        if value == 0:
            operation.identifier_offset = offset
    elif value & Status.READY and polls(cmd):
        operation.polled_ready = True


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


def add_effect(operation: Operation, row: Row, op_kind: int) -> None:
    """Add what the row did to contents."""
    operation.programmed += row.programmed
    if row.unknown:
        operation.unknown = True
    else:
        operation.bytes_changed += row.changed
        operation.bits_set += row.bits_set
    if row.effect == Effect.ERASE:
        operation.erased = True
    # A refused word may lie anywhere; a refused program or erase still says what it was meant for.
    meant = row.effect != Effect.REFUSED or op_kind != OpKind.BUFFERED_PROGRAM
    if meant and row.effect != Effect.DROP and row.effect_offset >= 0:
        if operation.low < 0:
            operation.low = row.effect_offset
        operation.low = min(operation.low, row.effect_offset)
        operation.high = max(operation.high, row.effect_offset + row.effect_length)


def end_operation(chip: Chip) -> None:
    """Give the operation in progress, if there is one. There must be room for it."""
    if chip.operation.number >= 0:
        give_operation(chip.operations, chip.operation, chip.operations.count)
        chip.operations.count += 1
        chip.operation.number = -1


def give_operation(operations: Operations, operation: Operation, at: int) -> None:
    """Fill a row of the table."""
    operations.boot[at] = operation.boot
    operations.kind[at] = operation.kind
    operations.first_seq[at] = operation.first_seq
    operations.last_seq[at] = operation.last_seq
    operations.time_ns[at] = operation.time_ns
    operations.end_ns[at] = operation.end_ns
    operations.command_offset[at] = operation.command_offset
    operations.command_size[at] = operation.command_size
    operations.command_value[at] = operation.command_value
    operations.cmd_before[at] = operation.cmd_before
    operations.status_before[at] = operation.status_before
    operations.low[at] = operation.low
    operations.high[at] = operation.high
    operations.bytes_changed[at] = operation.bytes_changed
    operations.bits_set[at] = operation.bits_set
    operations.unknown[at] = operation.unknown
    operations.outcome[at] = operation.outcome
    operations.status[at] = operation.status
    operations.accesses[at] = operation.accesses
    operations.programmed[at] = operation.programmed
    operations.flags[at] = operation.flags
    operations.erased[at] = operation.erased
    operations.inferred[at] = operation.inferred
    operations.polled_ready[at] = operation.polled_ready
    operations.identifier_offset[at] = operation.identifier_offset
    operations.count_offset[at] = operation.count_offset
    operations.count_value[at] = operation.count_value
    operations.bad_cycle_value[at] = operation.bad_cycle_value
    operations.words_start[at] = operation.words_start
    operations.words_low[at] = operation.words_low
    operations.words_high[at] = operation.words_high


# --- single rows -------------------------------------------------------------------------------------------------


def is_asked(asked: Asked, row: Row, rows: Rows, i: int, kind: int) -> bool:
    """Whether the row just done, which counts, is one of those that are given one by one."""
    given = row.flags & asked.flags != 0
    if kind in (RowKind.IO_WRITE, RowKind.OUTER_WRITE):
        if asked.writes or rows.offset[i] + rows.size[i] > asked.beyond >= 0:
            given = True
        if asked.writes_after_stray and kind == RowKind.IO_WRITE:
            if row.flags & Flag.STRAY:
                asked.stray_seen = True
            if asked.stray_seen:
                asked.writes_after_stray -= 1
                given = True
    if row.effect in (Effect.PROGRAM, Effect.FLUSH, Effect.ERASE):
        end = row.effect_offset + row.effect_length
        if asked.writes or row.effect_offset < asked.below or end > asked.beyond >= 0:
            given = True
    return given


def give(chip: Chip, steps: Steps, row: Row, i: int, cmd: int, wcycle: int, status: int, expected: int) -> None:
    """Give the row just done; `cmd`, `wcycle` and `status` are those before it."""
    at = steps.count
    effect = row.effect != Effect.NONE
    steps.row[at] = i
    steps.cmd[at] = cmd
    steps.wcycle[at] = wcycle
    steps.status[at] = status
    steps.status_after[at] = chip.status
    steps.expected[at] = expected
    steps.effect[at] = row.effect
    steps.effect_offset[at] = row.effect_offset if effect else ABSENT
    steps.effect_length[at] = row.effect_length if effect else 0
    steps.programmed[at] = row.programmed if effect else 0
    steps.changed[at] = 0
    steps.bits_set[at] = 0
    if effect:
        steps.changed[at] = ABSENT if row.unknown else row.changed
        steps.bits_set[at] = ABSENT if row.unknown else row.bits_set
    steps.op[at] = chip.op
    steps.op_kind[at] = chip.op_kind
    steps.outcome[at] = row.outcome
    steps.flags[at] = row.flags
    steps.count = at + 1

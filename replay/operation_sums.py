"""Sums over rows: operations and totals, and the filter of rows that are returned one by one.

Part of the kernel (see `loop`). A row counts where it is an access or a reset, or had an effect or an outcome;
other inner events only repeat what their access did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import spans
from replay.codes import Answer, Effect, Flag, Opcode, OpField, OpKind, Outcome, RowKind, Status
from replay.columns import ABSENT, OP_FIELDS

if TYPE_CHECKING:
    from replay.state import Asked, Chip, Operations, Row, Rows, Steps, Totals

__all__ = ["end_operation"]


def add(chip: Chip, rows: Rows, i: int, kind: int, expected: int) -> None:
    """Add the row just processed, which counts."""
    if chip.settings.sum_up:
        if (
            chip.row.effect == Effect.STAGE
            and chip.op == chip.operations.number
            and chip.operations.words_start >= 0
            and chip.row.wcycle == 2  # noqa: PLR2004  the cycle of data words
            and chip.row.cmd == Opcode.BUFFERED_PROGRAM
            and chip.row.effect_length == rows.size[i]
            and chip.row.flags == Flag.DATA
        ):
            add_word(chip.operations, chip.totals, rows, i)
        else:
            count(chip.totals, chip.row, rows, i, kind, chip.op_kind)
            if chip.op >= 0 and chip.op_kind != OpKind.RESET:
                if chip.op != chip.operations.number:
                    end_operation(chip)
                    begin_operation(chip.operations, rows, i, chip.row.cmd, chip.row.status)
                    chip.operations.number = chip.op
                add_to_operation(chip.operations, chip.row, rows, i, kind, chip.op_kind)
            if chip.op == chip.operations.number:
                chip.operations.sums[OpField.KIND] = chip.op_kind
                chip.operations.sums[OpField.STATUS] = chip.status
                chip.operations.last_seq = rows.seq[i]
                chip.operations.end_ns = rows.time_ns[i]
                chip.operations.sums[OpField.FLAGS] |= chip.row.flags
    if chip.asked.everything or is_asked(chip.asked, chip.row, rows, i, kind):
        give(chip, chip.steps, chip.row, i, expected)


def add_word(operations: Operations, totals: Totals, rows: Rows, i: int) -> None:
    """Add a staged word after the first of its operation: the fast path, since most rows are such words.

    Kind, status and flags of the operation stay those of its first word.
    """
    start = rows.offset[i]
    end = start + rows.size[i]
    totals.accesses += 1
    totals.writes += 1
    operations.accesses += 1
    if end > totals.commanded_end:
        totals.commanded_end = end
    if start < operations.words_low:
        operations.words_low = start
    if end > operations.words_high:
        operations.words_high = end
    if operations.low < 0 or start < operations.low:
        operations.low = start
    if end > operations.high:
        operations.high = end
    digest(operations, rows.value[i])
    operations.last_seq = rows.seq[i]
    operations.end_ns = rows.time_ns[i]


def digest(operations: Operations, value: int) -> None:
    """Add a data word to the digest: FNV-1a, a word of 32 bits a step."""
    word = spans.low_bits(32)
    operations.data = ((operations.data ^ (value & word)) * 0x01000193 + 1) & word


def widen_words(operations: Operations, start: int, end: int) -> None:
    """Widen the span of a buffered program's words to include `start` to `end`."""
    if operations.words_low < 0 or start < operations.words_low:
        operations.words_low = start
    operations.words_high = max(operations.words_high, end)


def widen_span(operations: Operations, start: int, end: int) -> None:
    """Widen the span touched to include `start` to `end`."""
    if operations.low < 0 or start < operations.low:
        operations.low = start
    operations.high = max(operations.high, end)


# --- totals ------------------------------------------------------------------------------------------------------


def count(totals: Totals, row: Row, rows: Rows, i: int, kind: int, op_kind: int) -> None:
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
            count_read(totals, row.answer)
    if row.effect != Effect.NONE:
        count_effect(totals, row)
    if row.flags & Flag.NOT_A_COMMAND:
        totals.strays += 1
    if row.outcome != Outcome.OPEN and (write or row.flags & Flag.INFERRED):
        count_outcome(totals, row.outcome, op_kind)


def count_read(totals: Totals, answer: int) -> None:
    """Count a read by the source of its value."""
    if answer == Answer.IDENTIFIER:
        totals.identifier_reads += 1
    elif answer == Answer.QUERY:
        totals.query_reads += 1
    elif answer == Answer.STATUS:
        totals.status_reads += 1


def count_reset(chip: Chip, seq: int, midway: bool) -> None:
    """Count a reset of the device; `midway`: while a command was in progress."""
    if chip.settings.sum_up:
        chip.totals.resets += 1
        if midway and chip.totals.reset_midway < 0:
            chip.totals.reset_midway = seq


def count_effect(totals: Totals, row: Row) -> None:
    """Count the bytes the row programmed or the block it erased."""
    end = row.effect_offset + row.effect_length
    totals.bytes_programmed += row.programmed
    if row.effect in (Effect.PROGRAM, Effect.FLUSH):
        totals.stores += 1
        totals.programmed_end = max(totals.programmed_end, end)
    elif row.effect == Effect.ERASE:
        totals.erases += 1
        totals.erased_end = max(totals.erased_end, end)


def count_outcome(totals: Totals, outcome: int, op_kind: int) -> None:
    """Count an operation by its outcome."""
    if outcome == Outcome.REFUSED:
        totals.refused += 1
    elif outcome == Outcome.ABORTED:
        totals.aborted += 1
    elif outcome == Outcome.DONE and op_kind == OpKind.BUFFERED_PROGRAM:
        totals.buffered_programs += 1
    elif outcome == Outcome.DONE and op_kind == OpKind.PROGRAM:
        totals.programs += 1


# --- operations --------------------------------------------------------------------------------------------------


def begin_operation(operations: Operations, rows: Rows, i: int, cmd: int, status: int) -> None:
    """Reset the sums to those of an operation whose first row is `i`."""
    for field in range(OpField.COMMAND_OFFSET):
        operations.sums[field] = 0
    for field in range(OpField.COMMAND_OFFSET, OP_FIELDS):
        operations.sums[field] = ABSENT
    operations.accesses = operations.data = 0
    operations.low = operations.high = ABSENT
    operations.words_start = operations.words_low = operations.words_high = ABSENT
    operations.sums[OpField.BOOT] = rows.boot[i]
    operations.sums[OpField.FIRST_SEQ] = rows.seq[i]
    operations.sums[OpField.TIME_NS] = rows.time_ns[i]
    operations.sums[OpField.CMD_BEFORE] = cmd
    operations.sums[OpField.STATUS_BEFORE] = status


def add_to_operation(operations: Operations, row: Row, rows: Rows, i: int, kind: int, op_kind: int) -> None:
    """Add the row to the sums of its operation."""
    if row.outcome != Outcome.OPEN:
        operations.sums[OpField.OUTCOME] = row.outcome
    if row.flags & Flag.INFERRED:
        operations.sums[OpField.INFERRED] = 1
    if row.effect != Effect.NONE:
        add_effect(operations, row, op_kind)
    data = row.flags & (Flag.DATA | Flag.INFERRED) or row.effect == Effect.PROGRAM
    if data and kind in (RowKind.IO_WRITE, RowKind.DATA_WRITE):
        digest(operations, rows.value[i])
    if RowKind.IO_READ <= kind <= RowKind.OUTER_WRITE:
        operations.accesses += 1
        if operations.sums[OpField.COMMAND_OFFSET] < 0:
            operations.sums[OpField.COMMAND_OFFSET] = rows.offset[i]
            operations.sums[OpField.COMMAND_SIZE] = rows.size[i]
    if kind == RowKind.IO_WRITE:
        add_write(operations, row, rows, i)
    elif kind == RowKind.IO_READ:
        add_read(operations, rows.offset[i], rows.value[i], row.answer)


def add_write(operations: Operations, row: Row, rows: Rows, i: int) -> None:
    """Add a bus write: the operation's command, or the count or a word of a buffered program."""
    if operations.sums[OpField.COMMAND_VALUE] < 0:
        operations.sums[OpField.COMMAND_VALUE] = rows.value[i]
    if row.flags & Flag.BAD_SECOND_CYCLE:
        operations.sums[OpField.BAD_CYCLE_VALUE] = rows.value[i]
    if row.cmd == Opcode.BUFFERED_PROGRAM:
        if row.wcycle == 2:  # noqa: PLR2004  the cycle of data words
            if operations.words_start < 0:
                operations.words_start = rows.offset[i]
            widen_words(operations, rows.offset[i], rows.offset[i] + rows.size[i])
        elif row.wcycle == 1 and operations.sums[OpField.COUNT_OFFSET] < 0:
            operations.sums[OpField.COUNT_OFFSET] = rows.offset[i]
            operations.sums[OpField.COUNT_VALUE] = rows.value[i]


def add_read(operations: Operations, offset: int, value: int, answer: int) -> None:
    """Note a read of a ready status, or of a lock status that is unlocked."""
    if answer == Answer.IDENTIFIER:
        if value == 0:
            operations.sums[OpField.IDENTIFIER_OFFSET] = offset
    elif value & Status.READY and answer == Answer.STATUS:
        operations.sums[OpField.POLLED_READY] = 1


def add_effect(operations: Operations, row: Row, op_kind: int) -> None:
    """Add the row's change of contents."""
    operations.sums[OpField.PROGRAMMED] += row.programmed
    if row.unknown:
        operations.sums[OpField.UNKNOWN] = 1
    else:
        operations.sums[OpField.BYTES_CHANGED] += row.changed
        operations.sums[OpField.BITS_SET] += row.bits_set
    if row.effect == Effect.ERASE:
        operations.sums[OpField.ERASED] = 1
    # A refused word may lie anywhere; a refused program or erase still names its target.
    meant = row.effect != Effect.REFUSED or op_kind != OpKind.BUFFERED_PROGRAM
    if meant and row.effect != Effect.DROP and row.effect_offset >= 0:
        widen_span(operations, row.effect_offset, row.effect_offset + row.effect_length)


def end_operation(chip: Chip) -> None:
    """Append the operation in progress, if any, to those that have ended. The caller guarantees room for it."""
    if chip.operations.number >= 0:
        append(chip.operations)
        chip.operations.number = -1


def append(operations: Operations) -> None:
    """Append the sums to the operations that have ended."""
    operations.sums[OpField.LAST_SEQ] = operations.last_seq
    operations.sums[OpField.END_NS] = operations.end_ns
    operations.sums[OpField.ACCESSES] = operations.accesses
    operations.sums[OpField.LOW] = operations.low
    operations.sums[OpField.HIGH] = operations.high
    operations.sums[OpField.WORDS_START] = operations.words_start
    operations.sums[OpField.WORDS_LOW] = operations.words_low
    operations.sums[OpField.WORDS_HIGH] = operations.words_high
    operations.sums[OpField.DATA] = operations.data
    for field in range(OP_FIELDS):
        operations.ended[operations.count * OP_FIELDS + field] = operations.sums[field]
    operations.count += 1


# --- single rows -------------------------------------------------------------------------------------------------


def is_asked(asked: Asked, row: Row, rows: Rows, i: int, kind: int) -> bool:
    """True if the row just processed, which counts, passes the filter `asked`."""
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


def give(chip: Chip, steps: Steps, row: Row, i: int, expected: int) -> None:
    """Append the row just processed to the steps."""
    at = steps.count
    effect = row.effect != Effect.NONE
    steps.row[at] = i
    steps.cmd[at] = row.cmd
    steps.wcycle[at] = row.wcycle
    steps.status[at] = row.status
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

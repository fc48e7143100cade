"""The state machine of one CFI01 flash, a row at a time: the hot loop.

Everything here and in the modules it is made of (`state`, `contents`, `selfcheck`, `cycles`, `inference`, `reads`) is
*the kernel*: functions over integers and arrays, in the part of Python that numba compiles, so that the text that runs
plainly on lists can run compiled on arrays. `engine` wraps it; nothing else calls it.

Source of the facts: measured against running QEMUs of all three behaviours (see `behaviour`); the self-check
repeats that proof on every trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.backing import Policy
from replay.behaviour import Behaviour
from replay.cfi import Opcode, Status
from replay.columns import ABSENT, Effect, OpKind, Outcome, RowKind
from replay.contents import close_window, effect
from replay.cycles import command_cycle, confirm_cycle, data_cycle, second_cycle
from replay.inference import adopt_wcycle, infer
from replay.reads import predict_read
from replay.selfcheck import (
    compare_fields,
    disagree,
    drain_expected,
    hold,
    out_of_step,
    release_held,
    take_expected,
    tick_off,
)
from replay.state import (
    ACCESS_SEQ,
    BEHAVIOUR,
    BIG_ENDIAN,
    BITS_SET,
    BLIND,
    BLOB_ROOM,
    BLOCK,
    CHANGED,
    CHANGED_UNKNOWN,
    CHECK,
    CHECK_READ_EVENTS,
    CMD,
    COUNTER_KNOWN,
    EFFECT,
    EFFECT_LENGTH,
    EFFECT_OFFSET,
    EXPECT_HEAD,
    EXPECT_TAIL,
    EXTENT,
    FIELD_CMD,
    FIELD_EVENT,
    FIELD_VALUE,
    FIELD_WCYCLE,
    FLAGS,
    HELD,
    JOURNAL,
    JOURNAL_BYTES,
    JOURNAL_ROOM,
    JOURNAL_ROWS,
    OP,
    OP_KIND,
    OUTCOME,
    POLICY,
    PROGRAMMED,
    SOFT,
    STATUS,
    STATUS_KNOWN,
    STOP_BEHAVIOUR,
    STOP_END,
    STOP_JOURNAL,
    STOP_POSTLOAD,
    STOP_WATCH,
    UNKNOWN_SEEN,
    WATCHED,
    WCYCLE,
    WINDOW,
)

if TYPE_CHECKING:
    from replay.state import Chip, Rows, Steps

__all__ = ["run"]

_IO_READ = int(RowKind.IO_READ)
_IO_WRITE = int(RowKind.IO_WRITE)
_READ = int(RowKind.READ)
_OUTER_READ = int(RowKind.OUTER_READ)
_OUTER_WRITE = int(RowKind.OUTER_WRITE)
_RESET = int(RowKind.RESET)
_REALIZE = int(RowKind.REALIZE)
_POSTLOAD = int(RowKind.POSTLOAD)
_DATA_WRITE = int(RowKind.DATA_WRITE)
_WRITE_TEXT = int(RowKind.WRITE_TEXT)
_READ_STATUS = int(RowKind.READ_STATUS)
_READY = int(Status.READY)
_BUFFERED_PROGRAM = int(Opcode.BUFFERED_PROGRAM)
_READ_IDENTIFIER = int(Opcode.READ_IDENTIFIER)
_CFI_QUERY = int(Opcode.CFI_QUERY)
_UNDETERMINED = int(Behaviour.UNDETERMINED)
_DISCARD_POLICY = int(Policy.DISCARD)
_E_NONE = int(Effect.NONE)
_E_DISCARD = int(Effect.DISCARD)
_O_OUTSIDE = int(OpKind.OUTSIDE)
_O_STATUS = int(OpKind.STATUS)
_O_IDENTIFY = int(OpKind.IDENTIFY)
_O_QUERY = int(OpKind.QUERY)
_O_RESET = int(OpKind.RESET)
_DONE = int(Outcome.DONE)
_DISCARDED = int(Outcome.DISCARDED)
_NO_VALUE = -1

_ROWS_PER_STEP = 8  # journal rows and copies of a block that one row can make at most
_SLACK = 2048


def _power_up(chip: Chip) -> None:
    """State after power-up and after a device reset: the contents and the count register stay."""
    state = chip.state
    close_window(chip)
    state[CMD] = 0
    state[WCYCLE] = 0
    state[STATUS] = _READY
    state[STATUS_KNOWN] = 1
    state[SOFT] = 0
    state[BLIND] = 0


def _reset(chip: Chip, seq: int) -> None:
    drain_expected(chip, seq)
    release_held(chip)
    _power_up(chip)
    chip.state[OP] += 1
    chip.state[OP_KIND] = _O_RESET
    chip.state[OUTCOME] = _DONE


def _postload(chip: Chip, seq: int) -> None:
    """State and contents came from another machine; what they are shows only in what follows."""
    _reset(chip, seq)
    state = chip.state
    state[SOFT] = 1
    state[STATUS_KNOWN] = 0
    state[COUNTER_KNOWN] = 0
    state[UNKNOWN_SEEN] = 1


def _write(chip: Chip, seq: int, offset: int, size: int, value: int, wcycle: int) -> None:
    """A bus write. Under `discard` what lies beyond the extent never gets here."""
    state, geo = chip.state, chip.geo
    state[ACCESS_SEQ] = seq
    drain_expected(chip, seq)
    release_held(chip)
    if geo[CHECK] and wcycle not in (ABSENT, state[WCYCLE]):
        out_of_step(chip, seq, _IO_WRITE, _IO_WRITE, FIELD_WCYCLE, state[WCYCLE], wcycle)
        adopt_wcycle(chip, seq, wcycle)
    if geo[POLICY] == _DISCARD_POLICY and offset + size > geo[EXTENT]:
        if offset >= geo[EXTENT]:
            effect(chip, _E_DISCARD, offset, size)
            state[OUTCOME] = _DISCARDED
            return
        # The bus splits an access that straddles the end; only its inner part reaches the chip.
        inside = geo[EXTENT] - offset
        value = value >> (8 * (size - inside)) if geo[BIG_ENDIAN] else value & ((1 << (8 * inside)) - 1)
        size = inside
    cycle = state[WCYCLE]
    if cycle == 2:  # noqa: PLR2004  the most frequent first
        data_cycle(chip, seq, offset, size, value)
    elif cycle == 0:
        command_cycle(chip, seq, offset, size, value)
    elif cycle == 1:
        second_cycle(chip, seq, offset, size, value)
    else:
        confirm_cycle(chip, seq, offset, value)


def _read(chip: Chip, seq: int, offset: int, size: int, value: int, cmd: int, wcycle: int) -> int:
    """A read that reached the device; the value it must give, -1 where that is not known."""
    state, geo = chip.state, chip.geo
    state[ACCESS_SEQ] = seq
    drain_expected(chip, seq)
    if state[OP_KIND] == _O_OUTSIDE:
        _resume(chip)
    if geo[CHECK]:
        _check_state(chip, seq, cmd, wcycle)
    expected = predict_read(chip, seq, offset, size, value)
    if geo[CHECK]:
        if geo[CHECK_READ_EVENTS] == 0:
            state[HELD] = 0
        if value != ABSENT and expected not in (_NO_VALUE, value):
            disagree(chip, seq, _IO_READ, _IO_READ, FIELD_VALUE, expected, value)
    return expected


def _resume(chip: Chip) -> None:
    """A read inside after an access outside: it goes on with what was in force before."""
    state = chip.state
    state[OP] += 1
    state[OUTCOME] = _DONE
    state[OP_KIND] = _O_STATUS
    if state[CMD] == _READ_IDENTIFIER:
        state[OP_KIND] = _O_IDENTIFY
    elif state[CMD] == _CFI_QUERY:
        state[OP_KIND] = _O_QUERY


def _check_state(chip: Chip, seq: int, cmd: int, wcycle: int) -> None:
    """Command and write cycle as the read logs them, which is after it."""
    state = chip.state
    if cmd not in (ABSENT, state[CMD]):
        out_of_step(chip, seq, _IO_READ, _IO_READ, FIELD_CMD, state[CMD], cmd)
        state[CMD] = cmd
    if wcycle not in (ABSENT, state[WCYCLE]):
        out_of_step(chip, seq, _IO_READ, _IO_READ, FIELD_WCYCLE, state[WCYCLE], wcycle)
        command = state[CMD]
        adopt_wcycle(chip, seq, wcycle)
        state[CMD] = command


def _outer(chip: Chip, seq: int, kind: int, offset: int, size: int) -> None:
    """An access that the recorded device itself kept from the chip. The value of a write is not in the trace.

    While a sequence is in progress it belongs to that operation, of which the chip then sees only a part.
    """
    drain_expected(chip, seq)
    release_held(chip)
    if chip.state[WCYCLE] == 0 or chip.state[CMD] == _CFI_QUERY:
        chip.state[OP] += 1
        chip.state[OP_KIND] = _O_OUTSIDE
        chip.state[OUTCOME] = _DONE
    if kind == _OUTER_WRITE:
        effect(chip, _E_DISCARD, offset, size)
        chip.state[OUTCOME] = _DISCARDED


def _inner(
    chip: Chip, seq: int, kind: int, offset: int, size: int, value: int, counter: int, length: int, text: int
) -> None:
    """An inner event of the device model: held for its read, or held against what its write should cause."""
    state = chip.state
    if kind >= _READ_STATUS:
        drain_expected(chip, seq)
        hold(chip, seq, kind, offset, size, value)
        return
    release_held(chip)
    position = take_expected(chip, kind)
    if position >= 0:
        tick_off(chip, seq, position)
        extra = text if kind == _WRITE_TEXT else length
        compare_fields(chip, seq, position, offset, size, value, counter, extra)
        return
    expected = chip.expected[state[EXPECT_HEAD] * 6] if state[EXPECT_HEAD] < state[EXPECT_TAIL] else 0
    out_of_step(chip, seq, expected, kind, FIELD_EVENT, _NO_VALUE, _NO_VALUE)
    infer(chip, seq, kind, offset, size, value, length)


def _begin_row(chip: Chip) -> None:
    state = chip.state
    state[EFFECT] = _E_NONE
    state[EFFECT_OFFSET] = -1
    state[EFFECT_LENGTH] = 0
    state[PROGRAMMED] = 0
    state[CHANGED] = 0
    state[BITS_SET] = 0
    state[CHANGED_UNKNOWN] = 0
    state[FLAGS] = 0
    state[OUTCOME] = 0
    state[WATCHED] = 0


def _journal_limits(chip: Chip) -> tuple[int, int]:
    """Rows and bytes of the journal beyond which the next row of the trace might not find room."""
    geo = chip.geo
    if not geo[JOURNAL]:
        return 1, 1
    most = _ROWS_PER_STEP * (max(geo[BLOCK], geo[WINDOW]) + _SLACK)
    return geo[JOURNAL_ROOM] - _ROWS_PER_STEP, geo[BLOB_ROOM] - most


def run(chip: Chip, rows: Rows, steps: Steps, start: int, end: int) -> tuple[int, int]:  # noqa: C901  the hot loop
    """Do rows `start` to `end`; returns the row after the last one done and why it stopped there.

    Rows are validated before: 1 <= size <= 8, 0 <= offset, offset + size <= region, lengths inside it.
    """
    state = chip.state
    undetermined = chip.geo[BEHAVIOUR] == _UNDETERMINED
    row_limit, byte_limit = _journal_limits(chip)
    for i in range(start, end):
        kind = rows.kind[i]
        if undetermined and kind == _IO_WRITE and state[CMD] == _BUFFERED_PROGRAM and state[WCYCLE] == 1:
            # The count of the first buffered write, and nobody knows yet when its words will be stored.
            return i, STOP_BEHAVIOUR
        if state[JOURNAL_ROWS] > row_limit or state[JOURNAL_BYTES] > byte_limit:
            return i, STOP_JOURNAL
        seq = rows.seq[i]
        _begin_row(chip)
        steps.cmd[i] = state[CMD]
        steps.wcycle[i] = state[WCYCLE]
        steps.status[i] = state[STATUS]
        expected = _NO_VALUE
        chip.seen[kind] = 1
        if kind == _IO_WRITE:
            _write(chip, seq, rows.offset[i], rows.size[i], rows.value[i], rows.wcycle[i])
        elif kind > _POSTLOAD and chip.geo[CHECK]:
            _inner(
                chip,
                seq,
                kind,
                rows.offset[i],
                rows.size[i],
                rows.value[i],
                rows.counter[i],
                rows.length[i],
                rows.text[i],
            )
        elif kind in (_IO_READ, _READ):
            expected = _read(chip, seq, rows.offset[i], rows.size[i], rows.value[i], rows.cmd[i], rows.wcycle[i])
        elif kind in (_OUTER_READ, _OUTER_WRITE):
            _outer(chip, seq, kind, rows.offset[i], rows.size[i])
        elif kind in (_RESET, _REALIZE):
            _reset(chip, seq)
        elif kind == _POSTLOAD:
            _postload(chip, seq)
        steps.expected[i] = expected
        steps.effect[i] = state[EFFECT]
        steps.effect_offset[i] = state[EFFECT_OFFSET]
        steps.effect_length[i] = state[EFFECT_LENGTH]
        steps.programmed[i] = state[PROGRAMMED]
        steps.changed[i] = -1 if state[CHANGED_UNKNOWN] else state[CHANGED]
        steps.bits_set[i] = -1 if state[CHANGED_UNKNOWN] else state[BITS_SET]
        steps.op[i] = state[OP]
        steps.op_kind[i] = state[OP_KIND]
        steps.outcome[i] = state[OUTCOME]
        steps.flags[i] = state[FLAGS]
        if state[WATCHED]:
            return i + 1, STOP_WATCH
        if kind == _POSTLOAD:
            return i + 1, STOP_POSTLOAD
    return end, STOP_END

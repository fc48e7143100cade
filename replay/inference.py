"""What is taken from the trace where the model is not in step with it, or where bus writes are missing.

Part of the kernel (see `machine`). The write cycle that the trace logs is followed until a command cycle; an inner
event whose bus write is not in the trace still says what changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.cfi import Opcode
from replay.columns import Flag, OpKind, Outcome, RowKind
from replay.contents import close_window, erase_block, flush_window, forget, store_word
from replay.cycles import begin
from replay.state import (
    CMD,
    CMD_UNKNOWN,
    COUNTER,
    COUNTER_FAR,
    COUNTER_KNOWN,
    FLAGS,
    INFERRED_OPEN,
    OP_KIND,
    OUTCOME,
    READ_ONLY,
    SIZE,
    WCYCLE,
    WINDOW,
    WINDOW_PARTIAL,
    WINDOW_START,
)

if TYPE_CHECKING:
    from replay.state import Chip

_BUFFERED_PROGRAM = int(Opcode.BUFFERED_PROGRAM)
_DATA_WRITE = int(RowKind.DATA_WRITE)
_DATA_WRITE_BLOCK = int(RowKind.DATA_WRITE_BLOCK)
_WRITE_BLOCK = int(RowKind.WRITE_BLOCK)
_WRITE_BLOCK_START = int(RowKind.WRITE_BLOCK_START)
_WRITE_BLOCK_FLUSH = int(RowKind.WRITE_BLOCK_FLUSH)
_WRITE_BLOCK_ABORT = int(RowKind.WRITE_BLOCK_ABORT)
_WRITE_BLOCK_ERASE = int(RowKind.WRITE_BLOCK_ERASE)
_MODE_READ_ARRAY = int(RowKind.MODE_READ_ARRAY)
_F_ADOPTED = int(Flag.ADOPTED)
_F_INFERRED = int(Flag.INFERRED)
_O_ERASE = int(OpKind.ERASE)
_O_BUFFERED = int(OpKind.BUFFERED_PROGRAM)
_O_PROGRAM = int(OpKind.PROGRAM)
_OPEN = int(Outcome.OPEN)
_DONE = int(Outcome.DONE)


def adopt_wcycle(chip: Chip, seq: int, wcycle: int) -> None:
    """Go on from the write cycle that the trace gives; the command follows from it, or stays unknown.

    Words that were staged may have been flushed by a confirm that is not in the trace.
    """
    state = chip.state
    state[FLAGS] |= _F_ADOPTED
    if state[WINDOW_START] >= 0:
        forget(chip, seq, state[WINDOW_START], state[WINDOW_START] + chip.geo[WINDOW])
    close_window(chip)
    state[WCYCLE] = wcycle
    if wcycle == 1:
        state[CMD] = CMD_UNKNOWN
    elif wcycle > 1:
        state[CMD] = _BUFFERED_PROGRAM
        state[COUNTER] = COUNTER_FAR
        state[COUNTER_KNOWN] = 0


def _flush_unconfirmed(chip: Chip, seq: int) -> None:
    """The confirm is not in the trace. If the last word did not come either, the rest of the window is not known."""
    state = chip.state
    if state[WINDOW_START] >= 0:
        if state[WCYCLE] != 3:  # noqa: PLR2004  the cycle of the confirm
            state[WINDOW_PARTIAL] = 1
        flush_window(chip, seq)
        state[WCYCLE] = 0


def _begin_buffered(chip: Chip) -> None:
    """The words of one buffered program are one operation, from its start, where that is logged, to its flush."""
    if not chip.state[INFERRED_OPEN]:
        begin(chip, _O_BUFFERED)
        chip.state[INFERRED_OPEN] = 1


def infer(chip: Chip, seq: int, kind: int, offset: int, size: int, value: int, length: int) -> None:
    """An inner event whose bus write is not in the trace still says what changed."""
    state, geo = chip.state, chip.geo
    state[FLAGS] |= _F_INFERRED
    if offset < 0 and kind in (_DATA_WRITE, _DATA_WRITE_BLOCK, _WRITE_BLOCK_ERASE):
        return  # a place that does not exist: damage, and counted as such
    if kind == _DATA_WRITE:
        begin(chip, _O_PROGRAM)
        store_word(chip, seq, offset, size, value, 1)
        state[OUTCOME] = _DONE
    elif kind == _DATA_WRITE_BLOCK:
        _begin_buffered(chip)
        store_word(chip, seq, offset, size, value, 1)
        state[OUTCOME] = _OPEN
    elif kind == _WRITE_BLOCK_FLUSH:
        state[OP_KIND] = _O_BUFFERED
        state[OUTCOME] = _DONE
        state[INFERRED_OPEN] = 0
        _flush_unconfirmed(chip, seq)
    elif kind == _WRITE_BLOCK_ERASE:
        begin(chip, _O_ERASE)
        if not geo[READ_ONLY]:
            erase_block(chip, seq, offset, min(offset + length, geo[SIZE]))
        state[OUTCOME] = _DONE
    elif kind == _WRITE_BLOCK_ABORT and state[WINDOW_START] >= 0:
        forget(chip, seq, state[WINDOW_START], state[WINDOW_START] + geo[WINDOW])
    elif kind == _MODE_READ_ARRAY:
        state[CMD] = 0
        state[WCYCLE] = 0
    elif kind in (_WRITE_BLOCK, _WRITE_BLOCK_START):
        state[INFERRED_OPEN] = 0
        _begin_buffered(chip)
        state[CMD] = _BUFFERED_PROGRAM
        state[WCYCLE] = 2
        state[COUNTER] = value

"""State adopted from the trace where the model is out of step with it, or where bus writes are missing.

Part of the kernel (see `loop`). The logged write cycle is followed until the next command cycle. An inner event
without its bus write still tells which contents changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import contents, cycles
from replay.codes import Flag, Opcode, OpKind, Outcome, RowKind
from replay.columns import CMD_UNKNOWN, COUNTER_FAR

if TYPE_CHECKING:
    from replay.state import Chip


def adopt_wcycle(chip: Chip, seq: int, wcycle: int) -> None:
    """Adopt the logged write cycle, and the command that it implies, if any.

    A confirm missing from the trace may have flushed the window, so its range becomes unknown.
    """
    chip.row.flags |= Flag.ADOPTED
    if chip.window_start >= 0:
        contents.forget(chip, seq, chip.window_start, chip.window_start + chip.settings.window)
    contents.close_window(chip)
    chip.wcycle = wcycle
    if wcycle == 1:
        chip.cmd = CMD_UNKNOWN
    elif wcycle > 1:
        chip.cmd = Opcode.BUFFERED_PROGRAM
        chip.counter = COUNTER_FAR
        chip.counter_known = False


def flush_unconfirmed(chip: Chip, seq: int) -> None:
    """Flush the window without its confirm. If words are missing too, the rest of the window is unknown."""
    if chip.window_start >= 0:
        if chip.wcycle != 3:  # noqa: PLR2004  the cycle of the confirm
            chip.window_partial = True
        contents.flush_window(chip, seq)
        chip.wcycle = 0


def begin_buffered(chip: Chip) -> None:
    """Begin a buffered program unless one is open: all words up to the flush are one operation."""
    if not chip.inferred_open:
        cycles.begin(chip, OpKind.BUFFERED_PROGRAM)
        chip.inferred_open = True


def infer(chip: Chip, seq: int, kind: int, offset: int, size: int, value: int, length: int) -> None:
    """Apply an inner event whose bus write is missing from the trace."""
    chip.row.flags |= Flag.INFERRED
    if kind in (RowKind.DATA_WRITE, RowKind.DATA_WRITE_BLOCK, RowKind.WRITE_BLOCK_ERASE):
        if offset >= 0:  # else damage, counted as such
            infer_change(chip, seq, kind, offset, size, value, length)
    elif kind == RowKind.WRITE_BLOCK_FLUSH:
        chip.op_kind = OpKind.BUFFERED_PROGRAM
        chip.row.outcome = Outcome.DONE
        chip.inferred_open = False
        flush_unconfirmed(chip, seq)
    elif kind == RowKind.WRITE_BLOCK_ABORT and chip.window_start >= 0:
        contents.forget(chip, seq, chip.window_start, chip.window_start + chip.settings.window)
    elif kind == RowKind.MODE_READ_ARRAY:
        chip.cmd = 0
        chip.wcycle = 0
    elif kind in (RowKind.WRITE_BLOCK, RowKind.WRITE_BLOCK_START):
        chip.inferred_open = False
        begin_buffered(chip)
        chip.cmd = Opcode.BUFFERED_PROGRAM
        chip.wcycle = 2
        chip.counter = value


def infer_change(chip: Chip, seq: int, kind: int, offset: int, size: int, value: int, length: int) -> None:
    """Apply a stored word or an erased block."""
    if kind == RowKind.DATA_WRITE:
        cycles.begin(chip, OpKind.PROGRAM)
        contents.store_word(chip, seq, offset, size, value, True)
        chip.row.outcome = Outcome.DONE
    elif kind == RowKind.DATA_WRITE_BLOCK:
        begin_buffered(chip)
        contents.store_word(chip, seq, offset, size, value, True)
        chip.row.outcome = Outcome.OPEN
    else:
        cycles.begin(chip, OpKind.ERASE)
        if not chip.settings.read_only:
            contents.erase_block(chip, seq, offset, min(offset + length, chip.settings.size))
        chip.row.outcome = Outcome.DONE

"""The write cycles of the command state machine: what each bus write does, and the events it must log.

Part of the kernel (see `machine`). Ref: the command tables of the Intel StrataFlash P30 data sheet for what the
bytes mean; what the emulated device does with them, and where it differs from silicon, was measured on QEMU 7.2 to
9.0 and is named at the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.backing import Policy
from replay.behaviour import Behaviour
from replay.cfi import Opcode, Status
from replay.columns import ABSENT_COUNTER, TEXT_CODES, Flag, OpKind, Outcome, RowKind
from replay.contents import (
    drop_window,
    erase_block,
    flush_window,
    forget,
    open_window,
    refuse,
    stage_word,
    store_word,
    write_back,
)
from replay.selfcheck import expect, expect_event, expect_text
from replay.state import (
    BANK,
    BEHAVIOUR,
    BLIND,
    BLOCK,
    CHIP,
    CMD,
    COUNTER,
    COUNTER_KNOWN,
    EXTENT,
    FLAGS,
    INFERRED_OPEN,
    OP,
    OP_KIND,
    OUTCOME,
    POLICY,
    READ_ONLY,
    SIZE,
    SOFT,
    STATUS,
    STATUS_KNOWN,
    WCYCLE,
    WINDOW,
    WINDOW_PARTIAL,
    WINDOW_START,
)

if TYPE_CHECKING:
    from replay.state import Chip

_READ_ARRAY_RESET = int(Opcode.READ_ARRAY_RESET)
_LOCK_CONFIRM = int(Opcode.LOCK_CONFIRM)
_PROGRAM_ALTERNATE = int(Opcode.PROGRAM_ALTERNATE)
_BLOCK_ERASE = int(Opcode.BLOCK_ERASE)
_BLOCK_ERASE_ALTERNATE = int(Opcode.BLOCK_ERASE_ALTERNATE)
_PROGRAM = int(Opcode.PROGRAM)
_CLEAR_STATUS = int(Opcode.CLEAR_STATUS)
_LOCK_SETUP = int(Opcode.LOCK_SETUP)
_READ_STATUS = int(Opcode.READ_STATUS)
_READ_IDENTIFIER = int(Opcode.READ_IDENTIFIER)
_CFI_QUERY = int(Opcode.CFI_QUERY)
_CONFIRM = int(Opcode.CONFIRM)
_BUFFERED_PROGRAM = int(Opcode.BUFFERED_PROGRAM)
_AMD_RESET = int(Opcode.AMD_RESET)
_READ_ARRAY = int(Opcode.READ_ARRAY)

_READY = int(Status.READY)
_PROGRAM_ERROR = int(Status.PROGRAM_ERROR)
_ERASE_ERROR = int(Status.ERASE_ERROR)

_DATA_WRITE = int(RowKind.DATA_WRITE)
_DATA_WRITE_BLOCK = int(RowKind.DATA_WRITE_BLOCK)
_WRITE_BLOCK = int(RowKind.WRITE_BLOCK)
_WRITE_BLOCK_START = int(RowKind.WRITE_BLOCK_START)
_WRITE_BLOCK_FLUSH = int(RowKind.WRITE_BLOCK_FLUSH)
_WRITE_BLOCK_ABORT = int(RowKind.WRITE_BLOCK_ABORT)
_WRITE_BLOCK_ERASE = int(RowKind.WRITE_BLOCK_ERASE)
_MODE_READ_ARRAY = int(RowKind.MODE_READ_ARRAY)

_T_PROGRAM_0 = TEXT_CODES["single byte program (0)"]
_T_PROGRAM_1 = TEXT_CODES["single byte program (1)"]
_T_CLEAR_STATUS = TEXT_CODES["clear status bits"]
_T_UNLOCK = TEXT_CODES["block unlock"]
_T_UNKNOWN_LOCK = TEXT_CODES["unknown (un)locking command"]
_T_READ_STATUS = TEXT_CODES["read status register"]
_T_READ_IDENTIFIER = TEXT_CODES["read device information"]
_T_CFI_QUERY = TEXT_CODES["CFI query"]
_T_BUFFERED = TEXT_CODES["write to buffer"]
_T_AMD_RESET = TEXT_CODES["probe for AMD flash"]
_T_READ_ARRAY = TEXT_CODES["read array mode"]
_T_LEAVE_QUERY = TEXT_CODES["leaving query mode"]
_T_FINISHED = TEXT_CODES["block write finished"]

_F_STRAY = int(Flag.STRAY)
_F_NOT_A_COMMAND = int(Flag.NOT_A_COMMAND)
_F_BAD_SECOND = int(Flag.BAD_SECOND_CYCLE)
_F_DATA = int(Flag.DATA)
_F_INFERRED = int(Flag.INFERRED)

_O_ERASE = int(OpKind.ERASE)
_O_BUFFERED = int(OpKind.BUFFERED_PROGRAM)
_O_PROGRAM = int(OpKind.PROGRAM)
_O_STATUS = int(OpKind.STATUS)
_O_IDENTIFY = int(OpKind.IDENTIFY)
_O_QUERY = int(OpKind.QUERY)
_O_LOCK = int(OpKind.LOCK)
_O_UNLOCK = int(OpKind.UNLOCK)
_O_CLEAR_STATUS = int(OpKind.CLEAR_STATUS)
_O_READ_ARRAY = int(OpKind.READ_ARRAY)
_O_STRAY = int(OpKind.STRAY)
_O_INCOMPLETE = int(OpKind.INCOMPLETE)

_OPEN = int(Outcome.OPEN)
_DONE = int(Outcome.DONE)
_REFUSED = int(Outcome.REFUSED)
_ABORTED = int(Outcome.ABORTED)

_DIRECT = int(Behaviour.DIRECT)
_AT_COUNT = int(Behaviour.STAGED_AT_COUNT)
_AT_DATA = int(Behaviour.STAGED_AT_DATA)
_ERROR_POLICY = int(Policy.ERROR)
_WORD_BYTES = 4


def read_array(chip: Chip) -> None:
    """Back to read array: the guest's reads bypass the device from here on."""
    chip.state[CMD] = 0
    chip.state[WCYCLE] = 0
    expect_event(chip, _MODE_READ_ARRAY)


def begin(chip: Chip, kind: int) -> None:
    """Begin an operation."""
    state = chip.state
    state[OP] += 1
    state[OP_KIND] = kind
    state[INFERRED_OPEN] = 0


def _setup(chip: Chip, command: int, kind: int, wcycle: int, text: int) -> None:
    """A command is in force and waits in `wcycle`."""
    begin(chip, kind)
    chip.state[CMD] = command
    chip.state[WCYCLE] = wcycle
    if text >= 0:
        expect_text(chip, text)


def _writable(chip: Chip, offset: int, size: int) -> bool:
    """Whether a store to the range is taken: the flash is writable and, under `error`, the file reaches there."""
    geo = chip.geo
    if geo[READ_ONLY]:
        return False
    return geo[POLICY] != _ERROR_POLICY or offset + size <= geo[EXTENT]


def as_sent_by_a_driver(chip: Chip, command: int, size: int, value: int) -> bool:
    """Whether `value` is a command alone or one for every chip of the bank, and nothing more."""
    if value == command:
        return True
    lane = chip.geo[CHIP] or 2
    repeated = 0
    for shift in range(0, 8 * size, 8 * lane):
        repeated |= command << shift
    if value == repeated:
        return True
    every_byte = 0
    for shift in range(0, 8 * size, 8):
        every_byte |= command << shift
    return value == every_byte


# --- cycle 0: a command ------------------------------------------------------------------------------------------


def command_cycle(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:  # noqa: C901  a branch a command
    """A bus write while no command is in progress."""
    state = chip.state
    command = value & 0xFF
    state[SOFT] = 0
    state[BLIND] = 0
    if not as_sent_by_a_driver(chip, command, size, value):
        state[FLAGS] |= _F_STRAY
    if command == _BUFFERED_PROGRAM:
        _setup(chip, command, _O_INCOMPLETE, 1, _T_BUFFERED)
        state[STATUS] |= _READY
    elif command in (_PROGRAM, _PROGRAM_ALTERNATE):
        _setup(chip, command, _O_INCOMPLETE, 1, _T_PROGRAM_0)
    elif command == _READ_STATUS:
        _setup(chip, command, _O_STATUS, 0, _T_READ_STATUS)
        state[OUTCOME] = _DONE
    elif command == _CLEAR_STATUS:
        _clear_status(chip)
    elif command in (_READ_ARRAY, _AMD_RESET, _READ_ARRAY_RESET):
        _leave(chip, command)
    elif command == _BLOCK_ERASE:
        _erase(chip, seq, offset)
    elif command == _LOCK_SETUP:
        _setup(chip, command, _O_INCOMPLETE, 1, _T_UNLOCK)
    elif command == _READ_IDENTIFIER:
        _setup(chip, command, _O_IDENTIFY, 0, _T_READ_IDENTIFIER)
        state[OUTCOME] = _DONE
    elif command == _CFI_QUERY:
        _setup(chip, command, _O_QUERY, 1, _T_CFI_QUERY)
        state[OUTCOME] = _DONE
    else:
        _stray(chip)


def _clear_status(chip: Chip) -> None:
    """0x50 clears the ready bit too, which silicon does not."""
    begin(chip, _O_CLEAR_STATUS)
    chip.state[STATUS] = 0
    chip.state[STATUS_KNOWN] = 1
    chip.state[OUTCOME] = _DONE
    expect_text(chip, _T_CLEAR_STATUS)
    read_array(chip)


def _leave(chip: Chip, command: int) -> None:
    begin(chip, _O_READ_ARRAY)
    chip.state[OUTCOME] = _DONE
    if command == _AMD_RESET:
        expect_text(chip, _T_AMD_RESET)
    elif command == _READ_ARRAY:
        expect_text(chip, _T_READ_ARRAY)
    else:
        chip.state[FLAGS] |= _F_STRAY
    read_array(chip)


def _stray(chip: Chip) -> None:
    begin(chip, _O_STRAY)
    chip.state[FLAGS] |= _F_STRAY | _F_NOT_A_COMMAND
    chip.state[OUTCOME] = _DONE
    read_array(chip)


def _erase(chip: Chip, seq: int, offset: int) -> None:
    """0x20 erases at once, before any confirm; on a read-only flash the event is logged and nothing is erased."""
    state, geo = chip.state, chip.geo
    block = geo[BLOCK]
    low = offset // block * block
    _setup(chip, _BLOCK_ERASE, _O_ERASE, 1, -1)
    expect(chip, _WRITE_BLOCK_ERASE, low, -1, -1, ABSENT_COUNTER, block)
    if _writable(chip, offset, 1):
        erase_block(chip, seq, low, min(low + block, geo[SIZE]))
    else:
        refuse(chip, low, block, geo[READ_ONLY])
        state[STATUS] |= _ERASE_ERROR
    state[STATUS] |= _READY


# --- cycle 1: the second write of a command ----------------------------------------------------------------------


def second_cycle(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """A bus write after a setup command."""
    state = chip.state
    command = state[CMD]
    confirm = value & 0xFF
    if command == _BUFFERED_PROGRAM:
        _count(chip, offset, value)
    elif command in (_PROGRAM, _PROGRAM_ALTERNATE):
        _program(chip, seq, offset, size, value)
    elif command in (_BLOCK_ERASE, _BLOCK_ERASE_ALTERNATE):
        _confirm_erase(chip, confirm)
    elif command == _LOCK_SETUP:
        _confirm_lock(chip, confirm)
    elif command == _CFI_QUERY:
        if confirm == _READ_ARRAY:
            begin(chip, _O_READ_ARRAY)
            read_array(chip)
        else:
            expect_text(chip, _T_LEAVE_QUERY)
            state[FLAGS] |= _F_BAD_SECOND
        state[OUTCOME] = _DONE
    else:
        # The command is not known: the trace began after it. If it was a program, this is its data.
        forget(chip, seq, offset, offset + size)


def _program(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """The data cycle. The old bytes are not ANDed in: a program may set a bit, which silicon cannot."""
    state = chip.state
    state[OP_KIND] = _O_PROGRAM
    state[FLAGS] |= _F_DATA
    expect_text(chip, _T_PROGRAM_1)
    if not chip.geo[READ_ONLY]:
        expect(chip, _DATA_WRITE, offset, size, value, state[COUNTER], -1)
    if _writable(chip, offset, size):
        store_word(chip, seq, offset, size, value, 1)
        state[OUTCOME] = _DONE
    else:
        refuse(chip, offset, size, chip.geo[READ_ONLY])
        state[STATUS] |= _PROGRAM_ERROR
        state[OUTCOME] = _REFUSED
    state[STATUS] |= _READY
    state[WCYCLE] = 0


def _confirm_erase(chip: Chip, confirm: int) -> None:
    """Anything but 0xd0 goes back to read array, and the block stays erased."""
    state = chip.state
    state[OUTCOME] = _REFUSED if state[STATUS] & _ERASE_ERROR else _DONE
    if confirm == _CONFIRM:
        state[WCYCLE] = 0
        state[STATUS] |= _READY
    else:
        state[FLAGS] |= _F_BAD_SECOND
        read_array(chip)


def _confirm_lock(chip: Chip, confirm: int) -> None:
    """Locks are accepted and have no effect."""
    state = chip.state
    if confirm in (_CONFIRM, _LOCK_CONFIRM):
        state[OP_KIND] = _O_UNLOCK if confirm == _CONFIRM else _O_LOCK
        state[OUTCOME] = _DONE
        state[WCYCLE] = 0
        state[STATUS] |= _READY
        return
    state[FLAGS] |= _F_BAD_SECOND
    state[OUTCOME] = _ABORTED
    if confirm != _READ_ARRAY:
        expect_text(chip, _T_UNKNOWN_LOCK)
    read_array(chip)


def _count(chip: Chip, offset: int, value: int) -> None:
    """The count of a buffered write: words less one, as wide as a chip."""
    state, geo = chip.state, chip.geo
    width = geo[CHIP] or geo[BANK]
    # A value has 32 bits, and a shift by more than 63 has no meaning in compiled code.
    count = value if width >= _WORD_BYTES else value & ((1 << (8 * width)) - 1)
    state[OP_KIND] = _O_BUFFERED
    state[FLAGS] |= _F_DATA
    state[COUNTER] = count
    state[COUNTER_KNOWN] = 1
    state[WCYCLE] = 2
    behaviour = geo[BEHAVIOUR]
    if behaviour == _AT_COUNT:
        open_window(chip, offset)
        expect(chip, _WRITE_BLOCK_START, -1, -1, count, ABSENT_COUNTER, -1)
    elif behaviour == _DIRECT:
        expect(chip, _WRITE_BLOCK, -1, -1, count, ABSENT_COUNTER, -1)


# --- cycles 2 and 3: words of a buffered write, and its confirm ------------------------------------------------


def data_cycle(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """A word of a buffered write."""
    state, geo = chip.state, chip.geo
    state[FLAGS] |= _F_DATA
    state[OP_KIND] = _O_BUFFERED
    behaviour = geo[BEHAVIOUR]
    if behaviour != _DIRECT and state[WINDOW_START] < 0:
        if state[BLIND]:
            open_window(chip, offset)
            state[WINDOW_PARTIAL] = 1
        elif behaviour == _AT_DATA and state[COUNTER] != 0:
            open_window(chip, offset)
            expect(chip, _WRITE_BLOCK_START, -1, -1, state[COUNTER], ABSENT_COUNTER, -1)
    _word(chip, seq, offset, size, value)
    state[STATUS] |= _READY
    if state[COUNTER] == 0:
        state[WCYCLE] = 3
        expect_text(chip, _T_FINISHED)
        if behaviour == _DIRECT:
            _write_back_around(chip, seq, offset)
    if state[COUNTER] != 0 or behaviour != _AT_DATA:
        state[COUNTER] -= 1


def _word(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """The word itself: stored, staged, or refused without an event of its own."""
    state, geo = chip.state, chip.geo
    if not _writable(chip, offset, size):
        refuse(chip, offset, size, geo[READ_ONLY])
        state[STATUS] |= _PROGRAM_ERROR
    elif geo[BEHAVIOUR] == _DIRECT:
        expect(chip, _DATA_WRITE, offset, size, value, state[COUNTER], -1)
        store_word(chip, seq, offset, size, value, 0)
    elif (
        state[WINDOW_START] <= offset
        and state[WINDOW_START] >= 0
        and offset + size <= state[WINDOW_START] + geo[WINDOW]
    ):
        expect(chip, _DATA_WRITE_BLOCK, offset, size, value, state[COUNTER], -1)
        stage_word(chip, offset, size, value)
    else:
        refuse(chip, offset, size, 0)
        state[STATUS] |= _PROGRAM_ERROR


def _write_back_around(chip: Chip, seq: int, offset: int) -> None:
    """`direct` writes back the window-size area around the last word, not around the words that were stored."""
    window = chip.geo[WINDOW]
    start = offset // window * window
    write_back(chip, seq, start, start + window)


def confirm_cycle(chip: Chip, seq: int, offset: int, value: int) -> None:
    """The confirm of a buffered write. A program error left over from before drops a correct write."""
    state = chip.state
    confirmed = value & 0xFF == _CONFIRM
    if not confirmed:
        state[FLAGS] |= _F_BAD_SECOND
    if chip.geo[BEHAVIOUR] == _DIRECT:
        state[OUTCOME] = _DONE if confirmed else _ABORTED
        if confirmed and state[STATUS] & _PROGRAM_ERROR:
            state[OUTCOME] = _REFUSED
    elif confirmed and not state[STATUS] & _PROGRAM_ERROR:
        expect_event(chip, _WRITE_BLOCK_FLUSH)
        _flush(chip, seq, offset)
        state[OUTCOME] = _DONE
    else:
        expect_event(chip, _WRITE_BLOCK_ABORT)
        drop_window(chip)
        state[OUTCOME] = _REFUSED if confirmed else _ABORTED
        confirmed = False
    if confirmed:
        state[WCYCLE] = 0
        state[STATUS] |= _READY
    else:
        read_array(chip)


def _flush(chip: Chip, seq: int, offset: int) -> None:
    """Flush the window; where the trace began after it was opened, its whole block is no longer known."""
    if chip.state[WINDOW_START] >= 0:
        flush_window(chip, seq)
        return
    block = chip.geo[BLOCK]
    forget(chip, seq, offset // block * block, offset // block * block + block)

"""Write cycles of the command state machine: the effect of each bus write, and the events it must log.

Part of the kernel (see `loop`). Ref: the command tables of the Intel StrataFlash P30 data sheet for what the
bytes mean. The emulated device's behaviour was measured on QEMU 7.2 to 9.0; differences from silicon are documented at
each function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import contents, selfcheck, spans
from replay.codes import Behaviour, Flag, Opcode, OpKind, Outcome, Policy, RowKind, Status, Text
from replay.columns import ABSENT, ABSENT_COUNTER

if TYPE_CHECKING:
    from replay.state import Chip


def read_array(chip: Chip) -> None:
    """Return to read array, in which the guest's reads bypass the device."""
    chip.cmd = 0
    chip.wcycle = 0
    selfcheck.expect_event(chip, RowKind.MODE_READ_ARRAY)


def begin(chip: Chip, kind: int) -> None:
    """Begin an operation of this kind."""
    chip.op += 1
    chip.op_kind = kind
    chip.inferred_open = False


def set_up(chip: Chip, command: int, kind: int, wcycle: int, text: int) -> None:
    """Put a command in force, waiting in `wcycle`. One that needs no data is done at once."""
    begin(chip, kind)
    chip.cmd = command
    chip.wcycle = wcycle
    if kind != OpKind.INCOMPLETE:
        chip.row.outcome = Outcome.DONE
    selfcheck.expect_text(chip, text)


def is_writable(chip: Chip, offset: int, size: int) -> bool:
    """True if the device accepts a store there: it is writable and, under policy `error`, inside the extent."""
    reaches = chip.settings.policy != Policy.ERROR or offset + size <= chip.settings.extent
    return reaches and not chip.settings.read_only


def is_driver_command(chip: Chip, command: int, size: int, value: int) -> bool:
    """True if `value` is the command byte repeated for every chip or every byte of the access, and nothing else."""
    lane = chip.settings.chip or 2
    repeated = 0
    for number in range((size + lane - 1) // lane):
        repeated |= command << 8 * lane * number
    every_byte = 0
    for number in range(size):
        every_byte |= command << 8 * number
    return value in (repeated, every_byte)


# --- cycle 0: a command ------------------------------------------------------------------------------------------


def command_cycle(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:  # noqa: C901  a branch a command
    """Process a write in cycle 0, whose low byte is the command."""
    command = value & 0xFF
    chip.soft = False
    chip.blind = False
    if value != command and not is_driver_command(chip, command, size, value):
        chip.row.flags |= Flag.STRAY
    if command == Opcode.BUFFERED_PROGRAM:
        set_up(chip, command, OpKind.INCOMPLETE, 1, Text.BUFFERED_PROGRAM)
        chip.status |= Status.READY
    elif command in (Opcode.PROGRAM, Opcode.PROGRAM_ALTERNATE):
        set_up(chip, command, OpKind.INCOMPLETE, 1, Text.PROGRAM_SETUP)
    elif command == Opcode.BLOCK_ERASE:
        erase(chip, seq, offset)
    elif command == Opcode.LOCK_SETUP:
        set_up(chip, command, OpKind.INCOMPLETE, 1, Text.UNLOCK)
    elif command == Opcode.CFI_QUERY:
        set_up(chip, command, OpKind.QUERY, 1, Text.CFI_QUERY)
    elif command == Opcode.READ_IDENTIFIER:
        set_up(chip, command, OpKind.IDENTIFY, 0, Text.READ_IDENTIFIER)
    elif command == Opcode.READ_STATUS:
        set_up(chip, command, OpKind.STATUS, 0, Text.READ_STATUS)
    elif command == Opcode.CLEAR_STATUS:
        clear_status(chip)
    elif command in (Opcode.READ_ARRAY, Opcode.AMD_RESET, Opcode.READ_ARRAY_RESET):
        leave(chip, command)
    else:
        stray(chip)


def clear_status(chip: Chip) -> None:
    """Clear the status register (0x50). The ready bit goes too, which silicon keeps."""
    begin(chip, OpKind.CLEAR_STATUS)
    chip.status = 0
    chip.status_known = True
    chip.row.outcome = Outcome.DONE
    selfcheck.expect_text(chip, Text.CLEAR_STATUS)
    read_array(chip)


def leave(chip: Chip, command: int) -> None:
    """Return to read array (0xff, 0xf0, 0x00). The last is not assigned by CFI and logs no event."""
    begin(chip, OpKind.READ_ARRAY)
    chip.row.outcome = Outcome.DONE
    if command == Opcode.AMD_RESET:
        selfcheck.expect_text(chip, Text.AMD_RESET)
    elif command == Opcode.READ_ARRAY:
        selfcheck.expect_text(chip, Text.READ_ARRAY)
    else:
        chip.row.flags |= Flag.STRAY
    read_array(chip)


def stray(chip: Chip) -> None:
    """Return to read array after a byte that is no command."""
    begin(chip, OpKind.STRAY)
    chip.row.flags |= Flag.STRAY | Flag.NOT_A_COMMAND
    chip.row.outcome = Outcome.DONE
    read_array(chip)


def erase(chip: Chip, seq: int, offset: int) -> None:
    """Erase a block on 0x20, before any confirm. A read-only flash logs the event and erases nothing."""
    block = chip.settings.block
    low = offset // block * block
    begin(chip, OpKind.ERASE)
    chip.cmd = Opcode.BLOCK_ERASE
    chip.wcycle = 1
    selfcheck.expect(chip, RowKind.WRITE_BLOCK_ERASE, low, ABSENT, ABSENT, ABSENT_COUNTER, block)
    if is_writable(chip, offset, 1):
        contents.erase_block(chip, seq, low, min(low + block, chip.settings.size))
    else:
        contents.refuse(chip, low, block, chip.settings.read_only)
        chip.status |= Status.ERASE_ERROR
    chip.status |= Status.READY


# --- cycle 1: the second write of a command ----------------------------------------------------------------------


def second_cycle(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """Process a write in cycle 1, after a setup command."""
    command = chip.cmd
    confirm = value & 0xFF
    if command == Opcode.BUFFERED_PROGRAM:
        take_count(chip, offset, value)
    elif command in (Opcode.PROGRAM, Opcode.PROGRAM_ALTERNATE):
        program(chip, seq, offset, size, value)
    elif command in (Opcode.BLOCK_ERASE, Opcode.BLOCK_ERASE_ALTERNATE):
        confirm_erase(chip, confirm)
    elif command == Opcode.LOCK_SETUP:
        confirm_lock(chip, confirm)
    elif command == Opcode.CFI_QUERY:
        if confirm == Opcode.READ_ARRAY:
            begin(chip, OpKind.READ_ARRAY)
            read_array(chip)
        else:
            selfcheck.expect_text(chip, Text.LEAVE_QUERY)
            chip.row.flags |= Flag.BAD_SECOND_CYCLE
        chip.row.outcome = Outcome.DONE
    else:
        # Unknown command: the trace began after it. If it was a program, this is its data.
        contents.forget(chip, seq, offset, offset + size)


def program(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """Program a word. Old bytes are not ANDed in, so a program can set bits, which silicon cannot."""
    chip.op_kind = OpKind.PROGRAM
    chip.row.flags |= Flag.DATA
    selfcheck.expect_text(chip, Text.PROGRAM_DATA)
    if not chip.settings.read_only:
        selfcheck.expect(chip, RowKind.DATA_WRITE, offset, size, value, chip.counter, ABSENT)
    if is_writable(chip, offset, size):
        contents.store_word(chip, seq, offset, size, value, True)
        chip.row.outcome = Outcome.DONE
    else:
        contents.refuse(chip, offset, size, chip.settings.read_only)
        chip.status |= Status.PROGRAM_ERROR
        chip.row.outcome = Outcome.REFUSED
    chip.status |= Status.READY
    chip.wcycle = 0


def confirm_erase(chip: Chip, confirm: int) -> None:
    """Confirm an erase. Anything but 0xd0 returns to read array, and the block stays erased."""
    chip.row.outcome = Outcome.REFUSED if chip.status & Status.ERASE_ERROR else Outcome.DONE
    if confirm == Opcode.CONFIRM:
        chip.wcycle = 0
        chip.status |= Status.READY
    else:
        chip.row.flags |= Flag.BAD_SECOND_CYCLE
        read_array(chip)


def confirm_lock(chip: Chip, confirm: int) -> None:
    """Accept a lock or unlock, which has no effect."""
    if confirm in (Opcode.CONFIRM, Opcode.LOCK_CONFIRM):
        chip.op_kind = OpKind.UNLOCK if confirm == Opcode.CONFIRM else OpKind.LOCK
        chip.row.outcome = Outcome.DONE
        chip.wcycle = 0
        chip.status |= Status.READY
    else:
        chip.row.flags |= Flag.BAD_SECOND_CYCLE
        chip.row.outcome = Outcome.ABORTED
        if confirm != Opcode.READ_ARRAY:
            selfcheck.expect_text(chip, Text.UNKNOWN_LOCK)
        read_array(chip)


def take_count(chip: Chip, offset: int, value: int) -> None:
    """Take the count of a buffered write: words less one, as wide as a chip."""
    width = chip.settings.chip or chip.settings.bank
    count = value & spans.low_bits(8 * min(width, 4))
    chip.op_kind = OpKind.BUFFERED_PROGRAM
    chip.row.flags |= Flag.DATA
    chip.counter = count
    chip.counter_known = True
    chip.wcycle = 2
    behaviour = chip.settings.behaviour
    if behaviour == Behaviour.STAGED_AT_COUNT:
        contents.open_window(chip, offset)
        selfcheck.expect(chip, RowKind.WRITE_BLOCK_START, ABSENT, ABSENT, count, ABSENT_COUNTER, ABSENT)
    elif behaviour == Behaviour.DIRECT:
        selfcheck.expect(chip, RowKind.WRITE_BLOCK, ABSENT, ABSENT, count, ABSENT_COUNTER, ABSENT)


# --- cycles 2 and 3: words of a buffered write, and its confirm ------------------------------------------------


def data_cycle(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """Process a word of a buffered write."""
    chip.row.flags |= Flag.DATA
    chip.op_kind = OpKind.BUFFERED_PROGRAM
    behaviour = chip.settings.behaviour
    if behaviour != Behaviour.DIRECT and chip.window_start < 0:
        if chip.blind:
            contents.open_window(chip, offset)
            chip.window_partial = True
        elif behaviour == Behaviour.STAGED_AT_DATA and chip.counter != 0:
            contents.open_window(chip, offset)
            selfcheck.expect(chip, RowKind.WRITE_BLOCK_START, ABSENT, ABSENT, chip.counter, ABSENT_COUNTER, ABSENT)
    take_word(chip, seq, offset, size, value)
    chip.status |= Status.READY
    if chip.counter == 0:
        chip.wcycle = 3
        selfcheck.expect_text(chip, Text.FINISHED)
        if behaviour == Behaviour.DIRECT:
            write_back_around(chip, seq, offset)
    if chip.counter != 0 or behaviour != Behaviour.STAGED_AT_DATA:
        chip.counter -= 1


def take_word(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """Store, stage or refuse a word; a refusal logs no event."""
    if not is_writable(chip, offset, size):
        contents.refuse(chip, offset, size, chip.settings.read_only)
        chip.status |= Status.PROGRAM_ERROR
    elif chip.settings.behaviour == Behaviour.DIRECT:
        selfcheck.expect(chip, RowKind.DATA_WRITE, offset, size, value, chip.counter, ABSENT)
        contents.store_word(chip, seq, offset, size, value, False)
    elif contents.window_covers(chip, offset, size):
        selfcheck.expect(chip, RowKind.DATA_WRITE_BLOCK, offset, size, value, chip.counter, ABSENT)
        contents.stage_word(chip, offset, size, value)
    else:
        contents.refuse(chip, offset, size, False)
        chip.status |= Status.PROGRAM_ERROR


def write_back_around(chip: Chip, seq: int, offset: int) -> None:
    """Write back the window-sized area around the last word, as `direct` does, wherever the words were stored."""
    start = offset // chip.settings.window * chip.settings.window
    contents.write_back(chip, seq, start, start + chip.settings.window)


def confirm_cycle(chip: Chip, seq: int, offset: int, value: int) -> None:
    """Confirm a buffered write. A program error left from an earlier operation aborts it."""
    confirmed = value & 0xFF == Opcode.CONFIRM
    if not confirmed:
        chip.row.flags |= Flag.BAD_SECOND_CYCLE
    if chip.settings.behaviour == Behaviour.DIRECT:
        chip.row.outcome = Outcome.DONE if confirmed else Outcome.ABORTED
        if confirmed and chip.status & Status.PROGRAM_ERROR:
            chip.row.outcome = Outcome.REFUSED
    elif confirmed and not chip.status & Status.PROGRAM_ERROR:
        selfcheck.expect_event(chip, RowKind.WRITE_BLOCK_FLUSH)
        flush(chip, seq, offset)
        chip.row.outcome = Outcome.DONE
    else:
        selfcheck.expect_event(chip, RowKind.WRITE_BLOCK_ABORT)
        contents.drop_window(chip)
        chip.row.outcome = Outcome.REFUSED if confirmed else Outcome.ABORTED
        confirmed = False
    if confirmed:
        chip.wcycle = 0
        chip.status |= Status.READY
    else:
        read_array(chip)


def flush(chip: Chip, seq: int, offset: int) -> None:
    """Flush the window; if the trace began after it opened, mark its whole block as unknown."""
    if chip.window_start >= 0:
        contents.flush_window(chip, seq)
    else:
        low = offset // chip.settings.block * chip.settings.block
        contents.forget(chip, seq, low, low + chip.settings.block)

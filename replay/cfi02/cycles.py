"""Write cycles of a CFI02 chip and the end of its timer: the effect of each, and the events it must log.

Part of the kernel (see `replay.loop`). Ref: the command tables of the Am29LV160D and S29GL-N data sheets for what the
bytes mean. The emulated device's behaviour was measured on QEMU 5.2 to 11.1; differences from silicon are documented at
each function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import contents, selfcheck, spans
from replay.cfi02.codes import Command, Cycle, Status
from replay.cfi02.facts import ADDRESS_MASK, QUERY_ADDRESS, UNLOCK_ADDRESSES
from replay.codes import Effect, Flag, OpKind, Outcome, RowKind, Text
from replay.columns import ABSENT, ABSENT_COUNTER, CMD_UNKNOWN

if TYPE_CHECKING:
    from replay.state import Chip

FIRST_ADDRESS, SECOND_ADDRESS = UNLOCK_ADDRESSES


def begin(chip: Chip, kind: int, outcome: int) -> None:
    """Begin an operation of this kind."""
    chip.op += 1
    chip.op_kind = kind
    chip.row.outcome = outcome


def expect(chip: Chip, kind: int, offset: int, value: int) -> None:
    """Queue an inner event with an address and a command byte, or without."""
    selfcheck.expect(chip, kind, offset, ABSENT, value, ABSENT_COUNTER, ABSENT)


# --- return to rest ----------------------------------------------------------------------------------------------


def rest(chip: Chip) -> None:
    """Return to rest, in bypass to the cycle between two commands."""
    chip.cmd = Command.NONE
    chip.wcycle = Cycle.COMMAND if chip.sectors.bypass else Cycle.REST


def give_up(chip: Chip) -> None:
    """Return to rest and leave unlock bypass, as each command does that fails, or succeeds."""
    chip.sectors.bypass = False
    rest(chip)
    selfcheck.expect_event(chip, RowKind.IDLE)


def expect_idle(chip: Chip) -> None:
    """Expect the `reset` of a return to rest that is no command's end, which QEMU before 6.0 does not log."""
    if not chip.sectors.quiet:
        selfcheck.expect_event(chip, RowKind.IDLE)


def abort(chip: Chip, flag: int) -> None:
    """Give up a command of which a cycle is wrong."""
    chip.row.flags |= flag
    chip.row.outcome = Outcome.ABORTED
    give_up(chip)


def refuse_command(chip: Chip) -> None:
    """Give up at a write that is no first unlock cycle: at rest it is a command without any."""
    if chip.wcycle == Cycle.REST:
        begin(chip, OpKind.STRAY, Outcome.DONE)
        chip.row.flags |= Flag.WRONG_UNLOCK | Flag.NOT_A_COMMAND
        give_up(chip)
    else:
        abort(chip, Flag.WRONG_UNLOCK)


def reset_command(chip: Chip) -> None:
    """Process the reset command (0xf0), which ends whatever waits for another write."""
    if chip.wcycle == Cycle.AUTOSELECT_QUERY:
        begin(chip, OpKind.IDENTIFY, Outcome.DONE)
        chip.wcycle = Cycle.SET_UP
        chip.cmd = Command.AUTOSELECT
    else:
        if is_midway(chip):
            chip.row.outcome = Outcome.ABORTED
        else:
            begin(chip, OpKind.READ_ARRAY, Outcome.DONE)
        give_up(chip)


def is_midway(chip: Chip) -> bool:
    """True while a command is in progress. Unlock bypass, autoselect and the query wait in a write cycle, at rest."""
    midway = chip.wcycle != Cycle.REST and chip.wcycle < Cycle.QUERY and chip.cmd != Command.AUTOSELECT
    if chip.wcycle == Cycle.COMMAND and chip.sectors.bypass:
        midway = False
    return midway


# --- bus writes --------------------------------------------------------------------------------------------------


def write_cycle(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """Process a bus write. Only its low byte is a command, whatever its size."""
    command = value & 0xFF
    address = (offset >> chip.settings.address_shift) & ADDRESS_MASK
    cycle = chip.wcycle
    if command == Command.RESET and chip.cmd not in (Command.PROGRAM, Command.CHIP_ERASE, Command.SECTOR_ERASE):
        reset_command(chip)
    elif cycle == Cycle.SET_UP:
        set_up_cycle(chip, seq, address, command, offset, size, value)
    elif cycle == Cycle.REST:
        chip.sectors.direct_reads = False
        chip.sectors.reads = 0
        unlock(chip, address, command)
    elif cycle in (Cycle.UNLOCK, Cycle.ERASE_UNLOCK):
        second_unlock(chip, address, command)
    elif cycle == Cycle.COMMAND:
        command_cycle(chip, address, command)
    elif cycle == Cycle.ERASE_COMMAND:
        erase_command(chip, seq, address, command, offset)
    elif cycle == Cycle.ERASING:
        erasing_cycle(chip, seq, command, offset)
    else:
        chip.row.flags |= Flag.BAD_SECOND_CYCLE
        chip.row.outcome = Outcome.DONE
        selfcheck.expect_text(chip, Text.WRITE_IN_QUERY)
        give_up(chip)


def unlock(chip: Chip, address: int, command: int) -> None:
    """Process the first write of a command, or the first unlock cycle of an erase."""
    if address == FIRST_ADDRESS and command == Command.FIRST_UNLOCK:
        if chip.wcycle == Cycle.REST:
            begin(chip, OpKind.INCOMPLETE, Outcome.OPEN)
        chip.wcycle += 1
        selfcheck.expect_text(chip, Text.UNLOCK_STARTED)
    elif address == QUERY_ADDRESS and command == Command.CFI_QUERY:
        begin(chip, OpKind.QUERY, Outcome.DONE)
        chip.wcycle = Cycle.QUERY
        chip.cmd = Command.CFI_QUERY
    elif command == Command.SECTOR_ERASE:
        if chip.sectors.suspended:
            resume(chip)
        else:
            refuse_command(chip)
    elif command == Command.SUSPEND:
        chip.row.flags |= Flag.NOT_A_COMMAND
        if chip.wcycle == Cycle.REST:
            begin(chip, OpKind.STRAY, Outcome.DONE)
    else:
        selfcheck.expect(chip, RowKind.UNLOCK0_FAILED, address, ABSENT, command, ABSENT_COUNTER, FIRST_ADDRESS)
        refuse_command(chip)


def second_unlock(chip: Chip, address: int, command: int) -> None:
    """Process the second unlock cycle."""
    if address == SECOND_ADDRESS and command == Command.SECOND_UNLOCK:
        chip.wcycle += 1
        selfcheck.expect_text(chip, Text.UNLOCK_DONE)
    else:
        expect(chip, RowKind.UNLOCK1_FAILED, address, command)
        abort(chip, Flag.WRONG_UNLOCK)


def command_cycle(chip: Chip, address: int, command: int) -> None:
    """Process the command after its unlock cycles, or between two commands in bypass, where any address will do."""
    if chip.sectors.bypass:
        begin(chip, OpKind.INCOMPLETE, Outcome.OPEN)
    if not chip.sectors.bypass and address != FIRST_ADDRESS:
        expect(chip, RowKind.WRITE_FAILED, address, command)
        abort(chip, Flag.WRONG_UNLOCK)
    elif command == Command.UNLOCK_BYPASS:
        chip.op_kind = OpKind.BYPASS
        chip.row.outcome = Outcome.DONE
        chip.sectors.bypass = True
        rest(chip)
    elif command in (Command.ERASE_SETUP, Command.AUTOSELECT, Command.PROGRAM):
        chip.cmd = command
        chip.wcycle = Cycle.SET_UP
        expect(chip, RowKind.WRITE_START, ABSENT, command)
        if command == Command.AUTOSELECT:
            chip.op_kind = OpKind.IDENTIFY
            chip.row.outcome = Outcome.DONE
    else:
        expect(chip, RowKind.WRITE_UNKNOWN, ABSENT, command)
        chip.op_kind = OpKind.STRAY
        abort(chip, Flag.NOT_A_COMMAND)


def set_up_cycle(chip: Chip, seq: int, address: int, command: int, offset: int, size: int, value: int) -> None:
    """Process the write after a command."""
    if chip.cmd == Command.PROGRAM:
        program(chip, seq, offset, size, value)
    elif chip.cmd == Command.ERASE_SETUP:
        unlock(chip, address, command)
    elif chip.cmd == Command.AUTOSELECT:
        leave_autoselect(chip, address, command)
    else:
        # Unknown command: the trace began after it. If it was a program, this is its data.
        contents.forget(chip, seq, offset, offset + size)
        rest(chip)


def leave_autoselect(chip: Chip, address: int, command: int) -> None:
    """Process a write in autoselect: the query inside it, or its end."""
    if chip.sectors.bypass and command == Command.NONE:
        begin(chip, OpKind.BYPASS, Outcome.DONE)
        give_up(chip)
    elif address == QUERY_ADDRESS and command == Command.CFI_QUERY:
        begin(chip, OpKind.QUERY, Outcome.DONE)
        chip.wcycle = Cycle.AUTOSELECT_QUERY
        chip.cmd = Command.CFI_QUERY
    else:
        expect(chip, RowKind.WRITE_INVALID, ABSENT, Command.AUTOSELECT)
        chip.row.flags |= Flag.BAD_SECOND_CYCLE
        chip.row.outcome = Outcome.DONE
        give_up(chip)


# --- programs ----------------------------------------------------------------------------------------------------


def program(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """Program a word at once: bits go from 1 to 0 only. Silicon takes time, and reports a bit that cannot be set."""
    chip.op_kind = OpKind.PROGRAM
    chip.row.flags |= Flag.DATA
    if chip.sectors.suspended and chip.sectors.erasing[sector_of(chip, offset)]:
        contents.refuse(chip, offset, size, False)
        chip.row.flags |= Flag.SUSPENDED_TARGET
        chip.row.outcome = Outcome.REFUSED
    else:
        selfcheck.expect(chip, RowKind.DATA_WRITE, offset, size, value, 0, ABSENT)
        if chip.settings.read_only:
            contents.refuse(chip, offset, size, True)
            chip.row.outcome = Outcome.REFUSED
        else:
            store(chip, seq, offset, size, value)
            chip.row.outcome = Outcome.DONE
        chip.status = (chip.status & ~Status.DQ7) | (~value & Status.DQ7)
    if chip.sectors.bypass:
        rest(chip)
    else:
        give_up(chip)


def store(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """AND a word into storage. A bit that is unknown stays so, unless it is cleared."""
    stored = 0
    unknown = False
    for i in range(size):
        shift = 8 * (size - 1 - i) if chip.settings.big_endian else 8 * i
        wanted = (value >> shift) & 0xFF
        if chip.storage_mask[offset + i] == chip.settings.known:
            octet = chip.storage[offset + i] & wanted
            if octet != wanted:
                chip.row.flags |= Flag.BITS_KEPT
        else:
            octet = wanted
            unknown = unknown or wanted != 0
        stored |= octet << shift
    chip.sectors.unfinished_at = -1
    if chip.row.flags & Flag.BITS_KEPT:
        chip.sectors.unfinished_at = offset
        chip.sectors.wanted = value
    contents.store_word(chip, seq, offset, size, stored, True)
    if unknown:
        forget_bits(chip, seq, offset, size, value)


def forget_bits(chip: Chip, seq: int, offset: int, size: int, value: int) -> None:
    """Mark the bytes as unknown that a program of unknown contents does not clear."""
    for i in range(size):
        shift = 8 * (size - 1 - i) if chip.settings.big_endian else 8 * i
        if (value >> shift) & 0xFF:
            contents.forget(chip, seq, offset + i, offset + i + 1)


# --- erases ------------------------------------------------------------------------------------------------------


def region_of(chip: Chip, offset: int) -> int:
    """The number of the erase region that holds `offset`."""
    number = 0
    while offset >= chip.sectors.region_end[number]:
        number += 1
    return number


def sector_of(chip: Chip, offset: int) -> int:
    """The number of the sector that holds `offset`."""
    region = region_of(chip, offset)
    start = chip.sectors.region_end[region - 1] if region else 0
    return chip.sectors.region_first[region] + (offset - start) // chip.sectors.region_sector[region]


def erase_command(chip: Chip, seq: int, address: int, command: int, offset: int) -> None:
    """Process the last cycle of an erase."""
    if chip.sectors.suspended:
        abort(chip, Flag.SUSPENDED_TARGET)
    elif command == Command.CHIP_ERASE:
        if address == FIRST_ADDRESS:
            erase_chip(chip)
        else:
            expect(chip, RowKind.CHIP_ERASE_INVALID, offset, ABSENT)
            abort(chip, Flag.WRONG_UNLOCK)
    elif command == Command.SECTOR_ERASE:
        erase_sector(chip, seq, offset)
    else:
        expect(chip, RowKind.WRITE_INVALID_COMMAND, ABSENT, command)
        abort(chip, Flag.BAD_SECOND_CYCLE)


def erase_sector(chip: Chip, seq: int, offset: int) -> None:
    """Erase a sector at once, and begin its window again. Silicon waits for the window's end."""
    sector = chip.sectors.region_sector[region_of(chip, offset)]
    low = offset // sector * sector
    chip.op_kind = OpKind.ERASE
    selfcheck.expect(chip, RowKind.SECTOR_ERASE_START, low, ABSENT, ABSENT, ABSENT_COUNTER, sector)
    if chip.settings.read_only:
        contents.refuse(chip, low, sector, True)
        chip.row.outcome = Outcome.REFUSED
    else:
        contents.erase_block(chip, seq, low, low + sector)
        chip.row.outcome = Outcome.DONE
    start_erase(chip, Command.SECTOR_ERASE)
    chip.sectors.pending += 1
    chip.sectors.erasing[sector_of(chip, offset)] = 1


def start_erase(chip: Chip, command: int) -> None:
    """Put an erase in force and arm the timer."""
    chip.status &= ~Status.DQ7
    chip.cmd = command
    chip.wcycle = Cycle.ERASING
    chip.sectors.timer = True
    chip.sectors.unfinished_at = -1


def erase_chip(chip: Chip) -> None:
    """Begin to erase everything: `erase_more` continues, so that the journal need not hold a whole chip at once."""
    chip.op_kind = OpKind.ERASE
    selfcheck.expect_event(chip, RowKind.CHIP_ERASE_START)
    if chip.settings.read_only:
        contents.refuse(chip, 0, chip.settings.size, True)
        chip.row.outcome = Outcome.REFUSED
    else:
        chip.row.outcome = Outcome.DONE
        chip.sectors.chip_erase_at = 0
        chip.unfinished = True
    start_erase(chip, Command.CHIP_ERASE)


def erase_more(chip: Chip, seq: int) -> None:
    """Erase the next sector of a chip erase."""
    low = chip.sectors.chip_erase_at
    high = low + chip.sectors.region_sector[region_of(chip, low)]
    contents.erase_block(chip, seq, low, high)
    chip.sectors.chip_erase_at = high
    if high == chip.settings.size:
        chip.sectors.chip_erase_at = -1
        chip.unfinished = False
        contents.effect(chip, Effect.ERASE, 0, high)


def erasing_cycle(chip: Chip, seq: int, command: int, offset: int) -> None:
    """Process a write while an erase is in force."""
    if chip.cmd == Command.CHIP_ERASE:
        chip.row.flags |= Flag.BUSY
    elif command == Command.SUSPEND:
        begin(chip, OpKind.SUSPEND, Outcome.DONE)
        chip.sectors.suspended = True
        chip.sectors.timer = False
        chip.status &= ~Status.DQ3
        rest_from_suspend(chip)
    elif chip.status & Status.DQ3:
        chip.row.flags |= Flag.WINDOW_MISSED if command == Command.SECTOR_ERASE else Flag.BUSY
    elif command == Command.SECTOR_ERASE:
        begin(chip, OpKind.ERASE, Outcome.OPEN)
        erase_sector(chip, seq, offset)
    else:
        abort(chip, Flag.ERASE_GIVEN_UP)


def rest_from_suspend(chip: Chip) -> None:
    """Return to rest in mid-erase. Bypass stays, but its cycle does not."""
    chip.cmd = Command.NONE
    chip.wcycle = Cycle.REST
    expect_idle(chip)


def resume(chip: Chip) -> None:
    """Resume a suspended erase, with no window."""
    begin(chip, OpKind.RESUME, Outcome.DONE)
    chip.sectors.suspended = False
    chip.sectors.timer = True
    chip.status = (chip.status & ~Status.DQ7) | Status.DQ3
    chip.cmd = Command.SECTOR_ERASE
    chip.wcycle = Cycle.ERASING


# --- the timer ---------------------------------------------------------------------------------------------------


def timer_expired(chip: Chip) -> None:
    """End the window of an erase, or whatever is in force.

    The timer of an erase that was given up takes the guest's next command back to rest.
    """
    if chip.cmd == Command.SECTOR_ERASE and not chip.status & Status.DQ3:
        chip.status |= Status.DQ3
        expect(chip, RowKind.ERASE_TIMEOUT, ABSENT, chip.sectors.pending)
    else:
        chip.sectors.timer = False
        if chip.cmd in (Command.SECTOR_ERASE, Command.CHIP_ERASE):
            chip.row.outcome = Outcome.REFUSED if chip.settings.read_only else Outcome.DONE
        if chip.cmd == Command.SECTOR_ERASE:
            end_sectors(chip)
            selfcheck.expect_event(chip, RowKind.ERASE_COMPLETE)
        chip.status ^= Status.DQ7
        rest(chip)
        if not chip.sectors.bypass:
            chip.sectors.direct_reads = True
            chip.sectors.in_flight = True
            if not chip.sectors.quiet:
                selfcheck.expect_event(chip, RowKind.MODE_READ_ARRAY)
                selfcheck.expect_event(chip, RowKind.IDLE)


def end_sectors(chip: Chip) -> None:
    """Forget the sectors of an erase that is complete."""
    spans.fill_bytes(chip.sectors.erasing, 0, len(chip.sectors.erasing), 0)
    chip.sectors.pending = 0
    chip.status &= ~Status.DQ3


# --- following a trace that the model is out of step with ----------------------------------------------------------


def adopt_cycle(chip: Chip, cycle: int) -> None:
    """Adopt the logged write cycle, and the command that it implies, if any.

    A return to rest in mid-erase is its end.
    """
    chip.row.flags |= Flag.ADOPTED
    if cycle == Cycle.REST and chip.wcycle == Cycle.ERASING:
        end_sectors(chip)
        chip.sectors.timer = False
    chip.wcycle = cycle if cycle <= Cycle.AUTOSELECT_QUERY else Cycle.REST
    chip.cmd = Command.NONE
    if cycle == Cycle.SET_UP:
        chip.cmd = CMD_UNKNOWN
    elif cycle in (Cycle.ERASE_UNLOCK, Cycle.ERASE_COMMAND):
        chip.cmd = Command.ERASE_SETUP
    elif cycle == Cycle.ERASING:
        chip.cmd = Command.SECTOR_ERASE
    elif cycle > Cycle.ERASING:
        chip.cmd = Command.CFI_QUERY

"""Predicted values of reads that reach a CFI02 chip: array, status, identifiers, query table.

Part of the kernel (see `replay.loop`). Values are as the device returns them: not repeated over lanes, not cut to the
access; -1 is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import contents, selfcheck
from replay.cfi02 import cycles
from replay.cfi02.codes import Command, Cycle, Status
from replay.cfi02.facts import ARRAY_READS, BLANK_ID, CFI_TABLE_SIZE
from replay.codes import Answer, Flag, RowKind
from replay.columns import ABSENT, CMD_UNKNOWN

if TYPE_CHECKING:
    from replay.state import Chip

_STATUS_BITS = 0xCC
_ADDRESS_BITS = 0xFF
_PROTECTION, _EXTENDED_ID, _LAST_ID = 2, 0x0E, 0x0F


def predict_read(chip: Chip, seq: int, offset: int, size: int, value: int) -> int:
    """Predict the value of a read, -1 if unknown, and check its inner events.

    `value` is the logged one, or `ABSENT`: an unknown status is adopted from it.
    """
    chip.row.answer = Answer.ARRAY
    position = count_read(chip)
    address = (offset & _ADDRESS_BITS) >> chip.settings.address_shift
    if chip.cmd in (Command.PROGRAM, Command.CHIP_ERASE, Command.SECTOR_ERASE):
        toggled = Status.DQ6 if chip.cmd == Command.PROGRAM else Status.DQ2 | Status.DQ6
        word = read_status(chip, seq, position, toggled, value)
    elif chip.cmd == Command.AUTOSELECT:
        word = read_identifier(chip, position, address, offset, size)
    elif chip.cmd == Command.CFI_QUERY:
        chip.row.answer = Answer.QUERY
        selfcheck.finish(chip, position)
        word = chip.settings.cfi[address] if address < CFI_TABLE_SIZE else 0
    elif chip.cmd == CMD_UNKNOWN:
        chip.check.held = 0
        word = ABSENT
    elif chip.sectors.suspended and chip.sectors.erasing[cycles.sector_of(chip, offset)]:
        word = read_status(chip, seq, position, Status.DQ2, value)
    else:
        word = read_array(chip, position, offset, size)
    return word


def count_read(chip: Chip) -> int:
    """Count a read at rest: after `ARRAY_READS` of them the next ones leave no event. Return the next held position.

    Reads that were under way while the timer turned direct reads on still reach the device.
    """
    position = 0
    if chip.wcycle == Cycle.REST and not chip.sectors.direct_reads:
        chip.sectors.reads += 1
        if chip.sectors.reads == ARRAY_READS:
            chip.sectors.direct_reads = True
            chip.row.flags |= Flag.ARRAY_READS_END
            cycles.rest(chip)
            chip.wcycle = Cycle.REST
            if not chip.sectors.quiet:
                position = selfcheck.check(chip, 0, RowKind.MODE_READ_ARRAY, ABSENT, ABSENT, ABSENT)
                position = selfcheck.check(chip, position, RowKind.IDLE, ABSENT, ABSENT, ABSENT)
    return position


def ends_array_reads(chip: Chip) -> bool:
    """True if a `reset` that no input explains can belong to the read that comes, the last of `ARRAY_READS`."""
    announced = chip.check.seen[RowKind.MODE_READ_ARRAY] == 0
    if chip.check.held:
        announced = chip.check.held == 1 and chip.check.held_kind[0] == RowKind.MODE_READ_ARRAY
    comes = chip.sectors.reads == ARRAY_READS - 1 and chip.wcycle == Cycle.REST and not chip.sectors.direct_reads
    return announced and comes and not chip.sectors.quiet


def read_status(chip: Chip, seq: int, position: int, toggled: int, value: int) -> int:
    """Return the status after some of its bits toggled."""
    chip.row.answer = Answer.STATUS
    chip.status ^= toggled
    if not chip.status_known and value != ABSENT:
        chip.status_known = True
        if chip.status != value and value & ~_STATUS_BITS == 0:
            chip.status = value
            chip.row.flags |= Flag.ADOPTED
            if chip.soft_adopted < 0:
                chip.soft_adopted = seq
    selfcheck.finish(chip, selfcheck.check(chip, position, RowKind.READ_STATUS, ABSENT, ABSENT, chip.status))
    return chip.status


def read_identifier(chip: Chip, position: int, address: int, offset: int, size: int) -> int:
    """Return an identifier, the protection of a sector (none), or array data."""
    chip.row.answer = Answer.IDENTIFIER
    word = ABSENT
    at = position
    if address == 0:
        word = chip.settings.manufacturer
    elif address == 1:
        word = chip.settings.device
    elif address == _PROTECTION:
        word = 0
    elif address == _EXTENDED_ID and chip.settings.extended_manufacturer != BLANK_ID:
        word = chip.settings.extended_manufacturer
    elif address == _LAST_ID and chip.settings.extended_device != BLANK_ID:
        word = chip.settings.extended_device
    else:
        word = contents.read_word(chip, offset, size)
        at = selfcheck.check(chip, position, RowKind.DATA_READ, offset, size, word)
    selfcheck.finish(chip, selfcheck.check(chip, at, RowKind.READ_DONE, address, ABSENT, word))
    return word


def read_array(chip: Chip, position: int, offset: int, size: int) -> int:
    """Return array data. A bit that a program could not set never comes: a driver that waits for it polls on."""
    word = contents.read_word(chip, offset, size)
    if offset == chip.sectors.unfinished_at and word != ABSENT and (word ^ chip.sectors.wanted) & Status.DQ7:
        chip.row.flags |= Flag.POLLED
    selfcheck.finish(chip, selfcheck.check(chip, position, RowKind.DATA_READ, offset, size, word))
    return word

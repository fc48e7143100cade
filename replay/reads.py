"""Predicted values of reads that reach the device: status, identifiers, query table, array.

Part of the kernel (see `loop`). A read in read array bypasses the device and leaves no event, so array data is
read here only after an unknown command. Values are as the device returns them: 32 bits, not cut to the access; -1 is
unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import contents, selfcheck, spans
from replay.cfi import CFI_TABLE_SIZE
from replay.codes import Answer, Opcode, Policy, RowKind, Status
from replay.columns import ABSENT, CMD_UNKNOWN

if TYPE_CHECKING:
    from replay.state import Chip

_WORD = 0xFFFFFFFF
_WORD_BITS = 32
_WIDEST_X8_BANK = 4


def predict_read(chip: Chip, seq: int, offset: int, size: int, value: int) -> int:
    """Predict the value of a read, -1 if unknown, and check its inner events.

    `value` is the logged one, or `ABSENT`: an unknown status register is adopted from it.
    """
    beyond = offset >= chip.settings.extent
    if beyond and chip.settings.policy == Policy.DISCARD:
        word = 0
    elif beyond and chip.settings.policy == Policy.ERROR:
        word = spans.low_bits(min(8 * size, _WORD_BITS))
    elif gives_status(chip.cmd):
        word = read_status(chip, seq, size, value)
    elif chip.cmd == Opcode.READ_IDENTIFIER:
        word = read_identifier(chip, offset, size) if chip.settings.chip else read_old_identifier(chip, offset)
    elif chip.cmd == Opcode.CFI_QUERY:
        selfcheck.finish(chip, 0)
        word = read_query(chip, offset, size)
    elif chip.cmd == CMD_UNKNOWN:
        chip.check.held = 0
        word = ABSENT
    else:
        word = read_unknown(chip, offset, size)
    return word


def answer(command: int) -> int:
    """Source of the value that reads return while this command is in force."""
    source = Answer.ARRAY
    if command == Opcode.READ_IDENTIFIER:
        source = Answer.IDENTIFIER
    elif command == Opcode.CFI_QUERY:
        source = Answer.QUERY
    elif command != 0:
        source = Answer.STATUS
    return source


def gives_status(command: int) -> bool:
    """True if reads return the status register while this command is in force."""
    return command in (
        Opcode.BUFFERED_PROGRAM,
        Opcode.READ_STATUS,
        Opcode.BLOCK_ERASE,
        Opcode.PROGRAM,
        Opcode.PROGRAM_ALTERNATE,
        Opcode.BLOCK_ERASE_ALTERNATE,
        Opcode.CLEAR_STATUS,
        Opcode.LOCK_SETUP,
    )


def deposit(word: int, shift: int, bits: int, field: int) -> int:
    """Replace `bits` bits of `word` at `shift` by those of `field`, within 32 bits."""
    mask = (spans.low_bits(min(bits, _WORD_BITS)) << shift) & _WORD
    return (word & ~mask & _WORD) | ((field << shift) & mask)


def replicate(chip: Chip, answer: int) -> int:
    """Repeat one chip's answer for every chip of the bank."""
    word = answer
    for lane in range(1, chip.settings.bank // chip.settings.chip):
        word = deposit(word, 8 * chip.settings.chip * lane, 8 * chip.settings.chip, word)
    return word


# --- status ------------------------------------------------------------------------------------------------------


def read_status(chip: Chip, seq: int, size: int, value: int) -> int:
    """Return the status once for each chip that the access covers; without a chip width in bits 16 to 23 too."""
    if not chip.status_known and value != ABSENT:
        chip.status = value & 0xFF
        chip.status_known = True
        if chip.status != Status.READY and chip.soft_adopted < 0:
            chip.soft_adopted = seq
    word = chip.status
    if chip.settings.chip:
        for lane in range(1, size // chip.settings.chip):
            word |= (chip.status << 8 * chip.settings.chip * lane) & _WORD
    elif size > 2:  # noqa: PLR2004  wider than the two chips of an old board
        word |= chip.status << 16
    selfcheck.finish(chip, selfcheck.check(chip, 0, RowKind.READ_STATUS, ABSENT, ABSENT, word))
    return word


# --- identifiers -------------------------------------------------------------------------------------------------


def read_identifier(chip: Chip, offset: int, size: int) -> int:
    """Return the identifier, or 0, for each bank that the access covers."""
    word = _WORD
    position = 0
    for number in range((size + chip.settings.bank - 1) // chip.settings.bank):
        step = number * chip.settings.bank
        at = offset + step * chip.settings.bank
        index = (at >> chip.settings.address_shift) & 0xFF
        answer = 0
        if index == 0:
            answer = replicate(chip, chip.settings.manufacturer)
            identifier = chip.settings.manufacturer
            position = selfcheck.check(chip, position, RowKind.MANUFACTURER_ID, ABSENT, ABSENT, identifier)
        elif index == 1:
            answer = replicate(chip, chip.settings.device)
            position = selfcheck.check(chip, position, RowKind.DEVICE_ID, ABSENT, ABSENT, chip.settings.device)
        else:
            position = selfcheck.check(chip, position, RowKind.DEVICE_INFO, at, ABSENT, ABSENT)
        word = deposit(word, 8 * step, 8 * chip.settings.bank, answer)
    selfcheck.finish(chip, position)
    return word


def read_old_identifier(chip: Chip, offset: int) -> int:
    """Return two identifiers packed into a word, as a device without a chip width does."""
    index = (offset & 0xFF) // chip.settings.bank
    word = 0
    position = 0
    if index == 0:
        word = chip.settings.manufacturer << 8 | chip.settings.device
        position = selfcheck.check(chip, 0, RowKind.MANUFACTURER_ID, ABSENT, ABSENT, word & 0xFFFF)
    elif index == 1:
        word = chip.settings.extended_manufacturer << 8 | chip.settings.extended_device
        position = selfcheck.check(chip, 0, RowKind.DEVICE_ID, ABSENT, ABSENT, word & 0xFFFF)
    else:
        position = selfcheck.check(chip, 0, RowKind.DEVICE_INFO, index, ABSENT, ABSENT)
    selfcheck.finish(chip, position)
    return word


# --- query table -------------------------------------------------------------------------------------------------


def query_entry(chip: Chip, index: int) -> int:
    """Return one byte of the table; -1 if it follows from an unknown size."""
    return chip.settings.cfi[index] if index < CFI_TABLE_SIZE else 0


def read_query(chip: Chip, offset: int, size: int) -> int:
    """Return the table's entry for each bank that the access covers."""
    word = _WORD
    if chip.settings.chip:
        for number in range((size + chip.settings.bank - 1) // chip.settings.bank):
            step = number * chip.settings.bank
            answer = query_bank(chip, offset + step * chip.settings.bank)
            if answer < 0:
                word = ABSENT
            elif word != ABSENT:
                word = deposit(word, 8 * step, 8 * chip.settings.bank, answer)
    else:
        word = query_entry(chip, (offset & 0xFF) // chip.settings.bank)
    return word


def query_bank(chip: Chip, offset: int) -> int:
    """Return the answer of a whole bank: a narrow chip repeats the byte over the width it could have."""
    entry = query_entry(chip, offset >> chip.settings.address_shift)
    word = entry
    if entry >= 0:
        if chip.settings.chip == chip.settings.widest_chip:
            word = replicate(chip, entry)
        elif chip.settings.chip == 1 and chip.settings.bank <= _WIDEST_X8_BANK:
            for lane in range(1, chip.settings.widest_chip):
                word = deposit(word, 8 * lane, 8, entry)
            word = replicate(chip, word)
        else:
            word = 0
    return word


# --- array -------------------------------------------------------------------------------------------------------


def read_unknown(chip: Chip, offset: int, size: int) -> int:
    """Return array data: the command is 0, or one that only an incoming migration can leave behind."""
    position = 0
    if chip.cmd != 0:
        position = selfcheck.check(chip, 0, RowKind.READ_UNKNOWN_STATE, ABSENT, ABSENT, ABSENT)
    chip.cmd = 0
    chip.wcycle = 0
    word = contents.read_word(chip, offset, size)
    selfcheck.finish(chip, selfcheck.check(chip, position, RowKind.DATA_READ, offset, size, word))
    return word

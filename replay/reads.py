"""What a read that reaches the device gives: status, identifiers, query table, array.

Part of the kernel (see `machine`). A read in read array bypasses the device and leaves no event, so array data is
read here only after an unknown command. Values are as the device returns them: 32 bits, not cut to the access.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.backing import Policy
from replay.cfi import CFI_TABLE_SIZE, SIZE_DEPENDENT_ENTRIES, Opcode, Status
from replay.columns import ABSENT, RowKind
from replay.selfcheck import check_held, finish_held
from replay.state import (
    ADDRESS_SHIFT,
    BANK,
    BIG_ENDIAN,
    CHECK,
    CHECK_READ_EVENTS,
    CHIP,
    CMD,
    CMD_UNKNOWN,
    EXTENT,
    HELD,
    ID0,
    ID1,
    ID2,
    ID3,
    KNOWN,
    POLICY,
    SIZE_KNOWN,
    SOFT_ADOPTED,
    STATUS,
    STATUS_KNOWN,
    WCYCLE,
    WIDEST_CHIP,
)

if TYPE_CHECKING:
    from replay.state import Chip

_STATUS_COMMANDS = tuple(
    int(command)
    for command in (
        Opcode.PROGRAM_ALTERNATE,
        Opcode.BLOCK_ERASE,
        Opcode.BLOCK_ERASE_ALTERNATE,
        Opcode.PROGRAM,
        Opcode.CLEAR_STATUS,
        Opcode.LOCK_SETUP,
        Opcode.READ_STATUS,
        Opcode.BUFFERED_PROGRAM,
    )
)
_READ_IDENTIFIER = int(Opcode.READ_IDENTIFIER)
_CFI_QUERY = int(Opcode.CFI_QUERY)
_READY = int(Status.READY)

_READ_STATUS_EVENT = int(RowKind.READ_STATUS)
_MANUFACTURER_ID = int(RowKind.MANUFACTURER_ID)
_DEVICE_ID = int(RowKind.DEVICE_ID)
_DEVICE_INFO = int(RowKind.DEVICE_INFO)
_DATA_READ = int(RowKind.DATA_READ)
_READ_UNKNOWN_STATE = int(RowKind.READ_UNKNOWN_STATE)

_DISCARD_POLICY = int(Policy.DISCARD)
_ERROR_POLICY = int(Policy.ERROR)
_SIZE_DEPENDENT = tuple(sorted(SIZE_DEPENDENT_ENTRIES))
_WORD = 0xFFFFFFFF
_WORD_BITS = 32
_ID_BITS = 0xFFFF
_UNKNOWN = -1
_WIDEST_X8_BANK = 4


def predict_read(chip: Chip, seq: int, offset: int, size: int, value: int) -> int:  # noqa: PLR0911  one a command
    """The value a read must log, -1 where it is not known; its inner events are checked on the way.

    `value` is what the trace logs, `ABSENT` where it does not: a status that is not known yet is taken from it.
    """
    geo, state = chip.geo, chip.state
    if geo[POLICY] == _DISCARD_POLICY and offset >= geo[EXTENT]:
        return 0
    if geo[POLICY] == _ERROR_POLICY and offset >= geo[EXTENT]:
        return low_bits(8 * size)
    command = state[CMD]
    if command in _STATUS_COMMANDS:
        return _read_status(chip, seq, size, value)
    if command == _READ_IDENTIFIER:
        return _read_identifier(chip, offset, size)
    if command == _CFI_QUERY:
        finish(chip, 0)
        return _read_query(chip, offset, size)
    if command == CMD_UNKNOWN:
        state[HELD] = 0
        return _UNKNOWN
    return _read_unknown(chip, offset, size)


def check(chip: Chip, position: int, kind: int, offset: int, size: int, value: int) -> int:
    """Hold one inner event of the read against the trace, where the trace has them before the read."""
    if chip.geo[CHECK] and chip.geo[CHECK_READ_EVENTS]:
        return check_held(chip, position, kind, offset, size, value)
    return position


def finish(chip: Chip, position: int) -> None:
    """No further inner event belongs to the read."""
    if chip.geo[CHECK] and chip.geo[CHECK_READ_EVENTS]:
        finish_held(chip, position)


def low_bits(bits: int) -> int:
    """A word of so many ones, of 32 at most: a device gives no more."""
    return _WORD if bits >= _WORD_BITS else (1 << bits) - 1


def deposit(word: int, shift: int, bits: int, field: int) -> int:
    """`word` with `bits` bits of `field` put at `shift`, in 32 bits."""
    mask = (low_bits(bits) << shift) & _WORD
    return (word & ~mask & _WORD) | ((field << shift) & mask)


def _replicate(chip: Chip, word: int) -> int:
    """One chip's answer for every chip of the bank."""
    width = chip.geo[CHIP]
    for lane in range(width, chip.geo[BANK], width):
        word = deposit(word, 8 * lane, 8 * width, word)
    return word


# --- status ------------------------------------------------------------------------------------------------------


def _read_status(chip: Chip, seq: int, size: int, value: int) -> int:
    """One status for each chip that the access covers; unset chip widths answer in bits 16 to 23 too."""
    state, width = chip.state, chip.geo[CHIP]
    if not state[STATUS_KNOWN] and value != ABSENT:
        state[STATUS] = value & 0xFF
        state[STATUS_KNOWN] = 1
        if state[STATUS] != _READY and state[SOFT_ADOPTED] < 0:
            state[SOFT_ADOPTED] = seq
    status = state[STATUS]
    word = status
    if width and size > width:
        for lane in range(width, size - width + 1, width):
            word |= (status << (8 * lane)) & _WORD
    elif not width and size > 2:  # noqa: PLR2004  wider than the two chips of an old board
        word |= status << 16
    finish(chip, check(chip, 0, _READ_STATUS_EVENT, -1, -1, word))
    return word


# --- identifiers -------------------------------------------------------------------------------------------------


def _read_identifier(chip: Chip, offset: int, size: int) -> int:
    geo = chip.geo
    if not geo[CHIP]:
        return _read_old_identifier(chip, offset)
    word = _WORD
    position = 0
    for step in range(0, size, geo[BANK]):
        at = offset + step * geo[BANK]
        index = (at >> geo[ADDRESS_SHIFT]) & 0xFF
        answer = 0
        if index == 0:
            answer = _replicate(chip, geo[ID0])
            position = check(chip, position, _MANUFACTURER_ID, -1, -1, geo[ID0])
        elif index == 1:
            answer = _replicate(chip, geo[ID1])
            position = check(chip, position, _DEVICE_ID, -1, -1, geo[ID1])
        else:
            position = check(chip, position, _DEVICE_INFO, at, -1, -1)
        word = deposit(word, 8 * step, 8 * geo[BANK], answer)
    finish(chip, position)
    return word


def _read_old_identifier(chip: Chip, offset: int) -> int:
    """A device without a chip width packs two identifiers into a word."""
    geo = chip.geo
    index = (offset & 0xFF) // geo[BANK]
    word = 0
    if index == 0:
        word = geo[ID0] << 8 | geo[ID1]
        position = check(chip, 0, _MANUFACTURER_ID, -1, -1, word & _ID_BITS)
    elif index == 1:
        word = geo[ID2] << 8 | geo[ID3]
        position = check(chip, 0, _DEVICE_ID, -1, -1, word & _ID_BITS)
    else:
        position = check(chip, 0, _DEVICE_INFO, index, -1, -1)
    finish(chip, position)
    return word


# --- query table -------------------------------------------------------------------------------------------------


def _entry(chip: Chip, index: int) -> int:
    """One byte of the table; -1 where it follows from a size that is not known."""
    if index >= CFI_TABLE_SIZE:
        return 0
    if not chip.geo[SIZE_KNOWN] and index in _SIZE_DEPENDENT:
        return _UNKNOWN
    return chip.cfi[index]


def _read_query(chip: Chip, offset: int, size: int) -> int:
    geo = chip.geo
    if not geo[CHIP]:
        return _entry(chip, (offset & 0xFF) // geo[BANK])
    word = _WORD
    for step in range(0, size, geo[BANK]):
        answer = _query_bank(chip, offset + step * geo[BANK])
        if answer < 0:
            return _UNKNOWN
        word = deposit(word, 8 * step, 8 * geo[BANK], answer)
    return word


def _query_bank(chip: Chip, offset: int) -> int:
    """What the whole bank answers: a narrow chip repeats the byte over the width it could have."""
    geo = chip.geo
    entry = _entry(chip, offset >> geo[ADDRESS_SHIFT])
    if entry < 0:
        return _UNKNOWN
    word = entry
    if geo[CHIP] != geo[WIDEST_CHIP]:
        if geo[CHIP] != 1 or geo[BANK] > _WIDEST_X8_BANK:
            return 0
        for lane in range(1, geo[WIDEST_CHIP]):
            word = deposit(word, 8 * lane, 8, entry)
    return _replicate(chip, word)


# --- array -------------------------------------------------------------------------------------------------------


def _read_unknown(chip: Chip, offset: int, size: int) -> int:
    """Array data: the command is 0, or one that only an incoming migration can leave behind."""
    state = chip.state
    position = 0
    if state[CMD] != 0:
        position = check(chip, 0, _READ_UNKNOWN_STATE, -1, -1, -1)
    state[CMD] = 0
    state[WCYCLE] = 0
    word = _array_word(chip, offset, size)
    finish(chip, check(chip, position, _DATA_READ, offset, size, word))
    return word


def _array_word(chip: Chip, offset: int, size: int) -> int:
    """The word at `offset`, -1 if a byte of it is not known."""
    word = 0
    for i in range(size):
        if chip.storage_mask[offset + i] != chip.geo[KNOWN]:
            return _UNKNOWN
        shift = 8 * (size - 1 - i) if chip.geo[BIG_ENDIAN] else 8 * i
        word |= int(chip.storage[offset + i]) << shift
    return word & _WORD

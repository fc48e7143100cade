"""How contents change: stores, the write-buffer window, erases and write-backs, each with its journal row.

Part of the kernel (see `machine`): integers and arrays only. Backing is kept as an array of its own but is copied
only inside the dirty hull, the range in which storage may be ahead of it; outside the hull the two are equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.cfi import SECTOR_BYTES
from replay.columns import Effect, Flag, JournalKind, Target
from replay.spans import copy_bytes, count_bits_set, count_differences, fill_bytes, holds_other
from replay.state import (
    ALL_ERASED,
    ALL_KNOWN,
    BACKED,
    BIG_ENDIAN,
    BITS_SET,
    CHANGED,
    CHANGED_UNKNOWN,
    COUNT,
    DIRTY_HIGH,
    DIRTY_LOW,
    EFFECT,
    EFFECT_LENGTH,
    EFFECT_OFFSET,
    FLAGS,
    JOURNAL,
    JOURNAL_BYTES,
    JOURNAL_ROWS,
    JOURNAL_WIDTH,
    KNOWN,
    NO_BYTES,
    NONE_KNOWN,
    PROGRAMMED,
    SIZE,
    UNKNOWN_SEEN,
    WATCH_END,
    WATCHED,
    WINDOW,
    WINDOW_BYTES,
    WINDOW_HIGH,
    WINDOW_LOW,
    WINDOW_PARTIAL,
    WINDOW_SCATTERED,
    WINDOW_START,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from replay.state import Chip

_PROGRAM = int(Effect.PROGRAM)
_STAGE = int(Effect.STAGE)
_FLUSH = int(Effect.FLUSH)
_ERASE = int(Effect.ERASE)
_DROP = int(Effect.DROP)
_REFUSED = int(Effect.REFUSED)
_READ_ONLY_TARGET = int(Flag.READ_ONLY_TARGET)
_J_PROGRAM = int(JournalKind.PROGRAM)
_J_FLUSH = int(JournalKind.FLUSH)
_J_ERASE = int(JournalKind.ERASE)
_J_WRITE_BACK = int(JournalKind.WRITE_BACK)
_J_FORGET = int(JournalKind.FORGET)
_STORAGE = int(Target.STORAGE)
_BACKING = int(Target.BACKING)
_SECTOR = SECTOR_BYTES


def effect(chip: Chip, what: int, offset: int, length: int) -> None:
    """Note what the current row did."""
    chip.state[EFFECT] = what
    chip.state[EFFECT_OFFSET] = offset
    chip.state[EFFECT_LENGTH] = length


# --- the journal -------------------------------------------------------------------------------------------------


def _keep(chip: Chip, source: NDArray[np.uint8], low: int, high: int) -> int:
    """Copy a span into the journal's bytes; the position it has there."""
    position = chip.state[JOURNAL_BYTES]
    copy_bytes(chip.blob, position, source, low, high)
    chip.state[JOURNAL_BYTES] = position + high - low
    return position


def _keep_mask(chip: Chip, mask: NDArray[np.uint8], low: int, high: int) -> int:
    """Copy a span of a mask, or say in one word that all of it is known."""
    if chip.geo[KNOWN] == 0 and chip.state[UNKNOWN_SEEN] == 0:
        return ALL_KNOWN
    return _keep(chip, mask, low, high)


def _open_row(chip: Chip, seq: int, kind: int, target: int, low: int, high: int) -> None:
    """Begin a journal row with the contents before the change; `_close_row` adds what stands there after it."""
    contents = chip.storage if target & _STORAGE else chip.backing
    mask = chip.storage_mask if target & _STORAGE else chip.backing_mask
    row = chip.state[JOURNAL_ROWS] * JOURNAL_WIDTH
    chip.journal[row] = seq
    chip.journal[row + 1] = kind
    chip.journal[row + 2] = target
    chip.journal[row + 3] = low
    chip.journal[row + 4] = high - low
    chip.journal[row + 5] = _keep(chip, contents, low, high)
    chip.journal[row + 6] = _keep_mask(chip, mask, low, high)


def _close_row(chip: Chip, kind: int, target: int, low: int, high: int) -> None:
    """End the journal row that `_open_row` began."""
    contents = chip.storage if target & _STORAGE else chip.backing
    mask = chip.storage_mask if target & _STORAGE else chip.backing_mask
    row = chip.state[JOURNAL_ROWS] * JOURNAL_WIDTH
    if kind == _J_ERASE:
        chip.journal[row + 7] = ALL_ERASED
        chip.journal[row + 8] = ALL_KNOWN
    elif kind == _J_FORGET:
        chip.journal[row + 7] = NO_BYTES
        chip.journal[row + 8] = NONE_KNOWN
    elif chip.geo[JOURNAL]:
        chip.journal[row + 7] = _keep(chip, contents, low, high)
        chip.journal[row + 8] = _keep_mask(chip, mask, low, high)
    if chip.geo[COUNT] and target & _STORAGE and kind != _J_FORGET:
        _count(chip, kind, low, high, chip.journal[row + 5], chip.journal[row + 6])
    if chip.geo[JOURNAL]:
        chip.state[JOURNAL_ROWS] += 1
    else:
        chip.state[JOURNAL_BYTES] = 0


def _count(chip: Chip, kind: int, low: int, high: int, before: int, before_mask: int) -> None:
    """Count what a change of storage changed; the bytes before it, and their mask, are kept at these positions."""
    state, known, length = chip.state, chip.geo[KNOWN], high - low
    masked = before_mask != ALL_KNOWN and holds_other(chip.blob, before_mask, length, known)
    if masked or (before_mask != ALL_KNOWN and holds_other(chip.storage_mask, low, length, known)):
        state[CHANGED_UNKNOWN] = 1
    else:
        state[CHANGED] += count_differences(chip.blob, before, chip.storage, low, high)
        if kind != _J_ERASE:
            state[BITS_SET] += count_bits_set(chip.blob, before, chip.storage, low, high)


def _watch(chip: Chip, low: int) -> None:
    if low < chip.geo[WATCH_END]:
        chip.state[WATCHED] = 1


# --- storage and backing -----------------------------------------------------------------------------------------


def _soil(chip: Chip, low: int, high: int) -> None:
    """Widen the dirty hull."""
    state = chip.state
    if state[DIRTY_LOW] >= state[DIRTY_HIGH]:
        state[DIRTY_LOW] = low
        state[DIRTY_HIGH] = high
    else:
        state[DIRTY_LOW] = min(state[DIRTY_LOW], low)
        state[DIRTY_HIGH] = max(state[DIRTY_HIGH], high)


def _copy_back(chip: Chip, low: int, high: int) -> None:
    copy_bytes(chip.backing, low, chip.storage, low, high)
    if chip.geo[KNOWN] != 0 or chip.state[UNKNOWN_SEEN] != 0:
        copy_bytes(chip.backing_mask, low, chip.storage_mask, low, high)


def write_back(chip: Chip, seq: int, low: int, high: int) -> None:
    """Bring the sectors that cover [low, high) from storage to backing, as far as the image file goes."""
    state = chip.state
    low = max(low // _SECTOR * _SECTOR, state[DIRTY_LOW])
    high = min((high + _SECTOR - 1) // _SECTOR * _SECTOR, state[DIRTY_HIGH])
    if low >= high:
        return
    end = min(high, chip.geo[BACKED])
    if low < end:
        if chip.geo[JOURNAL]:
            _open_row(chip, seq, _J_WRITE_BACK, _BACKING, low, end)
        _copy_back(chip, low, end)
        if chip.geo[JOURNAL]:
            _close_row(chip, _J_WRITE_BACK, _BACKING, low, end)
    if low <= state[DIRTY_LOW]:
        state[DIRTY_LOW] = high
    elif high >= state[DIRTY_HIGH]:
        state[DIRTY_HIGH] = low


def _commit_target(chip: Chip, high: int) -> int:
    """Both at once, where nothing is dirty and the file reaches; else storage alone, and the hull says so."""
    if chip.state[DIRTY_LOW] >= chip.state[DIRTY_HIGH] and high <= chip.geo[BACKED]:
        return _STORAGE | _BACKING
    return _STORAGE


def _put_word(array: NDArray[np.uint8], at: int, size: int, value: int, big_endian: int) -> None:
    if big_endian:
        for i in range(size):
            array[at + i] = (value >> (8 * (size - 1 - i))) & 0xFF
    else:
        for i in range(size):
            array[at + i] = (value >> (8 * i)) & 0xFF


def store_word(chip: Chip, seq: int, offset: int, size: int, value: int, backed: int) -> None:
    """One word straight to storage; with `backed` also to the file."""
    high = offset + size
    effect(chip, _PROGRAM, offset, size)
    chip.state[PROGRAMMED] += size
    target = _commit_target(chip, high) if backed else _STORAGE
    if chip.geo[JOURNAL] or chip.geo[COUNT]:
        _open_row(chip, seq, _J_PROGRAM, target, offset, high)
    _put_word(chip.storage, offset, size, value, chip.geo[BIG_ENDIAN])
    if chip.geo[KNOWN] != 0 or chip.state[UNKNOWN_SEEN] != 0:
        fill_bytes(chip.storage_mask, offset, high, chip.geo[KNOWN])
    _settle(chip, seq, _J_PROGRAM, target, offset, high)
    if backed and target == _STORAGE:
        write_back(chip, seq, offset, high)


def _settle(chip: Chip, seq: int, kind: int, target: int, low: int, high: int) -> None:  # noqa: ARG001
    """After storage changed: the backing where it goes along, the dirty hull where it does not, the journal."""
    if target == _STORAGE:
        _soil(chip, low, high)
    else:
        _copy_back(chip, low, high)
    if chip.geo[JOURNAL] or chip.geo[COUNT]:
        _close_row(chip, kind, target, low, high)
    _watch(chip, low)


def erase_block(chip: Chip, seq: int, low: int, high: int) -> None:
    """Storage and backing of [low, high) become 0xff."""
    effect(chip, _ERASE, low, high - low)
    target = _commit_target(chip, high)
    if chip.geo[JOURNAL] or chip.geo[COUNT]:
        _open_row(chip, seq, _J_ERASE, target, low, high)
    fill_bytes(chip.storage, low, high, 0xFF)
    if chip.geo[KNOWN] != 0 or chip.state[UNKNOWN_SEEN] != 0:
        fill_bytes(chip.storage_mask, low, high, chip.geo[KNOWN])
    _settle(chip, seq, _J_ERASE, target, low, high)
    if target == _STORAGE:
        write_back(chip, seq, low, high)


def forget(chip: Chip, seq: int, low: int, high: int) -> None:
    """The contents of [low, high) are no longer known, in storage and in the file."""
    low = max(low, 0)
    high = min(high, chip.geo[SIZE])
    if low >= high:
        return
    chip.state[UNKNOWN_SEEN] = 1
    if chip.geo[JOURNAL]:
        _open_row(chip, seq, _J_FORGET, _STORAGE | _BACKING, low, high)
    fill_bytes(chip.storage_mask, low, high, 1 - chip.geo[KNOWN])
    fill_bytes(chip.backing_mask, low, high, 1 - chip.geo[KNOWN])
    if chip.geo[JOURNAL]:
        _close_row(chip, _J_FORGET, _STORAGE | _BACKING, low, high)


# --- the write-buffer window -------------------------------------------------------------------------------------


def open_window(chip: Chip, offset: int) -> None:
    """Open the window that covers `offset`, with nothing in it."""
    state = chip.state
    state[WINDOW_START] = offset // chip.geo[WINDOW] * chip.geo[WINDOW]
    state[WINDOW_LOW] = 0
    state[WINDOW_HIGH] = 0
    state[WINDOW_BYTES] = 0
    state[WINDOW_SCATTERED] = 0
    state[WINDOW_PARTIAL] = 0


def close_window(chip: Chip) -> None:
    """Drop the window; what was staged in it is gone."""
    state = chip.state
    if state[WINDOW_SCATTERED]:
        fill_bytes(chip.touched, state[WINDOW_LOW], state[WINDOW_HIGH], 0)
    state[WINDOW_START] = -1
    state[WINDOW_SCATTERED] = 0


def stage_word(chip: Chip, offset: int, size: int, value: int) -> None:
    """One word into the window, which covers it. Only the span that is written is kept, not the whole window."""
    state = chip.state
    low = offset - state[WINDOW_START]
    high = low + size
    effect(chip, _STAGE, offset, size)
    state[WINDOW_BYTES] += size
    _put_word(chip.window, low, size, value, chip.geo[BIG_ENDIAN])
    if state[WINDOW_LOW] == state[WINDOW_HIGH]:
        state[WINDOW_LOW] = low
        state[WINDOW_HIGH] = high
        return
    if not state[WINDOW_SCATTERED] and (low > state[WINDOW_HIGH] or high < state[WINDOW_LOW]):
        state[WINDOW_SCATTERED] = 1
        fill_bytes(chip.touched, state[WINDOW_LOW], state[WINDOW_HIGH], 1)
    if state[WINDOW_SCATTERED]:
        fill_bytes(chip.touched, low, high, 1)
    state[WINDOW_LOW] = min(state[WINDOW_LOW], low)
    state[WINDOW_HIGH] = max(state[WINDOW_HIGH], high)


def flush_window(chip: Chip, seq: int) -> None:
    """What was staged goes to storage and backing; the window closes."""
    state = chip.state
    start = state[WINDOW_START]
    low = start + state[WINDOW_LOW]
    high = start + state[WINDOW_HIGH]
    if state[WINDOW_PARTIAL]:
        forget(chip, seq, start, start + chip.geo[WINDOW])
    effect(chip, _FLUSH, low, high - low)
    state[PROGRAMMED] += state[WINDOW_BYTES]
    if low < high:
        target = _commit_target(chip, high)
        if chip.geo[JOURNAL] or chip.geo[COUNT]:
            _open_row(chip, seq, _J_FLUSH, target, low, high)
        _pour(chip, start, low, high)
        _settle(chip, seq, _J_FLUSH, target, low, high)
        if target == _STORAGE:
            write_back(chip, seq, start, start + chip.geo[WINDOW])
    close_window(chip)


def _pour(chip: Chip, start: int, low: int, high: int) -> None:
    """Staged bytes to storage."""
    mask_too = chip.geo[KNOWN] != 0 or chip.state[UNKNOWN_SEEN] != 0
    if not chip.state[WINDOW_SCATTERED]:
        copy_bytes(chip.storage, low, chip.window, low - start, high - start)
        if mask_too:
            fill_bytes(chip.storage_mask, low, high, chip.geo[KNOWN])
        return
    for at in range(low, high):
        if chip.touched[at - start]:
            chip.storage[at] = chip.window[at - start]
            if mask_too:
                chip.storage_mask[at] = chip.geo[KNOWN]


def drop_window(chip: Chip) -> None:
    """An aborted buffered write."""
    state = chip.state
    if state[WINDOW_START] >= 0:
        effect(chip, _DROP, state[WINDOW_START] + state[WINDOW_LOW], state[WINDOW_HIGH] - state[WINDOW_LOW])
    else:
        effect(chip, _DROP, 0, 0)
    close_window(chip)


def refuse(chip: Chip, offset: int, size: int, read_only: int) -> None:
    """A store or an erase that the device refuses."""
    effect(chip, _REFUSED, offset, size)
    if read_only:
        chip.state[FLAGS] |= _READ_ONLY_TARGET

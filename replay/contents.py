"""Changes of contents: stores, the write-buffer window, erases and write-backs, each with its journal row.

Part of the kernel (see `loop`). Backing has a buffer of its own, but is copied only inside the dirty hull, the range
in which it may lag behind storage; outside the hull the two are equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import spans
from replay.cfi import SECTOR_BYTES
from replay.codes import Effect, Flag, JournalKind, Position, Target
from replay.columns import ABSENT

if TYPE_CHECKING:
    from replay.state import Chip

_WORD = 0xFFFFFFFF


def effect(chip: Chip, what: int, offset: int, length: int) -> None:
    """Set the effect of the current row; a later effect of the same row replaces an earlier one."""
    if chip.row.effect == Effect.NONE:
        chip.row.programmed = 0
        chip.row.changed = 0
        chip.row.bits_set = 0
        chip.row.unknown = False
    chip.row.effect = what
    chip.row.effect_offset = offset
    chip.row.effect_length = length


# --- the journal -------------------------------------------------------------------------------------------------


def keep_bytes(chip: Chip, target: int, low: int, high: int) -> int:
    """Copy a span of contents into the journal; return its position there."""
    position = chip.journal.bytes
    if target & Target.STORAGE:
        spans.copy_bytes(chip.journal.data, position, chip.storage, low, high)
    else:
        spans.copy_bytes(chip.journal.data, position, chip.backing, low, high)
    chip.journal.bytes = position + high - low
    return position


def keep_mask(chip: Chip, target: int, low: int, high: int) -> int:
    """Copy a span of a mask into the journal; return its position, or `ALL_KNOWN` without a copy."""
    position = chip.journal.bytes
    if all_known(chip):
        position = Position.ALL_KNOWN
    else:
        if target & Target.STORAGE:
            spans.copy_bytes(chip.journal.data, position, chip.storage_mask, low, high)
        else:
            spans.copy_bytes(chip.journal.data, position, chip.backing_mask, low, high)
        chip.journal.bytes = position + high - low
    return position


def all_known(chip: Chip) -> bool:
    """True while no byte has ever been unknown, so that masks need not be maintained."""
    return chip.settings.known == 0 and not chip.unknown_seen


def is_counted(chip: Chip, kind: int, target: int) -> bool:
    """True where the bytes that a change of storage alters are counted."""
    return chip.settings.count and target & Target.STORAGE != 0 and kind != JournalKind.FORGET


def open_row(chip: Chip, seq: int, kind: int, target: int, low: int, high: int) -> None:
    """Begin a journal row with the contents before a change, if changes are recorded or counted."""
    if chip.settings.journal or is_counted(chip, kind, target):
        chip.journal.seq[chip.journal.rows] = seq
        chip.journal.kind[chip.journal.rows] = kind
        chip.journal.target[chip.journal.rows] = target
        chip.journal.offset[chip.journal.rows] = low
        chip.journal.length[chip.journal.rows] = high - low
        chip.journal.before[chip.journal.rows] = keep_bytes(chip, target, low, high)
        chip.journal.before_mask[chip.journal.rows] = keep_mask(chip, target, low, high)


def close_row(chip: Chip, kind: int, target: int, low: int, high: int) -> None:
    """Complete the row of `open_row` with the contents after the change; keep it only where changes are recorded."""
    if is_counted(chip, kind, target):
        count_changes(
            chip, kind, low, high, chip.journal.before[chip.journal.rows], chip.journal.before_mask[chip.journal.rows]
        )
    if chip.settings.journal:
        if kind == JournalKind.ERASE:
            chip.journal.after[chip.journal.rows] = Position.ALL_ERASED
            chip.journal.after_mask[chip.journal.rows] = Position.ALL_KNOWN
        elif kind == JournalKind.FORGET:
            chip.journal.after[chip.journal.rows] = Position.NO_BYTES
            chip.journal.after_mask[chip.journal.rows] = Position.NONE_KNOWN
        else:
            chip.journal.after[chip.journal.rows] = keep_bytes(chip, target, low, high)
            chip.journal.after_mask[chip.journal.rows] = keep_mask(chip, target, low, high)
        chip.journal.rows += 1
    else:
        chip.journal.bytes = 0


def count_changes(chip: Chip, kind: int, low: int, high: int, before: int, before_mask: int) -> None:
    """Count the bytes and bits that differ from those kept in the journal; positions are of bytes and mask."""
    if before_mask != Position.ALL_KNOWN and (
        spans.holds_other(chip.journal.data, before_mask, high - low, chip.settings.known)
        or spans.holds_other(chip.storage_mask, low, high - low, chip.settings.known)
    ):
        chip.row.unknown = True
    else:
        chip.row.changed += spans.count_differences(chip.journal.data, before, chip.storage, low, high)
        if kind != JournalKind.ERASE:
            chip.row.bits_set += spans.count_bits_set(chip.journal.data, before, chip.storage, low, high)


# --- storage and backing -----------------------------------------------------------------------------------------


def widen_hull(chip: Chip, low: int, high: int) -> None:
    """Widen the dirty hull to include [low, high)."""
    if chip.dirty_low >= chip.dirty_high:
        chip.dirty_low = low
        chip.dirty_high = high
    else:
        chip.dirty_low = min(chip.dirty_low, low)
        chip.dirty_high = max(chip.dirty_high, high)


def copy_back(chip: Chip, low: int, high: int) -> None:
    """Copy a span of storage to backing."""
    spans.copy_bytes(chip.backing, low, chip.storage, low, high)
    if not all_known(chip):
        spans.copy_bytes(chip.backing_mask, low, chip.storage_mask, low, high)


def write_back(chip: Chip, seq: int, low: int, high: int) -> None:
    """Write the dirty sectors that overlap [low, high) back, as far as the image file reaches."""
    first = max(low // SECTOR_BYTES * SECTOR_BYTES, chip.dirty_low)
    last = min((high + SECTOR_BYTES - 1) // SECTOR_BYTES * SECTOR_BYTES, chip.dirty_high)
    if first < last:
        end = min(last, chip.settings.backed)
        if first < end:
            open_row(chip, seq, JournalKind.WRITE_BACK, Target.BACKING, first, end)
            copy_back(chip, first, end)
            close_row(chip, JournalKind.WRITE_BACK, Target.BACKING, first, end)
        if first <= chip.dirty_low:
            chip.dirty_low = last
        elif last >= chip.dirty_high:
            chip.dirty_high = first


def commit_target(chip: Chip, high: int) -> int:
    """`BOTH` where nothing is dirty and the file reaches; else `STORAGE`, and the hull tracks the difference."""
    both = chip.dirty_low >= chip.dirty_high and high <= chip.settings.backed
    return Target.BOTH if both else Target.STORAGE


def read_word(chip: Chip, offset: int, size: int) -> int:
    """Return the word at `offset`, 32 bits of it, -1 if any byte is unknown."""
    word = 0
    known = True
    for i in range(size):
        octet = chip.storage[offset + size - 1 - i]
        if chip.settings.big_endian:
            octet = chip.storage[offset + i]
        known = known and chip.storage_mask[offset + i] == chip.settings.known
        word = (word << 8 | octet) & _WORD
    return word if known else ABSENT


def store_word(chip: Chip, seq: int, offset: int, size: int, value: int, backed: bool) -> None:
    """Store one word; with `backed` write it back to the file too."""
    effect(chip, Effect.PROGRAM, offset, size)
    chip.row.programmed += size
    target = commit_target(chip, offset + size) if backed else Target.STORAGE
    open_row(chip, seq, JournalKind.PROGRAM, target, offset, offset + size)
    spans.put_word(chip.storage, offset, size, value, chip.settings.big_endian)
    if not all_known(chip):
        spans.fill_bytes(chip.storage_mask, offset, offset + size, chip.settings.known)
    settle(chip, JournalKind.PROGRAM, target, offset, offset + size)
    if backed and target == Target.STORAGE:
        write_back(chip, seq, offset, offset + size)


def settle(chip: Chip, kind: int, target: int, low: int, high: int) -> None:
    """Finish a change of storage: update backing or the dirty hull, and complete the journal row."""
    if target == Target.STORAGE:
        widen_hull(chip, low, high)
    else:
        copy_back(chip, low, high)
    close_row(chip, kind, target, low, high)
    if low < chip.settings.watch_end:
        chip.row.watched = True


def erase_block(chip: Chip, seq: int, low: int, high: int) -> None:
    """Fill [low, high) of storage and backing with 0xff."""
    effect(chip, Effect.ERASE, low, high - low)
    target = commit_target(chip, high)
    open_row(chip, seq, JournalKind.ERASE, target, low, high)
    spans.fill_bytes(chip.storage, low, high, 0xFF)
    if not all_known(chip):
        spans.fill_bytes(chip.storage_mask, low, high, chip.settings.known)
    settle(chip, JournalKind.ERASE, target, low, high)
    if target == Target.STORAGE:
        write_back(chip, seq, low, high)


def forget(chip: Chip, seq: int, start: int, end: int) -> None:
    """Mark [start, end) as unknown in storage and backing."""
    low = max(start, 0)
    high = min(end, chip.settings.size)
    if low < high:
        chip.unknown_seen = True
        target = commit_target(chip, high)
        forget_in(chip, seq, target, low, high)
        if target == Target.STORAGE:
            forget_in(chip, seq, Target.BACKING, low, high)


def forget_in(chip: Chip, seq: int, target: int, low: int, high: int) -> None:
    """Mark a span as unknown in contents that are alike there, which is one journal row."""
    open_row(chip, seq, JournalKind.FORGET, target, low, high)
    if target & Target.STORAGE:
        spans.fill_bytes(chip.storage_mask, low, high, 1 - chip.settings.known)
    if target & Target.BACKING:
        spans.fill_bytes(chip.backing_mask, low, high, 1 - chip.settings.known)
    close_row(chip, JournalKind.FORGET, target, low, high)


# --- the write-buffer window -------------------------------------------------------------------------------------


def open_window(chip: Chip, offset: int) -> None:
    """Open an empty window over the aligned range that holds `offset`."""
    chip.window_start = offset // chip.settings.window * chip.settings.window
    chip.window_low = 0
    chip.window_high = 0
    chip.window_bytes = 0
    chip.window_scattered = False
    chip.window_partial = False


def close_window(chip: Chip) -> None:
    """Close the window and discard the staged bytes."""
    if chip.window_scattered:
        spans.fill_bytes(chip.touched, chip.window_low, chip.window_high, 0)
    chip.window_start = -1
    chip.window_scattered = False


def window_covers(chip: Chip, offset: int, size: int) -> bool:
    """True if the window is open and covers the whole word."""
    return (
        chip.window_start >= 0
        and offset >= chip.window_start
        and offset + size <= chip.window_start + chip.settings.window
    )


def stage_word(chip: Chip, offset: int, size: int, value: int) -> None:
    """Stage one word in the window, which covers it. Only the written span is tracked: a flush copies no more."""
    low = offset - chip.window_start
    high = low + size
    effect(chip, Effect.STAGE, offset, size)
    chip.window_bytes += size
    spans.put_word(chip.window, low, size, value, chip.settings.big_endian)
    if chip.window_low == chip.window_high:
        chip.window_low = low
        chip.window_high = high
    else:
        if not chip.window_scattered and (low > chip.window_high or high < chip.window_low):
            chip.window_scattered = True
            spans.fill_bytes(chip.touched, chip.window_low, chip.window_high, 1)
        if chip.window_scattered:
            spans.fill_bytes(chip.touched, low, high, 1)
        if low < chip.window_low:
            chip.window_low = low
        if high > chip.window_high:
            chip.window_high = high


def flush_window(chip: Chip, seq: int) -> None:
    """Commit the staged bytes to storage and backing, and close the window."""
    start = chip.window_start
    low = start + chip.window_low
    high = start + chip.window_high
    if chip.window_partial:
        forget(chip, seq, start, start + chip.settings.window)
    effect(chip, Effect.FLUSH, low, high - low)
    chip.row.programmed += chip.window_bytes
    if low < high:
        target = commit_target(chip, high)
        open_row(chip, seq, JournalKind.FLUSH, target, low, high)
        commit_window(chip, low, high)
        settle(chip, JournalKind.FLUSH, target, low, high)
        if target == Target.STORAGE:
            write_back(chip, seq, start, start + chip.settings.window)
    close_window(chip)


def commit_window(chip: Chip, low: int, high: int) -> None:
    """Copy the staged bytes to storage; where the span has holes, byte by byte."""
    if chip.window_scattered:
        for at in range(low, high):
            if chip.touched[at - chip.window_start]:
                chip.storage[at] = chip.window[at - chip.window_start]
                if not all_known(chip):
                    chip.storage_mask[at] = chip.settings.known
    else:
        spans.copy_bytes(chip.storage, low, chip.window, low - chip.window_start, high - chip.window_start)
        if not all_known(chip):
            spans.fill_bytes(chip.storage_mask, low, high, chip.settings.known)


def drop_window(chip: Chip) -> None:
    """Abort a buffered write."""
    if chip.window_start >= 0:
        effect(chip, Effect.DROP, chip.window_start + chip.window_low, chip.window_high - chip.window_low)
    else:
        effect(chip, Effect.DROP, 0, 0)
    close_window(chip)


def refuse(chip: Chip, offset: int, size: int, read_only: bool) -> None:
    """Set the effect of a refused store or erase."""
    effect(chip, Effect.REFUSED, offset, size)
    if read_only:
        chip.row.flags |= Flag.READ_ONLY_TARGET

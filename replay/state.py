"""What the machine carries from row to row: named slots of two integer arrays, and the buffers around them.

The machine is written in the part of Python that numba compiles, so its state is a flat sequence of integers and
not an object. `slot` constants index `Chip.state` (what changes) and `Chip.geo` (what does not).
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BYTE_ARRAYS", "Chip", "Rows", "Steps"]

# --- Chip.state -------------------------------------------------------------------------------------------------
_state = count()
CMD = next(_state)  # command byte in force; CMD_UNKNOWN after a start in mid-command
WCYCLE = next(_state)  # write cycle of the command in progress, 0..3
STATUS = next(_state)  # status register of one chip
STATUS_KNOWN = next(_state)
COUNTER = next(_state)  # words left of a buffered write, 64 bits, wrapping
COUNTER_KNOWN = next(_state)
WINDOW_START = next(_state)  # -1: no window
WINDOW_LOW = next(_state)  # the span of the window that was written, relative to its start
WINDOW_HIGH = next(_state)
WINDOW_BYTES = next(_state)  # bytes staged, counting rewritten ones again
WINDOW_SCATTERED = next(_state)  # 1: the span has holes, `Chip.touched` says which bytes were written
WINDOW_PARTIAL = next(_state)  # 1: opened on a guess, words before it are not in the trace
DIRTY_LOW = next(_state)  # hull of what storage has and backing may not
DIRTY_HIGH = next(_state)
UNKNOWN_SEEN = next(_state)  # 1: some byte has been made unknown since the start
SOFT = next(_state)  # 1: not yet in step with the trace: its hints are taken without complaint
BLIND = next(_state)  # 1: out of step, until a command cycle is seen
SOFT_ADOPTED = next(_state)  # seq of the first hint taken while SOFT, -1: none
OP = next(_state)  # number of the current operation, -1 before the first
OP_KIND = next(_state)
INFERRED_OPEN = next(_state)  # 1: the current operation is a buffered program that only inner events tell of
OUTCOME = next(_state)  # the eight below speak of the current row
EFFECT = next(_state)
EFFECT_OFFSET = next(_state)
EFFECT_LENGTH = next(_state)
PROGRAMMED = next(_state)  # bytes programmed by the current row
CHANGED = next(_state)  # bytes that it changed, and bits that it set without an erase
BITS_SET = next(_state)
CHANGED_UNKNOWN = next(_state)  # 1: some of what it changed was not known
FLAGS = next(_state)
EXPECT_HEAD = next(_state)
EXPECT_TAIL = next(_state)
HELD = next(_state)  # inner events of a read that wait for it
MISMATCH_COUNT = next(_state)
MISMATCH_SEQ = next(_state)  # -1: none; the four below describe the first
MISMATCH_KIND = next(_state)  # the kind that was expected, 0: none
MISMATCH_STANDS = next(_state)  # the kind that stands there, 0: none
MISMATCH_FIELD = next(_state)
MISMATCH_EXPECTED = next(_state)
MISMATCH_ACTUAL = next(_state)
JOURNAL_ROWS = next(_state)
JOURNAL_BYTES = next(_state)
ACCESS_SEQ = next(_state)  # seq of the access the current row belongs to
WATCHED = next(_state)  # 1: the current row changed bytes in the watched range
STATE_SLOTS = next(_state)

# --- Chip.geo ---------------------------------------------------------------------------------------------------
_geo = count()
SIZE = next(_geo)
BLOCK = next(_geo)
BANK = next(_geo)
CHIP = next(_geo)
ADDRESS_SHIFT = next(_geo)  # from byte offset to the chip's word index
WIDEST_CHIP = next(_geo)
BIG_ENDIAN = next(_geo)
ID0 = next(_geo)  # ..ID3
ID1 = next(_geo)
ID2 = next(_geo)
ID3 = next(_geo)
WINDOW = next(_geo)
READ_ONLY = next(_geo)
EXTENT = next(_geo)  # where the policy begins; SIZE where there is none
POLICY = next(_geo)
BEHAVIOUR = next(_geo)
BACKED = next(_geo)  # bytes of the region that the image file holds
KNOWN = next(_geo)  # mask value of a known byte; the other value means unknown
WATCH_END = next(_geo)  # changes below this offset stop the run; 0: none
JOURNAL = next(_geo)  # 1: keep the journal
COUNT = next(_geo)  # 1: count what changes
JOURNAL_ROOM = next(_geo)  # rows that `Chip.journal` holds
BLOB_ROOM = next(_geo)  # bytes that `Chip.blob` holds
CHECK = next(_geo)  # 1: predict and compare inner events, take hints
CHECK_READ_EVENTS = next(_geo)  # 1: inner events of reads stand before the read
SIZE_KNOWN = next(_geo)
GEO_SLOTS = next(_geo)

CMD_UNKNOWN = 0x100
COUNTER_FAR = 1 << 40  # a counter that was not seen: far from the last word

# --- the fields a mismatch can be in -----------------------------------------------------------------------------
FIELDS = ("event", "offset", "size", "value", "cmd", "wcycle", "counter", "length", "text")
FIELD_EVENT, FIELD_OFFSET, FIELD_SIZE, FIELD_VALUE, FIELD_CMD, FIELD_WCYCLE, FIELD_COUNTER, FIELD_LENGTH, FIELD_TEXT = (
    range(9)
)

# --- why a run ended before its rows did -------------------------------------------------------------------------
STOP_END = 0
STOP_BEHAVIOUR = 1  # the next row is the first whose effect depends on the behaviour
STOP_WATCH = 2  # the row just done changed the watched range
STOP_POSTLOAD = 3  # the row just done replaced state and contents
STOP_JOURNAL = 4  # the next row might not find room in the journal

EXPECT_ROWS = 8
EXPECT_WIDTH = 6  # kind, offset, size, value, counter, length or text
HELD_ROWS = 16
HELD_WIDTH = 5  # kind, offset, size, value, seq
JOURNAL_WIDTH = 9  # seq, kind, target, offset, length, positions of: before, its mask, after, its mask
KINDS = 32

# Positions in a journal row that are no positions in the bytes.
ALL_KNOWN = -1
NONE_KNOWN = -2
ALL_ERASED = -3
NO_BYTES = -4


class Chip(NamedTuple):
    """One device: state, geometry and contents.

    `storage`, `backing` and their masks are uint8 arrays as long as the region, lazily allocated. A byte is known
    where its mask equals `geo[KNOWN]`. Backing equals storage outside the dirty hull and below `geo[BACKED]`.
    """

    state: MutableSequence[int]
    geo: MutableSequence[int]
    cfi: Sequence[int]
    storage: NDArray[np.uint8]
    storage_mask: NDArray[np.uint8]
    backing: NDArray[np.uint8]
    backing_mask: NDArray[np.uint8]
    window: NDArray[np.uint8]
    touched: NDArray[np.uint8]
    expected: MutableSequence[int]
    held: MutableSequence[int]
    seen: MutableSequence[int]
    """1 for each row kind met so far."""
    missing: MutableSequence[int]
    """seq of the first row that stands where an event of the kind was expected, -1: none."""
    journal: MutableSequence[int]
    blob: NDArray[np.uint8]


BYTE_ARRAYS = frozenset({"storage", "storage_mask", "backing", "backing_mask", "window", "touched", "blob"})
"""The fields of `Chip` that are bytes; the others are integers, of 64 bits where they are arrays."""


class Rows(NamedTuple):
    """What goes in: one entry a row, integers, `ABSENT` where the trace says nothing."""

    seq: Sequence[int]
    kind: Sequence[int]
    offset: Sequence[int]
    size: Sequence[int]
    value: Sequence[int]
    cmd: Sequence[int]
    wcycle: Sequence[int]
    counter: Sequence[int]
    length: Sequence[int]
    text: Sequence[int]


class Steps(NamedTuple):
    """What comes out: one entry a row; state columns are those *before* the row.

    `changed` (bytes) and `bits_set` (bits from 0 to 1 without an erase) are -1 where contents were not known.
    """

    cmd: MutableSequence[int]
    wcycle: MutableSequence[int]
    status: MutableSequence[int]
    expected: MutableSequence[int]
    effect: MutableSequence[int]
    effect_offset: MutableSequence[int]
    effect_length: MutableSequence[int]
    programmed: MutableSequence[int]
    changed: MutableSequence[int]
    bits_set: MutableSequence[int]
    op: MutableSequence[int]
    op_kind: MutableSequence[int]
    outcome: MutableSequence[int]
    flags: MutableSequence[int]

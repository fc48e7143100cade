"""State that the machine carries from row to row.

Part of the kernel (see `loop`). Attributes are integers, and one-dimensional buffers of 64-bit integers or of bytes,
which are memoryviews in plain Python. -1 means absent unless documented otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.columns import ABSENT

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from replay.cfi02.state import SectorState

    Octets = memoryview[int]
    Integers = memoryview[int]

__all__ = ["Asked", "Chip", "Journal", "Operations", "Row", "Rows", "SelfCheck", "Settings", "Steps", "Totals"]


class Settings:
    """Configuration of a device, constant while rows are fed. Sizes in bytes."""

    def __init__(self, cfi: Integers) -> None:
        self.command_set = 0
        self.size = self.block = self.window = 0
        self.bank = 0
        """Width of the bank."""
        self.chip = 0
        """Width of one chip, 0 where the device does not say."""
        self.widest_chip = 0
        """Width that the chip can be strapped to, which decides its addressing."""
        self.address_shift = 0
        """From byte offset to the chip's word index."""
        self.big_endian = False
        self.manufacturer = self.device = self.extended_manufacturer = self.extended_device = 0
        self.read_only = False
        self.policy = self.behaviour = 0
        self.extent = 0
        """Where the policy applies from; `size` where there is none."""
        self.backed = 0
        """Bytes of the region that the image file holds."""
        self.known = 0
        """Mask value of a known byte; the other value means unknown."""
        self.watch_end = 0
        """A change below this offset stops the run; 0 disables it."""
        self.journal = False
        """Record every change with its bytes."""
        self.count = False
        """Count changed bytes and set bits of each row."""
        self.check = False
        """Predict and compare inner events, and take hints from them."""
        self.check_read_events = False
        """The trace logs a read's inner events before the read."""
        self.sum_up = False
        """Sum rows up to operations and totals."""
        self.cfi = cfi
        """The query table; -1 for an entry that follows from an unknown size."""


class Row:
    """Effect of the current row. Lengths and counts are valid only where `effect` is set."""

    def __init__(self) -> None:
        self.effect = 0
        self.effect_offset = -1
        self.effect_length = 0
        self.answer = 0
        """Source of a read's value."""
        self.programmed = self.changed = 0
        """Bytes programmed, and bytes whose value changed."""
        self.bits_set = 0
        """Bits that went from 0 to 1 without an erase."""
        self.unknown = False
        """The changed range had unknown bytes."""
        self.outcome = self.flags = 0
        self.watched = False
        """The row changed bytes in the watched range."""
        self.cmd = self.wcycle = self.status = 0
        """State before the row."""
        self.access_seq = -1
        """Seq of the access that the row belongs to."""


class SelfCheck:
    """Inner events expected, held and missed, and the first difference between model and trace."""

    def __init__(self, queue: Sequence[Integers], held: Sequence[Integers], seen: Integers, missing: Integers) -> None:
        self.head = self.tail = 0
        self.kind, self.offset, self.size, self.value, self.counter, self.extra = queue
        """Queue of inner events that the last write must cause, from `head` to `tail`."""
        self.held = 0
        self.held_kind, self.held_offset, self.held_size, self.held_value, self.held_seq = held
        """Inner events waiting for their read."""
        self.seen = seen
        """1 for each row kind met so far."""
        self.missing = missing
        """For each row kind, seq of the first row that lacks an event of that kind before it."""
        self.differences = 0
        self.first_seq = -1
        self.first_kind = self.first_actual_kind = 0
        """Row kinds expected and found, 0: none."""
        self.first_field = self.first_expected = self.first_actual = 0


class Journal:
    """Buffer of changes; `replay.journal` describes the columns."""

    def __init__(self, columns: Sequence[Integers], data: Octets) -> None:
        self.seq, self.kind, self.target, self.offset, self.length, *positions = columns
        self.before, self.before_mask, self.after, self.after_mask = positions
        self.room = len(self.seq)
        """Capacity in rows; `data_room` in bytes."""
        self.data = data
        self.data_room = len(data)
        self.rows = self.bytes = 0


class Operations:
    """Sums of the operation in progress, and a buffer of those that have ended; fields as in `OpField`."""

    def __init__(self, sums: array[int], ended: Integers) -> None:
        self.number = -1
        """Number of the operation in progress, -1: none."""
        self.sums = sums
        self.accesses = self.data = 0
        """Up to `end_ns`: the fields that each word of a buffered program changes. They are moved to `sums` at the
        operation's end, since plain Python takes twice as long for a field by position."""
        self.low = self.high = self.words_start = self.words_low = self.words_high = ABSENT
        self.last_seq = self.end_ns = 0
        self.ended = ended
        """Row after row, each with all fields."""
        self.room = len(ended) // len(sums)
        """Capacity in operations."""
        self.count = 0


class Totals:
    """Counts since the machine was created. `*_end` are exclusive, 0 where nothing was touched."""

    def __init__(self) -> None:
        self.accesses = self.reads = self.writes = 0
        self.erases = self.buffered_programs = self.programs = self.bytes_programmed = 0
        self.stores = 0
        """Rows that programmed storage."""
        self.refused = self.aborted = self.strays = self.resets = 0
        self.status_reads = self.identifier_reads = self.query_reads = 0
        self.reset_midway = -1
        """Seq of the first reset while a command was in progress."""
        self.programmed_end = self.erased_end = self.commanded_end = 0


class Asked:
    """Filter of the rows returned one by one: a row that counts (see `operation_sums`) and meets any criterion."""

    def __init__(self) -> None:
        self.everything = False
        """Every row, including those that do not count."""
        self.flags = 0
        """Rows with any of these flags."""
        self.beyond = -1
        """Writes, programs and erases that reach beyond this offset; -1 disables it."""
        self.below = 0
        """Programs and erases below this offset."""
        self.writes = False
        """Bus writes, programs and erases."""
        self.writes_after_stray = 0
        """This many bus writes from the first stray one on."""
        self.stray_seen = False


class Steps:
    """Buffer of results for single rows. State columns hold the values before the row, `status_after` the one after.

    `row` is the index among the rows fed; `changed` (bytes) and `bits_set` (bits from 0 to 1 without an erase) are -1
    where contents were unknown.
    """

    def __init__(self, columns: Sequence[Integers]) -> None:
        self.row, self.cmd, self.wcycle, self.status, self.status_after, self.expected, *effects = columns
        self.effect, self.effect_offset, self.effect_length, self.programmed, self.changed, *others = effects
        self.bits_set, self.op, self.op_kind, self.outcome, self.flags = others
        self.room = len(self.row)
        """Capacity in rows."""
        self.count = 0


class Rows:
    """Rows to process: one entry each, `ABSENT` where the trace has no value."""

    def __init__(self, columns: Sequence[Integers]) -> None:
        self.seq, self.kind, self.offset, self.size, self.value, self.cmd, self.wcycle, *others = columns
        self.counter, self.length, self.text, self.time_ns, self.boot = others


class Chip:
    """State and contents of one device.

    A byte is known where its mask equals `settings.known`. Backing equals storage outside the dirty hull and below
    `settings.backed`.
    """

    def __init__(
        self,
        settings: Settings,
        check: SelfCheck,
        journal: Journal,
        operations: Operations,
        steps: Steps,
        window: Octets,
        touched: Octets,
        sectors: SectorState,
    ) -> None:
        self.settings, self.check, self.journal = settings, check, journal
        self.operations, self.steps = operations, steps
        self.row, self.totals, self.asked = Row(), Totals(), Asked()
        self.sectors = sectors
        """State that only a CFI02 chip has."""
        self.storage = self.storage_mask = self.backing = self.backing_mask = self.window = window
        self.touched = touched
        """Mask of the window bytes written, used where `window_scattered`."""
        self.position = 0
        """Index of the next row."""
        self.unfinished = False
        """The last row's effect is not complete: the row is to be processed further."""
        self.cmd = self.wcycle = 0
        """Command byte in force (`CMD_UNKNOWN` after a start in mid-command), and its write cycle, 0 to 3."""
        self.status = 0
        """Status register of one chip."""
        self.counter = 0
        """Words left of a buffered write, 64 bits, wrapping."""
        self.status_known = self.counter_known = False
        self.window_start = -1
        """-1: no window is open."""
        self.window_low = self.window_high = 0
        """Span of the window written so far, relative to its start."""
        self.window_bytes = 0
        """Bytes staged, rewritten ones counted again."""
        self.window_scattered = False
        """The span has holes."""
        self.window_partial = False
        """Opened by inference: earlier words are missing from the trace."""
        self.dirty_low = self.dirty_high = 0
        """Hull of the range in which backing may lag behind storage."""
        self.unknown_seen = False
        """A byte became unknown since the start."""
        self.soft = True
        """Not yet in step with the trace: its hints are adopted without a mismatch."""
        self.blind = False
        """Out of step until the next command cycle."""
        self.soft_adopted = -1
        """Seq of the first hint adopted while `soft`."""
        self.op = -1
        """Number of the current operation."""
        self.op_kind = 0
        self.inferred_open = False
        """The current operation is a buffered program known from inner events alone."""

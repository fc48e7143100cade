"""What the machine carries from row to row.

Part of the kernel (see `machine`). All are integers, and one-dimensional buffers of 64-bit integers or of bytes, which
are memoryviews in plain Python. -1 is an absent value where nothing else is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Octets = memoryview[int]
    Integers = memoryview[int]

__all__ = [
    "Asked",
    "Chip",
    "Journal",
    "Operation",
    "Operations",
    "Row",
    "Rows",
    "SelfCheck",
    "Settings",
    "Steps",
    "Totals",
]


class Settings:
    """What a device is: it does not change from row to row. Sizes in bytes."""

    def __init__(self, cfi: Integers) -> None:
        self.size = 0
        self.block = 0
        self.bank = 0
        self.chip = 0
        """Width of one chip, 0 where the device does not say."""
        self.widest_chip = 0
        self.address_shift = 0
        """From byte offset to the chip's word index."""
        self.big_endian = False
        self.manufacturer = 0
        self.device = 0
        self.extended_manufacturer = 0
        self.extended_device = 0
        self.window = 0
        self.read_only = False
        self.extent = 0
        """Where the policy begins; `size` where there is none."""
        self.policy = 0
        self.behaviour = 0
        self.backed = 0
        """Bytes of the region that the image file holds."""
        self.known = 0
        """Mask value of a known byte; the other value means unknown."""
        self.watch_end = 0
        """Changes below this offset stop the run; 0: none do."""
        self.journal = False
        self.count = False
        """Count what changes."""
        self.check = False
        """Predict and compare inner events, and take hints from them."""
        self.check_read_events = False
        """Inner events of reads stand before the read."""
        self.size_known = False
        self.sum_up = False
        """Give operations and totals."""
        self.cfi = cfi
        """The query table; -1 for an entry that follows from a size that is not known."""


class Row:
    """What the row being done did. What `effect` covers counts only where there is one."""

    def __init__(self) -> None:
        self.effect = 0
        self.effect_offset = -1
        self.effect_length = 0
        self.programmed = 0
        """Bytes programmed."""
        self.changed = 0
        """Bytes changed."""
        self.bits_set = 0
        """Bits that went from 0 to 1 without an erase."""
        self.unknown = False
        """Some of what it changed was not known."""
        self.outcome = 0
        self.flags = 0
        self.watched = False
        """It changed bytes in the watched range."""
        self.access_seq = -1
        """Seq of the access that the row belongs to."""


class SelfCheck:
    """What inner events are expected, held and missed, and the first difference between model and trace."""

    def __init__(self, queue: Sequence[Integers], held: Sequence[Integers], seen: Integers, missing: Integers) -> None:
        self.head = 0
        self.tail = 0
        self.kind, self.offset, self.size, self.value, self.counter, self.extra = queue
        """Inner events that the last write must cause, from `head` to `tail`."""
        self.held = 0
        self.held_kind, self.held_offset, self.held_size, self.held_value, self.held_seq = held
        """Inner events that wait for their read."""
        self.seen = seen
        """1 for each row kind met so far."""
        self.missing = missing
        """Seq of the first row that stands where an event of the kind was expected."""
        self.differences = 0
        self.first_seq = -1
        self.first_kind = 0
        """The kind that was expected, 0: none."""
        self.first_stands = 0
        """The kind that stands there, 0: none."""
        self.first_field = 0
        self.first_expected = 0
        self.first_actual = 0


class Journal:
    """Room for changes of contents; what the columns mean is said in `replay.journal`."""

    def __init__(self, columns: Sequence[Integers], data: Octets) -> None:
        (
            self.seq,
            self.kind,
            self.target,
            self.offset,
            self.length,
            self.before,
            self.before_mask,
            self.after,
            self.after_mask,
        ) = columns
        self.room = len(self.seq)
        """Rows that there is room for, and bytes in `data`."""
        self.data = data
        self.data_room = len(data)
        self.rows = 0
        self.bytes = 0


class Operation:
    """The operation in progress, as far as its rows add up to it."""

    def __init__(self) -> None:
        self.number = -1
        self.boot = 0
        self.kind = 0
        self.first_seq = -1
        self.last_seq = -1
        self.time_ns = 0
        self.end_ns = 0
        self.command_offset = -1
        """Offset, size and value of its first access."""
        self.command_size = -1
        self.command_value = -1
        self.cmd_before = 0
        self.status_before = 0
        self.low = -1
        """The span that it touched, or was meant to."""
        self.high = -1
        self.bytes_changed = 0
        self.bits_set = 0
        self.unknown = False
        self.outcome = 0
        self.status = 0
        """The status register after its last row."""
        self.accesses = 0
        self.programmed = 0
        self.flags = 0
        self.erased = False
        self.inferred = False
        self.polled_ready = False
        """The guest read the status as ready."""
        self.identifier_offset = -1
        """Where the last identifier that read 0 was read."""
        self.count_offset = -1
        self.count_value = -1
        self.bad_cycle_value = -1
        self.words_start = -1
        """Where the first word of a buffered program went, and the span of all."""
        self.words_low = -1
        self.words_high = -1


class Operations:
    """Room for operations that have ended: a column for each attribute of `Operation` but `number`."""

    def __init__(self, columns: Sequence[Integers]) -> None:
        self.room = len(columns[0])
        self.count = 0
        (
            self.boot,
            self.kind,
            self.first_seq,
            self.last_seq,
            self.time_ns,
            self.end_ns,
            self.command_offset,
            self.command_size,
            self.command_value,
            self.cmd_before,
            self.status_before,
            self.low,
            self.high,
            self.bytes_changed,
            self.bits_set,
            self.unknown,
            self.outcome,
            self.status,
            self.accesses,
            self.programmed,
            self.flags,
            self.erased,
            self.inferred,
            self.polled_ready,
            self.identifier_offset,
            self.count_offset,
            self.count_value,
            self.bad_cycle_value,
            self.words_start,
            self.words_low,
            self.words_high,
        ) = columns


class Totals:
    """How often what was done since the machine was made; ends are first offsets after it, 0 where nothing was."""

    def __init__(self) -> None:
        self.accesses = 0
        self.reads = 0
        self.writes = 0
        self.erases = 0
        self.buffered_programs = 0
        self.programs = 0
        self.bytes_programmed = 0
        self.stores = 0
        """Rows that programmed storage."""
        self.refused = 0
        self.aborted = 0
        self.status_reads = 0
        self.identifier_reads = 0
        self.query_reads = 0
        self.strays = 0
        self.resets = 0
        self.reset_midway = -1
        """Seq of the first reset while a command was in progress."""
        self.programmed_end = 0
        self.erased_end = 0
        self.commanded_end = 0


class Asked:
    """Which rows are given one by one: those that count (see `summing`) and fulfil any of these."""

    def __init__(self) -> None:
        self.everything = False
        """All, also those that do not count."""
        self.flags = 0
        """It has one of these flags."""
        self.beyond = -1
        """It is a write, a program or an erase that reaches beyond this offset; -1: none is asked for."""
        self.below = 0
        """It programs or erases below this offset."""
        self.writes = False
        """It is a bus write, a program or an erase."""
        self.writes_after_stray = 0
        """It is one of so many bus writes from the first stray one on."""
        self.stray_seen = False


class Steps:
    """Room for what the machine makes of single rows. State columns are those before the row, but `status_after`.

    `row` is its place among the rows; `changed` (bytes) and `bits_set` (bits from 0 to 1 without an erase) are -1
    where contents were not known.
    """

    def __init__(self, columns: Sequence[Integers]) -> None:
        self.room = len(columns[0])
        self.count = 0
        (
            self.row,
            self.cmd,
            self.wcycle,
            self.status,
            self.status_after,
            self.expected,
            self.effect,
            self.effect_offset,
            self.effect_length,
            self.programmed,
            self.changed,
            self.bits_set,
            self.op,
            self.op_kind,
            self.outcome,
            self.flags,
        ) = columns


class Rows:
    """What goes in: one entry a row, `ABSENT` where the trace says nothing."""

    def __init__(self, columns: Sequence[Integers]) -> None:
        (
            self.seq,
            self.kind,
            self.offset,
            self.size,
            self.value,
            self.cmd,
            self.wcycle,
            self.counter,
            self.length,
            self.text,
            self.time_ns,
            self.boot,
        ) = columns


class Chip:
    """One device: state and contents.

    A byte is known where its mask equals `settings.known`. Backing equals storage outside the dirty hull and below
    `settings.backed`.
    """

    def __init__(  # noqa: PLR0915  a statement an attribute
        self,
        settings: Settings,
        check: SelfCheck,
        journal: Journal,
        operations: Operations,
        steps: Steps,
        window: Octets,
        touched: Octets,
    ) -> None:
        self.settings = settings
        self.check = check
        self.journal = journal
        self.operations = operations
        self.steps = steps
        self.row = Row()
        self.operation = Operation()
        self.totals = Totals()
        self.asked = Asked()
        self.storage = self.storage_mask = self.backing = self.backing_mask = window
        self.window = window
        self.touched = touched
        """Which bytes of the window were written, where `window_scattered`."""
        self.position = 0
        """The row after the last one done."""
        self.cmd = 0
        """The command byte in force; `CMD_UNKNOWN` after a start in mid-command."""
        self.wcycle = 0
        """The write cycle of the command in progress, 0 to 3."""
        self.status = 0
        """The status register of one chip."""
        self.status_known = False
        self.counter = 0
        """Words left of a buffered write, 64 bits, wrapping."""
        self.counter_known = False
        self.window_start = -1
        """-1: no window."""
        self.window_low = 0
        """The span of the window that was written, relative to its start."""
        self.window_high = 0
        self.window_bytes = 0
        """Bytes staged, counting rewritten ones again."""
        self.window_scattered = False
        """The span has holes."""
        self.window_partial = False
        """Opened on a guess: words before it are not in the trace."""
        self.dirty_low = 0
        """The hull of what storage has and backing may not."""
        self.dirty_high = 0
        self.unknown_seen = False
        """Some byte has been made unknown since the start."""
        self.soft = True
        """Not yet in step with the trace: its hints are taken without complaint."""
        self.blind = False
        """Out of step, until a command cycle is seen."""
        self.soft_adopted = -1
        """Seq of the first hint taken while `soft`."""
        self.op = -1
        """Number of the current operation."""
        self.op_kind = 0
        self.inferred_open = False
        """The current operation is a buffered program that only inner events tell of."""

"""Machine: one flash device, fed a chunk of rows at a time.

Columns in, columns out. The machine carries its state from chunk to chunk, so the result does not depend on how the
rows are cut. It stops by itself where something must be decided from outside (see `Stop`), and goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from replay import state as slot
from replay.backing import UPSTREAM, Backing, Policy
from replay.behaviour import Behaviour
from replay.cfi import Opcode, Status, cfi_table
from replay.columns import JournalKind, RowKind, Target
from replay.compiled import compiled_run
from replay.contents import close_window
from replay.journal import Change, Journal
from replay.machine import run
from replay.pointers import addresses_of
from replay.sparse import clear, copy_into, find_other, sparse_zeros
from replay.state import BYTE_ARRAYS, Chip, Rows, Steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.geometry import Geometry

    Bytes = tuple[NDArray[np.uint8], NDArray[np.uint8]]

__all__ = ["Config", "Disagreement", "Machine", "Stop"]

_JOURNAL_ROWS = 1 << 14
_JOURNAL_BYTES = 1 << 22
_FILLED_AT_ONCE = 128 << 20
_FILLED = 1 << 16
_INTEGERS = tuple(name for name in Chip._fields if name not in BYTE_ARRAYS)


class Stop(IntEnum):
    """Why `Machine.feed` returned before the end of its rows."""

    END = slot.STOP_END
    BEHAVIOUR = slot.STOP_BEHAVIOUR
    """The next row is the first whose effect depends on the behaviour, which nobody set yet."""
    WATCH = slot.STOP_WATCH
    """The row just done changed bytes below `Config.watch_end`."""


@dataclass(frozen=True)
class Config:
    """What a machine is told about its device.

    `image` is the contents at power-up, uint8, at most as long as the region (what lies beyond is 0); None: unknown.
    `journal` keeps every change, `count_changes` fills the step columns that say how much each row changed.
    `check` compares the trace's own events and takes hints from them; without it only bus accesses count.
    """

    geometry: Geometry
    behaviour: Behaviour = Behaviour.UNDETERMINED
    read_only: bool = False
    backing: Backing = UPSTREAM
    image: NDArray[np.uint8] | None = None
    check: bool = True
    read_events: bool = True
    journal: bool = False
    count_changes: bool = False
    watch_end: int = 0


@dataclass(frozen=True)
class Disagreement:
    """The first difference between model and trace: where, and what was expected to stand there.

    `expected_kind` is 0 where nothing was expected, `stands_kind` 0 where the event is missing. `expected` and
    `stands` are the two values of `field`, -1 each where the event itself differs.
    """

    seq: int
    expected_kind: RowKind
    stands_kind: RowKind
    field: str
    expected: int
    stands: int


def _geo(config: Config) -> list[int]:
    geometry = config.geometry
    geo = [0] * slot.GEO_SLOTS
    geo[slot.SIZE] = geometry.size
    geo[slot.BLOCK] = geometry.block
    geo[slot.BANK] = geometry.bank_width
    geo[slot.CHIP] = geometry.chip_width
    geo[slot.WIDEST_CHIP] = geometry.widest_chip
    if geometry.chip_width:
        log2 = [width.bit_length() - 1 for width in (geometry.bank_width, geometry.widest_chip, geometry.chip_width)]
        geo[slot.ADDRESS_SHIFT] = log2[0] + log2[1] - log2[2]
    geo[slot.BIG_ENDIAN] = int(geometry.endian == "big")
    geo[slot.ID0 : slot.ID3 + 1] = geometry.ids
    geo[slot.WINDOW] = geometry.window
    geo[slot.READ_ONLY] = int(config.read_only)
    geo[slot.BEHAVIOUR] = int(config.behaviour)
    geo[slot.KNOWN] = int(config.image is None)
    geo[slot.WATCH_END] = config.watch_end
    geo[slot.JOURNAL] = int(config.journal)
    geo[slot.COUNT] = int(config.count_changes)
    geo[slot.CHECK] = int(config.check)
    geo[slot.CHECK_READ_EVENTS] = int(config.read_events)
    geo[slot.SIZE_KNOWN] = int(geometry.size_known)
    _set_backing(geo, config.backing)
    return geo


def _set_backing(geo: Any, backing: Backing) -> None:  # noqa: ANN401  a list or an int64 array
    extent = geo[slot.SIZE] if backing.extent is None else min(backing.extent, geo[slot.SIZE])
    geo[slot.POLICY] = int(backing.policy)
    geo[slot.EXTENT] = extent
    geo[slot.BACKED] = geo[slot.SIZE] if backing.policy == Policy.PADDED else extent


def _power_on_state() -> list[int]:
    state = [0] * slot.STATE_SLOTS
    state[slot.STATUS] = int(Status.READY)
    state[slot.WINDOW_START] = -1
    state[slot.SOFT] = 1
    state[slot.SOFT_ADOPTED] = -1
    state[slot.OP] = -1
    state[slot.MISMATCH_SEQ] = -1
    return state


class _Blank:
    """What lies beyond the image file: zeros that nobody wrote, and so known.

    Where unknown is what masks begin with, the mask is filled there: at once where that is little, else block by block
    as rows come near.
    """

    def __init__(self, size: int, start: int | None = None) -> None:
        self.start = size if start is None else min(start, size)
        self._size = size
        self._marked: set[int] = set()

    def begin(self, chip: Chip) -> None:
        """Fill the mask where that takes little memory."""
        if self._size - self.start <= _FILLED_AT_ONCE:
            chip.storage_mask[self.start :] = chip.geo[slot.KNOWN]
            self._marked = set(range(self._size // _FILLED + 1))

    def mark(self, chip: Chip, offsets: Any, start: int, end: int) -> None:  # noqa: ANN401  a list or an array
        """Fill the mask wherever these rows reach: their erase blocks, and the windows around them."""
        if self.start == self._size or not chip.geo[slot.KNOWN] or self._size - self.start <= _FILLED_AT_ONCE:
            return
        reach = max(int(chip.geo[slot.BLOCK]), int(chip.geo[slot.WINDOW]))
        places = np.unique(np.asarray(offsets[start:end], np.int64) // _FILLED) * _FILLED
        for place in places[places >= 0].tolist():
            for number in range(max(place - reach, 0) // _FILLED, (place + _FILLED + reach) // _FILLED + 1):
                if number not in self._marked:
                    self._marked.add(number)
                    chip.storage_mask[max(number * _FILLED, self.start) : (number + 1) * _FILLED] = 1


class Machine:
    """One flash device and everything it carries from row to row."""

    def __init__(self, config: Config) -> None:
        self.config = config
        size = config.geometry.size
        window = config.geometry.window
        journaled = config.journal or config.count_changes
        rows = _JOURNAL_ROWS if journaled else 1
        blob = max(_JOURNAL_BYTES, 16 * config.geometry.block) if journaled else 1
        self.chip = Chip(
            state=_power_on_state(),
            geo=_geo(config),
            cfi=list(cfi_table(config.geometry)),
            storage=sparse_zeros(size),
            storage_mask=sparse_zeros(size),
            backing=sparse_zeros(size),
            backing_mask=sparse_zeros(size),
            window=np.zeros(window, np.uint8),
            touched=np.zeros(window, np.uint8),
            expected=[0] * (slot.EXPECT_ROWS * slot.EXPECT_WIDTH),
            held=[0] * (slot.HELD_ROWS * slot.HELD_WIDTH),
            seen=[0] * slot.KINDS,
            missing=[-1] * slot.KINDS,
            journal=[0] * (rows * slot.JOURNAL_WIDTH),
            blob=np.zeros(blob, np.uint8),
        )
        self.chip.geo[slot.JOURNAL_ROOM] = rows
        self.chip.geo[slot.BLOB_ROOM] = blob
        self.journal = Journal()
        self._blank = _Blank(size)
        if config.image is not None:
            length = min(len(config.image), size)
            copy_into(self.chip.storage, config.image[:length])
            copy_into(self.chip.backing, config.image[:length])

    # --- feeding -------------------------------------------------------------------------------------------------

    def feed(self, rows: Rows, steps: Steps, start: int = 0, end: int | None = None) -> tuple[int, Stop]:
        """Do the rows from `start` on (to `end`, exclusive), filling the same entries of `steps`.

        The columns of both are lists, or int64 arrays, which compiled code goes through; see `replay.compiled`.
        Returns the row after the last one done and why it stopped. Rows must be valid: `0 <= offset`,
        `1 <= size <= 8`, `offset + size` and `length` inside the region.

        Raises:
            ImportError: they are arrays, and there is no numba.
        """
        end = len(rows.kind) if end is None else end
        self._blank.mark(self.chip, rows.offset, start, end)
        if start < end and not any(self.chip.seen):
            # The very first row of a device that was just made: its count register is still zero.
            self.chip.state[slot.COUNTER_KNOWN] |= int(rows.kind[start] in (RowKind.RESET, RowKind.REALIZE))
        while True:
            start, why = self._run(rows, steps, start, end)
            self._drain_journal()
            if why == slot.STOP_POSTLOAD:
                self._forget_everything()
            elif why != slot.STOP_JOURNAL:
                return start, Stop(why)

    def _run(self, rows: Rows, steps: Steps, start: int, end: int) -> tuple[int, int]:
        """Do rows in plain Python or compiled, as their columns are lists or arrays; the state becomes the same."""
        arrays = isinstance(rows.kind, np.ndarray)
        if arrays != isinstance(self.chip.state, np.ndarray):
            self.chip = _as_arrays(self.chip) if arrays else _as_lists(self.chip)
        if not arrays:
            return run(self.chip, rows, steps, start, end)
        columns: tuple[Any, ...] = (*self.chip, *rows, *steps)
        addresses = addresses_of(columns)
        why = compiled_run()(addresses.ctypes.data, start, end)
        return int(addresses[0]), why

    def _drain_journal(self) -> None:
        state = self.chip.state
        if state[slot.JOURNAL_ROWS]:
            self.journal.take(self.chip)
            state[slot.JOURNAL_ROWS] = 0
            state[slot.JOURNAL_BYTES] = 0

    def _forget_everything(self) -> None:
        size = len(self.chip.storage)
        self.chip = self.chip._replace(storage_mask=sparse_zeros(size), backing_mask=sparse_zeros(size))
        self.chip.geo[slot.KNOWN] = 1
        self._blank = _Blank(size)

    # --- being told ----------------------------------------------------------------------------------------------

    @property
    def keep_journal(self) -> bool:
        """Whether changes go into the journal; only a machine that was made with one, or counts, has room for it."""
        return bool(self.chip.geo[slot.JOURNAL])

    @keep_journal.setter
    def keep_journal(self, keep: bool) -> None:
        self.chip.geo[slot.JOURNAL] = int(keep)

    @property
    def behaviour(self) -> Behaviour:
        """When buffered words are stored."""
        return Behaviour(int(self.chip.geo[slot.BEHAVIOUR]))

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self.chip.geo[slot.BEHAVIOUR] = int(behaviour)

    def stop_watching(self) -> None:
        """No longer stop at changes of the watched range."""
        self.chip.geo[slot.WATCH_END] = 0

    def change_image(self, image: NDArray[np.uint8]) -> None:
        """Put other contents into the image file: uint8, from offset 0. The next `power_cycle` reads them."""
        chip, length = self.chip, min(len(image), self.backed_bytes)
        for target, contents, mask in (
            (Target.BACKING, chip.backing, chip.backing_mask),
            (Target.STORAGE, chip.storage, chip.storage_mask),
        ):
            before = (contents[:length].copy(), mask[:length].copy()) if self.keep_journal else None
            contents[:length] = image[:length]
            mask[:length] = chip.geo[slot.KNOWN]
            if before is not None:
                self._note_restart(target, 0, before, (contents[:length], mask[:length]))

    def change_backing(self, backing: Backing) -> None:
        """Start again behind another image file; what a longer one holds beyond the old one's end is unknown."""
        chip, end = self.chip, self.backed_bytes
        _set_backing(chip.geo, backing)
        if self.backed_bytes > end:
            chip.backing_mask[end : self.backed_bytes] = 1 - chip.geo[slot.KNOWN]
            chip.state[slot.UNKNOWN_SEEN] = 1
            low, high = int(chip.state[slot.DIRTY_LOW]), int(chip.state[slot.DIRTY_HIGH])
            chip.state[slot.DIRTY_LOW] = min(low, end) if low < high else end
            chip.state[slot.DIRTY_HIGH] = max(high, self.backed_bytes)
        self._read_image_again()

    def power_cycle(self) -> None:
        """The machine ends and starts again: storage is read from the image file, state is that of power-up."""
        chip = self.chip
        self._read_image_again()
        close_window(chip)
        operations, unknown = chip.state[slot.OP], chip.state[slot.UNKNOWN_SEEN]
        chip.state[:] = _power_on_state()
        chip.state[slot.OP] = operations
        chip.state[slot.UNKNOWN_SEEN] = unknown
        chip.seen[:] = [0] * slot.KINDS
        chip.missing[:] = [-1] * slot.KINDS
        chip.geo[slot.BEHAVIOUR] = int(self.config.behaviour)

    def _read_image_again(self) -> None:
        """Storage becomes what the image file holds, and nothing beyond it."""
        chip = self.chip
        low, high = int(chip.state[slot.DIRTY_LOW]), int(chip.state[slot.DIRTY_HIGH])
        backed, size = int(chip.geo[slot.BACKED]), int(chip.geo[slot.SIZE])
        first, end = (low, high) if backed == size else (min(low, backed) if low < high else backed, size)
        before = _copy_span(chip, first, end) if self.keep_journal else None
        self._read_image(low, min(high, backed))
        chip.state[slot.DIRTY_LOW] = chip.state[slot.DIRTY_HIGH] = 0
        if before is not None:
            self._note_restart(Target.STORAGE, first, before, _copy_span(chip, first, end))

    def _read_image(self, low: int, high: int) -> None:
        chip = self.chip
        chip.storage[low:high] = chip.backing[low:high]
        chip.storage_mask[low:high] = chip.backing_mask[low:high]
        if chip.geo[slot.BACKED] < chip.geo[slot.SIZE]:
            self._blank_beyond(chip.geo[slot.BACKED])

    def _note_restart(self, target: Target, low: int, before: Bytes, after: Bytes) -> None:
        """Enter into the journal what changed between two starts; bytes and mask of the same span."""
        changed = np.flatnonzero((before[0] != after[0]) | (before[1] != after[1]))
        if not len(changed):
            return
        span = slice(int(changed[0]), int(changed[-1]) + 1)
        known = self.chip.geo[slot.KNOWN]
        self.journal.add(
            Change(
                -1,
                JournalKind.RESTART,
                target,
                low + span.start,
                span.stop - span.start,
                before[0][span],
                before[1][span] == known,
                after[0][span].copy(),
                after[1][span] == known,
            )
        )

    def _blank_beyond(self, extent: int) -> None:
        """Beyond the file there is nothing: zeros that nobody wrote. Pages that were never touched stay so."""
        clear(self.chip.storage[extent:])
        clear(self.chip.storage_mask[extent:])
        self._blank = _Blank(len(self.chip.storage), extent)
        self._blank.begin(self.chip)

    def fork(self, backing: Backing) -> Machine:
        """A second machine in the same state behind another image file, without self-check and journal.

        Contents beyond the new extent start as the policy has them: zeros that nobody wrote.
        """
        twin = object.__new__(Machine)
        twin.config = self.config
        twin.journal = Journal()
        chip = self.chip
        twin.chip = chip._replace(
            state=_copy(chip.state),
            geo=_copy(chip.geo),
            window=chip.window.copy(),
            touched=chip.touched.copy(),
            expected=_copy(chip.expected),
            held=_copy(chip.held),
            seen=_copy(chip.seen),
            missing=_copy(chip.missing),
            journal=_copy(chip.journal[: slot.JOURNAL_WIDTH]),
            blob=np.zeros(1, np.uint8),
            storage=_prefix(chip.storage, backing.extent),
            storage_mask=_prefix(chip.storage_mask, backing.extent),
            backing=_prefix(chip.backing, backing.extent),
            backing_mask=_prefix(chip.backing_mask, backing.extent),
        )
        _set_backing(twin.chip.geo, backing)
        for name in (slot.CHECK, slot.JOURNAL, slot.COUNT, slot.WATCH_END):
            twin.chip.geo[name] = 0
        twin.chip.missing[:] = [-1] * slot.KINDS
        twin._blank = _Blank(len(chip.storage), backing.extent)
        twin._blank.begin(twin.chip)
        for name in (slot.EXPECT_HEAD, slot.EXPECT_TAIL, slot.HELD):
            twin.chip.state[name] = 0
        return twin

    # --- being asked ---------------------------------------------------------------------------------------------

    def storage(self) -> NDArray[np.uint8]:
        """What the guest reads back: uint8, as long as the region. A view, valid until the next `feed`."""
        return self.chip.storage

    def backing(self) -> NDArray[np.uint8]:
        """What the image file holds: uint8, as long as the file. A view, valid until the next `feed`."""
        return self.chip.backing[: self.backed_bytes]

    @property
    def backed_bytes(self) -> int:
        """Length of the image file."""
        return int(self.chip.geo[slot.BACKED])

    def unknown(self, *, backing: bool, end: int) -> tuple[int, int]:
        """How many of the first `end` bytes are unknown, and the offset of the first (-1 if none)."""
        mask = self.chip.backing_mask if backing else self.chip.storage_mask
        return find_other(mask[: end if backing else min(end, self._blank.start)], self.chip.geo[slot.KNOWN])

    def known_prefix(self, length: int) -> bytes | None:
        """The first `length` bytes of storage, None if one of them is unknown."""
        count, _ = self.unknown(backing=False, end=length)
        return None if count else self.chip.storage[:length].tobytes()

    @property
    def disagreement(self) -> Disagreement | None:
        """The first difference between model and trace so far."""
        state, chip = self.chip.state, self.chip
        lacking = [(int(seq), kind) for kind, seq in enumerate(chip.missing) if seq >= 0 and chip.seen[kind]]
        first = min(lacking, default=None)
        if first is not None and not 0 <= state[slot.MISMATCH_SEQ] <= first[0]:
            return Disagreement(first[0], RowKind(first[1]), RowKind.OTHER, "event", -1, -1)
        if state[slot.MISMATCH_SEQ] < 0:
            return None
        return Disagreement(
            int(state[slot.MISMATCH_SEQ]),
            RowKind(int(state[slot.MISMATCH_KIND])),
            RowKind(int(state[slot.MISMATCH_STANDS])),
            slot.FIELDS[state[slot.MISMATCH_FIELD]],
            int(state[slot.MISMATCH_EXPECTED]),
            int(state[slot.MISMATCH_ACTUAL]),
        )

    @property
    def disagreements(self) -> int:
        """How often model and trace differed."""
        return int(self.chip.state[slot.MISMATCH_COUNT])

    @property
    def adopted_at(self) -> int | None:
        """Seq of the first row whose state was taken from the trace before the machine was in step."""
        seq = int(self.chip.state[slot.SOFT_ADOPTED])
        return None if seq < 0 else seq

    @property
    def status(self) -> int:
        """The status register of one chip."""
        return int(self.chip.state[slot.STATUS])

    @property
    def command(self) -> int:
        """The command byte in force; 0 in read array."""
        return int(self.chip.state[slot.CMD])

    @property
    def wcycle(self) -> int:
        """The write cycle of the command in progress, 0 to 3."""
        return int(self.chip.state[slot.WCYCLE])

    @property
    def words_left(self) -> int | None:
        """Words of the buffered write in progress that have not come yet; None if that is not known, or none is."""
        state = self.chip.state
        if state[slot.CMD] != Opcode.BUFFERED_PROGRAM or not state[slot.COUNTER_KNOWN]:
            return None
        return {2: state[slot.COUNTER] + 1, 3: 0}.get(state[slot.WCYCLE])

    @property
    def midway(self) -> bool:
        """Whether an operation is in progress. A flash in query mode waits in a write cycle too, but at rest."""
        return self.wcycle != 0 and self.command != Opcode.CFI_QUERY

    @property
    def awaited(self) -> RowKind | None:
        """The event that the last row still must have beside it, None if it is complete.

        An inner event that the last write causes, or the read of an inner event that came, of a kind that the trace
        holds.
        """
        state, chip = self.chip.state, self.chip
        if state[slot.BLIND] or state[slot.SOFT]:
            return None
        if state[slot.HELD] and chip.geo[slot.CHECK_READ_EVENTS] and chip.seen[RowKind.IO_READ]:
            return RowKind.IO_READ
        for at in range(int(state[slot.EXPECT_HEAD]), int(state[slot.EXPECT_TAIL])):
            kind = RowKind(int(chip.expected[at * slot.EXPECT_WIDTH]))
            if chip.seen[kind]:
                return kind
        return None

    def has_seen(self, kind: RowKind) -> bool:
        """Whether a row of this kind was among those fed."""
        return bool(self.chip.seen[kind])


def _copy_span(chip: Chip, low: int, high: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Bytes and mask of storage."""
    return chip.storage[low:high].copy(), chip.storage_mask[low:high].copy()


def _copy(column: Any) -> Any:  # noqa: ANN401  a list or an int64 array
    return column.copy()


def _as_arrays(chip: Chip) -> Chip:
    """The same device with its integers in int64 arrays."""
    integers: dict[str, Any] = {name: np.array(getattr(chip, name), np.int64) for name in _INTEGERS}
    return chip._replace(**integers)


def _as_lists(chip: Chip) -> Chip:
    """The same device with its integers in lists."""
    integers: dict[str, Any] = {name: np.asarray(getattr(chip, name)).tolist() for name in _INTEGERS}
    return chip._replace(**integers)


def _prefix(array: NDArray[np.uint8], length: int | None) -> NDArray[np.uint8]:
    """A copy of which only the first `length` bytes are filled: the rest stays unallocated zeros."""
    copy = sparse_zeros(len(array))
    copy_into(copy, array[:length])
    return copy

"""Machine: one flash device, fed a chunk of rows at a time.

Columns in, columns out. The machine carries its state from chunk to chunk, so the result does not depend on how the
rows are cut. It stops by itself where something must be decided from outside (see `Stop`), and goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from replay.backing import UPSTREAM, Backing, Policy
from replay.behaviour import Behaviour
from replay.cfi import SIZE_DEPENDENT_ENTRIES, Opcode, Status, cfi_table
from replay.columns import ABSENT, HELD, QUEUED, Field, JournalKind, RowKind, Stop, Target
from replay.journal import COLUMNS, Change, Journal
from replay.sparse import clear, copy_into, find_other, sparse_zeros
from replay.state import Asked, Chip, Operations, Rows, SelfCheck, Settings, Steps, Totals
from replay.state import Journal as JournalRoom
from replay.tables import OperationColumns, StepColumns

try:
    from replay.native import end_operation, run
except ImportError:  # not compiled
    from replay.machine import run
    from replay.summing import end_operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from replay.geometry import Geometry
    from replay.tables import RowColumns

    Bytes = tuple[NDArray[np.uint8], NDArray[np.uint8]]

__all__ = ["STATE", "Config", "Disagreement", "Machine", "Stop", "Totals"]

_JOURNAL_ROWS = 1 << 14
_JOURNAL_BYTES = 1 << 22
_STEPS = 1 << 14
_OPERATIONS = 1 << 14
_FILLED_AT_ONCE = 128 << 20
_FILLED = 1 << 16

STATE = (
    "cmd",
    "wcycle",
    "status",
    "status_known",
    "counter",
    "counter_known",
    "window_start",
    "window_low",
    "window_high",
    "window_bytes",
    "window_scattered",
    "window_partial",
    "dirty_low",
    "dirty_high",
    "unknown_seen",
    "soft",
    "blind",
    "soft_adopted",
    "op",
    "op_kind",
    "inferred_open",
)
"""What a device carries besides its contents."""


@dataclass(frozen=True)
class Config:
    """What a machine is told about its device.

    `image` is the contents at power-up, uint8, at most as long as the region (what lies beyond is 0); None: unknown.
    `journal` keeps every change, `count_changes` fills the step columns that say how much each row changed.
    `check` compares the trace's own events and takes hints from them; without it only bus accesses count.
    `operations` sums rows up.
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
    operations: bool = True


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


class _Contents(NamedTuple):
    """Bytes and masks of a region, uint8, lazily allocated."""

    storage: NDArray[np.uint8]
    storage_mask: NDArray[np.uint8]
    backing: NDArray[np.uint8]
    backing_mask: NDArray[np.uint8]


class _Room:
    """The arrays that the machine fills: those of the kernel are views of them."""

    def __init__(self, *, steps: int, operations: int, journal: int, data: int) -> None:
        self.seen = np.zeros(len(RowKind), np.int64)
        self.missing = np.full(len(RowKind), ABSENT, np.int64)
        self.queue = np.zeros((6, QUEUED), np.int64)
        self.held = np.zeros((5, HELD), np.int64)
        self.steps = np.zeros((len(StepColumns._fields), steps), np.int64)
        self.operations = np.zeros((len(OperationColumns._fields), operations), np.int64)
        self.journal = np.zeros((COLUMNS, journal), np.int64)
        self.data = np.zeros(data, np.uint8)

    def chip(self, settings: Settings, window: int) -> Chip:
        """A device that has just been made, without contents."""
        chip = Chip(
            settings,
            SelfCheck(_views(self.queue), _views(self.held), _view(self.seen), _view(self.missing)),
            JournalRoom(_views(self.journal), _view(self.data)),
            Operations(_views(self.operations)),
            Steps(_views(self.steps)),
            _view(np.zeros(window, np.uint8)),
            _view(np.zeros(window, np.uint8)),
        )
        chip.status = int(Status.READY)
        return chip


def _view(array: NDArray[Any]) -> memoryview[int]:
    return memoryview(array)  # type: ignore[arg-type]


def _views(table: NDArray[np.int64]) -> list[memoryview[int]]:
    return [_view(column) for column in table]


def _settings(config: Config) -> Settings:
    geometry = config.geometry
    table = np.frombuffer(cfi_table(geometry), np.uint8).astype(np.int64)
    if not geometry.size_known:
        table[list(SIZE_DEPENDENT_ENTRIES)] = ABSENT
    settings = Settings(_view(table))
    settings.size = geometry.size
    settings.block = geometry.block
    settings.bank = geometry.bank_width
    settings.chip = geometry.chip_width
    settings.widest_chip = geometry.widest_chip
    if geometry.chip_width:
        log2 = [width.bit_length() - 1 for width in (geometry.bank_width, geometry.widest_chip, geometry.chip_width)]
        settings.address_shift = log2[0] + log2[1] - log2[2]
    settings.big_endian = geometry.endian == "big"
    settings.manufacturer, settings.device = geometry.ids[:2]
    settings.extended_manufacturer, settings.extended_device = geometry.ids[2:]
    settings.window = geometry.window
    settings.read_only = config.read_only
    settings.behaviour = int(config.behaviour)
    settings.known = int(config.image is None)
    settings.watch_end = config.watch_end
    settings.journal = config.journal
    settings.count = config.count_changes
    settings.check = config.check
    settings.check_read_events = config.read_events
    settings.sum_up = config.operations
    _set_backing(settings, config.backing)
    return settings


def _set_backing(settings: Settings, backing: Backing) -> None:
    settings.extent = settings.size if backing.extent is None else min(backing.extent, settings.size)
    settings.policy = int(backing.policy)
    settings.backed = settings.size if backing.policy == Policy.PADDED else settings.extent


class _Blank:
    """What lies beyond the image file: zeros that nobody wrote, and so known.

    Where unknown is what masks begin with, the mask is filled there: at once where that is little, else block by block
    as rows come near.
    """

    def __init__(self, size: int, start: int | None = None) -> None:
        self.start = size if start is None else min(start, size)
        self._size = size
        self._marked: set[int] = set()

    def begin(self, mask: NDArray[np.uint8], known: int) -> None:
        """Fill the mask where that takes little memory."""
        if self._size - self.start <= _FILLED_AT_ONCE:
            mask[self.start :] = known
            self._marked = set(range(self._size // _FILLED + 1))

    def mark(self, mask: NDArray[np.uint8], offsets: NDArray[np.int64], reach: int) -> None:
        """Fill the mask wherever these rows reach: `reach` bytes around them, for erase blocks and windows."""
        if self.start == self._size or self._size - self.start <= _FILLED_AT_ONCE:
            return
        places = np.unique(offsets // _FILLED) * _FILLED
        for place in places[places >= 0].tolist():
            for number in range(max(place - reach, 0) // _FILLED, (place + _FILLED + reach) // _FILLED + 1):
                if number not in self._marked:
                    self._marked.add(number)
                    mask[max(number * _FILLED, self.start) : (number + 1) * _FILLED] = 1


class Machine:
    """One flash device and everything it carries from row to row.

    Attributes:
        chip: its state, as the kernel has it.
        asked: which rows are given one by one; see `steps`.
        totals: what all rows add up to.
        journal: what changed, if that is kept.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        size = config.geometry.size
        journaled = config.journal or config.count_changes
        self._make(
            _settings(config),
            _Room(
                steps=_STEPS,
                operations=_OPERATIONS,
                journal=_JOURNAL_ROWS if journaled else 1,
                data=max(_JOURNAL_BYTES, 16 * config.geometry.block) if journaled else 1,
            ),
            _Contents(*(sparse_zeros(size) for _ in _Contents._fields)),
        )
        self._blank = _Blank(size)
        if config.image is not None:
            length = min(len(config.image), size)
            copy_into(self._contents.storage, config.image[:length])
            copy_into(self._contents.backing, config.image[:length])

    def _make(self, settings: Settings, room: _Room, contents: _Contents) -> None:
        self._settings = settings
        self._room = room
        self.chip = room.chip(settings, self.config.geometry.window)
        self.asked: Asked = self.chip.asked
        self.totals: Totals = self.chip.totals
        self.journal = Journal()
        self._steps: list[NDArray[np.int64]] = []
        self._operations: list[NDArray[np.int64]] = []
        self._set_contents(contents)

    def _set_contents(self, contents: _Contents) -> None:
        self._contents = contents
        for name, array in contents._asdict().items():
            setattr(self.chip, name, _view(array))

    # --- feeding -------------------------------------------------------------------------------------------------

    def feed(self, rows: RowColumns, start: int = 0, end: int | None = None) -> tuple[int, Stop]:
        """Do the rows from `start` on (to `end`, exclusive).

        Returns the row after the last one done and why it stopped. Rows must be valid: `0 <= offset`,
        `1 <= size <= 8`, `offset + size` and `length` inside the region.

        Raises:
            IndexError: they are not.
        """
        end = len(rows.kind) if end is None else end
        if self._settings.known:
            reach = max(self._settings.block, self._settings.window)
            self._blank.mark(self._contents.storage_mask, rows.offset[start:end], reach)
        if start < end and not self._room.seen.any():
            # The very first row of a device that was just made: its count register is still zero.
            self.chip.counter_known |= rows.kind[start] in (RowKind.RESET, RowKind.REALIZE)
        views = Rows([_view(np.ascontiguousarray(column, np.int64)) for column in rows])
        while True:
            why = Stop(run(self.chip, views, start, end))
            start = self.chip.position
            self._drain()
            if why == Stop.POSTLOAD:
                self._forget_everything()
            elif why != Stop.ROOM:
                return start, why

    def _drain(self) -> None:
        """Take what fills the room for rows."""
        chip, room = self.chip, self._room
        if chip.journal.rows:
            columns, size = room.journal[:, : chip.journal.rows], chip.journal.bytes
            self.journal.take(columns.T.copy(), room.data[:size].copy(), self._settings.known)
            chip.journal.rows = chip.journal.bytes = 0
        if chip.steps.count:
            self._steps.append(room.steps[:, : chip.steps.count].copy())
            chip.steps.count = 0
        if chip.operations.count:
            self._operations.append(room.operations[:, : chip.operations.count].copy())
            chip.operations.count = 0

    def steps(self) -> StepColumns:
        """The rows that were asked for since the last call."""
        found, self._steps = self._steps, []
        return StepColumns(*_joined(found, len(StepColumns._fields)))

    def operations(self, *, end: bool = False) -> OperationColumns:
        """The operations that have ended since the last call; with `end` also the one in progress."""
        if end:
            end_operation(self.chip)
            self._drain()
        found, self._operations = self._operations, []
        return OperationColumns(*_joined(found, len(OperationColumns._fields)))

    def _forget_everything(self) -> None:
        size = self.config.geometry.size
        self._settings.known = 1
        self._set_contents(self._contents._replace(storage_mask=sparse_zeros(size), backing_mask=sparse_zeros(size)))
        self._blank = _Blank(size)

    # --- being told ----------------------------------------------------------------------------------------------

    @property
    def keep_journal(self) -> bool:
        """Whether changes go into the journal; only a machine that was made with one, or counts, has room for it."""
        return bool(self._settings.journal)

    @keep_journal.setter
    def keep_journal(self, keep: bool) -> None:
        self._settings.journal = keep

    @property
    def behaviour(self) -> Behaviour:
        """When buffered words are stored."""
        return Behaviour(self._settings.behaviour)

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._settings.behaviour = int(behaviour)

    def stop_watching(self) -> None:
        """No longer stop at changes of the watched range."""
        self._settings.watch_end = 0

    def change_image(self, image: NDArray[np.uint8]) -> None:
        """Put other contents into the image file: uint8, from offset 0. The next `power_cycle` reads them."""
        length = min(len(image), self.backed_bytes)
        for target, data, mask in (
            (Target.BACKING, self._contents.backing, self._contents.backing_mask),
            (Target.STORAGE, self._contents.storage, self._contents.storage_mask),
        ):
            before = (data[:length].copy(), mask[:length].copy()) if self.keep_journal else None
            data[:length] = image[:length]
            mask[:length] = self._settings.known
            if before is not None:
                self._note_restart(target, 0, before, (data[:length], mask[:length]))

    def change_backing(self, backing: Backing) -> None:
        """Start again behind another image file; what a longer one holds beyond the old one's end is unknown."""
        chip, end = self.chip, self.backed_bytes
        _set_backing(self._settings, backing)
        if self.backed_bytes > end:
            self._contents.backing_mask[end : self.backed_bytes] = 1 - self._settings.known
            chip.unknown_seen = True
            chip.dirty_low = min(chip.dirty_low, end) if chip.dirty_low < chip.dirty_high else end
            chip.dirty_high = max(chip.dirty_high, self.backed_bytes)
        self._read_image_again()

    def power_cycle(self) -> None:
        """The machine ends and starts again: storage is read from the image file, state is that of power-up."""
        self._read_image_again()
        kept = {name: getattr(self.chip, name) for name in ("op", "unknown_seen")}
        operation = self.chip.operation
        self._room.seen[:] = 0
        self._room.missing[:] = ABSENT
        self.chip = self._room.chip(self._settings, self.config.geometry.window)
        for name, value in kept.items():
            setattr(self.chip, name, value)
        self.chip.operation, self.chip.totals, self.chip.asked = operation, self.totals, self.asked
        self._set_contents(self._contents)
        self._settings.behaviour = int(self.config.behaviour)

    def _read_image_again(self) -> None:
        """Storage becomes what the image file holds, and nothing beyond it."""
        chip, backed, size = self.chip, self.backed_bytes, self.config.geometry.size
        low, high = chip.dirty_low, chip.dirty_high
        first, end = (low, high) if backed == size else (min(low, backed) if low < high else backed, size)
        before = self._copy_span(first, end) if self.keep_journal else None
        self._read_image(low, min(high, backed))
        chip.dirty_low = chip.dirty_high = 0
        if before is not None:
            self._note_restart(Target.STORAGE, first, before, self._copy_span(first, end))

    def _copy_span(self, low: int, high: int) -> Bytes:
        """Bytes and mask of storage."""
        return self._contents.storage[low:high].copy(), self._contents.storage_mask[low:high].copy()

    def _read_image(self, low: int, high: int) -> None:
        contents = self._contents
        contents.storage[low:high] = contents.backing[low:high]
        contents.storage_mask[low:high] = contents.backing_mask[low:high]
        if self.backed_bytes < self.config.geometry.size:
            self._blank_beyond(self.backed_bytes)

    def _note_restart(self, target: Target, low: int, before: Bytes, after: Bytes) -> None:
        """Enter into the journal what changed between two starts; bytes and mask of the same span."""
        changed = np.flatnonzero((before[0] != after[0]) | (before[1] != after[1]))
        if not len(changed):
            return
        span = slice(int(changed[0]), int(changed[-1]) + 1)
        known = self._settings.known
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
        clear(self._contents.storage[extent:])
        clear(self._contents.storage_mask[extent:])
        self._blank = _Blank(self.config.geometry.size, extent)
        self._blank.begin(self._contents.storage_mask, self._settings.known)

    def fork(self, backing: Backing) -> Machine:
        """A second machine in the same state behind another image file, without self-check, journal and operations.

        Contents beyond the new extent start as the policy has them: zeros that nobody wrote.
        """
        twin = object.__new__(Machine)
        twin.config = self.config
        settings = _settings(self.config)
        settings.known, settings.behaviour = self._settings.known, self._settings.behaviour
        settings.check = settings.journal = settings.count = settings.sum_up = False
        settings.watch_end = 0
        _set_backing(settings, backing)
        room = _Room(steps=_STEPS, operations=_OPERATIONS, journal=1, data=1)
        room.seen[:] = self._room.seen
        twin._make(settings, room, _Contents(*(_prefix(array, backing.extent) for array in self._contents)))
        for name in STATE:
            setattr(twin.chip, name, getattr(self.chip, name))
        for name in ("window", "touched"):
            setattr(twin.chip, name, _view(np.array(getattr(self.chip, name), np.uint8)))
        twin._blank = _Blank(self.config.geometry.size, backing.extent)
        twin._blank.begin(twin._contents.storage_mask, settings.known)
        return twin

    # --- being asked ---------------------------------------------------------------------------------------------

    def storage(self) -> NDArray[np.uint8]:
        """What the guest reads back: uint8, as long as the region. A view, valid until the next `feed`."""
        return self._contents.storage

    def backing(self) -> NDArray[np.uint8]:
        """What the image file holds: uint8, as long as the file. A view, valid until the next `feed`."""
        return self._contents.backing[: self.backed_bytes]

    @property
    def storage_mask(self) -> NDArray[np.uint8]:
        """For each byte of storage, `known_value` where it is known; a view."""
        return self._contents.storage_mask

    @property
    def backing_mask(self) -> NDArray[np.uint8]:
        """For each byte of backing, as long as the region, `known_value` where it is known; a view."""
        return self._contents.backing_mask

    @property
    def known_value(self) -> int:
        """What the masks hold for a byte that is known, 0 or 1; the other value means unknown."""
        return int(self._settings.known)

    @property
    def backed_bytes(self) -> int:
        """Length of the image file."""
        return int(self._settings.backed)

    def unknown(self, *, backing: bool, end: int) -> tuple[int, int]:
        """How many of the first `end` bytes are unknown, and the offset of the first (-1 if none)."""
        mask = self._contents.backing_mask if backing else self._contents.storage_mask
        return find_other(mask[: end if backing else min(end, self._blank.start)], self._settings.known)

    def known_prefix(self, length: int) -> bytes | None:
        """The first `length` bytes of storage, None if one of them is unknown."""
        count, _ = self.unknown(backing=False, end=length)
        return None if count else self._contents.storage[:length].tobytes()

    @property
    def disagreement(self) -> Disagreement | None:
        """The first difference between model and trace so far."""
        check, missing = self.chip.check, self._room.missing
        lacking = np.flatnonzero((missing >= 0) & (self._room.seen != 0))
        if len(lacking):
            kind = int(lacking[missing[lacking].argmin()])
            if not 0 <= check.first_seq <= missing[kind]:
                return Disagreement(int(missing[kind]), RowKind(kind), RowKind.OTHER, "event", -1, -1)
        if check.first_seq < 0:
            return None
        return Disagreement(
            check.first_seq,
            RowKind(check.first_kind),
            RowKind(check.first_stands),
            Field(check.first_field).name.lower(),
            check.first_expected,
            check.first_actual,
        )

    @property
    def disagreements(self) -> int:
        """How often model and trace differed."""
        return int(self.chip.check.differences)

    @property
    def adopted_at(self) -> int | None:
        """Seq of the first row whose state was taken from the trace before the machine was in step."""
        seq = int(self.chip.soft_adopted)
        return None if seq < 0 else seq

    @property
    def status(self) -> int:
        """The status register of one chip."""
        return int(self.chip.status)

    @property
    def command(self) -> int:
        """The command byte in force; 0 in read array."""
        return int(self.chip.cmd)

    @property
    def wcycle(self) -> int:
        """The write cycle of the command in progress, 0 to 3."""
        return int(self.chip.wcycle)

    @property
    def operation_kind(self) -> int:
        """The `OpKind` of the current operation."""
        return int(self.chip.op_kind)

    @property
    def operation_start(self) -> int:
        """Seq of the first row of the operation in progress, -1 if there is none."""
        operation = self.chip.operation
        return int(operation.first_seq) if operation.number >= 0 else -1

    @property
    def words_left(self) -> int | None:
        """Words of the buffered write in progress that have not come yet; None if that is not known, or none is."""
        if self.chip.cmd != Opcode.BUFFERED_PROGRAM or not self.chip.counter_known:
            return None
        return {2: self.chip.counter + 1, 3: 0}.get(self.chip.wcycle)

    @property
    def midway(self) -> bool:
        """Whether an operation is in progress. A flash in query mode waits in a write cycle too, but at rest."""
        return self.wcycle != 0 and self.command != Opcode.CFI_QUERY

    @property
    def window(self) -> tuple[int, int] | None:
        """Start and length of the write-buffer window, None where none is open."""
        start = int(self.chip.window_start)
        return None if start < 0 else (start, self.config.geometry.window)

    @property
    def awaited(self) -> RowKind | None:
        """The event that the last row still must have beside it, None if it is complete.

        An inner event that the last write causes, or the read of an inner event that came, of a kind that the trace
        holds.
        """
        chip, check = self.chip, self.chip.check
        if chip.blind or chip.soft:
            return None
        if check.held and self._settings.check_read_events and self.has_seen(RowKind.IO_READ):
            return RowKind.IO_READ
        queued = self._room.queue[0, check.head : check.tail].tolist()
        return next((RowKind(kind) for kind in queued if self.has_seen(kind)), None)

    def has_seen(self, kind: RowKind) -> bool:
        """Whether a row of this kind was among those fed."""
        return bool(self._room.seen[kind])


def _joined(parts: Sequence[NDArray[np.int64]], columns: int) -> NDArray[np.int64]:
    """Tables one after the other."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([np.zeros((columns, 0), np.int64), *parts], axis=1)


def _prefix(array: NDArray[np.uint8], length: int | None) -> NDArray[np.uint8]:
    """A copy of which only the first `length` bytes are filled: the rest stays unallocated zeros."""
    copy = sparse_zeros(len(array))
    copy_into(copy, array[:length])
    return copy

"""Machine: one flash device, fed a chunk of rows at a time.

Columns in, columns out. State is carried from chunk to chunk, so the result does not depend on the chunk size. The
machine stops where its owner must decide something (see `Stop`), and continues from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from replay import cfi
from replay.backing import UPSTREAM, Backing, Policy
from replay.behaviour import Behaviour
from replay.buffers import BlankRange, Buffers, Contents, joined, prefix, view
from replay.cfi import Opcode
from replay.cfi02 import facts as cfi02
from replay.cfi02.facts import Command, Cycle
from replay.columns import ABSENT, OP_FIELDS, Field, JournalKind, OpField, RowKind, Stop, Target
from replay.command_set import CommandSet
from replay.journal import Change, Journal
from replay.machine_state import Checkpoint, Forgotten, MachineState
from replay.sparse import SparseCopy, clear, copy_into, find_other, sparse_zeros
from replay.state import Asked, Rows, Settings, Totals
from replay.tables import StepColumns

try:
    from replay.native import end_operation, run
except ImportError:  # not compiled
    from replay.loop import run
    from replay.operation_sums import end_operation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from replay.geometry import Geometry
    from replay.tables import OperationColumns, RowColumns

    Bytes = tuple[NDArray[np.uint8], NDArray[np.uint8]]

__all__ = ["Config", "Disagreement", "Machine", "Stop", "Totals"]


@dataclass(frozen=True)
class Config:
    """Configuration of a machine.

    `image` is the contents at power-up, uint8, at most as long as the region (zeros follow); None: unknown.
    `journal` records every change, `count_changes` fills the step columns `changed` and `bits_set`.
    `check` compares inner events with the model and takes hints from them; without it only bus accesses count.
    `operations` sums rows up to operations and totals. `quiet`: the trace has a CFI02 device's `reset` for commands
    that are given up, and for nothing else (QEMU before 6.0).
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
    quiet: bool = False


@dataclass(frozen=True)
class Disagreement:
    """The first difference between model and trace.

    `expected_kind` is 0 where no event was expected, `actual_kind` 0 where the event is missing. `expected` and
    `actual` are the two values of `field`, -1 each where the event itself differs.
    """

    seq: int
    expected_kind: RowKind
    actual_kind: RowKind
    field: str
    expected: int
    actual: int


def _query_table(geometry: Geometry) -> NDArray[np.int64]:
    """The query table, int64, with -1 for each entry that follows from an unknown size."""
    facts = cfi02 if geometry.command_set == CommandSet.CFI02 else cfi
    table = np.frombuffer(facts.cfi_table(geometry), np.uint8).astype(np.int64)
    if not geometry.size_known:
        table[list(facts.SIZE_DEPENDENT_ENTRIES)] = ABSENT
    return table


def _address_shift(geometry: Geometry) -> int:
    """From byte offset to the chip's word index."""
    log2 = [
        max(width, 1).bit_length() - 1 for width in (geometry.bank_width, geometry.widest_chip, geometry.chip_width)
    ]
    return log2[0] + log2[1] - log2[2]


def _settings(config: Config) -> Settings:
    geometry = config.geometry
    settings = Settings(view(_query_table(geometry)))
    settings.command_set = int(geometry.command_set)
    settings.size = geometry.size
    settings.block = geometry.largest_block
    settings.bank = geometry.bank_width
    settings.chip = geometry.chip_width
    settings.widest_chip = geometry.widest_chip
    settings.address_shift = _address_shift(geometry)
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


class Machine:
    """One flash device with its state and contents.

    Attributes:
        chip: kernel state.
        asked: filter of the rows that `steps` returns.
        totals: counts over all rows.
        journal: changes, if they are recorded.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        size = config.geometry.size
        journal = config.journal or config.count_changes
        buffers = Buffers(config.geometry, journal=journal)
        self._make(_settings(config), buffers, Contents(*(sparse_zeros(size) for _ in Contents._fields)))
        self._blank = BlankRange(size)
        if config.image is not None:
            length = min(len(config.image), size)
            copy_into(self._contents.storage, config.image[:length])
            copy_into(self._contents.backing, config.image[:length])

    def _make(self, settings: Settings, buffers: Buffers, contents: Contents) -> None:
        self._settings = settings
        self._buffers = buffers
        self.chip = buffers.chip(settings, self.config.geometry)
        self.asked: Asked = self.chip.asked
        self.totals: Totals = self.chip.totals
        self.journal = Journal()
        self._forgotten: list[Forgotten] = []
        self.chip.sectors.quiet = self.config.quiet
        self._steps: list[NDArray[np.int64]] = []
        self._operations: list[NDArray[np.int64]] = []
        self._set_contents(contents)

    def _set_contents(self, contents: Contents) -> None:
        self._contents = contents
        for name, array in contents._asdict().items():
            setattr(self.chip, name, view(array))

    # --- feeding -------------------------------------------------------------------------------------------------

    def feed(self, rows: RowColumns, start: int = 0, end: int | None = None) -> tuple[int, Stop]:
        """Process the rows from `start` to `end` (exclusive); return the index of the next row and why it stopped.

        Rows must be valid: `0 <= offset`, `1 <= size <= 8`, `offset + size` and `length` inside the region.

        Raises:
            IndexError: a row is not.
        """
        end = len(rows.kind) if end is None else end
        if self._settings.known:
            reach = max(self._settings.block, self._settings.window)
            self._blank.mark(self._contents.storage_mask, rows.offset[start:end], reach)
        if start < end and not self._buffers.seen.any():
            # A device that has just started has a zero count register; any other first row leaves it unknown.
            self.chip.counter_known |= rows.kind[start] in (RowKind.RESET, RowKind.REALIZE)
        views = Rows([view(np.ascontiguousarray(column, np.int64)) for column in rows])
        while True:
            why = Stop(run(self.chip, views, start, end))
            start = self.chip.position
            self._drain()
            if why == Stop.POSTLOAD:
                self._forget_everything()
            elif why != Stop.ROOM:
                return start, why

    def _drain(self) -> None:
        """Empty the kernel's buffers."""
        chip, buffers = self.chip, self._buffers
        if chip.journal.rows:
            columns, size = buffers.journal[:, : chip.journal.rows], chip.journal.bytes
            self.journal.take(columns.T.copy(), buffers.data[:size].copy(), self._settings.known)
            chip.journal.rows = chip.journal.bytes = 0
        if chip.steps.count:
            self._steps.append(buffers.steps[:, : chip.steps.count].copy())
            chip.steps.count = 0
        if chip.operations.count:
            self._operations.append(buffers.operations[: chip.operations.count].T.copy())
            chip.operations.count = 0

    def steps(self) -> StepColumns:
        """Return the rows that passed the filter `asked` since the last call."""
        found, self._steps = self._steps, []
        return StepColumns(*joined(found, len(StepColumns._fields)))

    def operations(self, *, end: bool = False) -> OperationColumns:
        """Return the operations that have ended since the last call; with `end` end the one in progress first."""
        if end:
            end_operation(self.chip)
            self._drain()
        found, self._operations = self._operations, []
        return dict(zip((field.name.lower() for field in OpField), joined(found, OP_FIELDS), strict=True))

    def _forget_everything(self) -> None:
        size, contents = self.config.geometry.size, self._contents
        if self.keep_journal:
            masks = SparseCopy.of(contents.storage_mask), SparseCopy.of(contents.backing_mask)
            self._forgotten.append(Forgotten(len(self.journal), self._settings.known, *masks))
        self._settings.known = 1
        self._set_contents(contents._replace(storage_mask=sparse_zeros(size), backing_mask=sparse_zeros(size)))
        self._blank = BlankRange(size)

    # --- changing the device -----------------------------------------------------------------------------------------

    @property
    def keep_journal(self) -> bool:
        """True while changes go into the journal. Only a machine created with one, or with counts, has room for it."""
        return bool(self._settings.journal)

    @keep_journal.setter
    def keep_journal(self, keep: bool) -> None:
        self._settings.journal = keep

    @property
    def behaviour(self) -> Behaviour:
        """When buffered words reach the storage."""
        return Behaviour(self._settings.behaviour)

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._settings.behaviour = int(behaviour)

    def stop_watching(self) -> None:
        """Stop no more at changes of the watched range."""
        self._settings.watch_end = 0

    def change_image(self, image: NDArray[np.uint8]) -> None:
        """Replace the contents of the image file: uint8, from offset 0."""
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
        """Restart behind another image file. The part beyond the end of the old one is unknown."""
        chip, end = self.chip, self.backed_bytes
        _set_backing(self._settings, backing)
        if self.backed_bytes > end:
            self._forget_backing(end, self.backed_bytes)
            chip.unknown_seen = True
            chip.dirty_low = min(chip.dirty_low, end) if chip.dirty_low < chip.dirty_high else end
            chip.dirty_high = max(chip.dirty_high, self.backed_bytes)
        self._reload()

    def _forget_backing(self, low: int, high: int) -> None:
        data, mask = self._contents.backing[low:high], self._contents.backing_mask[low:high]
        before = (data, mask.copy()) if self.keep_journal else None
        mask[:] = 1 - self._settings.known
        if before is not None:
            self._note_restart(Target.BACKING, low, before, (data, mask))

    def power_cycle(self) -> None:
        """Restart the machine: read storage from the image file and reset the state to that of power-up."""
        self._reload()
        before = self.chip
        self._buffers.seen[:] = 0
        self._buffers.missing[:] = ABSENT
        self.chip = self._buffers.chip(self._settings, self.config.geometry)
        for name in ("op", "unknown_seen", "operations", "totals", "asked"):
            setattr(self.chip, name, getattr(before, name))
        self.chip.sectors.quiet = self.config.quiet
        self._set_contents(self._contents)
        self._settings.behaviour = int(self.config.behaviour)

    def _reload(self) -> None:
        """Copy the image file to storage, blank beyond its end, and journal the difference."""
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
        """Journal the difference between two starts, given bytes and mask of the same span."""
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
        """Blank storage beyond the image file; untouched pages stay unallocated."""
        clear(self._contents.storage[extent:])
        clear(self._contents.storage_mask[extent:])
        self._blank = BlankRange(self.config.geometry.size, extent)
        self._blank.begin(self._contents.storage_mask, self._settings.known)

    # --- copies ------------------------------------------------------------------------------------------------------

    def copy(self) -> Machine:
        """Copy the machine with all that it has found so far: fed the same rows, both answer the same.

        Neither notices when the other is fed. Bytes of the changes so far are shared.
        """
        contents, journals = self._copied_contents(), self._buffers.journals
        twin: Machine = self._twin(self._state(), _settings(self.config), contents, journal=journals)
        twin.journal, twin._forgotten = self.journal.copy(), self._forgotten.copy()
        twin._steps, twin._operations = self._steps.copy(), self._operations.copy()
        twin._blank = self._blank.copy()
        return twin

    def __deepcopy__(self, _memo: object) -> Machine:
        return self.copy()

    def fork(self, backing: Backing, *, journal: bool = False) -> Machine:
        """Copy the machine behind another image file, without self-check and operations.

        Contents beyond the new extent start as known zeros. With `journal` the copy goes on with the changes so far,
        which are to lie inside that extent.
        """
        settings = _settings(self.config)
        settings.known, settings.behaviour = self._settings.known, self._settings.behaviour
        settings.check = settings.count = settings.sum_up = False
        settings.journal = journal
        settings.watch_end = 0
        _set_backing(settings, backing)
        state = self._state().only(("", "sectors"), ("seen", "erasing", "window", "touched"))
        contents = Contents(*(prefix(array, backing.extent) for array in self._contents))
        twin: Machine = self._twin(state, settings, contents, journal=journal)
        if journal:
            twin.journal, twin._forgotten = self.journal.copy(), self._forgotten.copy()
        twin._blank = BlankRange(self.config.geometry.size, backing.extent)
        twin._blank.begin(twin._contents.storage_mask, settings.known)
        return twin

    def checkpoint(self) -> Checkpoint:
        """Note the moment, to go back to it with `at`; it takes some kilobytes."""
        return Checkpoint(self._state(), len(self.journal), len(self._forgotten), self._blank.copy())

    def at(self, checkpoint: Checkpoint) -> Machine:
        """Make a machine as this one was at a checkpoint, with an empty journal and no results.

        This one has kept a journal since, or is a copy of one that has.
        """
        contents, known, end = self._copied_contents(), self._settings.known, len(self.journal)
        for forgotten in reversed(self._forgotten[checkpoint.forgotten :]):
            self.journal.undo(forgotten.changes, end, contents, known)
            contents = contents._replace(storage_mask=forgotten.storage.whole(), backing_mask=forgotten.backing.whole())
            known, end = forgotten.known, forgotten.changes
        self.journal.undo(checkpoint.changes, end, contents, known)
        twin: Machine = self._twin(checkpoint.state, _settings(self.config), contents, journal=True)
        twin._blank = checkpoint.blank.copy()
        return twin

    def _twin(self, state: MachineState, settings: Settings, contents: Contents, *, journal: bool) -> Machine:
        """A machine of the same device in another state."""
        twin = object.__new__(Machine)
        twin.config = self.config
        twin._make(settings, Buffers(self.config.geometry, journal=journal), contents)
        state.give(twin.chip, twin._buffers)
        return twin

    def _copied_contents(self) -> Contents:
        return Contents(*(prefix(array, None) for array in self._contents))

    def _state(self) -> MachineState:
        return MachineState.of(self.chip, self._buffers)

    # --- inspecting it -----------------------------------------------------------------------------------------------

    def storage(self) -> NDArray[np.uint8]:
        """Contents as the guest reads them: uint8, as long as the region. A view, valid until the next `feed`."""
        return self._contents.storage

    def backing(self) -> NDArray[np.uint8]:
        """Contents of the image file: uint8, as long as the file. A view, valid until the next `feed`."""
        return self._contents.backing[: self.backed_bytes]

    @property
    def storage_mask(self) -> NDArray[np.uint8]:
        """Mask of storage: `known_value` for each known byte; a view."""
        return self._contents.storage_mask

    @property
    def backing_mask(self) -> NDArray[np.uint8]:
        """Mask of backing, as long as the region: `known_value` for each known byte; a view."""
        return self._contents.backing_mask

    @property
    def known_value(self) -> int:
        """Mask value of a known byte, 0 or 1; the other value means unknown."""
        return self._settings.known

    @property
    def backed_bytes(self) -> int:
        """Length of the image file."""
        return self._settings.backed

    def unknown(self, *, backing: bool, end: int) -> tuple[int, int]:
        """Count the unknown bytes below `end`; return the count and the offset of the first (-1 if none)."""
        mask = self._contents.backing_mask if backing else self._contents.storage_mask
        return find_other(mask[: end if backing else min(end, self._blank.start)], self._settings.known)

    def known_prefix(self, length: int) -> bytes | None:
        """Return the first `length` bytes of storage, None if any of them is unknown."""
        count, _ = self.unknown(backing=False, end=length)
        return None if count else self._contents.storage[:length].tobytes()

    @property
    def disagreement(self) -> Disagreement | None:
        """The first difference between model and trace so far."""
        check, missing = self.chip.check, self._buffers.missing
        lacking = np.flatnonzero((missing >= 0) & (self._buffers.seen != 0))
        if len(lacking):
            kind = int(lacking[missing[lacking].argmin()])
            if not 0 <= check.first_seq <= missing[kind]:
                return Disagreement(int(missing[kind]), RowKind(kind), RowKind.OTHER, "event", -1, -1)
        if check.first_seq < 0:
            return None
        return Disagreement(
            check.first_seq,
            RowKind(check.first_kind),
            RowKind(check.first_actual_kind),
            Field(check.first_field).name.lower(),
            check.first_expected,
            check.first_actual,
        )

    @property
    def disagreements(self) -> int:
        """Number of differences between model and trace."""
        return self.chip.check.differences

    @property
    def adopted_at(self) -> int | None:
        """Seq of the first row whose state was taken from the trace before the machine was in step."""
        return None if self.chip.soft_adopted < 0 else self.chip.soft_adopted

    @property
    def status(self) -> int:
        """The status register of one chip."""
        return self.chip.status

    @property
    def command(self) -> int:
        """The command byte in force; 0 in read array."""
        return self.chip.cmd

    @property
    def wcycle(self) -> int:
        """The write cycle of the command in progress, 0 to 3."""
        return self.chip.wcycle

    @property
    def operation_kind(self) -> int:
        """The `OpKind` of the current operation."""
        return self.chip.op_kind

    @property
    def operation_start(self) -> int:
        """Seq of the first row of the operation in progress, -1 if there is none."""
        operations = self.chip.operations
        return operations.sums[OpField.FIRST_SEQ] if operations.number >= 0 else -1

    @property
    def words_left(self) -> int | None:
        """Words left of the buffered write in progress; None if unknown, or if there is none."""
        if self.chip.cmd != Opcode.BUFFERED_PROGRAM or not self.chip.counter_known:
            return None
        return {2: self.chip.counter + 1, 3: 0}.get(self.chip.wcycle)

    @property
    def midway(self) -> bool:
        """True while an operation is in progress. Modes that are left by another write wait in a cycle too, at rest."""
        if self.config.geometry.command_set == CommandSet.CFI02:
            resting = self.wcycle in (Cycle.REST, Cycle.QUERY, Cycle.AUTOSELECT_QUERY)
            return not resting and self.command != Command.AUTOSELECT and not self.between_commands
        return self.wcycle != 0 and self.command != Opcode.CFI_QUERY

    @property
    def between_commands(self) -> bool:
        """True in unlock bypass while no command is in progress."""
        return bool(self.chip.sectors.bypass) and self.wcycle == Cycle.COMMAND

    @property
    def window(self) -> tuple[int, int] | None:
        """Start and length of the write-buffer window, None if it is closed."""
        start = self.chip.window_start
        return None if start < 0 else (start, self.config.geometry.window)

    @property
    def awaited(self) -> RowKind | None:
        """Kind of the event that must follow the last row, None if its access is complete.

        Either an inner event that the last write causes, or the read of a held inner event; only of a kind traced so
        far.
        """
        chip, check = self.chip, self.chip.check
        if chip.blind or chip.soft:
            return None
        if check.held and self._settings.check_read_events and self.has_seen(RowKind.IO_READ):
            return RowKind.IO_READ
        queued = self._buffers.queue[0, check.head : check.tail].tolist()
        return next((RowKind(kind) for kind in queued if self.has_seen(kind)), None)

    def has_seen(self, kind: RowKind) -> bool:
        """True if a row of this kind has been fed."""
        return bool(self._buffers.seen[kind])

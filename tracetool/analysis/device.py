"""One device of a session: decides what it is, replays it, and keeps what the audit asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.backing import Backing, Policy
from replay.behaviour import Behaviour
from replay.columns import ABSENT, Effect, RowKind
from replay.engine import Config, Machine, Stop
from tracetool.analysis.device_notes import DeviceNotes, Watch
from tracetool.analysis.event_validity import CAUSED, possible, reset_as_read_array
from tracetool.analysis.evidence import behaviour_in, gather, realize_in
from tracetool.analysis.extent import Extent, first_extent, written_extent, written_store
from tracetool.analysis.identity import NAMELESS, Basis, Contents, Identity, identify, require_file
from tracetool.analysis.inspect import Inspection, Moment, Step
from tracetool.analysis.machine_rows import IO_CODES, caused, from_each_realize, to_rows
from tracetool.analysis.other_behaviour import Otherwise
from tracetool.analysis.outside import Comparison, Early, Outside
from tracetool.analysis.tally import MOST_WRITES, NOTABLE, Cluster, Tally
from tracetool.events import OPENING
from tracetool.timeline.access_table import access_table
from tracetool.timeline.accesses import Accesses
from tracetool.timeline.activity import Activity
from tracetool.timeline.blocks import BLOCKS_SCHEMA, BlockTable
from tracetool.timeline.operations import OPERATIONS_SCHEMA, sums_of, to_table
from tracetool.timeline.story import Story
from tracetool.uefi.store import find_store
from tracetool.uefi.volume import HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from replay.geometry import Geometry
    from replay.tables import RowColumns, StepColumns
    from tracetool.analysis.evidence import Evidence, Realize
    from tracetool.analysis.options import Options
    from tracetool.uefi.store import Store

__all__ = ["Device", "DeviceNotes", "Extent", "Learned", "Watch"]

PREROLL = 1 << 16
"""Events of a device that are looked at before it is decided what the device is."""

HOLD = 1 << 18
"""Events that may wait for the evidence of when buffered words are stored."""

DEFAULT_BEHAVIOUR = Behaviour.STAGED_AT_DATA
"""Taken where nothing decides: what current QEMUs do. Well-formed writes do not depend on it."""


@dataclass
class Learned:
    """What a first pass found out too late to use, for a second one."""

    extent: Extent | None = None
    access: tuple[bool, str] | None = None
    """Whether the device is read-only, and how that is known."""
    flash_bytes: int | None = None


class Device:
    """One flash device through all traces of a session.

    `base` is its name in the trace, by which the options given speak of it; `name` says its process too, where the
    trace holds several. `process` is None where the format names none, or each trace has another.
    """

    def __init__(
        self,
        base: str,
        options: Options,
        image: NDArray[np.uint8] | None = None,
        learned: Learned | None = None,
        watcher: Callable[[Geometry], Watch] | None = None,
    ) -> None:
        self.base = self.name = base
        self.process: int | None = None
        self.options = options
        self.learned = learned or Learned()
        self.image = image
        self.contents = None if image is None else Contents(len(image), find_store(image))
        self.identity: Identity | None = None
        self.evidence: Evidence | None = None
        self.machine: Machine | None = None
        self.policy_machine: Machine | None = None
        self.extent: Extent | None = None
        self.tally = Tally(keep_occurrences=options.keep_occurrences)
        self.early: Early | None = None
        self.outside: Outside | None = None
        self.below = Cluster(occurrences=[] if options.keep_occurrences else None)
        """Programs and erases of the code before the variable store."""
        self.comparison = Comparison(keep_occurrences=options.keep_occurrences)
        self.operations: list[pl.DataFrame] = []
        self.accesses: list[pl.DataFrame] = []
        self.blocks: BlockTable | None = None
        self.activity = Activity()
        self.watch: Watch | None = None
        self.otherwise: Otherwise | None = None
        self.story: Story | None = None
        self.extent_event: tuple[int, int] | None = None
        self._watcher = watcher
        self.notes: list[DeviceNotes] = []
        self.cfi02 = False
        # No QEMU that stages buffered writes leaves the name of the device out of its events.
        self.inspection: Inspection | None = None
        self._told = options.behaviour or (Behaviour.DIRECT if base == NAMELESS else Behaviour.UNDETERMINED)
        self.behaviour = self._told
        self.flash_bytes: int | None = None
        """The flash's length by the store that the trace writes, where that is news."""
        self.evaluated = True
        self._held: list[pl.DataFrame] = []
        self._held_rows = 0
        self._late = False
        self._changes_before = 0
        """Rows that programmed or erased before the trace that is read."""
        self._waiting: RowColumns | None = None

    # --- what the session asks -----------------------------------------------------------------------------------

    @property
    def needs_another_pass(self) -> bool:
        """Whether something was learned after it was needed."""
        return self.learned_late or self.flash_bytes is not None

    @property
    def learned_late(self) -> bool:
        """Whether that changes what can be said of a policy."""
        return self.learned_late_extent or self._learned_access is not None

    @property
    def learned_late_extent(self) -> bool:
        """Whether the extent became known only after an access beyond it."""
        return self.early is not None and self.outside is not None and self._late

    @property
    def _learned_access(self) -> tuple[bool, str] | None:
        """What later events showed of a device of which it was only assumed, where that is the opposite."""
        identity = self.identity
        if identity is None or identity.access_basis != Basis.ASSUMED:
            return None
        shown = min((notes.access.read_only for notes in self.notes if notes.access.read_only), default=None)
        return None if shown is None or shown[0] == identity.read_only else shown

    @property
    def stores_known(self) -> bool:
        """Whether each program of the trace is known to have been stored, or refused."""
        identity = self.identity
        if identity is None or identity.read_only or identity.access_basis == Basis.TOLD:
            return True
        return not any(notes.access.doubtful for notes in self.notes)

    def lesson(self) -> Learned:
        """What the next pass should know from the start."""
        return Learned(
            self.extent if self.learned_late_extent else self.learned.extent,
            self._learned_access or self.learned.access,
            self.flash_bytes or self.learned.flash_bytes,
        )

    @property
    def geometry(self) -> Geometry | None:
        """Its geometry; None where it is not known."""
        return self.identity.geometry if self.identity is not None else None

    @property
    def read_only(self) -> bool:
        """Whether it is read-only, as far as anything says so."""
        return self.identity is not None and self.identity.read_only

    @property
    def policy(self) -> Policy:
        """The policy asked for; what the trace was recorded on where none is."""
        return self.recorded.policy if self.options.policy is None else self.options.policy

    @property
    def recorded(self) -> Backing:
        """The image file of the device that the trace was recorded on."""
        return self._backing_of(self.evidence.realize if self.evidence else None)

    def _backing_of(self, realize: Realize | None) -> Backing:
        geometry = self.geometry
        if realize is None or realize.extent is None or geometry is None or realize.extent >= geometry.size:
            return Backing()
        return Backing(realize.extent, Policy.DISCARD)

    @property
    def current(self) -> DeviceNotes:
        """Notes on the trace being read."""
        return self.notes[-1]

    def rename(self, name: str) -> None:
        """Be shown by another name from now on, also in what was kept so far."""
        self.name = name
        renamed = pl.lit(name, OPERATIONS_SCHEMA["device"]).alias("device")
        self.operations = [frame.with_columns(renamed) for frame in self.operations]
        self.accesses = [frame.with_columns(renamed) for frame in self.accesses]

    def block_table(self) -> pl.DataFrame:
        """What was done to each erase block, a frame of `BLOCKS_SCHEMA`; empty where the device was not replayed."""
        if self.blocks is None:
            return BLOCKS_SCHEMA.to_frame()
        return self.blocks.table(self.name, self.extent.bytes if self.extent else None)

    # --- feeding -------------------------------------------------------------------------------------------------

    def begin_trace(self, trace: int, image: NDArray[np.uint8] | None = None) -> None:
        """The next trace is the next start of the same machine; `image` is what it began with, if that was changed."""
        changed = self.options.changed_images.keys() - self.options.restored_images
        self.notes.append(DeviceNotes(trace, changed_before=(trace, self.base) in changed))
        if self.machine is not None:
            self.current.changes_before = len(self.machine.journal)
            self.machine.totals.reset_midway = -1
            self._changes_before = _changes(self.machine)
        for machine in (self.machine, self.policy_machine):
            if machine is None:
                continue
            if image is not None:
                machine.change_image(image)
            machine.power_cycle()
        if self.otherwise is not None:
            self.otherwise.begin_trace()

    def feed(self, events: pl.DataFrame) -> None:
        """Take in the device's next events (columns of `EVENTS_SCHEMA`)."""
        notes = self.current
        if self.options.inspect is not None and notes.trace == self.options.inspect_trace:
            found = events.filter(pl.col("seq") == self.options.inspect)
            self.inspection = self.inspection if found.is_empty() else Inspection(found.row(0, named=True))
        if not notes.events:
            notes.started_with_reset = str(events["event"][0]) in OPENING
        notes.events += len(events)
        notes.accesses += caused(events)
        notes.access.add(events)
        notes.last_seq = int(events["seq"][-1])
        if self.identity is not None:
            self._replay(events)
            return
        self._held.append(events)
        self._held_rows += len(events)
        if self._held_rows >= PREROLL:
            self.settle()

    def finish_trace(self, behaviour: Behaviour = Behaviour.UNDETERMINED) -> None:
        """The trace is over; `behaviour` is what another device of the same machine showed."""
        self.settle()
        machine = self.machine
        if machine is None:
            return
        self._run_waiting(behaviour)
        self._take_operations(sums_of(machine.operations(end=True)), None)
        notes = self.current
        notes.disagreement, notes.disagreements = machine.disagreement, machine.disagreements
        notes.adopted_at = machine.adopted_at
        notes.ends_midway = machine.midway
        notes.awaited = machine.awaited
        notes.left_in_command = machine.command or None
        if notes.events:
            notes.io_write_traced = machine.has_seen(RowKind.IO_WRITE) or not self._has_effects()

    def _run_waiting(self, behaviour: Behaviour) -> None:
        """Run what waited for the evidence of a behaviour, where no more of it comes."""
        if self._waiting is not None and self.machine is not None:
            self.machine.behaviour = behaviour or DEFAULT_BEHAVIOUR
            waiting, self._waiting = self._waiting, None
            self._run(waiting)

    def _has_effects(self) -> bool:
        """Whether the trace holds events that only a bus write can cause."""
        machine = self.machine
        return machine is not None and any(machine.has_seen(kind) for kind in CAUSED)

    def finish(self) -> None:
        """All traces are over."""
        if self.outside is not None:
            self.outside.finish()

    # --- deciding ------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Decide what the device is from its first events, then replay what was held; once."""
        if not self._held:
            return
        events = pl.concat(self._held)
        self._held = []
        self.evidence = replace(gather(events.head(PREROLL)), flash_bytes=self.learned.flash_bytes)
        self.cfi02 = self.evidence.cfi02
        self.identity = identify(self.base, self.options, self.evidence, self.contents)
        if self.learned.access is not None:
            read_only, source = self.learned.access
            self.identity = replace(
                self.identity, read_only=read_only, read_only_source=source, access_basis=Basis.SHOWN
            )
        geometry = self.identity.geometry
        if geometry is not None and not self.cfi02:
            self.image = None if self.image is None else self.image[: geometry.size]
            self._make_machine()
        self._replay(events)

    def _make_machine(self) -> None:
        identity = self.identity
        if identity is None or identity.geometry is None:
            return
        self._know_extent(self._first_extent(identity.geometry))
        self.early = Early(identity.geometry.block)
        self.blocks = BlockTable(identity.geometry.block)
        self.story = Story(identity.geometry.block) if self.options.story else None
        self.watch = self._watcher(identity.geometry) if self._watcher is not None else None
        self.otherwise = None if self.watch is None else Otherwise(identity.geometry)
        self.machine = Machine(
            Config(
                identity.geometry,
                behaviour=self._told,
                read_only=identity.read_only,
                backing=self.recorded,
                image=self.image,
                read_events=self.base != NAMELESS,
                journal=self.options.journal,
                count_changes=True,
                watch_end=HEADER_BYTES if self.extent is None or self.extent.store is None else 0,
            )
        )
        self.machine.asked.writes_after_stray = MOST_WRITES

    def _first_extent(self, geometry: Geometry) -> Extent | None:
        """The extent as far as it is known before the first event."""
        realize = self.evidence.realize if self.evidence is not None else None
        told = self.options.extents.get(self.base)
        recorded = self.options.recorded.get(self.base)
        extent_bytes = None if recorded is None else recorded.extent_bytes
        found, learned = first_extent(told, realize, self.contents, geometry, extent_bytes), self.learned.extent
        return learned if found is None or (learned is not None and learned.bytes < found.bytes) else found

    def _know_extent(self, extent: Extent | None) -> None:
        if extent is None:
            return
        self.extent = extent
        self.outside = Outside(extent.bytes, keep_occurrences=self.options.keep_occurrences)
        if self.early is not None:
            self._late = self.tally.ends.highest > extent.bytes
            self.outside.absorb(self.early)

    def _shorten(self, extent: int, source: str) -> None:
        """The device itself shows that its file ends earlier: what was within until now may not have been."""
        if self.extent is None:
            self._know_extent(Extent(extent, source))
        elif self.outside is not None and extent < self.extent.bytes:
            self.extent = Extent(extent, source, self.extent.store)
            self.outside.extent = extent
            self._late |= self.tally.ends.highest > extent

    def _learn_store(self, store: Store, seq: int) -> None:
        """The trace has written a variable store, whose header event `seq` completed."""
        if self.extent is None:
            self._know_extent(written_extent(store))
            self.extent_event = (self.current.trace, seq)
        else:
            self.extent = replace(self.extent, store=store)
        self.learn_size(store.volume.flash_bytes, "its variable store")

    def learn_size(self, flash_bytes: int | None, source: str) -> None:
        """How long the flash is, where its board was a guess: right, or another pass begins with the other board."""
        identity = self.identity
        if flash_bytes is None or identity is None or identity.geometry is None or not identity.others:
            return
        if flash_bytes == identity.geometry.size:
            source = f"{identity.geometry_source} and {source}"
            self.identity = replace(identity, geometry_source=source, others=())
        elif flash_bytes != self.learned.flash_bytes:
            self.flash_bytes = flash_bytes

    # --- replaying -----------------------------------------------------------------------------------------------

    def _replay(self, events: pl.DataFrame) -> None:
        """Replay events of a device whose identity is known."""
        if self.machine is None or self.cfi02:
            return
        for part in from_each_realize(events):
            self._realized(realize_in(part.head(1)))
            self._replay_part(part)

    def _realized(self, realize: Realize | None) -> None:
        """The device was made, by another QEMU than the first where it was made before: the file may be another."""
        first = self.evidence.realize if self.evidence is not None else None
        if realize is None or self.machine is None or realize == first:
            return
        self._run_waiting(Behaviour.UNDETERMINED)
        self.current.realized = self.current.realized or realize
        require_file(self.base, self.options, realize)
        self.machine.change_backing(self._backing_of(realize))
        if realize.extent is not None:
            self._shorten(realize.extent, "the shortest of its pflash_realize events")

    def _replay_part(self, events: pl.DataFrame) -> None:
        if self.evidence is not None and self.evidence.reset_is_read_array:
            events = events.with_columns(reset_as_read_array(events))
        rows = self._possible(events)
        if self._waiting is not None:
            rows = self._waiting.then(rows)
            self._waiting = None
        self._run(rows)

    def _possible(self, events: pl.DataFrame) -> RowColumns:
        """The rows of the events without those that no flash of this size can log; they are counted."""
        rows, geometry = to_rows(events), self.geometry
        if geometry is None:
            return rows
        can_be = possible(rows, geometry.size)
        if can_be.all():
            return rows
        self.current.impossible.merge(_cluster_of(events.filter(pl.Series(~can_be))))
        # An access must not reach the machine; an inner event does, without its place, and is held against it.
        placed = rows._replace(offset=np.where(can_be, rows.offset, ABSENT))
        return placed.take(can_be | ~np.isin(rows.kind, IO_CODES))

    def _run(self, rows: RowColumns) -> None:
        """Run rows through the machine, deciding what it stops for."""
        machine = self.machine
        if machine is None:
            return
        self._note_rows(rows)
        taken, position, end = 0, 0, len(rows.kind)
        glass = self._inspected_row(rows)
        first_outside = self._first_outside(rows, 0)
        while position < end:
            limit = self._next_stop(position, end, first_outside, glass)
            self._ask(machine, closely=position == glass)
            position, why = machine.feed(rows, position, limit)
            store = written_store(machine) if why == Stop.WATCH else None
            if why == Stop.WATCH and store is None and position < limit:
                continue
            steps = self._take(machine, rows, taken, position)
            if taken <= glass < position:
                self._end_inspection(machine, steps)
            taken = position
            if store is not None:
                self._learn_store(store, int(rows.seq[position - 1]))
                first_outside = self._first_outside(rows, position)
            if why == Stop.BEHAVIOUR and not self._decide_behaviour(rows, position):
                return

    def _ask(self, machine: Machine, *, closely: bool) -> None:
        """Ask for the single rows that somebody looks at: all of them, `closely` or beside the policy's machine."""
        asked = machine.asked
        asked.everything = closely or self.policy_machine is not None or self.options.keep_accesses
        asked.flags = NOTABLE
        asked.writes = self.outside is None
        asked.beyond = -1 if self.outside is None else self.outside.extent
        asked.below = 0 if self.extent is None else self.extent.code_end or 0

    def _note_rows(self, rows: RowColumns) -> None:
        """What rows say whatever the machine makes of them."""
        thrown = np.flatnonzero(rows.kind == RowKind.OUTER_WRITE)
        if len(thrown):
            self._shorten(int(rows.offset[thrown].min()), "the lowest of its pflash_outer_write events")
        loads = np.flatnonzero(rows.kind == RowKind.POSTLOAD)
        if len(loads) and self.current.migrated_at is None:
            self.current.migrated_at = int(rows.seq[loads[0]])

    def _next_stop(self, position: int, end: int, first_outside: int, glass: int) -> int:
        """Where to stop next.

        Before the first access outside, where the policy's machine begins; around the row that is looked at closely.
        """
        if self._compares and self.policy_machine is None and position <= first_outside < end:
            if position == first_outside:
                self._fork()
            else:
                end = first_outside
        if position == glass:
            self._begin_inspection()
            return glass + 1
        return glass if position < glass < end else end

    def _inspected_row(self, rows: RowColumns) -> int:
        """The row that is to be looked at closely, -1 if it is not among these."""
        inspection = self.inspection
        if inspection is None or inspection.step is not None:
            return -1
        found = np.flatnonzero(rows.seq == inspection.event["seq"])
        return int(found[0]) if len(found) else -1

    def _begin_inspection(self) -> None:
        machine = self.machine
        if self.inspection is not None and machine is not None:
            self.inspection.before = Moment.of(machine)
            self.inspection.policy_before = Moment.of(self.policy_machine)
            machine.keep_journal = True

    def _end_inspection(self, machine: Machine, steps: StepColumns) -> None:
        machine.keep_journal = self.options.journal
        if self.inspection is not None:
            self.inspection.after = Moment.of(machine)
            self.inspection.policy_after = Moment.of(self.policy_machine)
            self.inspection.words_left = machine.words_left
            self.inspection.step = Step.of(steps)
            self.inspection.changes = tuple(c for c in machine.journal if c.seq == self.inspection.event["seq"])

    @property
    def _compares(self) -> bool:
        """Whether a second machine is run under the policy."""
        if self.extent is None or self.policy == Policy.PADDED or self.machine is None:
            return False
        if self.recorded.extent is not None or self.outside is None or self.outside.untraced.count:
            # The recorded device already is short: values of writes beyond its extent are not in the trace.
            return False
        return self.extent.bytes < self.machine.config.geometry.size

    def _first_outside(self, rows: RowColumns, start: int) -> int:
        """The first row from `start` on that is an access beyond the extent; the number of rows if there is none."""
        if self.extent is None or self.policy_machine is not None:
            return len(rows.kind)
        beyond = start + np.flatnonzero(rows.offset[start:] + rows.size[start:] > self.extent.bytes)
        found = beyond[np.isin(rows.kind[beyond], IO_CODES)]
        return int(found[0]) if len(found) else len(rows.kind)

    def _fork(self) -> None:
        if self.machine is not None and self.extent is not None:
            self.policy_machine = self.machine.fork(Backing(self.extent.bytes, self.policy))

    def _take(self, machine: Machine, rows: RowColumns, start: int, end: int) -> StepColumns:
        """Keep what the audit needs of rows just done; the single rows that were asked for."""
        self.tally.count(machine.totals)
        self.current.stored = _changes(machine) - self._changes_before
        midway = machine.totals.reset_midway
        self.current.reset_midway = None if midway < 0 else midway
        self._take_operations(sums_of(machine.operations()), rows.span(start, end))
        steps = machine.steps()
        accesses = Accesses.of(rows, steps, self.current.trace)
        if len(accesses.seq):
            self._take_accesses(accesses)
        if self.policy_machine is not None and self.extent is not None:
            theirs = self._run_policy(self.policy_machine, rows, start, end)
            self.comparison.add(accesses, theirs, self.extent.bytes)
        return steps

    def _take_accesses(self, accesses: Accesses) -> None:
        """Keep what is asked for of single rows."""
        self.tally.add(accesses)
        if self.options.keep_accesses:
            self.accesses.append(access_table(accesses, self.name))
        if self.extent is not None and self.extent.code_end:
            changed = accesses.is_stored | (accesses.effect == Effect.ERASE)
            self.below.add(accesses.take(changed & (accesses.effect_offset < self.extent.code_end)), effect=True)
        if self.outside is not None:
            self.outside.add(accesses)
        elif self.early is not None:
            self.early.add(accesses)

    def _take_operations(self, sums: pl.DataFrame, rows: RowColumns | None) -> None:
        """Keep what is asked for of operations that have ended; `rows` are those just done, None at the trace's end."""
        trace = self.current.trace
        if self.otherwise is not None and self.machine is not None:
            self.otherwise.add(self.machine, rows, sums, self.behaviour)
        if sums.is_empty():
            return
        self.activity.add(sums, trace)
        for collector in (self.blocks, self.story, self.watch):
            if collector is not None:
                collector.add(sums, trace)
        if self.options.keep_operations and self.blocks is not None:
            self.operations.append(to_table(sums, self.name, trace, self.blocks.block_bytes))

    def _run_policy(self, machine: Machine, rows: RowColumns, start: int, end: int) -> Accesses:
        position = start
        if self.machine is not None and not machine.behaviour:
            machine.behaviour = self.machine.behaviour
        machine.asked.everything = True
        while position < end:
            position, why = machine.feed(rows, position, end)
            if why == Stop.BEHAVIOUR:
                machine.behaviour = DEFAULT_BEHAVIOUR
        return Accesses.of(rows, machine.steps(), self.current.trace)

    def _decide_behaviour(self, rows: RowColumns, position: int) -> bool:
        """Set the behaviour from the evidence after `position`; False: it has to wait for more events."""
        machine = self.machine
        if machine is None:
            return False
        found = behaviour_in(rows.kind[position + 1 :], rows.wcycle[position + 1 :])
        if found:
            machine.behaviour = self.behaviour = found
            return True
        if len(rows.kind) - position > HOLD:
            machine.behaviour = DEFAULT_BEHAVIOUR
            return True
        self._waiting = rows.span(position)
        return False


def _changes(machine: Machine) -> int:
    """Rows that programmed or erased so far."""
    return machine.totals.stores + machine.totals.erases


def _cluster_of(events: pl.DataFrame) -> Cluster:
    offsets = events["offset"].drop_nulls()
    low, high = (int(offsets.min()), int(offsets.max())) if len(offsets) else (-1, -1)  # type: ignore[arg-type]
    return Cluster(len(events), 0, low, high, int(events["seq"][0]), int(events["seq"][-1]))

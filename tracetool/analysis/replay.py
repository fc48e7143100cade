"""Replay of one device: its events run through its machine, the results into its collectors."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from replay.backing import Backing, Policy
from replay.behaviour import Behaviour
from replay.columns import ABSENT, RowKind, Stop
from replay.command_set import CommandSet
from replay.engine import Config, Machine
from tracetool.analysis.cluster import Cluster, by_effect
from tracetool.analysis.device import Mark
from tracetool.analysis.evidence import behaviour_in, realize_in
from tracetool.analysis.extent import Extent, first_extent, written_extent, written_store
from tracetool.analysis.identity import require_file
from tracetool.analysis.machine_rows import (
    CAUSED,
    IO_CODES,
    WIDEST_ACCESS,
    from_each_realize,
    possible,
    reset_as_read_array,
    to_cfi02_rows,
    to_rows,
)
from tracetool.analysis.other_behaviour import Otherwise
from tracetool.analysis.outside import Early, Outside
from tracetool.analysis.tally import MOST_WRITES, NOTABLE
from tracetool.frames import merge_short
from tracetool.timeline.accesses import IS_ERASE, IS_STORED, access_table, steps_of
from tracetool.timeline.blocks import BlockTable
from tracetool.timeline.operations import to_table
from tracetool.timeline.sectors import Sectors
from tracetool.timeline.story import Story
from tracetool.timeline.sums import Sums
from tracetool.uefi.volume import HEADER_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from replay.geometry import Geometry
    from replay.tables import OperationColumns, RowColumns
    from tracetool.analysis.device import Device, Watch
    from tracetool.analysis.evidence import Realize
    from tracetool.analysis.identity import Contents
    from tracetool.analysis.inspection import Inspection
    from tracetool.timeline.collector import Collector
    from tracetool.uefi.store import Store

__all__ = ["Replay"]

HOLD = 1 << 18
"""Events that may wait for the evidence of when buffered words are stored."""

BATCH = 1 << 15
"""Operations that are collected at once: a query costs as much for a thousand rows as for ten thousand."""

SPACING = 1 << 16
"""Events between marks, to begin with."""

MARKS = 256
"""Marks of which every other one is dropped, since a mark takes some kilobytes."""

DEFAULT_BEHAVIOUR = Behaviour.STAGED_AT_DATA
"""Without evidence, that of current QEMUs. Well-formed writes do not depend on it."""


class Replay:
    """The machine of a device, the one under the policy from the first access beyond the extent on, and collectors.

    Args:
        device: what is filled; its identity and evidence are known.
        geometry: of the device.
        contents: what is known of its image.
        watcher: makes the collector of operations for rules.
        machine: goes on where this one is; by default a new one starts.
    """

    def __init__(
        self,
        device: Device,
        geometry: Geometry,
        contents: Contents | None,
        watcher: Callable[[Geometry], Watch] | None,
        machine: Machine | None = None,
    ) -> None:
        self._device = device
        self._geometry = geometry
        self._cfi02 = geometry.command_set == CommandSet.CFI02
        self._quiet = device.evidence is not None and device.evidence.quiet
        self._early = Early(geometry.block)
        self._waiting: RowColumns | None = None
        self._ended: list[OperationColumns] = []
        """Operations of the trace being read that are not collected yet."""
        self._changes_before = 0
        """Programs and erases before the trace being read."""
        self._know_extent(self._first_extent(contents))
        self._sectors = sectors = Sectors.of(geometry)
        device.blocks = BlockTable(sectors)
        device.story = Story(sectors) if device.options.story else None
        device.watch = None if watcher is None else watcher(geometry)
        device.otherwise = None if watcher is None or self._cfi02 else Otherwise(geometry)
        if self._cfi02:
            device.behaviour = Behaviour.UNDETERMINED  # it has no buffered writes
        collectors = (device.activity, device.fingerprint, device.blocks, device.story, device.watch)
        self._collectors: list[Collector] = [each for each in collectors if each is not None]
        self._machine = device.machine = self._new_machine() if machine is None else machine
        self._fed = 0
        """Events since the last mark."""
        self._spacing = SPACING

    def _new_machine(self) -> Machine:
        device = self._device
        machine = Machine(
            Config(
                self._geometry,
                behaviour=device.told_behaviour,
                read_only=device.read_only,
                backing=device.recorded,
                image=device.image,
                read_events=self._cfi02 or not device.nameless,
                quiet=self._quiet,
                journal=device.options.keeps_journal,
                count_changes=True,
                watch_end=HEADER_BYTES
                if not self._cfi02 and (device.extent is None or device.extent.store is None)
                else 0,
            )
        )
        machine.asked.writes_after_stray = MOST_WRITES
        machine.asked.flags = NOTABLE
        return machine

    # --- traces --------------------------------------------------------------------------------------------------

    def begin_trace(self, image: NDArray[np.uint8] | None) -> None:
        """Switch the machines off and on, with other contents where an `image` is given."""
        notes, twin = self._device.current, self._device.policy_machine
        notes.changes_before = len(self._machine.journal)
        notes.policy_changes_before = notes.changes_before if twin is None else len(twin.journal)
        self._machine.totals.reset_midway = -1
        self._changes_before = self._changes()
        for machine in (self._machine, self._device.policy_machine):
            if machine is not None and image is not None:
                machine.change_image(image)
            if machine is not None:
                machine.power_cycle()
        if self._device.otherwise is not None:
            self._device.otherwise.begin_trace()

    def inspect(self, inspection: Inspection | None) -> None:
        """Fill an inspection when its event comes."""
        self._device.inspection = inspection

    def feed(self, events: pl.DataFrame) -> None:
        """Replay the device's next events (`EVENTS_SCHEMA`)."""
        for piece in events.iter_slices(self._spacing) if self._device.options.checkpoints else [events]:
            self._mark(int(piece["seq"][0]))
            for part in from_each_realize(piece):
                if part["event"][0] == "realize":
                    self._realized(realize_in(part.head(1)))
                rows = self._possible(part)
                if self._waiting is not None:
                    rows, self._waiting = self._waiting.then(rows), None
                self._run(rows)
            self._fed += len(piece)

    def _mark(self, seq: int) -> None:
        """Note the machines before event `seq` where a trace begins, and after every so many events."""
        device, trace = self._device, self._device.current.trace
        early = bool(device.marks) and device.marks[-1].trace == trace and self._fed < self._spacing
        if early or self._waiting is not None or not device.options.checkpoints:
            return
        twin = device.policy_machine
        device.marks.append(Mark(trace, seq, self._machine.checkpoint(), None if twin is None else twin.checkpoint()))
        self._fed = 0
        if len(device.marks) % MARKS == 0:
            firsts = [True, *(one.trace != other.trace for one, other in pairwise(device.marks))]
            device.marks = [mark for at, mark in enumerate(device.marks) if firsts[at] or at % 2]
            self._spacing *= 2

    @property
    def constants(self) -> list[object]:
        """What a copy that only goes to the end of the trace can share: nothing of it changes any more."""
        device = self._device
        machines = (
            [] if self._waiting is not None or device.options.keeps_journal else [device.machine, device.policy_machine]
        )
        return [self._waiting, *machines]

    def finish_trace(self, behaviour: Behaviour) -> None:
        """Run what waits for evidence of a behaviour, end the operation in progress, and note how the trace ends."""
        self._run_waiting(behaviour)
        machine, notes = self._machine, self._device.current
        unfinished = self._device.options.unfinished
        self._take_operations(machine.operations(end=not unfinished), None)
        self.collect()
        notes.disagreement, notes.disagreements = machine.disagreement, machine.disagreements
        notes.adopted_at = machine.adopted_at
        if not unfinished:
            notes.ends_midway = machine.midway
            notes.awaited = machine.awaited
            notes.left_in_command = machine.command or None
        notes.behaviour = machine.behaviour
        if notes.events:
            notes.io_write_traced = machine.has_seen(RowKind.IO_WRITE) or not any(map(machine.has_seen, CAUSED))
            notes.lacking = self._lacking() if self._cfi02 else ()

    def _lacking(self) -> tuple[str, ...]:
        """Events that the trace lacks and that the contents of a CFI02 flash follow from.

        Ref: measured on 128 runs. Bus writes and timer give the image, and so do the events of programs and erases;
        before QEMU 6.0 an erase has none.
        """
        machine, lacking = self._machine, []
        if self._quiet and machine.totals.stores and not machine.has_seen(RowKind.IO_WRITE):
            lacking.append("io_write")
        if machine.chip.sectors.untimed and not machine.has_seen(RowKind.SECTOR_ERASE_START):
            lacking.append("timer_expired")
        return tuple(lacking)

    def _run_waiting(self, behaviour: Behaviour) -> None:
        if self._waiting is not None:
            self._machine.behaviour = behaviour or DEFAULT_BEHAVIOUR
            waiting, self._waiting = self._waiting, None
            self._run(waiting)

    def _changes(self) -> int:
        """Rows that programmed or erased so far."""
        return self._machine.totals.stores + self._machine.totals.erases

    # --- the extent ----------------------------------------------------------------------------------------------

    def _first_extent(self, contents: Contents | None) -> Extent | None:
        """The extent as far as it is known before the first event."""
        device = self._device
        if self._cfi02:
            known = self._geometry.size_known
            return (
                Extent(self._geometry.size, "QEMU refuses an image of a CFI02 flash of any other length")
                if known
                else None
            )
        realize = device.evidence.realize if device.evidence is not None else None
        told, recorded = device.options.extents.get(device.base), device.options.recorded.get(device.base)
        extent_bytes = None if recorded is None else recorded.extent_bytes
        found, learned = first_extent(told, realize, contents, self._geometry, extent_bytes), device.learned.extent
        return learned if found is None or (learned is not None and learned.bytes < found.bytes) else found

    def _know_extent(self, extent: Extent | None) -> None:
        if extent is not None:
            self._device.extent = extent
            self._device.outside = Outside(extent.bytes, listed=self._device.options.keep_occurrences)
            self._device.outside.absorb(self._early)
            self._device.learned_late_extent |= self._device.tally.ends.highest > extent.bytes

    def _shorten(self, extent: int, source: str) -> None:
        """Shorten the extent where the device shows that its file ends earlier; earlier accesses may lie beyond it."""
        device = self._device
        if device.extent is None:
            self._know_extent(Extent(extent, source))
        elif extent < device.extent.bytes:
            device.extent = Extent(extent, source, device.extent.store)
            device.outside.extent = extent
            device.learned_late_extent |= device.tally.ends.highest > extent

    def _learn_store(self, store: Store, seq: int) -> None:
        """The trace has written a variable store, whose header event `seq` completed."""
        device = self._device
        if device.extent is None:
            self._know_extent(written_extent(store))
            device.extent_event = (device.current.trace, seq)
        else:
            device.extent = replace(device.extent, store=store)
        device.learn_size(store.volume.flash_bytes, "its variable store")

    def _realized(self, realize: Realize | None) -> None:
        """Note a `pflash_realize` event: after the first, another QEMU with perhaps another file."""
        device = self._device
        if realize is None or device.evidence is None or realize == device.evidence.realize:
            return
        self._run_waiting(Behaviour.UNDETERMINED)
        device.current.realized = device.current.realized or realize
        require_file(device.base, device.options, realize)
        self._machine.change_backing(device.backing_of(realize))
        if realize.extent is not None:
            self._shorten(realize.extent, "the shortest of its pflash_realize events")

    # --- rows ----------------------------------------------------------------------------------------------------

    def _possible(self, events: pl.DataFrame) -> RowColumns:
        """The rows of the events without those that no flash of this size can log; these are counted."""
        evidence = self._device.evidence
        if evidence is not None and evidence.reset_is_read_array and not self._cfi02:
            events = events.with_columns(reset_as_read_array(events))
        rows = to_cfi02_rows(events, quiet=self._quiet) if self._cfi02 else to_rows(events)
        notes = self._device.current
        can_be = possible(rows, self._geometry.size)
        if can_be.all():
            return rows
        notes.impossible.merge(Cluster.at(notes.trace, int(rows.seq[~can_be][0]), int((~can_be).sum())))
        # An access must not reach the machine; an inner event does, without its place, and is held against it.
        placed = rows._replace(offset=np.where(can_be, rows.offset, ABSENT))
        return placed.take(can_be | ~np.isin(rows.kind, IO_CODES))

    def _run(self, rows: RowColumns) -> None:
        """Run rows through the machine, deciding what it stops for."""
        device, machine = self._device, self._machine
        self._note_rows(rows)
        taken, position, end = 0, 0, len(rows.kind)
        inspected = -1 if device.inspection is None else device.inspection.row_in(rows)
        first_outside = self._first_outside(rows, 0)
        while position < end:
            limit = self._next_stop(position, end, first_outside, inspected)
            self._ask(closely=position == inspected)
            position, why = machine.feed(rows, position, limit)
            store = written_store(machine) if why == Stop.WATCH else None
            if why == Stop.WATCH and store is None and position < limit:
                continue
            self._take(rows, taken, position, inspected=taken <= inspected < position)
            taken = position
            if store is not None:
                self._learn_store(store, int(rows.seq[position - 1]))
                first_outside = self._first_outside(rows, position)
            if why == Stop.BEHAVIOUR and not self._decide_behaviour(rows, position):
                return

    def _note_rows(self, rows: RowColumns) -> None:
        """Note facts of the rows that do not depend on the machine."""
        thrown = np.flatnonzero(rows.kind == RowKind.OUTER_WRITE)
        if len(thrown):
            self._shorten(int(rows.offset[thrown].min()), "the lowest of its pflash_outer_write events")
        loads = np.flatnonzero(rows.kind == RowKind.POSTLOAD)
        if len(loads) and self._device.current.migrated_at is None:
            self._device.current.migrated_at = int(rows.seq[loads[0]])

    def _next_stop(self, position: int, end: int, first_outside: int, inspected: int) -> int:
        """The row to stop before: the first access outside, where the policy's machine is forked; the inspected row."""
        device = self._device
        if self._compares and device.extent is not None and position <= first_outside < end:
            if position == first_outside:
                backing, journal = Backing(device.extent.bytes, device.policy), device.options.keeps_journal
                device.policy_machine = self._machine.fork(backing, journal=journal)
            else:
                end = first_outside
        if position == inspected and device.inspection is not None:
            device.inspection.begin(self._machine, device.policy_machine)
            return inspected + 1
        return inspected if position < inspected < end else end

    @property
    def _compares(self) -> bool:
        """True when a second machine is to be run under the policy, and is not yet.

        Where the recorded device was short already, values of writes beyond its extent are not in the trace.
        """
        device = self._device
        if device.extent is None or device.policy == Policy.PADDED or device.policy_machine is not None:
            return False
        untraced = device.recorded.extent is not None or device.outside.untraced.count
        return not untraced and device.extent.bytes < self._geometry.size

    def _first_outside(self, rows: RowColumns, start: int) -> int:
        """The first row from `start` on that is an access beyond the extent; the number of rows for none."""
        if self._device.extent is None or self._device.policy_machine is not None:
            return len(rows.kind)
        extent = self._device.extent.bytes
        near = start + np.flatnonzero(rows.offset[start:] > extent - WIDEST_ACCESS)
        found = near[(rows.offset[near] + rows.size[near] > extent) & np.isin(rows.kind[near], IO_CODES)]
        return int(found[0]) if len(found) else len(rows.kind)

    def _decide_behaviour(self, rows: RowColumns, position: int) -> bool:
        """Set the behaviour by the evidence after `position`; False when that needs more events."""
        found = behaviour_in(rows.kind[position + 1 :], rows.wcycle[position + 1 :])
        if found:
            self._machine.behaviour = self._device.behaviour = found
        elif len(rows.kind) - position > HOLD:
            self._machine.behaviour = DEFAULT_BEHAVIOUR
        else:
            self._waiting = rows.span(position)
            return False
        return True

    # --- collecting ----------------------------------------------------------------------------------------------

    def _ask(self, *, closely: bool) -> None:
        """Ask for the single rows that are collected: all of them `closely`, or beside the policy's machine."""
        extent, asked = self._device.extent, self._machine.asked
        everything = self._device.policy_machine is not None or self._device.options.keep_accesses
        asked.everything = closely or everything
        asked.writes = extent is None
        asked.beyond = -1 if extent is None else extent.bytes
        asked.below = 0 if extent is None else extent.code_end

    def _take(self, rows: RowColumns, start: int, end: int, *, inspected: bool) -> None:
        """Collect the outcome of the rows just run."""
        device, machine, notes = self._device, self._machine, self._device.current
        device.tally.count(machine.totals)
        notes.stored = self._changes() - self._changes_before
        midway = machine.totals.reset_midway
        notes.reset_midway = None if midway < 0 else midway
        self._take_operations(machine.operations(), rows.span(start, end))
        steps = machine.steps()
        accesses = steps_of(rows, steps, notes.trace)
        if len(accesses):
            self._collect_accesses(accesses)
        if device.policy_machine is not None and device.extent is not None:
            theirs = self._run_policy(device.policy_machine, rows, start, end)
            device.comparison.add(accesses, theirs, device.extent.bytes)
        if inspected and device.inspection is not None:
            device.inspection.end(machine, device.policy_machine, steps, keep_journal=device.options.keeps_journal)

    def _take_operations(self, operations: OperationColumns, rows: RowColumns | None) -> None:
        """Take operations that have ended; `rows` are those just done, None at the trace's end."""
        device = self._device
        if not device.options.collects:
            return
        if device.otherwise is not None:
            device.otherwise.add(self._machine, rows, operations, device.behaviour)
        if len(operations["kind"]):
            self._ended.append(operations)
        if sum(len(ended["kind"]) for ended in self._ended) >= BATCH:
            self.collect()

    def collect(self) -> None:
        """Collect the operations that have ended: until then collectors may lack the latest."""
        device, ended = self._device, self._ended
        self._ended = []
        if not ended:
            return
        columns = {name: np.concatenate([each[name] for each in ended]) for name in ended[0]}
        sums = Sums(columns, device.current.trace)
        for collector in self._collectors:
            collector.add(sums)
        if device.options.keeps_operations:
            device.operations.append(to_table(sums, device.name, self._sectors))
            device.digests.append(pl.Series("data", sums["data"]))
            merge_short(device.operations)
            merge_short(device.digests)

    def _collect_accesses(self, accesses: pl.DataFrame) -> None:
        device = self._device
        device.tally.add(accesses)
        if device.options.keep_accesses:
            device.accesses.append(access_table(accesses, device.name))
        if device.extent is None:
            self._early.add(accesses)
            return
        device.outside.add(accesses)
        if device.extent.code_end:
            changed = (IS_STORED | IS_ERASE) & (pl.col("effect_offset") < device.extent.code_end)
            device.below.add(by_effect(accesses.filter(changed)))

    def _run_policy(self, machine: Machine, rows: RowColumns, start: int, end: int) -> pl.DataFrame:
        """Run the same rows through the machine under the policy, and compare."""
        position = start
        if not machine.behaviour:
            machine.behaviour = self._machine.behaviour
        machine.asked.everything = True
        while position < end:
            position, why = machine.feed(rows, position, end)
            if why == Stop.BEHAVIOUR:
                machine.behaviour = DEFAULT_BEHAVIOUR
        return steps_of(rows, machine.steps(), self._device.current.trace)

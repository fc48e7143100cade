"""A flash device of a session: identity, machine and collectors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import polars as pl

from replay.backing import Backing, Policy
from replay.behaviour import Behaviour
from replay.command_set import CommandSet
from tracetool.analysis.access import Access
from tracetool.analysis.cluster import Cluster
from tracetool.analysis.extent import Extent
from tracetool.analysis.free_space import FREE_SPACE_SCHEMA, free_space
from tracetool.analysis.growth import Growth
from tracetool.analysis.identity import Basis
from tracetool.analysis.outside import Comparison, Outside
from tracetool.analysis.tally import Tally
from tracetool.errors import InputError
from tracetool.timeline.accesses import ACCESSES_SCHEMA
from tracetool.timeline.activity import Activity
from tracetool.timeline.blocks import BlockTable
from tracetool.timeline.collector import Collector
from tracetool.timeline.fingerprint import Fingerprint
from tracetool.timeline.operations import OPERATIONS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from replay.columns import RowKind
    from replay.engine import Disagreement, Machine
    from replay.geometry import Geometry
    from replay.machine_state import Checkpoint
    from tracetool.analysis.cut_survey import CutSurvey
    from tracetool.analysis.evidence import Evidence, Realize
    from tracetool.analysis.history import History
    from tracetool.analysis.identity import Identity
    from tracetool.analysis.inspection import Inspection
    from tracetool.analysis.options import Options
    from tracetool.analysis.other_behaviour import Otherwise
    from tracetool.analysis.wide_erases import WideErases
    from tracetool.timeline.story import Story
    from tracetool.uefi.store_timeline import StoreTimeline
    from tracetool.uefi.varstore import VariableStore
    from tracetool.who.callers import Callers

__all__ = ["Device", "DeviceNotes", "Extent", "Learned", "Mark", "Watch"]


_NO_FREE_SPACE = FREE_SPACE_SCHEMA.to_frame()


@dataclass
class DeviceNotes:
    """Notes on one device in one trace, for findings and verdict; numbers of events (seq), None for none."""

    trace: int
    events: int = 0
    impossible: Cluster = field(default_factory=Cluster)
    """Events that no flash of this size can log."""
    disagreement: Disagreement | None = None
    disagreements: int = 0
    adopted_at: int | None = None
    migrated_at: int | None = None
    io_write_traced: bool = True
    lacking: tuple[str, ...] = ()
    """Events that were not traced, without which the contents of a CFI02 flash are not certain."""
    started_with_reset: bool = False
    accesses: int = 0
    """Events that only an access by the guest causes."""
    stored: int = 0
    """Programs and erases that the model counts as done."""
    access: Access = field(default_factory=Access)
    """Evidence of whether the flash is read-only."""
    ends_midway: bool = False
    awaited: RowKind | None = None
    """Event that QEMU logs with the last one, where it is missing."""
    reset_midway: int | None = None
    """The first reset in the middle of an operation."""
    realized: Realize | None = None
    """The first `pflash_realize` event of the trace that differs from the first of the session."""
    left_in_command: int | None = None
    changed_before: bool = False
    """Its image is not, or not certainly, the one that the trace before left."""
    behaviour: Behaviour = Behaviour.UNDETERMINED
    """When its machine stored buffered words; undetermined where the trace has none."""
    last_seq: int = -1
    changes_before: int = 0
    """Changes in the journal when the trace began, where a journal is kept."""
    policy_changes_before: int = 0
    """The same of the machine under the policy, which has those of the recorded one until it begins."""


class Mark(NamedTuple):
    """A moment before event `seq` of a trace, from which the device can be replayed once more.

    The policy's machine is None before an access beyond the extent.
    """

    trace: int
    seq: int
    machine: Checkpoint
    policy_machine: Checkpoint | None


class Watch(Collector, Protocol):
    """Collector of the operations that rules are about (`tracetool.findings.watch`)."""

    written_bytes: int
    changed_bytes: int
    contents_unknown: bool
    wide_erases: WideErases

    @property
    def clusters(self) -> Mapping[str, Cluster]:
        """The operations that each rule selects, by the rule's identifier."""


@dataclass
class Learned:
    """Facts that a pass found too late to use, for the next one."""

    extent: Extent | None = None
    access: tuple[bool, str] | None = None
    """Read-only or not, and its source in words."""
    flash_bytes: int | None = None
    """The flash's length by the variable store that the trace writes."""


class Device:
    """One flash device in all traces of a session.

    `base` is its name in the trace, by which options name it; `name` adds its process where the trace holds several.
    `process` is None where the format names none, or each trace has another. `machine` is None until the device is
    decided (`intake`), and stays so where it cannot be replayed; collectors are filled by `replay`. `nameless`: its
    events name no device.
    """

    def __init__(
        self,
        base: str,
        options: Options,
        image: NDArray[np.uint8] | None = None,
        learned: Learned | None = None,
        *,
        nameless: bool = False,
    ) -> None:
        self.base = self.name = base
        self.process: int | None = None
        self.callers: Mapping[int, Callers] = {}
        """By the trace's number, those of the session."""
        self.options = options
        self.image = image
        self.learned = learned or Learned()
        self.notes: list[DeviceNotes] = []

        self.evidence: Evidence | None = None
        self.identity: Identity | None = None
        self.nameless = nameless
        # No QEMU that stages buffered writes leaves the name of the device out of its events.
        self.told_behaviour = options.behaviour or (Behaviour.DIRECT if nameless else Behaviour.UNDETERMINED)
        self.behaviour = self.told_behaviour

        self.machine: Machine | None = None
        self.policy_machine: Machine | None = None
        """Forked from `machine` at the first access beyond the extent."""
        self.extent: Extent | None = None
        self.extent_event: tuple[int, int] | None = None
        """Trace and seq of the event that completed a variable store, where the extent is known by it."""
        self.learned_late_extent = False
        """The extent became known only after an access beyond it."""
        self.evaluated = True
        """False where the policy could not be evaluated, as a stream cannot be read again."""
        self.inspection: Inspection | None = None
        self.marks: list[Mark] = []
        """In order, at least one for each trace with its events, where the options ask for checkpoints."""
        self._other_bytes: int | None = None

        listed = options.keep_occurrences
        self.tally = Tally(listed=listed)
        self.below = Cluster.empty(listed=listed)
        """Programs and erases of the code before the variable store."""
        self.outside = Outside(listed=listed)
        self.comparison = Comparison(listed=listed)
        self.activity = Activity()
        self.fingerprint = Fingerprint()
        self.operations: list[pl.DataFrame] = []
        """Frames of `OPERATIONS_SCHEMA`, where the options ask for them, or need their times."""
        self.digests: list[pl.Series] = []
        """Digest of the data words of each of them, 0 without data."""
        self.accesses: list[pl.DataFrame] = []
        """Frames of `ACCESSES_SCHEMA`, where `Options.keep_accesses` asks for them."""
        self.blocks = BlockTable()
        self.story: Story | None = None
        self.watch: Watch | None = None
        self.otherwise: Otherwise | None = None
        self.growth = Growth()

    # --- what it is ----------------------------------------------------------------------------------------------

    @property
    def geometry(self) -> Geometry | None:
        """Its geometry; None where it is not known."""
        return self.identity.geometry if self.identity is not None else None

    @property
    def is_cfi02(self) -> bool:
        """True for a CFI02 device, by its events or by its board."""
        if self.geometry is not None:
            return self.geometry.command_set == CommandSet.CFI02
        return self.evidence is not None and self.evidence.cfi02

    @property
    def read_only(self) -> bool:
        """True when it is known, or assumed, to be read-only."""
        return self.identity is not None and self.identity.read_only

    @property
    def stores_known(self) -> bool:
        """True when the trace tells of each program whether it was stored or refused."""
        identity = self.identity
        if identity is None or identity.read_only or identity.access_basis == Basis.TOLD:
            return True
        return not any(notes.access.doubtful for notes in self.notes)

    @property
    def policy(self) -> Policy:
        """The policy asked for; by default the one that the trace was recorded under."""
        return self.recorded.policy if self.options.policy is None else self.options.policy

    @property
    def recorded(self) -> Backing:
        """The image file of the device that the trace was recorded on."""
        return self.backing_of(self.evidence.realize if self.evidence else None)

    def backing_of(self, realize: Realize | None) -> Backing:
        """The image file by a `pflash_realize` event."""
        geometry = self.geometry
        if realize is None or realize.extent is None or geometry is None or realize.extent >= geometry.size:
            return Backing()
        return Backing(realize.extent, Policy.DISCARD)

    @property
    def current(self) -> DeviceNotes:
        """Notes on the trace being read."""
        return self.notes[-1]

    def rename(self, name: str) -> None:
        """Change the name that is shown, also in the operations kept so far."""
        self.name = name
        renamed = pl.lit(name, OPERATIONS_SCHEMA["device"]).alias("device")
        self.operations = [frame.with_columns(renamed) for frame in self.operations]
        self.accesses = [frame.with_columns(renamed) for frame in self.accesses]

    def kept(self, name: str) -> list[pl.DataFrame]:
        """Its `operations` or `accesses`; ValueError where they were not kept."""
        if not getattr(self.options, f"keep_{name}"):
            raise ValueError(f"{self.name}: {name} were not kept; replay with keep_{name}")
        found: list[pl.DataFrame] = getattr(self, name)
        return found

    def operation_table(self) -> pl.DataFrame:
        """Its operations, a frame of `OPERATIONS_SCHEMA`, with their code, and what they touched of a followed store.

        Raises:
            ValueError: operations were not kept.
            InputError: a log of the guest's code cannot be read.
        """
        table, timeline = self.operations_with_code(), self.followed_store
        growth = Growth() if self.callers else self.growth  # the code of an operation may be known later
        return growth.operations(table, None if timeline is None else timeline.touches)

    def operations_with_code(self) -> pl.DataFrame:
        """Its operations, as `operation_table` gives them, without what they touched of a store."""
        kept = pl.concat([OPERATIONS_SCHEMA.to_frame(), *self.kept("operations")])
        return self._with_code(kept, "first_seq", "last_seq")

    def access_table(self) -> pl.DataFrame:
        """Its accesses, a frame of `ACCESSES_SCHEMA`, with their code; errors as of `operation_table`."""
        return self._with_code(pl.concat([ACCESSES_SCHEMA.to_frame(), *self.kept("accesses")]), "seq", "seq")

    def code_at(self, trace: int, first: int, last: int | None) -> tuple[str, str] | None:
        """By whom, and the chain of callers of, the first bus access from event `first` of a trace to `last`.

        None where no log of the guest's code tells; `last` None: to the end.
        """
        callers = self.callers.get(trace)
        return None if callers is None else callers.code_at(self.base, first, last)

    def _with_code(self, table: pl.DataFrame, first: str, last: str) -> pl.DataFrame:
        if not self.callers:
            return table
        from tracetool.who.callers import with_code  # noqa: PLC0415  few traces have a log of the guest's code

        return with_code(table, self.base, self.callers, first, last)

    # --- UEFI variables ------------------------------------------------------------------------------------------

    @cached_property
    def variable_store(self) -> VariableStore | None:
        """The variable store at the end of the traces; None where there is none, or it was not to be followed."""
        if not self.options.variables:
            return None
        from tracetool.analysis.variables import device_store  # noqa: PLC0415  few audits ask for it

        return device_store(self)

    @cached_property
    def has_store(self) -> bool:
        """True where it holds a variable store after the replay, or held one before it."""
        from tracetool.analysis.variables import store_range  # noqa: PLC0415  few audits ask for it

        return store_range(self) is not None

    @cached_property
    def history(self) -> Callable[[], History | None]:
        """The contents at every moment, computed on the first call; None where it was not replayed with a journal."""
        from tracetool.analysis.history import history_of  # noqa: PLC0415  the audit asks for none

        return history_of(self.machine, [(notes.trace, notes.changes_before) for notes in self.notes])

    @cached_property
    def policy_history(self) -> Callable[[], History | None]:
        """The same under the policy, which differs once something goes beyond the extent; None where it does not."""
        from tracetool.analysis.history import history_of  # noqa: PLC0415  the audit asks for none

        return history_of(self.policy_machine, [(notes.trace, notes.policy_changes_before) for notes in self.notes])

    @cached_property
    def followed_store(self) -> StoreTimeline | None:
        """The life of the variable store; None where there was none, or no journal was kept."""
        return self.growth.store_timeline(self) if self.options.keeps_journal else None

    @property
    def store_timeline(self) -> StoreTimeline | None:
        """The life of the variable store, for the rules about it; None where they were not asked for."""
        return self.followed_store if self.options.variables else None

    @property
    def free_space(self) -> pl.DataFrame:
        """Free space of the variable store over time (`FREE_SPACE_SCHEMA`); empty where it was not asked for."""
        timeline = self.store_timeline
        if timeline is None:
            return _NO_FREE_SPACE
        return free_space(timeline, pl.concat([OPERATIONS_SCHEMA.to_frame(), *self.operations]))

    @cached_property
    def cut_survey(self) -> CutSurvey | None:
        """What power cuts cost the variable store; None where it was not asked for, or no known firmware's is here."""
        if not self.options.power_cuts or self.followed_store is None:
            return None
        from tracetool.analysis.cut_costs import likely_firmware  # noqa: PLC0415  few audits ask for it
        from tracetool.analysis.cut_survey import survey_cuts  # noqa: PLC0415
        from tracetool.analysis.power_cuts import device_commits  # noqa: PLC0415

        try:
            commits = device_commits(self)
        except InputError:
            return None
        firmware = likely_firmware(commits)
        return survey_cuts(self, commits, firmware) if firmware and len(commits) else None

    def block_table(self) -> pl.DataFrame:
        """The erase blocks that were written, a frame of `BLOCKS_SCHEMA`; empty where the device was not replayed."""
        return self.blocks.table(self.name, self.extent.bytes if self.extent else None)

    # --- what the next pass should know --------------------------------------------------------------------------

    @property
    def needs_another_pass(self) -> bool:
        """True when a fact became known after it was needed."""
        return self.learned_late or self._other_bytes is not None

    @property
    def learned_late(self) -> bool:
        """True when the policy cannot be evaluated without another pass."""
        return self.learned_late_extent or self._learned_access is not None

    @property
    def _learned_access(self) -> tuple[bool, str] | None:
        """Read-only or not by later events, where that contradicts an assumption."""
        identity = self.identity
        if identity is None or identity.access_basis != Basis.ASSUMED:
            return None
        shown = min((notes.access.read_only for notes in self.notes if notes.access.read_only), default=None)
        return None if shown is None or shown[0] == identity.read_only else shown

    def lesson(self) -> Learned:
        """Facts for the next pass to begin with."""
        return Learned(
            self.extent if self.learned_late_extent else self.learned.extent,
            self._learned_access or self.learned.access,
            self._other_bytes or self.learned.flash_bytes,
        )

    def learn_size(self, flash_bytes: int | None, source: str) -> None:
        """Confirm a guessed board by the flash's length, or ask for another pass with the other board."""
        identity = self.identity
        if flash_bytes is None or identity is None or identity.geometry is None or not identity.others:
            return
        if flash_bytes == identity.geometry.size:
            source = f"{identity.geometry_source} and {source}"
            self.identity = replace(identity, geometry_source=source, others=())
        elif flash_bytes != self.learned.flash_bytes:
            self._other_bytes = flash_bytes

"""One event explained: the state of the machine before and after it, and what it changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from replay.command_set import CommandSet

if TYPE_CHECKING:
    from replay.engine import Machine
    from replay.journal import Change
    from replay.tables import RowColumns, StepColumns

__all__ = ["Inspection", "Moment", "Step"]


class Moment(NamedTuple):
    """State of a machine between two events."""

    cmd: int
    wcycle: int
    status: int

    @classmethod
    def of(cls, machine: Machine | None) -> Moment | None:
        """The current state; None without a machine."""
        return None if machine is None else cls(machine.command, machine.wcycle, machine.status)


class Step(NamedTuple):
    """Effect of the event on the machine: codes of `replay.columns`, offsets and lengths in bytes."""

    expected: int
    effect: int
    effect_offset: int
    effect_length: int
    op: int
    op_kind: int
    outcome: int
    flags: int

    @classmethod
    def of(cls, steps: StepColumns) -> Step:
        """The step of the only row."""
        return cls(*(int(getattr(steps, name)[0]) for name in cls._fields))


@dataclass
class Inspection:
    """One event and the machine before and after it. `event` is its row of the event frame.

    The rest is None where the event was not replayed. `changes` are those of storage and image file that it made,
    `words_left` the words of a buffered write that follow; the policy's machine is None until an access beyond the
    extent.
    """

    event: dict[str, Any]
    before: Moment | None = None
    after: Moment | None = None
    step: Step | None = None
    changes: tuple[Change, ...] = ()
    words_left: int | None = None
    command_set: CommandSet = CommandSet.CFI01
    policy_before: Moment | None = None
    policy_after: Moment | None = None
    _changes_before: int = 0

    def row_in(self, rows: RowColumns) -> int:
        """The event's row; -1 where it is not among these, or has been replayed."""
        found = np.flatnonzero(rows.seq == self.event["seq"])
        return int(found[0]) if len(found) and self.step is None else -1

    def begin(self, machine: Machine, policy_machine: Machine | None) -> None:
        """Note the state before the event, and begin to keep the journal."""
        self.command_set = machine.config.geometry.command_set
        self.before, self.policy_before = Moment.of(machine), Moment.of(policy_machine)
        machine.keep_journal = True
        self._changes_before = len(machine.journal)

    def end(self, machine: Machine, policy_machine: Machine | None, steps: StepColumns, *, keep_journal: bool) -> None:
        """Note the state after the event and what it changed; `steps` has its row alone."""
        machine.keep_journal = keep_journal
        self.after, self.policy_after = Moment.of(machine), Moment.of(policy_machine)
        self.words_left = machine.words_left
        self.step = Step.of(steps)
        self.changes = tuple(machine.journal.changes(self._changes_before, len(machine.journal)))

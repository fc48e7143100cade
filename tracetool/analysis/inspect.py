"""One event under the glass: the machine before and after it, and what it changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from replay.engine import Machine
    from replay.journal import Change
    from replay.tables import StepColumns

__all__ = ["Inspection", "Moment", "Step"]


class Moment(NamedTuple):
    """State of a machine between two events."""

    cmd: int
    wcycle: int
    status: int

    @classmethod
    def of(cls, machine: Machine | None) -> Moment | None:
        """The state now; None if there is no machine."""
        return None if machine is None else cls(machine.command, machine.wcycle, machine.status)


class Step(NamedTuple):
    """What the machine made of the event: codes of `replay.columns`, offsets and lengths in bytes."""

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
        """The step of the one row that was given."""
        return cls(*(int(getattr(steps, name)[0]) for name in cls._fields))


@dataclass
class Inspection:
    """What is known of one event. `event` is its row of the event frame; the rest is None where it was not replayed.

    `changes` are those of storage and image file that it made, `words_left` the words of a buffered write that are
    still to come after it; the policy's machine is None until an access went
    beyond the extent.
    """

    event: dict[str, Any]
    before: Moment | None = None
    after: Moment | None = None
    step: Step | None = None
    changes: tuple[Change, ...] = ()
    words_left: int | None = None
    policy_before: Moment | None = None
    policy_after: Moment | None = None

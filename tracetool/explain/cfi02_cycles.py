"""What a bus write meant to a CFI02 flash: keys of the phrases in chapter `cfi02` of `phrases.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.cfi02.facts import Command, Cycle
from replay.columns import CMD_UNKNOWN, Flag, OpKind, Outcome

if TYPE_CHECKING:
    from tracetool.analysis.inspection import Inspection, Moment, Step

__all__ = ["cfi02_cycle"]

_BY_FLAG = (
    (Flag.SUSPENDED_TARGET, "erase_refused"),
    (Flag.WRONG_UNLOCK, "wrong_unlock"),
    (Flag.NOT_A_COMMAND, "not_a_command"),
    (Flag.WINDOW_MISSED, "window_missed"),
    (Flag.BUSY, "busy"),
    (Flag.ERASE_GIVEN_UP, "given_up"),
)
_BY_COMMAND = {
    Command.PROGRAM: "program",
    Command.ERASE_SETUP: "erase",
    Command.AUTOSELECT: "autoselect",
    Command.UNLOCK_BYPASS: "bypass",
}
_BY_KIND = {
    OpKind.SUSPEND: "suspend",
    OpKind.RESUME: "resume",
    OpKind.QUERY: "query",
    OpKind.BYPASS: "bypass_end",
    OpKind.READ_ARRAY: "reset",
}


def cfi02_cycle(inspection: Inspection, before: Moment, step: Step) -> str:
    """Key of the phrase for a bus write."""
    command = inspection.event["value"] & 0xFF
    if before.cmd == CMD_UNKNOWN:
        return "unknown"
    if before.cmd == Command.PROGRAM:
        return _program(step)
    if flagged := next((key for flag, key in _BY_FLAG if step.flags & flag), None):
        return flagged
    if command == Command.RESET and step.outcome == Outcome.ABORTED:
        return "aborted"
    return _of_cycle(before, step, command)


def _program(step: Step) -> str:
    if step.flags & Flag.SUSPENDED_TARGET:
        return "program_suspended"
    return "program_bits" if step.flags & Flag.BITS_KEPT else "program_data"


def _of_cycle(before: Moment, step: Step, command: int) -> str:
    """The same of a write that is right in its cycle."""
    if before.wcycle == Cycle.COMMAND and command in _BY_COMMAND:
        return _BY_COMMAND[Command(command)]
    if before.wcycle in (Cycle.UNLOCK, Cycle.ERASE_UNLOCK):
        return "unlock_second"
    if before.wcycle in (Cycle.ERASE_COMMAND, Cycle.ERASING) and step.op_kind == OpKind.ERASE:
        return "chip_erase" if command == Command.CHIP_ERASE else "sector_erase"
    if step.op_kind == OpKind.INCOMPLETE:
        return "unlock_first"
    return "leave" if step.flags & Flag.BAD_SECOND_CYCLE else _BY_KIND.get(OpKind(step.op_kind), "leave")

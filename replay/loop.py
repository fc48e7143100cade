"""The hot loop: rows through the state machine of a device, whichever its command set.

This module and its parts (`state`, `spans`, `contents`, `selfcheck`, `operation_sums`, for a CFI01 chip `machine`,
`cycles`, `inference` and `reads`, for a CFI02 chip the package `cfi02`) are *the kernel*: ordinary Python that runs as
it is. The `.pxd` of the same name gives each C types, with which the package build compiles it. `engine` is the only
caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import machine, operation_sums
from replay.cfi02 import machine as cfi02_machine
from replay.codes import Behaviour, CommandSet, Effect, Outcome, RowKind, Stop

if TYPE_CHECKING:
    from replay.state import Chip, Rows

__all__ = ["run"]

_ROWS_PER_STEP = 8  # upper bound of journal rows, and of block copies, per row
_SLACK = 2048


def has_room(chip: Chip) -> bool:
    """True if the journal has room for the most that one row can add."""
    most = _ROWS_PER_STEP * (max(chip.settings.block, chip.settings.window) + _SLACK)
    rows = chip.journal.rows + _ROWS_PER_STEP
    return rows <= chip.journal.room and chip.journal.bytes + most <= chip.journal.data_room


def room(chip: Chip) -> int:
    """Capacity in rows, each of which may end an operation and be returned as a step."""
    return min(chip.operations.room - chip.operations.count, chip.steps.room - chip.steps.count)


def run(chip: Chip, rows: Rows, start: int, end: int) -> int:  # noqa: C901  a call for each row costs
    """Process rows `start` to `end`; return the reason of the stop (`Stop`), before the row `chip.position`.

    Rows must be valid: 1 <= size <= 8, 0 <= offset, offset + size <= region, lengths inside it.
    """
    why = Stop.END
    i = start
    last = min(end, start + room(chip))
    cfi01 = chip.settings.command_set == CommandSet.CFI01
    undetermined = cfi01 and chip.settings.behaviour == Behaviour.UNDETERMINED
    while i < last and why == Stop.END:
        kind = rows.kind[i]
        if undetermined and machine.awaits_behaviour(chip, kind):
            why = Stop.BEHAVIOUR
        elif chip.settings.journal and not has_room(chip):
            why = Stop.ROOM
        else:
            if not chip.unfinished:
                chip.row.effect = Effect.NONE
                chip.row.outcome = Outcome.OPEN
                chip.row.flags = 0
                chip.check.seen[kind] = 1
                chip.row.cmd = chip.cmd
                chip.row.wcycle = chip.wcycle
                chip.row.status = chip.status
            if cfi01:
                expected = machine.do_row(chip, rows, i, rows.seq[i], kind)
            else:
                expected = cfi02_machine.do_row(chip, rows, i, rows.seq[i], kind)
            if chip.unfinished:
                continue
            if (
                RowKind.OTHER < kind <= RowKind.RESET
                or chip.row.effect != Effect.NONE
                or chip.row.outcome != Outcome.OPEN
            ):
                operation_sums.add(chip, rows, i, kind, expected)
            elif chip.asked.everything:
                operation_sums.give(chip, chip.steps, chip.row, i, expected)
            i += 1
            if chip.row.watched:
                chip.row.watched = False
                why = Stop.WATCH
            elif kind == RowKind.POSTLOAD:
                why = Stop.POSTLOAD
    chip.position = i
    return Stop.ROOM if why == Stop.END and i < end else why

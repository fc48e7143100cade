"""Names of commands and status bits, by command set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import cfi
from replay.cfi02 import facts
from replay.command_set import CommandSet

if TYPE_CHECKING:
    from enum import IntEnum

__all__ = ["command_name", "status_names"]

_COMMANDS: dict[CommandSet, type[IntEnum]] = {CommandSet.CFI01: cfi.Opcode, CommandSet.CFI02: facts.Command}
_STATUS: dict[CommandSet, type[IntEnum]] = {CommandSet.CFI01: cfi.Status, CommandSet.CFI02: facts.Status}


def command_name(command: int, command_set: CommandSet) -> str:
    """Name of the command in force, such as `read status`."""
    if command == 0:
        return "read array"
    known = {int(member): member.name.lower().replace("_", " ") for member in _COMMANDS[command_set]}
    return known.get(command, "unknown")


def status_names(status: int, command_set: CommandSet) -> list[str]:
    """Names of the bits that are set; those of a CFI02 chip are called DQ7 and so on."""
    bits = [bit.name for bit in _STATUS[command_set] if status & bit]
    return bits if command_set == CommandSet.CFI02 else [name.lower().replace("_", " ") for name in bits]

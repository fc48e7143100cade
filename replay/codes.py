"""Enumerations for the kernel: plain integers by name.

IntEnum members are slow in plain Python: lookup goes through a descriptor in 3.11, and arithmetic through a subclass.
In compiled code the names become members of a C struct.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from replay import backing, behaviour, cfi, columns, command_set

if TYPE_CHECKING:
    from enum import IntEnum

__all__ = [
    "Answer",
    "Behaviour",
    "CommandSet",
    "Effect",
    "Field",
    "Flag",
    "JournalKind",
    "OpField",
    "OpKind",
    "Opcode",
    "Outcome",
    "Policy",
]
__all__ += ["Position", "RowKind", "Status", "Stop", "Target", "Text", "integers"]

Members = TypeVar("Members", bound="type[IntEnum]")


class _Integers:
    """Members of an enumeration, by attribute and, for Cython, by item."""

    def __init__(self, members: type[IntEnum]) -> None:
        vars(self).update({member.name: int(member) for member in members})

    def __getitem__(self, name: str) -> int:
        number: int = vars(self)[name]
        return number


def integers(members: Members) -> Members:
    """Convert an enumeration to plain integers; its type stays that of the enumeration for mypy."""
    return _Integers(members)  # type: ignore[return-value]


Behaviour = integers(behaviour.Behaviour)
Policy = integers(backing.Policy)
Opcode = integers(cfi.Opcode)
Status = integers(cfi.Status)
CommandSet = integers(command_set.CommandSet)
Answer = integers(columns.Answer)
Effect = integers(columns.Effect)
Field = integers(columns.Field)
Flag = integers(columns.Flag)
JournalKind = integers(columns.JournalKind)
OpField = integers(columns.OpField)
OpKind = integers(columns.OpKind)
Outcome = integers(columns.Outcome)
Position = integers(columns.Position)
RowKind = integers(columns.RowKind)
Stop = integers(columns.Stop)
Target = integers(columns.Target)
Text = integers(columns.Text)

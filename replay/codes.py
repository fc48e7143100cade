"""The enumerations as the kernel has them: plain integers by name.

A member of an IntEnum is slow in plain Python: it is found by way of a descriptor in 3.11, and each operation on it
is that of a subclass. Compiled, the names become the members of a C struct.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from replay import backing, behaviour, cfi, columns

if TYPE_CHECKING:
    from enum import IntEnum

__all__ = ["Behaviour", "Effect", "Field", "Flag", "JournalKind", "OpKind", "Opcode", "Outcome", "Policy", "Position"]
__all__ += ["RowKind", "Status", "Stop", "Target", "Text", "integers"]

Members = TypeVar("Members", bound="type[IntEnum]")


class _Integers:
    """The members of an enumeration, by attribute and, as Cython looks them up, by item."""

    def __init__(self, members: type[IntEnum]) -> None:
        vars(self).update({member.name: int(member) for member in members})

    def __getitem__(self, name: str) -> int:
        number: int = vars(self)[name]
        return number


def integers(members: Members) -> Members:
    """The members as plain integers; mypy takes them for the enumeration itself."""
    return _Integers(members)  # type: ignore[return-value]


Behaviour = integers(behaviour.Behaviour)
Policy = integers(backing.Policy)
Opcode = integers(cfi.Opcode)
Status = integers(cfi.Status)
Effect = integers(columns.Effect)
Field = integers(columns.Field)
Flag = integers(columns.Flag)
JournalKind = integers(columns.JournalKind)
OpKind = integers(columns.OpKind)
Outcome = integers(columns.Outcome)
Position = integers(columns.Position)
RowKind = integers(columns.RowKind)
Stop = integers(columns.Stop)
Target = integers(columns.Target)
Text = integers(columns.Text)

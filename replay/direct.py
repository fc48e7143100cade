"""Enumerations whose members are attributes of the class, as they are from Python 3.12 on.

In 3.11 each look goes through a descriptor written in Python, which is most of what a plain row costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from enum import IntEnum

__all__ = ["direct"]

_Codes = TypeVar("_Codes", bound="type[IntEnum]")


def direct(codes: _Codes) -> _Codes:
    """Make the members of an enumeration attributes of its class."""
    for member in codes:
        type.__setattr__(codes, member.name, member)
    return codes

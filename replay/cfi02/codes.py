"""Enumerations of the CFI02 machine for the kernel: plain integers by name; see `replay.codes`."""

from __future__ import annotations

from replay.cfi02 import facts
from replay.codes import integers

__all__ = ["Command", "Cycle", "Status"]

Command = integers(facts.Command)
Cycle = integers(facts.Cycle)
Status = integers(facts.Status)

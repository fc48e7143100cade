"""Identifier and query reads of a trace, checked against a geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from replay.cfi import Opcode
from replay.cfi02 import answers as cfi02_answers
from replay.columns import ABSENT, ABSENT_COUNTER, RowKind
from replay.command_set import CommandSet
from replay.engine import Config, Machine
from replay.tables import RowColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replay.geometry import Geometry

__all__ = ["Answer", "differing"]


class Answer(NamedTuple):
    """A read after `READ_IDENTIFIER` or `CFI_QUERY`. Offset and size in bytes; the value as logged."""

    command: int
    offset: int
    size: int
    value: int


def differing(geometry: Geometry, answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers that a flash of this geometry would not give; entries that depend on an unknown size match."""
    inside = [answer for answer in answers if answer.offset + answer.size <= geometry.size]
    if geometry.command_set == CommandSet.CFI02:
        return cfi02_answers.differing(geometry, inside)
    machine = Machine(Config(geometry, check=False, operations=False))
    machine.asked.everything = True
    wrong = []
    for command in (Opcode.READ_IDENTIFIER, Opcode.CFI_QUERY):
        asked = [answer for answer in inside if answer.command == command]
        rows = [(RowKind.IO_WRITE, 0, 1, int(command)), *((RowKind.IO_READ, a.offset, a.size, a.value) for a in asked)]
        expected = _expected(machine, rows)[1:]
        wrong += [a for a, value in zip(asked, expected, strict=True) if value not in (a.value, ABSENT)]
    return wrong


def _expected(machine: Machine, accesses: Sequence[tuple[int, int, int, int]]) -> list[int]:
    """Return the model's value of each access."""
    count = len(accesses)
    absent = np.full(count, ABSENT, np.int64)
    counters = np.full(count, ABSENT_COUNTER, np.int64)
    columns = np.array(accesses, np.int64).T
    machine.feed(RowColumns._make([np.arange(count), *columns, absent, absent, counters, *[absent] * 4]))
    return [int(value) for value in machine.steps().expected]

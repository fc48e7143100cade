"""What a flash says of itself: its identifiers and its query table, as the guest reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from replay.cfi import Opcode
from replay.columns import ABSENT, ABSENT_COUNTER, RowKind
from replay.engine import Config, Machine
from replay.tables import RowColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replay.geometry import Geometry

__all__ = ["Answer", "differing"]


class Answer(NamedTuple):
    """One read after `READ_IDENTIFIER` or `CFI_QUERY`. Offset and size in bytes; the value as it is logged."""

    command: int
    offset: int
    size: int
    value: int


def differing(geometry: Geometry, answers: Sequence[Answer]) -> list[Answer]:
    """Those of the answers that no flash of this geometry gives; entries that an unknown size decides are left out."""
    inside = [answer for answer in answers if answer.offset + answer.size <= geometry.size]
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
    """The value of each access by the model."""
    count = len(accesses)
    absent = np.full(count, ABSENT, np.int64)
    counters = np.full(count, ABSENT_COUNTER, np.int64)
    columns = np.array(accesses, np.int64).T
    machine.feed(RowColumns._make([np.arange(count), *columns, absent, absent, counters, *[absent] * 4]))
    return [int(value) for value in machine.steps().expected]

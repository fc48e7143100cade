"""The machine's entry for compiled code: every array as a bare pointer (see `pointers`). Part of the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.machine import run
from replay.pointers import bytes_at, integers_at
from replay.state import Chip, Rows, Steps

if TYPE_CHECKING:
    from replay.pointers import Integers

__all__ = ["run_at"]

_ROWS = len(Chip._fields)
_STEPS = _ROWS + len(Rows._fields)


def _chip_at(a: Integers) -> Chip:
    return Chip(
        state=integers_at(a[0]),
        geo=integers_at(a[1]),
        cfi=integers_at(a[2]),
        storage=bytes_at(a[3]),
        storage_mask=bytes_at(a[4]),
        backing=bytes_at(a[5]),
        backing_mask=bytes_at(a[6]),
        window=bytes_at(a[7]),
        touched=bytes_at(a[8]),
        expected=integers_at(a[9]),
        held=integers_at(a[10]),
        seen=integers_at(a[11]),
        missing=integers_at(a[12]),
        journal=integers_at(a[13]),
        blob=bytes_at(a[14]),
    )


def _rows_at(a: Integers) -> Rows:
    return Rows(
        integers_at(a[_ROWS]),
        integers_at(a[_ROWS + 1]),
        integers_at(a[_ROWS + 2]),
        integers_at(a[_ROWS + 3]),
        integers_at(a[_ROWS + 4]),
        integers_at(a[_ROWS + 5]),
        integers_at(a[_ROWS + 6]),
        integers_at(a[_ROWS + 7]),
        integers_at(a[_ROWS + 8]),
        integers_at(a[_ROWS + 9]),
    )


def _steps_at(a: Integers) -> Steps:
    return Steps(
        integers_at(a[_STEPS]),
        integers_at(a[_STEPS + 1]),
        integers_at(a[_STEPS + 2]),
        integers_at(a[_STEPS + 3]),
        integers_at(a[_STEPS + 4]),
        integers_at(a[_STEPS + 5]),
        integers_at(a[_STEPS + 6]),
        integers_at(a[_STEPS + 7]),
        integers_at(a[_STEPS + 8]),
        integers_at(a[_STEPS + 9]),
        integers_at(a[_STEPS + 10]),
        integers_at(a[_STEPS + 11]),
        integers_at(a[_STEPS + 12]),
        integers_at(a[_STEPS + 13]),
    )


def run_at(address: int, start: int, end: int) -> int:
    """`machine.run` on the arrays of a `Chip`, `Rows` and `Steps`, whose addresses stand at `address`.

    Returns why it stopped; in place of the first address stands the row after the last one done.
    """
    addresses = integers_at(address)
    position, why = run(_chip_at(addresses), _rows_at(addresses), _steps_at(addresses), start, end)
    addresses[0] = position
    return why

"""State of a machine between two rows, apart from the machine: for copies, and to go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from replay.buffers import BlankRange, Buffers
    from replay.sparse import SparseCopy
    from replay.state import Chip

__all__ = ["Checkpoint", "Forgotten", "MachineState", "state_of"]

PARTS = ("settings", "check", "operations", "totals", "asked", "sectors")
"""Parts of a chip that have scalars."""

FOUND = ("seen", "missing", "queue", "held")
"""Arrays of `Buffers` that last from row to row."""

_ARRAYS = {"sums": "operations", "erasing": "sectors", "window": "", "touched": ""}
"""Arrays of a chip, or of one of its parts."""


def state_of(part: object) -> dict[str, int]:
    """Scalars of a chip or a part of it by name: no contents, window or tables, and not its position among the rows."""
    values = {name: getattr(part, name) for name in dir(part) if name != "position"}
    return {name: value for name, value in values.items() if isinstance(value, int)}


class MachineState(NamedTuple):
    """Scalars of the chip (under the name "") and its parts, and copies of small arrays: no contents, no results.

    Between rows nothing is left of the row before, so that the effect of a row is not part of it.
    """

    scalars: Mapping[str, Mapping[str, int]]
    arrays: Mapping[str, NDArray[np.generic]]

    @classmethod
    def of(cls, chip: Chip, buffers: Buffers) -> MachineState:
        """The state of a chip and its buffers."""
        arrays = {name: getattr(_part(chip, part), name) for name, part in _ARRAYS.items()}
        arrays |= {name: getattr(buffers, name) for name in FOUND}
        return cls(
            {part: state_of(_part(chip, part)) for part in ("", *PARTS)},
            {name: np.array(array) for name, array in arrays.items()},
        )

    def only(self, parts: Iterable[str], arrays: Iterable[str]) -> MachineState:
        """Part of the state."""
        return MachineState({part: self.scalars[part] for part in parts}, {name: self.arrays[name] for name in arrays})

    def give(self, chip: Chip, buffers: Buffers) -> None:
        """Give a chip and its buffers the state."""
        for part, values in self.scalars.items():
            target = _part(chip, part)
            for name, value in values.items():
                setattr(target, name, value)
        for name, array in self.arrays.items():
            np.asarray(getattr(buffers if name in FOUND else _part(chip, _ARRAYS[name]), name))[:] = array


def _part(chip: Chip, name: str) -> object:
    return getattr(chip, name) if name else chip


class Checkpoint(NamedTuple):
    """A moment that a machine with a journal can go back to: its state, and how many changes it had made.

    It holds no contents: those are the machine's of later with the changes since undone.
    """

    state: MachineState
    changes: int
    forgotten: int
    """How often all contents had become unknown."""
    blank: BlankRange


class Forgotten(NamedTuple):
    """The masks before all contents became unknown, which the journal does not tell, and the number of changes then."""

    changes: int
    known: int
    storage: SparseCopy
    backing: SparseCopy

"""Where the operations of runs part: compared all at once, not two by two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tracetool.timeline.fingerprint import COMPARED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

__all__ = ["Branch", "Fork", "Step", "forks", "steps_of"]


class Step(NamedTuple):
    """An operation as fingerprints compare it, and the number of its first event, which they do not."""

    kind: str | None
    offset: int | None
    length: int | None
    outcome: str | None
    seq: int

    @property
    def compared(self) -> tuple[object, ...]:
        """What two runs must have in common."""
        return self[: len(COMPARED)]


class Branch(NamedTuple):
    """Runs that go on alike after a fork: by their examples' names; `step` None: their operations end there."""

    step: Step | None
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Fork:
    """A place where runs of one firmware (None: not known) part, and the number of operations before it."""

    firmware: str | None
    device: str
    common: int
    branches: tuple[Branch, ...]


def steps_of(operations: pl.DataFrame) -> dict[str, list[Step]]:
    """The operations (`OPERATIONS_SCHEMA`) of each device, in order."""
    found: dict[str, list[Step]] = {}
    for device, *row in operations.select("device", *COMPARED, "first_seq").iter_rows():
        found.setdefault(device, []).append(Step(*row))
    return found


def forks(firmware: str | None, device: str, runs: Sequence[tuple[str, Sequence[Step]]]) -> Iterator[Fork]:
    """The places where the operations of runs on a device part, those that are passed first before the others.

    Args:
        firmware: of the runs; None: not known.
        device: its name.
        runs: names of runs and their operations; the usual run first.
    """
    waiting = [(0, list(runs))]
    while waiting:
        start, together = waiting.pop(0)
        common = start
        while len(parted := _parted(together, common)) == 1 and None not in parted:
            common += 1
        if len(parted) > 1:
            branches = (
                Branch(None if key is None else group[0][1][common], tuple(name for name, _ in group))
                for key, group in parted.items()
            )
            yield Fork(firmware, device, common, tuple(branches))
        waiting += [(common + 1, group) for key, group in parted.items() if len(group) > 1 and key is not None]


def _parted(
    runs: Sequence[tuple[str, Sequence[Step]]], at: int
) -> dict[tuple[object, ...] | None, list[tuple[str, Sequence[Step]]]]:
    """Runs by their operation number `at`; None: they have none."""
    found: dict[tuple[object, ...] | None, list[tuple[str, Sequence[Step]]]] = {}
    for name, steps in runs:
        found.setdefault(steps[at].compared if at < len(steps) else None, []).append((name, steps))
    return found

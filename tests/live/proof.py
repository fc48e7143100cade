"""A program held against the live flash; a difference comes with the shortest program that shows it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live.differential import Outcome, compare
from tests.live.machines import MACHINES
from tests.live.saved import Saved, to_text
from tests.live.shrinking import shrunk
from tracetool.qemu.about import about

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replay.behaviour import Behaviour
    from tests.live.guest import Access

SHRINKING_S = 90


def tried(program: Saved, behaviour: Behaviour | None = None) -> Outcome:
    """Run a program on both; the model does what QEMU's release does, if it is not told otherwise."""
    board = MACHINES[program.machine]
    told = behaviour or about(board.program).behaviour
    with tempfile.TemporaryDirectory(prefix="flash-") as folder:
        return compare(board, program.accesses, program.image, Path(folder), told)


def smallest(program: Saved, behaviour: Behaviour | None = None, seconds: float = SHRINKING_S) -> Saved:
    """Give the shortest part of a program that still shows a difference."""

    def fails(accesses: Sequence[Access]) -> bool:
        return bool(tried(program._replace(accesses=list(accesses)), behaviour).differences)

    return program._replace(accesses=shrunk(program.accesses, fails, seconds))


def proved(program: Saved, seed: int | None = None) -> Outcome:
    """Run a program on both; AssertionError with a program to save where they differ."""
    outcome = tried(program)
    if outcome.differences:
        small = smallest(program)
        why = tried(small).differences or ["not seen again: it comes and goes"]
        origin = "" if seed is None else f"seed {seed} of {program.machine}, {len(program.accesses)} accesses\n"
        said = "\n".join([*outcome.differences, "", "shortened:", *why])
        raise AssertionError(f"{origin}{said}\n\nto be saved in tests/live/regressions:\n{to_text(small)}")
    return outcome

"""Compare a program on the live flash and on the model; shrink it where they differ."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.live.differential import Outcome, compare
from tests.live.machines import MACHINES
from tests.live.saved import Saved, to_text
from tests.live.shrinking import shrink
from tracetool.qemu.about import about

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replay.behaviour import Behaviour
    from tests.live.guest import Access

SHRINKING_S = 90


def run(program: Saved, behaviour: Behaviour | None = None) -> Outcome:
    """Run a program on both; the model's behaviour is by default that of the QEMU release."""
    board = MACHINES[program.machine]
    told = behaviour or about(board.program).behaviour
    with tempfile.TemporaryDirectory(prefix="flash-") as folder:
        return compare(board, program.accesses, program.image, Path(folder), told)


def shrink_program(program: Saved, behaviour: Behaviour | None = None, seconds: float = SHRINKING_S) -> Saved:
    """Shortest part of a program that still shows a difference."""

    def fails(accesses: Sequence[Access]) -> bool:
        return bool(run(program._replace(accesses=list(accesses)), behaviour).differences)

    return program._replace(accesses=shrink(program.accesses, fails, seconds))


def prove(program: Saved, seed: int | None = None) -> Outcome:
    """Run a program on both.

    Raises:
        AssertionError: they differ; the message has the shortest program, to be saved.
    """
    outcome = run(program)
    if outcome.differences:
        small = shrink_program(program)
        why = run(small).differences or ["not reproduced: it comes and goes"]
        origin = "" if seed is None else f"seed {seed} of {program.machine}, {len(program.accesses)} accesses\n"
        said = "\n".join([*outcome.differences, "", "shortened:", *why])
        raise AssertionError(f"{origin}{said}\n\nsave in tests/live/regressions:\n{to_text(small)}")
    return outcome

"""`make fuzz`: new random programs on every live machine until the time is up."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count, cycle
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.live.guest import program
from tests.live.machines import MACHINES
from tests.live.proof import prove
from tests.live.saved import Saved
from tests.live.test_random import LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.differential import Outcome


def _one(machine: str, seed: int) -> Outcome:
    return prove(Saved(machine, seed, program(MACHINES[machine], seed, LENGTH)), seed)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _fuzz(seconds: float, first_seed: int, machines: list[str]) -> int:
    """Run programs until the time is up or one shows a difference, and return the exit code."""
    work = zip(cycle(machines), count(first_seed), strict=False)
    begin = time.monotonic()
    accesses = 0
    running: dict[Future[Outcome], tuple[str, int]] = {}
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        for machine, seed in _while_time(work, begin + seconds):
            running[pool.submit(_one, machine, seed)] = (machine, seed)
            if len(running) < (os.cpu_count() or 1):
                continue
            accesses += _finished(running, begin, accesses)
        while running:
            accesses += _finished(running, begin, accesses)
    _say(f"{accesses:,} accesses in {time.monotonic() - begin:.0f} s: no difference")
    return 0


def _while_time(work: Iterator[tuple[str, int]], deadline: float) -> Iterator[tuple[str, int]]:
    while time.monotonic() < deadline:
        yield next(work)


def _finished(running: dict[Future[Outcome], tuple[str, int]], begin: float, before: int) -> int:
    """Wait for a program, report it and return its accesses; AssertionError if there was a difference."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    accesses = 0
    for future in done:
        machine, seed = running.pop(future)
        accesses += future.result().accesses
        pace = (before + accesses) / (time.monotonic() - begin)
        _say(f"seed {seed} {machine}: equal; {before + accesses:,} accesses, {pace:,.0f}/s")
    return accesses


def main() -> int:
    """Run programs as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, help="the first seed; a random one if none is given")
    parser.add_argument("--machine", action="append", choices=MACHINES, help="only this one; may be repeated")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    machines = given.machine or list(MACHINES)
    _say(f"first seed {seed}; again with: python -m tests.live.fuzz --seed {seed}")
    try:
        return _fuzz(60 * given.minutes, seed, machines)
    except AssertionError as difference:
        _say(str(difference))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

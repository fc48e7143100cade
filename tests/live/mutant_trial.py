"""Trial of one mutant, in its own process: random programs on live flashes, or the tests of the second model."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

import replay
from tests.captures import ROOT
from tests.live import cfi02_machines
from tests.live.cfi02_differential import compare
from tests.live.guest import program
from tests.live.machines import MACHINES
from tests.live.mutants import PLAIN_ASSERTIONS
from tests.live.proof import run
from tests.live.saved import Saved

LENGTH = 3000
SEEDS = (1, 2, 3)
SECOND_MODEL = "tests/replay/test_machine.py"


def _live(machines: list[str]) -> tuple[bool, str, int, str]:
    """Run programs until one shows a difference."""
    accesses = 0
    for seed in SEEDS:
        for machine in machines:
            if machine in cfi02_machines.MACHINES:
                found = compare(cfi02_machines.MACHINES[machine], seed, LENGTH)
                accesses += found.accesses
                if found.differences:
                    return True, machine, accesses, found.differences[0]
                continue
            saved = Saved(machine, seed, program(MACHINES[machine], seed, LENGTH))
            outcome = run(saved)
            accesses += outcome.accesses
            if outcome.differences:
                return True, machine, accesses, outcome.differences[0]
    return False, machines[0], accesses, ""


def _second_model() -> tuple[bool, str, int, str]:
    """Run the tests that compare the machine with the second model."""
    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=1", "--tb=line", PLAIN_ASSERTIONS]
    code = pytest.main([str(ROOT / SECOND_MODEL), f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), *options])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code}")
    return code == pytest.ExitCode.TESTS_FAILED, "second model", 0, ""


def main() -> None:
    """Run the trial that the command line names; the last line of the output is the result, as JSON."""
    folder, what = sys.argv[1:]
    machines, live = json.loads(what)
    if not Path(replay.__file__).is_relative_to(folder):
        raise RuntimeError(f"the broken copy is not what runs, but {replay.__file__}")
    begin = time.monotonic()
    found, where, accesses, words = _live(machines) if live else _second_model()
    answer = {"found": found, "where": where, "accesses": accesses, "words": words}
    sys.stdout.write("\n" + json.dumps(answer | {"seconds": round(time.monotonic() - begin, 1)}) + "\n")


if __name__ == "__main__":
    main()

"""Every mutant of the model is noticed."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.captures import ROOT
from tests.live.cfi02_machines import MACHINES as CFI02_MACHINES
from tests.live.machines import MACHINES
from tests.live.mutants import MUTANTS, UNBROKEN, BrokenTrialError, Mutant, broken_source, copy_broken, try_mutant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_another_program_and_still_one(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    copy_broken(mutant, tmp_path)
    source = tmp_path / "replay" / mutant.file
    compile(source.read_text(encoding="utf-8"), source, "exec")
    whole = ast.parse((ROOT / "replay" / mutant.file).read_bytes())
    assert source.read_text(encoding="utf-8") != ast.unparse(whole)


SOURCE = "def step(x):\n    x.cmd = x.size - 1\n    return x.cmd == 1\n"


@pytest.mark.parametrize(
    ("place", "before", "message"),
    [
        ("machine.step", "x.cmd == 0", r"machine\.step has 'x\.cmd == 0' 0 times"),
        ("machine.gone", "x.cmd == 1", r"machine\.gone has 'x\.cmd == 1' 0 times"),
        ("machine.step", "1", r"machine\.step has '1' 2 times"),
    ],
    ids=["another expression", "another function", "not the only one"],
)
def test_a_change_that_no_longer_fits_the_source_is_an_error(place: str, before: str, message: str) -> None:
    with pytest.raises(BrokenTrialError, match=message):
        broken_source(Mutant("stale", place, before, "0"), SOURCE)


def test_a_place_is_found_however_it_is_formatted() -> None:
    formatted = "def step(x):\n    x.cmd = (\n        x.size  # bytes\n        - (1)\n    )\n    return x.cmd == 1\n"
    mutant = Mutant("off by one", "machine.step", "x.cmd = x.size - 1", "x.cmd = x.size")
    assert broken_source(mutant, formatted) == "def step(x):\n    x.cmd = x.size\n    return x.cmd == 1"
    assert broken_source(mutant, SOURCE) == broken_source(mutant, formatted)


def test_many_places_are_broken_that_a_live_flash_shows() -> None:
    assert sum(mutant.live for mutant in MUTANTS.values()) >= 20
    assert len({mutant.file for mutant in MUTANTS.values()}) >= 5


def test_the_page_about_it_counts_them() -> None:
    page = (ROOT / "docs" / "faithful.md").read_text(encoding="utf-8")
    live = sum(mutant.live for mutant in MUTANTS.values())
    assert f"breaks the model in {len(MUTANTS)} places" in page
    assert f"{live} of them are shown by the live flashes" in page


@pytest.mark.live
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_model_is_found_out(name: str, record_property: Callable[[str, object], None]) -> None:
    mutant = MUTANTS[name]
    for machine in mutant.machines if mutant.live else ():
        (MACHINES.get(machine) or CFI02_MACHINES[machine]).needed()
    trial = try_mutant(mutant)
    assert trial.found, f"{trial.accesses:,} accesses show no difference"
    record_property("mutant", name)


@pytest.mark.live
def test_the_trial_finds_nothing_where_nothing_is_broken() -> None:
    for machine in UNBROKEN.machines:
        (MACHINES.get(machine) or CFI02_MACHINES[machine]).needed()
    trial = try_mutant(UNBROKEN)
    assert not trial.found, trial.words
    assert trial.accesses > 12 * 3000

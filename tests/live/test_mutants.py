"""A model that is broken in one place is found out, whichever place it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.captures import ROOT
from tests.live.machines import MACHINES
from tests.live.mutants import MUTANTS, UNBROKEN, BrokenTrialError, Mutant, copied, tried

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_another_program_and_still_one(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    copied(mutant, tmp_path)
    source = tmp_path / "replay" / mutant.file
    compile(source.read_text(encoding="utf-8"), source, "exec")
    copied(UNBROKEN, tmp_path / "whole")
    assert source.read_bytes() != (tmp_path / "whole" / "replay" / mutant.file).read_bytes()


def test_a_change_that_no_longer_fits_the_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BrokenTrialError, match="0 times"):
        copied(Mutant("stale", "cycles.py", (("no such text", ""),)), tmp_path)


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
        MACHINES[machine].needed()
    caught = tried(mutant)
    assert caught.found, f"{caught.accesses:,} accesses show no difference"
    record_property("mutant", name)


@pytest.mark.live
def test_the_trial_finds_nothing_where_nothing_is_broken() -> None:
    for machine in UNBROKEN.machines:
        MACHINES[machine].needed()
    caught = tried(UNBROKEN)
    assert not caught.found, caught.words
    assert caught.accesses > 12 * 3000

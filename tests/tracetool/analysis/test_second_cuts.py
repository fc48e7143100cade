"""Power cut again, while the firmware repairs what a first cut left."""

from __future__ import annotations

import json

import pytest

from tests.captures import capture_path
from tests.tracetool.analysis.test_cut_survey import survey
from tests.tracetool.analysis.test_power_cuts import commits
from tracetool.analysis.second_cuts import second_cuts, survey_second_cuts
from tracetool.analysis.tolls import Toll
from tracetool.uefi.boot import FIRMWARES, Outcome

AAVMF = FIRMWARES["aavmf-2022.11"]


def case(name: str) -> tuple[tuple[int, int], str]:
    cases = json.loads(capture_path("powercut/cases.json").read_text())["cases"]
    found = next(case for case in cases if case["name"] == name)
    return (0, found["seq"]), found["shape"]


@pytest.mark.slow
def test_a_recovery_that_is_cut_is_recovered_again_but_for_the_erase_of_its_target() -> None:
    event, shape = case("rc-target-k300")
    found = second_cuts(commits("aavmf-reclaim"), AAVMF, event, shape, "case", torn=False)
    assert found.outcome is Outcome.RECOVERED
    assert found.commits > 1000
    assert found.tolls[Toll.ALL] == 1
    assert found.tolls[Toll.RECOVERED] > 1000
    assert found.worst is not None
    assert (found.worst.outcome, len(found.worst.cost.names)) == (Outcome.REFORMATTED, 66)


@pytest.mark.slow
def test_torn_erases_of_the_target_lose_all_too() -> None:
    event, shape = case("rc-target-k300")
    whole = second_cuts(commits("aavmf-reclaim"), AAVMF, event, shape, "case", torn=False)
    torn = second_cuts(commits("aavmf-reclaim"), AAVMF, event, shape, "case")
    assert torn.states > whole.states
    assert torn.tolls[Toll.ALL] > whole.tolls[Toll.ALL]


@pytest.mark.slow
def test_a_format_that_is_cut_has_nothing_left_to_lose() -> None:
    found = survey("aavmf-first-boot")
    cuts = survey_second_cuts(found, commits("aavmf-first-boot"))
    assert {each.case for each in cuts} < {group.case for group in found.groups}
    assert all(each.outcome is Outcome.REFORMATTED and set(each.tolls) == {Toll.ALL} for each in cuts)
    assert [each.commits for each in cuts] == [4, 4]


def test_a_cut_after_which_nothing_is_repaired_has_no_second() -> None:
    event, shape = case("fb-conin-both")
    found = second_cuts(commits("aavmf-first-boot"), AAVMF, event, shape, "case")
    assert (found.outcome, found.commits, found.states, found.worst) == (Outcome.KEPT, 0, 0, None)

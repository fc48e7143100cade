from __future__ import annotations

from functools import cache

import polars as pl
import pytest

import tracetool as tt
from tests.captures import capture_path
from tracetool.analysis.cut_survey import CutSurvey, survey_cuts
from tracetool.analysis.options import Options
from tracetool.analysis.power_cuts import store_commits
from tracetool.analysis.session import replay_readers
from tracetool.analysis.tolls import Toll
from tracetool.bundled import sample
from tracetool.ingest import open_trace
from tracetool.uefi.boot import FIRMWARES


@cache
def survey(name: str, *, torn: bool = True, firmware: str = "aavmf-2022.11") -> CutSurvey:
    options = Options(
        images={"virt.flash1": sample(f"{name}/flash1-before.fd.zst")}, journal=True, keep_operations=True
    )
    replayed = replay_readers([open_trace(str(sample(f"{name}/trace.log.zst")))], options)
    commits = store_commits(replayed)
    return survey_cuts(replayed.devices[commits.device], commits, FIRMWARES[firmware], torn=torn)


@pytest.mark.slow
def test_cuts_of_a_first_boot_by_cause() -> None:
    found = survey("aavmf-first-boot", torn=False)
    groups = {(group.toll, group.what): group for group in found.groups}
    erases = groups[Toll.ALL, "erase in a rewrite of the live block outside FTW"]
    assert len(erases.commits) == 14
    assert erases.variables["Boot0000"] == 2
    assert sum(erases.variables.values()) == 14
    assert [group.toll for group in found.groups] == sorted((g.toll for g in found.groups), key=list(Toll).index)
    assert found.costly


def test_a_guest_is_exposed_from_a_commit_to_the_next() -> None:
    found = survey("aavmf-first-boot", torn=False)
    exposed = [group.exposed_ns for group in found.groups]
    assert all(exposed)
    assert sum(exposed) < found.time_ns
    assert found.time_ns == pytest.approx(5.4e9, rel=0.1)


@pytest.mark.slow
def test_a_torn_commit_exposes_nothing_of_its_own() -> None:
    whole, torn = survey("aavmf-first-boot", torn=False), survey("aavmf-first-boot")
    assert torn.states > 4 * whole.states
    assert sum(g.exposed_ns for g in torn.groups) == sum(g.exposed_ns for g in whole.groups)
    assert Toll.NO_START in {group.toll for group in torn.groups}
    assert Toll.NO_START not in {group.toll for group in whole.groups}


@pytest.mark.slow
def test_newer_firmware_formats_what_older_firmware_keeps() -> None:
    older = survey("aavmf-shell-padding", torn=False)
    newer = survey("aavmf-shell-padding", torn=False, firmware="aavmf-2025.02")

    def lost_at_once(found: CutSurvey) -> int:
        return sum(len(group.commits) for group in found.groups if group.toll is Toll.ALL)

    assert lost_at_once(newer) > lost_at_once(older)


@pytest.mark.slow
def test_causes_name_the_modules_that_asked_for_them() -> None:
    folder = "aavmf-who"
    images = {"virt.flash1": capture_path(f"{folder}/flash1-before.fd.zst")}
    path = capture_path(f"{folder}/trace.log.zst")
    found = tt.open(path, image=images, who_log=capture_path(f"{folder}/who.log.zst"))
    replayed = found.replay(keep_operations=True, variables=True)
    commits = store_commits(replayed)
    groups = survey_cuts(replayed.devices[commits.device], commits, FIRMWARES["aavmf-2022.11"], torn=False).groups
    erases = next(group for group in groups if group.what.startswith("erase in a rewrite"))
    assert sum(erases.asked_by.values()) == len(erases.commits) == 14
    assert erases.asked_by["BdsDxe"] > 7
    operations = found.operations()
    for trace, seq in erases.commits:
        here = (pl.col("trace") == trace) & (pl.col("first_seq") <= seq) & (pl.col("last_seq") >= seq)
        (by,) = operations.filter(here, pl.col("device") == "virt.flash1")["by"]
        assert by in erases.asked_by
    assert not any(group.asked_by for group in survey("aavmf-first-boot", torn=False).groups)

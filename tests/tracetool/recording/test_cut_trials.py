"""Cuts that real firmware booted: each once, with every difference from its prediction."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from tracetool.analysis.cut_survey import CutSurvey, survey_cuts
from tracetool.analysis.options import Options
from tracetool.analysis.power_cuts import StoreCommits, store_commits
from tracetool.analysis.session import replay_readers
from tracetool.bundled import sample
from tracetool.errors import EmulatorError, InputError
from tracetool.ingest import open_trace
from tracetool.recording import cut_trials
from tracetool.recording.cut_trials import boot_cuts
from tracetool.recording.firmware import Firmware
from tracetool.recording.firmware_trial import Trial
from tracetool.uefi.boot import FIRMWARES, Outcome, boot

if TYPE_CHECKING:
    from pathlib import Path

    from tracetool.analysis.cut_survey import CutTrial
    from tracetool.uefi.boot import Firmware as Model


@cache
def cuts() -> tuple[CutSurvey, StoreCommits]:
    before = sample("aavmf-shell-padding/flash1-before.fd.zst")
    trace = open_trace(str(sample("aavmf-shell-padding/trace.log.zst")))
    replayed = replay_readers([trace], Options(images={"virt.flash1": before}, journal=True, keep_operations=True))
    commits = store_commits(replayed)
    return survey_cuts(replayed.devices[commits.device], commits, FIRMWARES["aavmf-2022.11"]), commits


class Firmwares:
    """Stand-in for real firmware: as predicted, but for what `outcome` says, and with the boots counted."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.outcome = outcome
        self.boots = 0

    def boot(self, _firmware: Firmware, model: Model, image: bytes, _folder: Path, seconds: float) -> Trial:
        """As `boot_image`."""
        self.boots += 1
        found = boot(image, model)
        variables = frozenset((copy.name, str(copy.guid)) for copy in found.taken_up)
        return Trial(self.outcome or found.outcome, found.for_good, variables, frozenset(), seconds)


def booted(folder: Path, firmwares: Firmwares, monkeypatch: pytest.MonkeyPatch, seconds: float = 9) -> list[CutTrial]:
    monkeypatch.setattr(cut_trials, "boot_image", firmwares.boot)
    survey, commits = cuts()
    installed = Firmware(folder / "code.fd", folder / "vars.fd", "aarch64", "virt", (), None)
    return boot_cuts(survey, commits, installed, folder, seconds=seconds, at_once=2)


def test_the_worst_cut_of_each_cause_is_booted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    firmwares = Firmwares()
    trials = booted(tmp_path, firmwares, monkeypatch)
    survey, _ = cuts()
    assert [trial.case for trial in trials] == [group.case for group in survey.groups]
    assert firmwares.boots == len(survey.groups) > 1
    assert not any(trial.differences for trial in trials)
    assert booted(tmp_path, firmwares, monkeypatch) == trials
    assert firmwares.boots == len(survey.groups), "what is there is not booted again"


def test_a_result_of_other_boots_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    booted(tmp_path, Firmwares(), monkeypatch)
    with pytest.raises(InputError, match="holds no result of this cut"):
        booted(tmp_path, Firmwares(), monkeypatch, seconds=10)


def test_a_result_that_is_damaged_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    booted(tmp_path, Firmwares(), monkeypatch)
    next(tmp_path.glob("*/trial.json")).write_text("{")
    with pytest.raises(InputError, match="holds no result of this cut"):
        booted(tmp_path, Firmwares(), monkeypatch)


def test_what_is_otherwise_is_told_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = booted(tmp_path, Firmwares(Outcome.IGNORED), monkeypatch)
    assert {trial.differences for trial in trials} == {(f"ignored, not {trial.predicted}",) for trial in trials}


def test_a_qemu_that_does_not_start_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Trial:
        raise EmulatorError("no such machine")

    firmwares = Firmwares()
    firmwares.boot = fails  # type: ignore[method-assign, assignment]
    with pytest.raises(EmulatorError, match="no such machine"):
        booted(tmp_path, firmwares, monkeypatch)

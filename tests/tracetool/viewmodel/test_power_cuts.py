"""Moments and causes of power cuts, as the Danger view shows them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from tests.tracetool.cli.program import FIRST_BOOT
from tests.tracetool.viewmodel.samples import finished, job
from tracetool.analysis.options import Options
from tracetool.analysis.tolls import Toll
from tracetool.bundled import sample
from tracetool.viewmodel.audit_session import Cancelled, Settings
from tracetool.viewmodel.power_cuts import LOOKS, CauseRows, CutSettings, PowerCutModel, power_cut_model


@cache
def model(*, torn: bool = True) -> PowerCutModel:
    image = sample("aavmf-first-boot/flash1-before.fd.zst")
    session = finished(job(FIRST_BOOT, settings=Settings(Options(images={"virt.flash1": image}))))
    return power_cut_model(session, CutSettings(torn=torn), lambda _done, _total: None)


@pytest.mark.parametrize("width", [1, 7, 80, 240, 1000])
@pytest.mark.parametrize("by_time", [True, False])
@pytest.mark.slow
def test_the_ribbon_has_the_worst_of_each_stretch(width: int, *, by_time: bool) -> None:
    cuts = model()
    cuts.by_time = by_time
    ribbon = cuts.ribbon(width)
    assert len(ribbon) == width
    assert Toll.NO_START in ribbon
    order = list(LOOKS)
    for trace, seq, _, toll, _ in cuts.survey.tolls.iter_rows():
        column = cuts.column((trace, seq), width)
        assert order.index(ribbon[column]) <= order.index(toll and Toll(toll))


def test_no_figure_of_a_cause_is_wider_than_its_column() -> None:
    groups = [replace(group, exposed_ns=916_000) for group in model().survey.groups]
    rows = CauseRows(groups)
    for line in rows.lines(0, len(rows)):
        for column, cell in list(zip(rows.columns, line, strict=True))[:5]:
            assert len(cell.text) <= column.width, column.id


def test_the_signs_do_without_colours() -> None:
    assert len({look.sign for look in LOOKS.values()}) == len(LOOKS) == len(Toll) + 1


def test_commits_of_a_cause_are_stepped_through() -> None:
    cuts = model()
    stops, event = [], None
    while event := cuts.step(event, forward=True, cause=1):
        stops.append(event)
    assert stops == sorted(cuts.survey.groups[1].commits)
    assert len(stops) == 14
    assert cuts.step(stops[0], forward=False, cause=1) is None
    assert all(cuts.cause_of(stop, 1) == 1 for stop in stops)


def test_a_cause_in_full_names_what_is_lost_and_what_the_firmware_does() -> None:
    cuts = model()
    parts = dict(cuts.detail(1).parts)
    assert parts["times"].startswith("14 times, ")
    assert "16 of 16 committed variables" in parts["lost"]
    assert parts["next boot"].startswith("formats this flash at its next boot")
    assert parts["case"].startswith(cuts.survey.groups[1].case)


def test_moments_in_words() -> None:
    cuts = model()
    target = cuts.target(1)
    assert target is not None
    assert "a power cut loses every variable" in cuts.moment_words(target)
    assert cuts.moment_words((0, 0)) == "before the first of 240 commits"
    assert cuts.target(99) is None


def test_the_survey_ends_when_it_is_asked_to() -> None:
    def stop(_done: int, _total: int | None) -> None:
        raise Cancelled

    image = sample("aavmf-first-boot/flash1-before.fd.zst")
    session = finished(job(FIRST_BOOT, settings=Settings(Options(images={"virt.flash1": image}))))
    with pytest.raises(Cancelled):
        power_cut_model(session, CutSettings(), stop)

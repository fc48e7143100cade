from __future__ import annotations

import pytest

from tests.tracetool.logs import log
from tests.tracetool.report.cases import CASES
from tests.tracetool.traces import audited
from tracetool.viewmodel.activity_strip import draw_axis, draw_lane
from tracetool.viewmodel.overview import overview


def test_the_device_that_matters_comes_first() -> None:
    model = overview(CASES["padding"]())
    assert [card.name for card in model.cards] == ["virt.flash1", "virt.flash0"]
    assert [card.quiet for card in model.cards] == [False, True]
    assert model.sign == "✖"


def test_a_flash_of_which_the_trace_tells_nothing_is_worth_a_look() -> None:
    text = log("virt.flash0", read_only=True).reset().of(log("virt.flash1").reset()).text
    assert [card.quiet for card in overview(audited(text).audit).cards] == [False, False]


def test_the_key_figure_is_the_smallest_safe_backing() -> None:
    figures = overview(CASES["padding"]()).cards[0].figures
    assert [(figure.label, figure.value) for figure in figures if figure.key] == [("smallest backing", "1.25 MiB")]


def test_findings_worth_a_look_say_where_to_jump() -> None:
    model = overview(CASES["padding"]())
    assert model.findings[0].rule == "EXT001"
    assert model.findings[0].target == (4370, 0)
    assert model.findings_words == "3 errors, 2 warnings, 1 note; 1 more in the findings view"


def test_each_trace_is_a_column_with_what_its_devices_did() -> None:
    boots = overview(CASES["boots"]()).boots
    assert [boot.number for boot in boots] == [0, 1]
    assert all(boot.healthy and "virt.flash1" in [name for name, _ in boot.charts] for boot in boots)


def test_a_damaged_trace_says_what_was_not_understood() -> None:
    (boot,) = overview(CASES["damaged"]()).boots
    assert not boot.healthy
    assert "1 of" in boot.health
    assert "not understood" in boot.health


@pytest.mark.parametrize("name", CASES)
def test_no_text_can_harm_a_terminal(name: str) -> None:
    model = overview(CASES[name]())
    texts = [model.headline, *(text for card in model.cards for text in (card.name, *card.reasons))]
    texts += [row.message for row in model.findings] + [boot.title + boot.health for boot in model.boots]
    assert all(text.isprintable() for text in texts)


def test_lanes_and_axes_fit_any_width() -> None:
    for boot in overview(CASES["boots"]()).boots:
        for _, chart in boot.charts:
            for width in (1, 7, 60, 300):
                assert all(len(draw_lane(lane, width)) == width for lane in chart.lanes)
                assert len(draw_axis(chart, width)) <= width
            assert all("█" in draw_lane(lane, 40) for lane in chart.lanes)

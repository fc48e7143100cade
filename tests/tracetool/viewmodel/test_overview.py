from __future__ import annotations

import pytest

from tests.tracetool.logs import log
from tests.tracetool.report.cases import CASES
from tests.tracetool.traces import audited
from tracetool.audit.figures import Unit
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
    figure = overview(CASES["padding"]()).cards[0].figures[0]
    assert (figure.key, figure.unit, figure.value) == ("minimum_backing_bytes", Unit.BYTES, 1280 << 10)


def test_findings_worth_a_look_say_where_to_jump() -> None:
    model = overview(CASES["padding"]())
    assert model.findings[0].rule == "EXT001"
    assert model.findings[0].target == (4370, 0)
    assert model.findings_words(len(model.worst)) == "3 errors, 2 warnings, 1 note; 1 more in the findings view"
    assert model.findings_words(len(model.findings)) == "3 errors, 2 warnings, 1 note"


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

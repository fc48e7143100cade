from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from tests.tracetool.report.cases import CASES
from tracetool.audit.figures import COUNTS, SIZES, TOTALS, Unit


@pytest.mark.parametrize("name", CASES)
def test_figures_are_known_by_key_and_have_a_unit(name: str) -> None:
    for device in CASES[name]().devices:
        assert {*COUNTS, *SIZES, *TOTALS} <= set(device.figures)
        assert list(TOTALS) == list(asdict(device.totals))
        for key, figure in device.figures.items():
            assert figure.key == key
            assert figure.unit == (Unit.BYTES if key.endswith(("_bytes", "_end", "_guests")) else Unit.COUNT)


def test_programs_that_may_not_have_been_stored_are_unknown() -> None:
    (device,) = CASES["within"]().devices
    unproved = replace(device, totals=device.totals.without_programs())
    assert device.figures["programs"].value == 1
    assert unproved.figures["programs"].value is None
    assert unproved.figures["programmed_end"].value is None
    assert unproved.figures["unproved_programs"].value == 1

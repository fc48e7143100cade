"""Events that no flash can log."""

from __future__ import annotations

import pytest

from tests.tracetool.logs import log
from tests.tracetool.traces import audited
from tracetool.analysis.options import Options
from tracetool.audit import Verdict

FLASH1 = "virt.flash1"


@pytest.mark.parametrize("size", [0, 9, 16, 200, 255])
def test_an_access_has_1_to_8_bytes(size: int) -> None:
    trace = log(FLASH1).reset().program(0x100, 1).line(f"pflash_outer_write {FLASH1}: addr:0x100 len:{size}")
    found = audited(trace.text, options=Options(extents={FLASH1: 0xC0000}))
    assert found[FLASH1].verdict == Verdict.INCONCLUSIVE
    assert [finding.first_seq for finding in found.findings("TRC003")] == [6]

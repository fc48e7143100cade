"""Parts of a trace replay as the whole does; what a finding needs is little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracetool as tt
from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tests.tracetool.logs import log
from tracetool.library.parts import cut

if TYPE_CHECKING:
    from pathlib import Path

FLASH1 = "virt.flash1"
WHOLE = tt.open(PADDING)
_COMPARED = ("kind", "offset", "length", "outcome", "accesses")


def findings(trace: tt.Trace) -> set[str]:
    """Rules with findings."""
    return {finding.rule for finding in trace.audit().findings}


@pytest.mark.parametrize(("rule", "most"), [("EXT001", 10), ("EXT005", 10), ("RO001", 2), ("SEQ001", 2)])
@pytest.mark.slow
def test_the_fewest_operations_still_give_the_finding(rule: str, most: int) -> None:
    whole = next(finding for finding in WHOLE.audit().findings if finding.rule == rule)
    part = WHOLE.shrink(rule)
    assert len(part.operations()) <= most
    found = next(finding for finding in part.audit().findings if finding.rule == rule)
    assert (found.severity, found.device, found.offset) == (whole.severity, whole.device, whole.offset)
    assert not {"TRC001", "TRC007"} & findings(part)


@pytest.mark.slow
def test_no_operation_of_the_fewest_can_be_left_out() -> None:
    part = WHOLE.shrink("EXT001")
    rows = part.operations()
    assert len(rows) == 2, "the header of the variable store, which tells the extent, and the program beyond it"
    assert tt.open(PADDING, extent="768K").shrink("EXT001").operations()["offset"].to_list() == [0x100000]


@pytest.mark.slow
def test_a_part_is_never_green() -> None:
    """What was left out may have been outside."""
    part = tt.open(FIRST_BOOT).cut(0, 3000)
    verdicts = {device.name: str(device.verdict) for device in part.audit().devices}
    assert verdicts[FLASH1] == "inconclusive"
    assert {"TRC002"} == {rule for rule in findings(part) if rule.startswith("TRC")}


@given(st.integers(0, 4380), st.integers(0, 4380))
@pytest.mark.slow
def test_a_part_has_the_operations_between_two_events_and_no_state_from_elsewhere(one: int, other: int) -> None:
    low, high = sorted((one, other))
    whole = WHOLE.operations()
    between = whole.filter(pl.col("last_seq") >= low, pl.col("first_seq") <= high)
    if between.is_empty():
        return
    part = WHOLE.cut(low, high)
    rows = part.operations()
    for device in between["device"].unique().cast(pl.String):
        mine, theirs = (
            table.filter(pl.col("device").cast(pl.String) == device).select(_COMPARED) for table in (rows, between)
        )
        assert mine.tail(len(theirs)).equals(theirs)
    assert not {"TRC001", "TRC003", "TRC007"} & findings(part)


@pytest.mark.slow
def test_the_contents_before_a_part_lead_to_those_after_the_whole(tmp_path: Path) -> None:
    image = PADDING.parent / "flash1-before.fd.zst"
    whole = tt.open(PADDING, image={FLASH1: image})
    part = cut(whole, 4000)
    before = tmp_path / "before.fd"
    whole.storage(FLASH1, at=part.begins[FLASH1] - 1).tofile(before)
    rest = tt.Trace(whole.paths, [part.reader], tt.open(PADDING, image={FLASH1: before}).options)
    assert np.array_equal(rest.storage(FLASH1), whole.storage(FLASH1))


@pytest.mark.slow
def test_a_status_that_stays_takes_the_operation_that_left_it_along(tmp_path: Path) -> None:
    """A read of the status before any command shows what the last clear left."""
    trace = log(FLASH1).reset().program(0, 1).write(0, 0x500050).write(0, 0x700070).read_status(0, 0)
    path = tmp_path / "trace.log"
    path.write_text(trace.text)
    last = tt.open(path).operations()["first_seq"][-1]
    part = tt.open(path).cut(last)
    assert part.operations()["kind"].to_list() == ["clear-status", "status"]
    assert "TRC001" not in findings(part)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: WHOLE.cut(10, 5), "would end before it begins"),
        (lambda: WHOLE.cut(5000), "the last event of the trace is 4382"),
        (lambda: WHOLE.shrink("EXT002"), "no finding of this rule"),
        (lambda: WHOLE.shrink("TRC001"), "about the trace itself"),
        (lambda: tt.open(PADDING, PADDING).cut(0), "one trace"),
    ],
)
def test_what_is_no_part_is_refused(ask: object, words: str) -> None:
    assert callable(ask)
    with pytest.raises(tt.UsageError, match=words):
        ask()

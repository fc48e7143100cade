from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from tests.tracetool.viewmodel.samples import OUTSIDE, first_boot, padding_timeline, with_code
from tests.tracetool.viewmodel.test_timeline import filtered
from tracetool.errors import UsageError
from tracetool.viewmodel.audit_session import NO_CODE
from tracetool.viewmodel.jumps import Jump, Landing, jump
from tracetool.viewmodel.places import parse_place, row_of_place
from tracetool.viewmodel.tables import Level
from tracetool.viewmodel.timeline import Timeline


def landed(timeline: Timeline, row: int, kind: Jump, *, forward: bool = True) -> Landing:
    found = jump(timeline, row, kind, forward=forward)
    assert isinstance(found, Landing), found
    return found


def test_the_first_finding_is_the_worst_one() -> None:
    found = landed(padding_timeline(), -1, Jump.FINDING)
    assert (found.trace, found.seq, found.number, found.count) == (0, OUTSIDE, 1, 5)


def test_from_finding_to_finding_and_back() -> None:
    timeline = padding_timeline()
    first = landed(timeline, 0, Jump.FINDING)
    row = timeline.row_of_event(0, first.seq)
    assert row is not None
    second = landed(timeline, row, Jump.FINDING)
    assert second.number == 2
    next_row = timeline.row_of_event(0, second.seq)
    assert next_row is not None
    assert landed(timeline, next_row, Jump.FINDING, forward=False).seq == first.seq
    assert jump(timeline, row, Jump.FINDING, forward=False) == "no finding before this one"


def test_without_an_error_the_warnings_are_gone_to() -> None:
    timeline = Timeline(first_boot())
    found = landed(timeline, -1, Jump.FINDING)
    assert timeline.tables.marks[timeline.operation(timeline.row_of_event(0, found.seq) or 0) or 0].rule == "RO001"


def test_erases_outside_and_the_same_place() -> None:
    timeline = padding_timeline()
    assert landed(timeline, 0, Jump.ERASE).count == 2
    outside = landed(timeline, 0, Jump.OUTSIDE)
    assert (outside.seq, outside.count) == (OUTSIDE, 5)
    row = timeline.row_of_event(0, OUTSIDE)
    assert row is not None
    assert landed(timeline, row, Jump.PLACE).seq == 4373
    assert jump(timeline, row, Jump.PLACE, forward=False) == "no operation on the same place before this one"


def asked_for(*by: str | None) -> Timeline:
    """The first boot, its operations asked for by these modules, again and again."""
    session = with_code()
    names = pl.Series("by", [by[at % len(by)] for at in range(len(session.operations))], pl.String)
    operations = session.operations.with_columns(names)
    return Timeline(replace(session, audit=replace(session.audit, operations=operations)))


def test_from_one_operation_of_a_module_to_its_next() -> None:
    timeline = asked_for("A", "B", "B", None)
    found = landed(timeline, 0, Jump.CODE)
    assert (timeline.operation_of(found.trace, found.seq), found.number, found.count) == (4, 2, 255)
    back = landed(timeline, 5, Jump.CODE, forward=False)
    assert (timeline.operation_of(back.trace, back.seq), back.number, back.count) == (2, 2, 510)
    assert jump(timeline, 1016, Jump.CODE, forward=True) == "no operation by the same code after this one"


def test_without_a_log_of_the_code_a_jump_to_it_says_how_to_record_one() -> None:
    assert jump(padding_timeline(), 0, Jump.CODE, forward=True) == NO_CODE


def test_code_that_is_not_known_is_nobodys() -> None:
    assert jump(asked_for("A", None), 1, Jump.CODE, forward=True) == "the code behind this operation is not known"


def test_what_the_filter_hides_is_passed_over_and_said() -> None:
    timeline = filtered(padding_timeline(), "kind != erase")
    assert jump(timeline, 0, Jump.ERASE, forward=True) == "no erase after this one; the filter hides 2"


def test_jumps_among_events_land_on_the_event() -> None:
    timeline = padding_timeline()
    timeline.set_level(Level.EVENTS)
    found = landed(timeline, 0, Jump.FINDING)
    assert timeline.row_of_event(found.trace, found.seq) == OUTSIDE


def test_nothing_outside() -> None:
    assert jump(Timeline(first_boot()), 0, Jump.OUTSIDE, forward=True) == "no operation outside the extent"


# --- typed places ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seq"), [("#4370", 4370), ("0x100000", 4370), ("t=14.6s", 4370), ("100%", 4380), ("0%", 2)]
)
def test_a_place_is_a_row(text: str, seq: int) -> None:
    timeline = padding_timeline()
    shown = timeline.shown(row_of_place(timeline, 0, parse_place(text)))
    assert shown is not None
    assert shown.seq == seq


def test_blocks_and_distances_are_counted_from_the_row() -> None:
    timeline = padding_timeline()
    in_block = row_of_place(timeline, 10, parse_place("block:4"))
    assert in_block == row_of_place(timeline, 10, parse_place("0x100000"))
    assert row_of_place(timeline, in_block, parse_place("+0")) == in_block + 1


@pytest.mark.parametrize(
    ("text", "why"),
    [("#99999", "events 0 to 4,382"), ("63M", "no row touches 0x3f00000"), ("block:200", "no row touches")],
)
def test_a_place_that_is_not_there(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        row_of_place(padding_timeline(), 10, parse_place(text))
    with pytest.raises(UsageError, match="no rows"):
        row_of_place(filtered(padding_timeline(), "offset > 63M"), 0, parse_place(text))

"""Two runs of which one was altered differ by exactly that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracetool.logs import Log, log
from tests.tracetool.traces import replayed
from tracetool.analysis.options import Options
from tracetool.difference.operations import DIFFERENCES_SCHEMA, align_operations, operations_with_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracetool.difference.operations import Aligned

FLASH1 = "virt.flash1"
Step = tuple[str, int, int]

steps = st.tuples(
    st.sampled_from(["erase", "program", "buffered", "unlock", "read_array"]),
    st.integers(0, 3),
    st.integers(0, 0xFFFF),
)
runs = st.lists(steps, min_size=1, max_size=25)


def run_of(plan: Sequence[Step], start: int = 1_700_000_000, *step_us: int) -> Log:
    """A run of these steps."""
    trace = log(FLASH1).reset()
    for kind, place, value in plan:
        if kind in ("erase", "unlock"):
            getattr(trace, kind)(place * 0x40000)
        elif kind == "read_array":
            trace.read_array(place * 4)
        elif kind == "program":
            trace.program(place * 0x100, value)
        else:
            trace.buffered(place * 0x100, value, value ^ 0x5A5A)
    return trace.timed(start, *(step_us or (10,)))


def aligned(a: Sequence[Step], b: Sequence[Step]) -> Aligned:
    """How two runs differ; the second at another time."""
    kept = Options(keep_operations=True)
    logs = run_of(a).text, run_of(b, 1_800_000_000, 7, 30_000).text
    return align_operations(*(operations_with_data(replayed([text], kept)) for text in logs))


def performed(plan: Sequence[Step]) -> list[Step]:
    """Its steps; one that stores nothing has no value."""
    return [(kind, place, value if kind in ("program", "buffered") else 0) for kind, place, value in plan]


def changes(found: Aligned) -> list[str]:
    """The changes, in order."""
    assert found.table.schema == DIFFERENCES_SCHEMA
    return found.table["change"].to_list()


@given(plan=runs)
@pytest.mark.slow
def test_a_run_at_another_time_differs_in_nothing(plan: list[Step]) -> None:
    found = aligned(plan, plan)
    assert not changes(found)
    assert found.matched.same_count == len(plan)


@given(plan=runs, data=st.data())
@pytest.mark.slow
def test_an_operation_that_is_missing_is_gone_or_added(plan: list[Step], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(plan) - 1))
    without = plan[:at] + plan[at + 1 :]
    assert changes(aligned(plan, without)) == ["gone"]
    assert changes(aligned(without, plan)) == ["added"]


@given(plan=runs, data=st.data())
def test_an_operation_with_other_data_is_changed(plan: list[Step], data: st.DataObject) -> None:
    writing = [index for index, step in enumerate(plan) if step[0] in ("program", "buffered")]
    if not writing:
        return
    at = data.draw(st.sampled_from(writing))
    kind, place, value = plan[at]
    found = aligned(plan, [*plan[:at], (kind, place, value ^ 0x10000), *plan[at + 1 :]])
    assert changes(found) == ["changed"]
    assert found.table["differs"].to_list() == [["data"]]
    assert found.matched.same_count == len(plan) - 1


@given(plan=runs, data=st.data())
@pytest.mark.slow
def test_an_operation_at_another_place_is_changed(plan: list[Step], data: st.DataObject) -> None:
    writing = [index for index, step in enumerate(plan) if step[0] in ("program", "buffered")]
    if not writing:
        return
    at = data.draw(st.sampled_from(writing))
    kind, _, value = plan[at]
    found = aligned(plan, [*plan[:at], (kind, 9, value), *plan[at + 1 :]])
    assert changes(found) == ["changed"]
    assert found.table["differs"].to_list() == [["offset"]]
    assert found.table["offset_b"].to_list() == [0x900]


@given(plan=runs, data=st.data())
@pytest.mark.slow
def test_an_operation_at_another_moment_is_moved(plan: list[Step], data: st.DataObject) -> None:
    before, after = (data.draw(st.integers(0, len(plan) - 1)) for _ in "ab")
    rest = plan[:before] + plan[before + 1 :]
    other = [*rest[:after], plan[before], *rest[after:]]
    found = aligned(plan, other)
    assert changes(found) in (["moved"], [])
    assert bool(changes(found)) == (performed(plan) != performed(other))


@given(a=runs, b=runs)
@pytest.mark.slow
def test_every_operation_is_accounted_for_once(a: list[Step], b: list[Step]) -> None:
    found = aligned(a, b)
    for side, plan in (("a", a), ("b", b)):
        rows = found.table.drop_nulls(f"kind_{side}")
        assert found.matched.same_count + len(rows) == len(plan)
        assert rows[f"first_seq_{side}"].n_unique() == len(rows)
    kept = found.table.filter(pl.col("change").is_in(["gone", "changed", "moved"]))["first_seq_a"]
    assert kept.is_sorted(), "differences are in the order of the first run"

from __future__ import annotations

import polars as pl
import pytest

import tracetool as tt
from tracetool.bundled import sample
from tracetool.timeline.touched import OF_OPERATIONS, names_text

BOOT = str(sample("aavmf-first-boot/trace.log.zst"))


def test_an_operation_names_the_part_variable_and_intent_of_what_it_changed() -> None:
    found = tt.open(BOOT).operations("seq == 2907")
    assert found.select("part", "variable", "intent").rows() == [("header", ["BootOrder"], "create")]


def test_an_erase_of_the_store_touches_all_its_variables() -> None:
    erases = tt.open(BOOT).operations("op == erase and intent == rewrite")
    assert erases.height == 14
    assert {"BootOrder", "Timeout", "MTC"} <= set(erases["variable"][-1])


def test_an_operation_that_changes_nothing_of_a_store_touches_nothing() -> None:
    rest = tt.open(BOOT).operations("device ~ flash0 or op in (status, read-array)")
    assert rest["part"].null_count() == rest["variable"].null_count() == rest.height > 0


def test_a_query_holds_where_it_does_for_one_of_the_variables() -> None:
    trace = tt.open(BOOT)
    named, others = trace.operations("var == BootOrder"), trace.operations("var != BootOrder")
    assert all("BootOrder" in names for names in named["variable"])
    assert not any("BootOrder" in names for names in others["variable"])
    assert named.height + others.height == trace.operations("var is known").height
    assert trace.operations("var ~ bootorder").equals(named)


@pytest.mark.slow
def test_events_are_chosen_by_what_their_operation_touched() -> None:
    trace = tt.open(BOOT)
    events = pl.concat(trace.chunks_with_operations())
    assert events.drop(OF_OPERATIONS).equals(pl.concat(trace.chunks()))
    spans = trace.operations("part == state").select("first_seq", "last_seq").rows()
    assert events.filter(pl.col("part") == "state")["seq"].to_list() == [
        seq
        for first, last in spans
        for seq in events.filter(pl.col("device") == "virt.flash1")["seq"]
        if first <= seq <= last
    ]


def test_several_names_are_the_first_and_a_count() -> None:
    assert [names_text(["MTC"]), names_text(["MTC", "Lang", "Timeout"])] == ["MTC", "MTC +2"]

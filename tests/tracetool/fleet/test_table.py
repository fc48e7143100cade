from __future__ import annotations

import random

import pytest
from polars.testing import assert_frame_equal

from tests.tracetool.fleet.rows import a_row, code_row
from tracetool.fleet.table import FLEET_SCHEMA, fleet_table, not_read, unreadable


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = [make(f"runs/{number}") for number in range(12) for make in (a_row, code_row)]
    table = fleet_table(rows)
    random.Random(1).shuffle(rows)  # noqa: S311
    assert_frame_equal(fleet_table(rows), table)
    assert table["run"].unique(maintain_order=True).to_list() == [f"runs/{number}" for number in range(12)]
    assert table.schema == FLEET_SCHEMA


def test_a_row_that_two_tables_have_counts_once() -> None:
    assert fleet_table([a_row("a"), a_row("b"), a_row("a")]).height == 2


def test_two_runs_of_one_name_are_two() -> None:
    """Jobs of a matrix on two machines have the same paths."""
    assert fleet_table([a_row("run"), a_row("run", digest="of another")]).height == 2


def test_what_an_interrupted_fleet_did_not_read_is_a_row_until_another_reads_it() -> None:
    left = not_read("b")
    assert fleet_table([a_row("a"), left])["verdict"].to_list() == ["within-extent", "unreadable"]
    assert fleet_table([left, a_row("b"), a_row("a")])["verdict"].to_list() == ["within-extent"] * 2
    assert fleet_table([left, unreadable("b", "damaged")])["reasons"].to_list() == [["damaged"]]


def test_no_rows_make_an_empty_table() -> None:
    assert_frame_equal(fleet_table([]), FLEET_SCHEMA.to_frame())


@pytest.mark.slow
def test_the_rows_of_many_runs_are_kept_as_columns() -> None:
    rows = [a_row(f"r{number}") for number in range(3000)]
    assert_frame_equal(fleet_table(rows), fleet_table(reversed(rows)))
    assert fleet_table(rows)["run"].to_list() == [f"r{number}" for number in range(3000)]

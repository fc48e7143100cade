"""The table of accesses: every access once, with what the operations and blocks add up to."""

from __future__ import annotations

import polars as pl
import pytest

from replay.engine import Config, Machine
from replay.geometry import Geometry
from tests.tracetool.cli.program import FIRST_BOOT, PADDING
from tracetool.analysis.machine_rows import to_rows
from tracetool.analysis.options import Options
from tracetool.analysis.session import replay_readers
from tracetool.events import ACCESSES
from tracetool.ingest import open_trace
from tracetool.timeline.accesses import ACCESSES_SCHEMA, STEPS_SCHEMA, steps_of


def test_each_access_of_the_guest_is_a_row() -> None:
    accesses = replay_readers([open_trace(str(PADDING))], Options(keep_accesses=True)).accesses()
    events = pl.concat(open_trace(str(PADDING)).chunks())
    assert accesses.schema == ACCESSES_SCHEMA
    mine = ["trace", "boot", "seq", "time_ns", "event", "offset", "size", "value", "wcycle"]
    asked = pl.col("event").is_in(ACCESSES)
    found, logged = (
        frame.filter(asked).select(mine).with_columns(pl.col(mine[6:]).cast(pl.Int64)) for frame in (accesses, events)
    )
    assert found.equals(logged)


def test_the_effects_add_up_to_the_blocks_and_the_outcomes_to_the_operations() -> None:
    replayed = replay_readers([open_trace(str(FIRST_BOOT))], Options(keep_accesses=True, keep_operations=True))
    accesses, operations, blocks = replayed.accesses(), replayed.operations(), replayed.blocks()
    assert accesses["bytes_programmed"].sum() == blocks["bytes_programmed"].sum() > 0
    assert (accesses["effect"] == "erase").sum() == blocks["erases"].sum() > 0
    ended = pl.col("outcome").is_not_null() & pl.col("kind").is_in(["erase", "program", "buffered-program"])
    assert accesses.filter(ended).height == operations.filter(ended).height > 0


def test_a_batch_of_the_machine_has_the_named_schema() -> None:
    rows = to_rows(pl.concat(open_trace(str(PADDING)).chunks()))
    machine = Machine(Config(Geometry(size=1 << 26, block=1 << 18, bank_width=4, chip_width=2)))
    machine.asked.everything = True
    machine.feed(rows, 0, 100)
    steps = steps_of(rows, machine.steps(), 7)
    assert steps.schema == STEPS_SCHEMA
    assert set(steps["trace"]) == {7}


@pytest.mark.parametrize("table", ["operations", "accesses"])
def test_a_table_that_was_not_kept_is_an_error(table: str) -> None:
    replayed = replay_readers([open_trace(str(PADDING))], Options())
    with pytest.raises(ValueError, match=f"{table} were not kept"):
        getattr(replayed, table)()

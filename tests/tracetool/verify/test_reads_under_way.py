"""Tests for `tracetool.verify.reads_under_way`."""

from __future__ import annotations

import polars as pl
import pytest

from tracetool.events import EventType
from tracetool.verify.reads_under_way import ReadsUnderWay

END = ["timer_expired", "erase_complete", "mode_read_array", "idle"]
READ = ["data_read", "io_read"]


def _kept(events: list[str], chunk: int) -> tuple[list[str], int]:
    found = ReadsUnderWay()
    frame = pl.DataFrame({"event": pl.Series(events, dtype=EventType)})
    parts = [found.removed(frame.slice(start, chunk)) for start in range(0, max(len(events), 1), chunk)]
    return pl.concat(parts)["event"].to_list(), found.count


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("events", "kept", "count"),
    [
        pytest.param([*END, *READ, "io_write"], [*END, "io_write"], 1, id="overtaken"),
        pytest.param([*END, *READ, *READ], END, 2, id="two processors"),
        pytest.param([*END, "io_write", *READ], [*END, "io_write", *READ], 0, id="after an input"),
        pytest.param(["timer_expired", *READ], ["timer_expired", *READ], 0, id="in unlock bypass"),
        pytest.param(["io_write", *END[2:], *READ], ["io_write", *END[2:], *READ], 0, id="43rd read"),
        pytest.param(READ, READ, 0, id="at first"),
    ],
)
def test_reads_that_a_timer_overtook_are_left_out(events: list[str], kept: list[str], count: int, chunk: int) -> None:
    assert _kept(events, chunk) == (kept, count)

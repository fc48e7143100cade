"""Resets of a CFI02 device, told from its returns to rest."""

from __future__ import annotations

import polars as pl
import pytest

from tests.cfi02 import RUNS, recorded
from tests.tracetool.cfi02_logs import cfi02
from tests.tracetool.ingest.support import read_text


@pytest.mark.parametrize("name", RUNS)
def test_a_boot_is_a_reset_of_the_device_and_nothing_else(name: str) -> None:
    run = recorded(name)
    events = run.events()
    resets = events.filter(pl.col("event") == "reset")
    assert resets.height == run.resets
    assert events["boot"][-1] + 1 == max(run.resets, 1)
    assert run.quiet or events.filter(pl.col("event") == "idle").height > 0


def test_a_reset_in_an_erase_is_one_before_any_timer_was_seen() -> None:
    trace = cfi02().erase_command(0).reset().words(0, 0)
    frame = read_text(trace.text.encode()).frame
    assert frame.filter(pl.col("event") == "reset")["seq"].to_list() == [0, 7]
    assert frame["boot"][-1] == 1


def test_the_flash_called_pflash_is_named() -> None:
    reading = read_text(cfi02().words(0, 0).text.encode())
    assert not reading.meta.nameless
    assert reading.frame["device"].unique().to_list() == ["pflash"]

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from polars.testing import assert_frame_equal

from tests.captures import ROOT
from tests.tracetool.export.support import Frames, exported, frames, made
from tests.tracetool.ingest.support import read_text
from tracetool.compression import zstd
from tracetool.events import render
from tracetool.ingest import Damage, Health, HostWriteFailure, LostPlace, TraceMeta, open_trace

SAMPLES = sorted((ROOT / "samples").glob("*/trace.log.zst"))


@pytest.mark.parametrize("path", SAMPLES, ids=[path.parent.name for path in SAMPLES])
def test_a_recorded_log_comes_out_byte_for_byte(path: str) -> None:
    with zstd.open(path) as packed:
        recorded = packed.read()
    assert exported(open_trace(str(path), chunk_bytes=50_000), "log") == (recorded, [])


@given(frames())
@pytest.mark.slow
def test_a_log_holds_all_but_fractions_of_microseconds_and_threads_without_a_time(events: pl.DataFrame) -> None:
    reading = read_text(exported(Frames([events]), "log").data)
    microseconds = pl.col("time_ns") // 1000 * 1000
    thread = pl.when(pl.col("time_ns").is_not_null()).then("thread").otherwise("process")
    expected = events.with_columns(time_ns=microseconds, thread=thread)
    assert_frame_equal(reading.frame, expected, categorical_as_str=True)
    assert (reading.health.damaged, reading.health.other, reading.health.lost) == (0, 0, 0)


@given(frames())
@pytest.mark.slow
def test_lines_are_those_of_the_catalogue(events: pl.DataFrame) -> None:
    unknown = [pl.lit(None, dtype).alias(name) for name, dtype in (("time_ns", pl.Int64), ("process", pl.UInt32))]
    named = events.filter(pl.col("device") != "pflash").with_columns(unknown)
    lines = exported(Frames([named] if named.height else []), "log").data.decode().split("\n")
    assert lines[:-1] == [f"pflash_{render(row)}" for row in named.iter_rows(named=True)]


RESET = {"event": "reset", "device": "virt.flash1"}


def test_losses_and_failures_stand_where_they_were() -> None:
    health = Health(
        lost=15,
        lost_places=[LostPlace(4, 1, 12), LostPlace(9, 3, 0)],
        host_write_failures=[HostWriteFailure(7, 2, "Could not update PFLASH: No space left on device")],
        damaged=2,
        first_damaged=[Damage(5, "cut", "pflash_io")],
        truncated="the file ends early",
    )
    data, remarks = exported(Frames([made([RESET] * 3)], health), "log")
    reset = "pflash_reset virt.flash1: reset"
    assert data.decode().splitlines() == [
        reset,
        "[LOST 12 EVENTS]",
        reset,
        "Could not update PFLASH: No space left on device",
        reset,
        "[LOST EVENTS]",
        "[LOST 6 EVENTS]",
    ]
    assert remarks == ["what the trace lost, or was not understood in it, is marked as lost events"]
    again = read_text(data).health
    assert (again.lost, [place.seq for place in again.lost_places]) == (18, [1, 3, 3])
    assert [failure.seq for failure in again.host_write_failures] == [2]


@pytest.mark.parametrize(
    "row",
    [
        {"event": "reset", "device": "a\nb"},
        {"event": "reset", "device": "a: b"},
        {"event": "reset", "device": "é" * 128},
        {"event": "write", "device": "a", "text": "x\n[LOST 1 EVENTS]"},
        {"event": "write", "device": "a", "text": "pflash_reset a: reset"},
        {"event": "write", "device": "a", "text": ""},
        {"event": "sector_erase_start", "device": "a", "offset": 8},
    ],
    ids=str,
)
def test_an_event_that_no_line_can_hold_is_marked_as_lost(row: dict[str, object]) -> None:
    data, remarks = exported(Frames([made([RESET, row, RESET, row])]), "log")
    reset = b"pflash_reset virt.flash1: reset\n"
    assert data == (reset + b"[LOST 1 EVENTS]\n") * 2
    assert remarks == ["2 events that have no form in a log are marked as lost"]


def test_the_process_is_kept_in_a_logger_s_tag() -> None:
    events = [RESET | {"time_ns": 1_000, "process": 4711, "thread": 4712}, RESET | {"process": 4812, "thread": 4812}]
    data, remarks = exported(Frames([made(events)]), "log")
    assert data.decode().splitlines() == [
        "qemu[4711]: 4712@0.000001:pflash_reset virt.flash1: reset",
        "qemu[4812]: pflash_reset virt.flash1: reset",
    ]
    assert remarks == []


def test_what_a_log_cannot_say_of_times_is_said() -> None:
    events = made([RESET | {"time_ns": 1_001, "thread": 4_000_000_000}, RESET | {"thread": 7}])
    trace = Frames([events], meta=TraceMeta("x", "x", clocks={"monotonic"}))
    data, remarks = exported(trace, "log")
    assert data.startswith(b"1970-01-01T00:00:00.000001Z pflash_reset ")
    assert remarks == [
        "times are cut to microseconds",
        "2 events are written without their thread",
        "its times are monotonic; a log's are taken for wall time",
    ]

from __future__ import annotations

import struct

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.captures import capture_path
from tests.tracetool.export.support import DROPPED, Frames, exported, frames, made, simple_records
from tests.tracetool.ingest.test_simple import read
from tracetool.compression import zstd
from tracetool.events import CATALOGUE
from tracetool.ingest import Health, HostWriteFailure, LostPlace, open_trace

RESET = {"event": "reset", "device": "f", "time_ns": 5, "process": 6}


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data


@pytest.mark.parametrize("name", ["aavmf-first-boot", "aavmf-shell-padding", "aavmf-rfc-v2"])
@pytest.mark.first_quick
def test_a_log_becomes_the_records_that_qemu_wrote_in_the_same_run(name: str) -> None:
    with zstd.open(capture_path(f"{name}/trace.simple.zst")) as packed:
        recorded = simple_records(packed.read())
    log = open_trace(str(capture_path(f"{name}/trace.log.zst")), chunk_bytes=100_000)
    written = simple_records(exported(log, "simple").data)
    assert [(record.name, record.payload) for record in written] == [
        (record.name, record.payload) for record in recorded
    ]


@given(frames())
@pytest.mark.slow
def test_every_event_is_a_record_with_its_time_and_process(events: pl.DataFrame) -> None:
    data, remarks = exported(Frames([events]), "simple")
    records = simple_records(data)
    assert [record.time_ns for record in records] == events["time_ns"].fill_null(0).to_list()
    who = "thread" if events["process"].is_null().all() else "process"
    assert [record.pid for record in records] == events[who].fill_null(0).to_list()
    sources = {(v.event, f"pflash_{v.source}") for v in CATALOGUE}
    assert all((row, record.name) in sources for row, record in zip(events["event"], records, strict=True))
    assert any("have no time" in said for said in remarks) is bool(events["time_ns"].null_count())


def test_arguments_are_in_the_event_s_order_and_strings_have_their_length() -> None:
    rows = [
        RESET | {"event": "io_read", "offset": 1 << 40, "size": 4, "value": 2, "cmd": 3, "wcycle": 1},
        RESET | {"event": "data_write", "offset": 8, "size": 4, "value": 2, "counter": (1 << 64) - 1},
        RESET | {"event": "data_write", "offset": 8, "size": 4, "value": 2},
        RESET | {"event": "write", "text": "écrit"},
        RESET | {"event": "realize", "text": "ro", "length": 1, "region": 2},
        RESET | {"event": "sector_erase_start", "offset": 16, "length": 16},
        RESET | {"event": "unlock0_failed", "offset": 1, "cmd": 2, "text": "0x0555"},
    ]
    payloads = [record.payload for record in simple_records(exported(Frames([made(rows)]), "simple").data)]
    name = string("f")
    assert payloads == [
        name + struct.pack("<5Q", 1 << 40, 4, 2, 3, 1),
        name + struct.pack("<4Q", 8, 4, 2, (1 << 64) - 1),
        name + struct.pack("<3Q", 8, 4, 2),
        name + string("écrit"),
        name + struct.pack("<3Q", 1, 1, 2),
        name + struct.pack("<4Q", 0, 16, 0, 31),
        name + struct.pack("<3Q", 1, 2, 0x555),
    ]


def test_losses_are_dropped_records_where_they_were() -> None:
    health = Health(lost=3, lost_places=[LostPlace(1, 1, 3)], damaged=4, truncated="cut")
    data, remarks = exported(Frames([made([RESET] * 2)], health), "simple")
    assert [(r.name, r.time_ns, r.payload) for r in simple_records(data)] == [
        ("pflash_reset", 5, string("f")),
        (DROPPED, 5, struct.pack("<Q", 3)),
        ("pflash_reset", 5, string("f")),
        (DROPPED, 5, struct.pack("<Q", 5)),
    ]
    assert remarks[0] == "what the trace lost, or was not understood in it, is marked as dropped events"


def test_what_a_simple_trace_cannot_hold_is_said() -> None:
    health = Health(host_write_failures=[HostWriteFailure(1, 1, "Could not update PFLASH")])
    odd = {"event": "unlock0_failed", "device": "f", "offset": 1, "cmd": 2, "text": "not a number"}
    data, remarks = exported(Frames([made([{"event": "reset", "device": "f"}, odd])], health), "simple")
    assert [record.name for record in simple_records(data)] == ["pflash_reset", DROPPED]
    assert remarks == [
        "1 events that have no form in a simple trace are marked as dropped",
        "a simple trace does not hold that the host could not write the image, 1 times",
        "2 events have no time; they are written with 0",
        "2 events have no thread; they are written with 0",
        "its times are wall; a simple trace's are taken for monotonic",
    ]


@given(st.lists(frames(6), min_size=1, max_size=3))
@pytest.mark.slow
def test_a_simple_trace_is_read_back_as_it_was(parts: list[pl.DataFrame]) -> None:
    events = pl.concat(parts)
    data, _ = exported(Frames([events]), "simple")
    found = read(data)
    who = "thread" if events["process"].is_null().all() else "process"
    expected = events.with_columns(pl.col("time_ns").fill_null(0), thread=pl.col(who).fill_null(0))
    assert_frame_equal(found.frame.drop("seq", "boot"), expected.drop("seq", "boot"), categorical_as_str=True)
    assert (found.health.damaged, found.health.other, found.health.lost) == (0, 0, 0)
    assert found.health.truncated is None


def test_losses_are_read_back_where_they_were() -> None:
    health = Health(lost=7, lost_places=[LostPlace(1, 1, 3), LostPlace(2, 1, 4)], damaged=1)
    again = read(exported(Frames([made([RESET] * 2)], health), "simple").data).health
    assert [(place.seq, place.count) for place in again.lost_places] == [(1, 3), (1, 4), (2, 1)]
    assert again.lost == 8


@pytest.mark.parametrize(
    "row",
    [
        RESET | {"device": "a\nb"},
        RESET | {"device": "é" * 128},
        RESET | {"event": "write", "text": "x" * 513},
        RESET | {"event": "sector_erase_start", "offset": 8},
    ],
    ids=str,
)
def test_an_event_that_no_record_can_hold_is_marked_as_dropped(row: dict[str, object]) -> None:
    data, remarks = exported(Frames([made([RESET, row, RESET])]), "simple")
    assert [record.name for record in simple_records(data)] == ["pflash_reset", DROPPED, "pflash_reset"]
    assert remarks[0] == "1 events that have no form in a simple trace are marked as dropped"

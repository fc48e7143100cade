"""Canonical events in Parquet: read back as they were, never better than the trace they came from, never a panic."""

from __future__ import annotations

import gzip
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.captures import ROOT
from tests.tracetool.export.support import Frames, exported, frames, made
from tests.tracetool.ingest.support import Reading, collect
from tests.tracetool.traces import audited
from tracetool.audit.verdict import Verdict
from tracetool.errors import InputError
from tracetool.events import EVENTS_SCHEMA
from tracetool.ingest import Damage, Health, HostWriteFailure, LostPlace, TraceMeta, open_trace
from tracetool.ingest.parquet import ROW_BYTES
from tracetool.ingest.provenance import KEY, describe, parse
from tracetool.report.frames import write_parquet_frames

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

FIRST_BOOT = ROOT / "samples" / "aavmf-first-boot" / "trace.log.zst"
RESET = {"event": "reset", "device": "virt.flash1"}
UNTOLD = "does not say what it was made from, nor whether that was complete"


@pytest.fixture(scope="module")
def first_boot() -> bytes:
    return exported(open_trace(str(FIRST_BOOT)), "parquet").data


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "trace"


def read(path: Path, data: bytes, *, rows: int = 1 << 16, strict: bool = False) -> Reading:
    path.write_bytes(data)
    return collect(open_trace(str(path), chunk_bytes=rows * ROW_BYTES, strict=strict))


def without_provenance(path: Path, frame: pl.DataFrame) -> Reading:
    """A file that somebody else wrote."""
    frame.write_parquet(path)
    return collect(open_trace(str(path)))


# --- as it was ---------------------------------------------------------------------------------------------------


@given(st.lists(frames(6), min_size=1, max_size=3), st.integers(1, 10))
@pytest.mark.slow
def test_events_are_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, parts: list[pl.DataFrame], rows: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    reading = read(path, exported(Frames(parts), "parquet").data, rows=rows)
    events = pl.concat(parts).drop("seq", "boot")
    assert_frame_equal(reading.frame.drop("seq", "boot"), events, categorical_as_str=True)
    assert reading.health == Health(lines=events.height, understood=events.height, events=events.height)


@pytest.mark.slow
def test_a_file_with_the_boots_of_earlier_versions_is_read(tmp_path: Path) -> None:
    frame = made([{"event": "reset", "device": "f"}, {"event": "reset", "device": "f"}])
    reading = without_provenance(tmp_path / "old.parquet", frame.cast({"boot": pl.UInt16}))
    assert reading.frame["boot"].to_list() == [0, 1]


@pytest.mark.parametrize("rows", [1 << 16, 1000])
def test_a_recorded_boot_is_read_back_with_its_numbers_and_clock(target: Path, first_boot: bytes, rows: int) -> None:
    reading = read(target, first_boot, rows=rows)
    log = collect(open_trace(str(FIRST_BOOT)))
    assert_frame_equal(reading.frame, log.frame, categorical_as_str=True)
    assert (reading.meta.format, reading.meta.unit, reading.meta.clock) == ("parquet", "row", "wall")
    assert reading.meta.reason == "canonical events in Parquet, made from a trace in the format text"


def test_an_audit_says_the_same(target: Path, first_boot: bytes) -> None:
    target.write_bytes(first_boot)
    ours, theirs = audited(target).document, audited(FIRST_BOOT).document
    assert (ours["devices"], ours["findings"]) == (theirs["devices"], theirs["findings"])


def test_what_is_known_of_a_trace_is_written_and_read() -> None:
    health = Health(
        lines=9,
        understood=4,
        other=2,
        damaged=3,
        events=4,
        first_damaged=[Damage(2, "cut", "pfl")],
        lost=5,
        lost_places=[LostPlace(3, 1, 5)],
        host_write_failures=[HostWriteFailure(4, 2, "Could not update PFLASH")],
        truncated="the file ends early",
        unterminated=True,
    )
    meta = TraceMeta("x", "x", format="ctf", nameless=True, clocks={"wall", "none"})
    found = parse(describe(meta, health, 4)[KEY])
    assert (found.health, found.format, found.unit, found.nameless) == (health, "ctf", "message", True)
    assert found.clocks == ("none", "wall")


# --- never better than the trace it came from --------------------------------------------------------------------

DOUBTS: dict[str, tuple[Health, str]] = {
    "lost": (Health(lost=3, lost_places=[LostPlace(9, 1, 3)]), "3 events lost, says the trace itself"),
    "damaged": (Health(damaged=2, first_damaged=[Damage(7, "cut", "x")]), "2 of 5 rows were not understood"),
    "truncated": (Health(truncated="cut"), "the trace that it was made from: cut"),
    "host": (Health(host_write_failures=[HostWriteFailure(1, 2, "Could not")]), "the host could not write the image"),
}


@pytest.mark.parametrize("name", DOUBTS)
@pytest.mark.parametrize("conversions", [1, 2])
def test_doubts_outlive_conversion(target: Path, name: str, conversions: int) -> None:
    health, doubt = DOUBTS[name]
    data = exported(Frames([made([RESET] * 3)], replace(health)), "parquet").data
    for _ in range(conversions - 1):
        target.write_bytes(data)
        data = exported(open_trace(str(target)), "parquet").data
    target.write_bytes(data)
    (device,) = audited(target).audit.devices
    assert device.verdict == Verdict.INCONCLUSIVE
    assert any(doubt.removeprefix("the trace that it was made from: ") in reason for reason in device.verdict_reasons)


def test_places_are_those_of_the_trace(target: Path) -> None:
    health = Health(
        lost=3,
        lost_places=[LostPlace(9, 1, 3)],
        damaged=1,
        first_damaged=[Damage(7, "cut", "pfl")],
        host_write_failures=[HostWriteFailure(5, 2, "Could not")],
    )
    found = read(target, exported(Frames([made([RESET] * 3)], health), "parquet").data).health
    assert (found.lost, found.lost_places, found.host_write_failures) == (
        3,
        health.lost_places,
        health.host_write_failures,
    )
    assert found.first_damaged == [
        Damage(7, "in the line of that number of the trace that it was made from: cut", "pfl")
    ]


def test_one_device_s_events_keep_the_places_of_losses(target: Path) -> None:
    rows = [RESET, RESET | {"device": "b"}, RESET, RESET | {"device": "b"}]
    health = Health(lost=1, lost_places=[LostPlace(1, 3, 1)])
    found = read(target, exported(Frames([made(rows)], health), "parquet", device="b").data)
    assert found.frame["seq"].to_list() == [0, 1]
    # The events of the other device are missing at the end.
    assert found.health.lost_places == [LostPlace(1, 1, 1), LostPlace(0, 2, 2)]
    assert found.health.lost == 3


@pytest.mark.slow
def test_a_file_that_says_nothing_of_its_trace_is_not_believed(target: Path) -> None:
    found = without_provenance(target, made([RESET] * 3))
    assert (found.frame.height, found.health.truncated) == (3, UNTOLD)


@pytest.mark.slow
def test_rows_that_are_missing_are_lost_events(target: Path) -> None:
    seqs = [2, 3, 7]
    found = without_provenance(target, made([RESET] * 3).with_columns(seq=pl.Series(seqs, dtype=pl.Int64)))
    assert found.frame["seq"].to_list() == [0, 1, 2]
    assert found.health.lost == 5
    assert [(place.number, place.seq, place.count) for place in found.health.lost_places] == [(1, 0, 2), (3, 2, 3)]


@pytest.mark.parametrize("query", ["seq < 100", "seq >= 100", "event = io_write"])
def test_a_table_of_some_events_is_an_incomplete_trace(query: str, target: Path, quick: Quick) -> None:
    assert quick("events", FIRST_BOOT, "--where", query, "--format", "parquet", "-o", target).code == 0
    found = collect(open_trace(str(target)))
    assert found.health.lost == 18_585 - found.frame.height > 0


# --- damage ------------------------------------------------------------------------------------------------------


def complaint(path: Path) -> str:
    """The one line that is said of a file."""
    with pytest.raises(InputError) as raised:
        collect(open_trace(str(path)))
    text = str(raised.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert len(text) < len(str(path)) + 400
    return text


@given(st.data())
def test_damage_anywhere_is_found(
    tmp_path_factory: pytest.TempPathFactory, first_boot: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    at = data.draw(st.integers(4, len(first_boot) - 1))
    flipped = data.draw(st.integers(1, 255))
    path.write_bytes(first_boot[:at] + bytes([first_boot[at] ^ flipped]) + first_boot[at + 1 :])
    assert "Parquet" in complaint(path)
    path.write_bytes(first_boot[:at])
    assert "export it again" in complaint(path)


@pytest.mark.parametrize("length", [4, 8, 11, 12])
def test_a_beginning_is_no_file(length: int, target: Path) -> None:
    target.write_bytes(b"PAR1" * (length // 4) + b"P" * (length % 4))
    assert str(target) in complaint(target)


def test_a_footer_longer_than_the_file_is_damage(target: Path) -> None:
    target.write_bytes(b"PAR1" + b"\xff\xff\xff\x7fPAR1")
    assert "its footer cannot have" in complaint(target)


@given(st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.slow
def test_damage_in_a_file_without_a_sum_is_no_panic(
    tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "foreign.parquet"
    frame = made([RESET | {"time_ns": time} for time in range(40)])
    frame.write_parquet(path)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(4, len(whole) - 9))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    try:
        collect(open_trace(str(path)))
    except InputError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017
    assert capfd.readouterr().err == ""


def test_a_decoder_that_crashes_takes_nothing_with_it(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = target.with_name("crash.py")
    crash.write_text("import os; os.abort()")
    monkeypatch.setattr("tracetool.ingest.parquet._PROBE", crash)
    made([RESET]).write_parquet(target)
    assert "is a damaged Parquet file (decoding it ended with -6)" in complaint(target)


@pytest.mark.slow
def test_a_file_whose_sum_was_removed_is_damaged(target: Path, first_boot: bytes) -> None:
    target.write_bytes(first_boot.replace(b"tracetool-sha256:", b"tracetool-sha257:"))
    assert "checksum is missing" in complaint(target)


def test_a_record_of_a_trace_that_is_none_is_refused(target: Path) -> None:
    for text in ("{", "[]", '{"schema": "tracetool.provenance/1"}', '{"schema": "tracetool.provenance/2"}'):
        file = BytesIO()
        write_parquet_frames([made([RESET])], EVENTS_SCHEMA, file, lambda text=text: {KEY: text})  # type: ignore[misc]
        target.write_bytes(file.getvalue())
        assert "what it says of its trace cannot be read" in complaint(target)


# --- other tables, and rows that are no events -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pl.DataFrame({"a": [1]}), "is Parquet, but not of pflash events: no column 'trace'"),
        (made([RESET]).drop("text"), "no column 'text'"),
        (made([RESET]).cast({"value": pl.Int64}), "column 'value' is Int64"),
        (made([RESET]).cast({"event": pl.String}), "column 'event' is String"),
        (made([RESET]).with_columns(more=1), "has other columns"),
    ],
    ids=["another", "narrow", "wide", "strings", "more"],
)
@pytest.mark.slow
def test_other_tables_are_refused(frame: pl.DataFrame, says: str, target: Path) -> None:
    frame.write_parquet(target)
    assert says in complaint(target)


@pytest.mark.slow
def test_events_of_another_catalogue_are_refused(target: Path) -> None:
    kind = pl.Enum(["reset", "frobnicate"])
    made([RESET]).with_columns(event=pl.Series(["frobnicate"], dtype=kind)).write_parquet(target)
    assert "column 'event'" in complaint(target)


IMPOSSIBLE: Sequence[dict[str, Any]] = [
    RESET | {"offset": 1},
    {"event": "io_write", "device": "a", "offset": 0, "size": 4, "wcycle": 0},
    {"event": "io_write", "device": "a", "offset": -1, "size": 4, "value": 0, "wcycle": 0},
    {"event": "write_block_erase", "device": "a", "offset": 0, "length": -1},
    RESET | {"device": "a\x1b[2J"},
    RESET | {"device": ""},
    RESET | {"device": None},
    RESET | {"event": None},
    {"event": "write", "device": "a", "text": "x\ny"},
]


@pytest.mark.slow
def test_rows_that_no_trace_gives_are_counted_and_left_out(target: Path) -> None:
    """An impossible row after each possible one."""
    rows = pl.concat([frame for row in IMPOSSIBLE for frame in (made([RESET]), _raw(row))])
    found = without_provenance(target, rows.with_columns(seq=pl.int_range(len(rows), dtype=pl.Int64)))
    assert found.frame["seq"].to_list() == list(range(len(IMPOSSIBLE)))
    assert set(found.frame["event"]) == {"reset"}
    assert (found.health.lines, found.health.damaged, found.health.lost) == (len(rows), len(IMPOSSIBLE), 0)
    shown = found.health.first_damaged
    assert [damage.number for damage in shown] == list(range(2, len(rows) + 1, 2))[: len(shown)]
    assert all(damage.excerpt.isprintable() for damage in shown)


@pytest.mark.parametrize("row", [IMPOSSIBLE[0], IMPOSSIBLE[-1]], ids=str)
@pytest.mark.slow
def test_under_strict_an_impossible_row_is_refused(row: dict[str, Any], target: Path) -> None:
    rows = pl.concat([made([RESET]), _raw(row), made([RESET])]).with_columns(seq=pl.int_range(3, dtype=pl.Int64))
    rows.write_parquet(target)
    with pytest.raises(InputError, match=r"row 2: .*without --strict such rows are counted"):
        collect(open_trace(str(target), strict=True))


def _raw(row: dict[str, Any]) -> pl.DataFrame:
    blank = dict.fromkeys(EVENTS_SCHEMA.names()) | {"trace": 0, "boot": 0, "seq": 0}
    return pl.DataFrame([blank | row], schema=EVENTS_SCHEMA)


@pytest.mark.slow
def test_rows_out_of_order_are_no_trace(target: Path) -> None:
    pl.concat([made([RESET] * 2)] * 2).write_parquet(target)
    assert "row 3: events out of order; export each trace to its own file" in complaint(target)


def test_a_packed_file_and_a_stream_are_refused(target: Path, first_boot: bytes) -> None:
    target.write_bytes(gzip.compress(first_boot))
    assert "cannot be read packed or from a stream" in complaint(target)


def test_a_name_is_no_pattern(tmp_path: Path, first_boot: bytes) -> None:
    (tmp_path / "a1").write_bytes(b"")
    assert read(tmp_path / "a[1]*", first_boot).health.events == 18_585
    (tmp_path / "x=1").mkdir()
    assert read(tmp_path / "x=1" / "t.parquet", first_boot).health.events == 18_585


def test_progress_ends_at_the_file_s_size(target: Path, first_boot: bytes) -> None:
    target.write_bytes(first_boot)
    seen: list[tuple[int, int | None]] = []
    reader = open_trace(str(target), chunk_bytes=1000 * ROW_BYTES, progress=lambda *at: seen.append(at))
    assert len(list(reader.chunks())) == len(seen) == 19
    assert seen[-1] == (len(first_boot), len(first_boot))
    assert seen == sorted(seen)

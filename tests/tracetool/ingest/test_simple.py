"""Traces of QEMU's simple backend: the recorded ones, made ones, damaged ones; the kernel in both forms."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import sys
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.captures import capture_path
from tests.forms import plain
from tests.requirements import needed_kernels
from tests.tracetool.ingest.support import FakeStdin, Reading, collect, log_of, one, read_file, row_of
from tests.tracetool.simple_traces import LOST, Order, Simple
from tracetool.compression import zstd
from tracetool.errors import InputError
from tracetool.events import CATALOGUE, Variant
from tracetool.ingest import TraceMeta, open_trace
from tracetool.ingest.formats.simple import byte_order
from tracetool.ingest.reader import ReadOptions
from tracetool.ingest.simple import SimpleTrace
from tracetool.ingest.simple_buffers import SimpleBuffers
from tracetool.ingest.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

WITHOUT_CLOCK = ("time_ns", "process", "thread")


PLAIN = plain("tracetool.ingest.simple")
"""The reader with its kernel as plain Python, whether it has been compiled or not."""


def read(data: bytes, *, chunk_bytes: int = 1 << 22, strict: bool = False) -> Reading:
    """Read a trace without a file."""
    source = Source(io.BytesIO(data), "simple", None, rereadable=False)
    meta = TraceMeta("simple", "simple", format="simple")
    return collect(SimpleTrace(meta, byte_order(data, "simple"), source, ReadOptions(strict, chunk_bytes)))


def read_plainly(data: bytes, *, chunk_bytes: int = 1 << 22) -> Reading:
    """Read a trace with the plain kernel."""
    source = Source(io.BytesIO(data), "simple", None, rereadable=False)
    meta = TraceMeta("simple", "simple", format="simple")
    return collect(PLAIN.SimpleTrace(meta, byte_order(data, "simple"), source, ReadOptions(chunk_bytes=chunk_bytes)))


def assert_equal(found: Reading, expected: Reading) -> None:
    assert_frame_equal(found.frame, expected.frame, categorical_as_str=True)
    # The plain twin has a class of its own for it.
    assert asdict(found.health) == asdict(expected.health)


# --- recorded ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "capture",
    [
        "aavmf-first-boot",
        "aavmf-shell-padding",
        "aavmf-rfc-v2",
        pytest.param("aavmf-reclaim", marks=pytest.mark.slow),
    ],
)
def test_a_run_reads_the_same_as_from_its_log(capture: str) -> None:
    simple = collect(open_trace(str(capture_path(f"{capture}/trace.simple.zst"))))
    log = collect(open_trace(str(capture_path(f"{capture}/trace.log.zst"))))
    assert_frame_equal(simple.frame.drop(WITHOUT_CLOCK), log.frame.drop(WITHOUT_CLOCK), categorical_as_str=True)
    assert (simple.health.damaged, simple.health.other, simple.health.truncated) == (0, 0, None)
    assert simple.meta.clock == "monotonic"
    assert simple.frame["time_ns"].is_sorted()
    assert simple.frame["thread"].n_unique() == 1


def test_a_run_recorded_with_losses_says_how_many_and_where() -> None:
    reading = collect(open_trace(str(capture_path("lossy/trace.simple.zst"))))
    assert (reading.health.events, reading.health.lost) == (6709, 34393)
    assert [(place.seq, place.count) for place in reading.health.lost_places] == [(6709, 34393)]


@pytest.mark.parametrize(
    "capture", ["aavmf-first-boot", "aavmf-rfc-v2", pytest.param("aavmf-reclaim", marks=pytest.mark.slow)]
)
def test_both_forms_read_a_capture_the_same(capture: str) -> None:
    with zstd.open(capture_path(f"{capture}/trace.simple.zst")) as stream:
        data = stream.read()
    assert_equal(read_plainly(data), read(data))


@pytest.mark.parametrize("capture", ["ovmf-first-boot", "aavmf-shell-padding"])
@pytest.mark.slow
def test_both_forms_read_a_log_that_was_converted_the_same(capture: str, tmp_path: Path, quick: Quick) -> None:
    converted = tmp_path / "trace.simple"
    log = capture_path(f"{capture}/trace.log.zst")
    assert quick("export", log, "-o", converted).code == 0
    found = read(converted.read_bytes())
    assert_equal(read_plainly(converted.read_bytes()), found)
    assert_frame_equal(
        found.frame.drop(WITHOUT_CLOCK),
        collect(open_trace(str(log))).frame.drop(WITHOUT_CLOCK),
        categorical_as_str=True,
    )


# --- made --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", CATALOGUE, ids=lambda v: f"{v.source}-{v.since}{'' if v.named else '-nameless'}")
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_event_is_read_as_its_log_line_is(variant: Variant, order: Order) -> None:
    row = row_of(variant)
    values: dict[str, int | str] = {"*": 8, "digits": 8, "end": 0x12A40 + 0x40000 - 1, "ro": 0}
    texts = {argument.name: argument for argument in variant.arguments if argument.column == "text"}
    arguments: list[int | str] = []
    for name, column in variant.recorded:
        if name in texts:
            arguments.append(int(row["text"], 0) if texts[name].radix else row["text"])
        else:
            arguments.append(values.get(column, row.get(column, 0)))
    era = Simple(order)
    if not variant.named:
        _show_era(era, variant.since)
    found = read(era.event(f"pflash_{variant.source}", *(["virt.flash1"] if variant.named else []), *arguments).data)
    drop = ("trace", "boot", "seq", *WITHOUT_CLOCK)
    expected = {key: value for key, value in one(log_of(variant)).items() if key not in drop}
    assert {key: value for key, value in found.rows[-1].items() if key not in drop} == expected
    assert found.meta.nameless is not variant.named


def _show_era(trace: Simple, since: str) -> None:
    """An access, by which the nameless sets are told apart: it stands before whatever it causes."""
    if since == "4.1":
        trace.event("pflash_io_write", 0, 4, 8, 0, 0)
    elif since == "4.2":
        trace.event("pflash_io_write", 0, 4, 0, 0)
    else:
        trace.event("pflash_write", 0, 0, 4, 0)


def test_other_events_are_passed_over_whatever_they_hold() -> None:
    trace = Simple().event("cpu_in", b"\x01\0\0\0\0\0\0\0" * 4).write(0xFF).event("e1000_rx", "text", 1, 2).write(0x70)
    reading = read(trace.data)
    assert (reading.health.lines, reading.health.other, reading.health.events) == (4, 2, 2)
    assert reading.frame["value"].to_list() == [0xFF, 0x70]


def test_names_may_come_late_and_change() -> None:
    trace = Simple().mapping("another", 7).write(1).mapping("pflash_reset", 7).event("pflash_reset", "virt.flash1")
    assert read(trace.data).frame["event"].to_list() == ["io_write", "reset"]
    far = Simple().mapping("pflash_reset", 70_000).event("pflash_reset", "virt.flash0")
    assert read(far.data).frame["event"].to_list() == ["reset"]


def test_an_event_without_a_name_is_damage() -> None:
    reading = read(Simple().write(1).record(999, b"").write(2).data)
    assert (reading.health.events, reading.health.damaged) == (2, 1)
    assert (reading.health.first_damaged[0].number, reading.health.first_damaged[0].reason) == (
        2,
        "event whose name is not known, byte 138",
    )
    with pytest.raises(InputError, match=r"simple: record 2: event whose .*, byte 138; without --strict"):
        read(Simple().write(1).record(999, b"").data, strict=True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("virt.flash1", 0, 4, 0), "arguments do not match the event"),
        (("virt.flash1", 0, 4, 0, 0, 0), "arguments do not match the event"),
        (("virt.flash1", 1 << 63, 4, 0, 0), "value out of range"),
        (("virt.flash1", 0, 256, 0, 0), "value out of range"),
        (("virt.flash1", 0, 8, 0, 0), "value out of range"),
        (("virt.flash1", 0, 0, 0, 0), "value out of range"),
        (("virt.flash1", 0, 4, 1 << 32, 0), "value out of range"),
        (("virt.flash1", 0, 4, 0, -1), "value out of range"),
        (("virt\x1b[2J", 0, 4, 0, 0), "text that no event has"),
        (("f" * 256, 0, 4, 0, 0), "text that no event has"),
    ],
)
def test_an_event_that_cannot_be_is_damage(arguments: tuple[int | str, ...], reason: str) -> None:
    reading = read(Simple().write(1).event("pflash_io_write", *arguments).write(2).data)
    assert (reading.frame["value"].to_list(), reading.health.damaged) == ([1, 2], 1)
    assert reading.health.first_damaged[0].reason.startswith(f"{reason}, byte ")


def test_numbers_that_were_extended_by_their_sign() -> None:
    assert read(Simple().write(-2).data).rows[0]["value"] == 0xFFFFFFFE


def test_a_counter_may_be_any_64_bits() -> None:
    trace = Simple()
    for counter in (0, -1, 1 << 63):
        trace.event("pflash_data_write_block", "virt.flash1", 0, 4, 0, counter)
    for reading in (read(trace.data), read_plainly(trace.data)):
        assert reading.frame["counter"].to_list() == [0, (1 << 64) - 1, 1 << 63]


def test_strings_of_no_length() -> None:
    """The log prints `(null)` for a device without a name; a text may just be empty."""
    reading = read(Simple().event("pflash_write", "", "").data)
    assert (reading.rows[0]["device"], reading.rows[0]["text"]) == ("(null)", "")


@pytest.mark.parametrize("count", [3, 5000])
def test_many_devices(count: int) -> None:
    trace = Simple()
    for number in range(count):
        trace.event("pflash_reset", f"flash{number}")
    names = [f"flash{number}" for number in range(count)]
    assert read(trace.data).frame["device"].cast(pl.String).to_list() == names
    assert read_plainly(trace.data).frame["device"].cast(pl.String).to_list() == names


def test_losses_have_their_place() -> None:
    trace = Simple().write(1).lost(5).write(2).write(3).lost(7)
    health = read(trace.data).health
    assert health.lost == 12
    assert [(place.number, place.seq, place.count) for place in health.lost_places] == [(2, 1, 5), (5, 3, 7)]


def test_more_losses_than_are_kept_are_all_counted() -> None:
    trace = Simple()
    for _ in range(3000):
        trace.lost(2)
    health = read(trace.write(1).data).health
    assert (health.lost, len(health.lost_places), health.lines) == (6000, 1000, 3001)


# --- files and streams -------------------------------------------------------------------------------------------


def test_packed_and_through_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Simple(">").write(1).write(2).data
    packed = (data, gzip.compress(data), lzma.compress(data), zstd.compress(data))
    for number, form in enumerate(packed):
        assert read_file(tmp_path / str(number), form).frame["value"].to_list() == [1, 2]
        monkeypatch.setattr(sys, "stdin", FakeStdin(form))
        reader = open_trace("-")
        assert collect(reader).frame["value"].to_list() == [1, 2]
        with pytest.raises(InputError, match="can be read only once"):
            list(reader.chunks())


def test_what_it_was_recognised_by(tmp_path: Path) -> None:
    path = tmp_path / "trace.log"
    path.write_bytes(Simple(">").write(1).data)
    meta = open_trace(str(path)).meta
    assert (meta.format, meta.unit) == ("simple", "record")
    assert meta.reason == "QEMU's simple trace format, version 4, big-endian, by its first bytes"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Simple(version=0).data, "in version 0 of QEMU's simple trace format, which is older than the first pflash"),
        (Simple(">", version=2).data, "in version 2 of"),
        (Simple(version=3).data, "in version 3 of"),
        (Simple(version=5).data, "in version 5 of QEMU's simple trace format; this program reads version 4"),
        (Simple().data[:20], "is cut inside the header"),
    ],
)
def test_versions_that_hold_no_pflash_event_are_refused_in_a_line(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "trace"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        open_trace(str(path))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# --- laws --------------------------------------------------------------------------------------------------------


def _sample() -> bytes:
    trace = Simple().mapping("other").mapping("pflash_reset").mapping("pflash_io_write").mapping("pflash_write")
    trace.event("pflash_reset", "virt.flash1")
    for number in range(12):
        trace.write(number, offset=4 * number).event("pflash_write", "virt.flash1", "write to buffer")
        if number % 5 == 0:
            trace.event("other", "x" * number, number).lost(number)
    return trace.data


SAMPLE = _sample()
WHOLE = read(SAMPLE)
BODY = 24
NAMES_END = SAMPLE.index(struct.pack("<Q", 1), BODY + 4 * 20)


@pytest.mark.parametrize("chunk_bytes", [1, 50, 400, 1000])
def test_chunks_of_any_size_give_the_same(chunk_bytes: int) -> None:
    assert_equal(read(SAMPLE, chunk_bytes=chunk_bytes), WHOLE)
    assert_equal(read_plainly(SAMPLE, chunk_bytes=chunk_bytes), WHOLE)


@pytest.mark.slow
def test_a_trace_cut_anywhere_gives_what_is_whole() -> None:
    for end in range(BODY, len(SAMPLE)):
        reading = read(SAMPLE[:end], chunk_bytes=5000)
        count = reading.frame.height
        assert_frame_equal(reading.frame, WHOLE.frame.head(count), categorical_as_str=True)
        assert reading.health.damaged == 0
    assert read(SAMPLE[:-1]).health.truncated == "the last record is cut: 65 bytes of it, from byte 2,136 on"


@pytest.mark.slow
@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_a_damaged_byte_anywhere_is_survived(flip: int) -> None:
    """What is lost with it is told: counted as damage or as another event. Behind the names it is little."""
    for at in range(BODY, len(SAMPLE)):
        data = bytearray(SAMPLE)
        data[at] ^= flip
        health = read(bytes(data), chunk_bytes=5000).health
        lost = WHOLE.health.events - health.events
        told = health.damaged or health.truncated or health.other > WHOLE.health.other
        assert not lost or told, at
        # A longer event that is not of pflash swallows what follows, to the end if there is no more than that.
        assert lost <= 12 or health.truncated or at < NAMES_END, at


_RECORDS = st.lists(
    st.one_of(
        st.builds(lambda v, o: ("write", v, o), st.integers(0, 1 << 33), st.integers(0, 1 << 26)),
        st.builds(lambda n: ("lost", n, 0), st.integers(0, 1 << 32)),
        st.builds(lambda b: ("raw", b, 0), st.binary(max_size=40)),
        st.builds(lambda b: ("noise", b, 0), st.binary(min_size=1, max_size=40)),
        st.builds(lambda t: ("text", t, 0), st.text(max_size=20)),
    ),
    max_size=25,
)


def _trace_of(records: list[tuple[str, Any, int]], order: Order) -> bytes:
    trace = Simple(order).mapping("pflash_io_write").mapping("pflash_write")
    for kind, what, offset in records:
        if kind == "write":
            trace.write(what, offset)
        elif kind == "lost":
            trace.lost(what)
        elif kind == "raw":
            trace.record(0, what)
        elif kind == "noise":
            trace.data += what
        else:
            trace.event("pflash_write", "virt.flash1", what)
    return trace.data


@given(_RECORDS, st.sampled_from(["<", ">"]), st.integers(1, 300))
def test_any_records_are_all_accounted_for(records: list[tuple[str, Any, int]], order: Order, chunk_bytes: int) -> None:
    data = _trace_of(records, order)
    assert_equal(read(data, chunk_bytes=chunk_bytes), read(data))


@settings(max_examples=200)
@given(_RECORDS, st.sampled_from(["<", ">"]))
@pytest.mark.slow
def test_both_forms_agree(records: list[tuple[str, Any, int]], order: Order) -> None:
    data = _trace_of(records, order)
    assert_equal(read_plainly(data), read(data))


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_to_their_end(noise: bytes) -> None:
    reading = read(Simple().write(1).data + noise)
    assert reading.frame["value"].head(1).to_list() == [1]


def test_megabytes_of_noise_end() -> None:
    noise = b"\x01" + bytes(7) + b"\x01\0\0\0"
    data = Simple().write(1).data + noise * 200_000
    assert read(data).health.events == 1
    assert read_plainly(data).health.events == 1


@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - BODY - 1), st.integers(1, 255)), min_size=1, max_size=6))
def test_both_forms_agree_on_flipped_bytes(flips: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLE)
    for at, flip in flips:
        data[BODY + at] ^= flip
    assert_equal(read_plainly(bytes(data)), read(bytes(data)))


def test_records_outside_of_the_buffer_are_refused() -> None:
    room = SimpleBuffers(bytearray(100), 0, 10)
    for position, end in ((0, 101), (50, 49), (-1, 100)):
        room.reader.position = position
        with pytest.raises(ValueError, match="in a buffer of 100 bytes"):
            room.walk(end)


def test_a_place_outside_of_the_buffer_is_an_error() -> None:
    """And no crash of the process. Plain Python ends a slice where the bytes end."""
    needed_kernels()
    room = SimpleBuffers(bytearray(100), 0, 10)
    walk = import_module("tracetool.ingest.native").walk
    for position in (-1 << 40, -1, 99, 100, 1 << 40):
        room.reader.position, room.reader.end = position, 1 << 50
        with pytest.raises(IndexError):
            walk(room.reader)


def test_a_loss_of_another_length_is_no_record() -> None:
    reading = read(Simple().write(1).record(LOST, struct.pack("<QQ", 1, 2)).write(2).data)
    assert (reading.health.lost, reading.health.damaged) == (0, 1)
    assert reading.frame["value"].to_list() == [1, 2]

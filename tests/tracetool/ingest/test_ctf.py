"""CTF traces: the recorded ones, and made ones; read plainly and compiled."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from polars.testing import assert_frame_equal

from replay.kernel_form import VARIABLE
from tests.captures import capture_path
from tests.requirements import needed_kernels
from tests.tracetool.ctf_traces import EPOCH_S, EventType, Packet, capture, needed_babeltrace, write_trace
from tests.tracetool.ingest.support import Reading, collect, log_of, one, row_of
from tracetool.errors import InputError
from tracetool.events import CATALOGUE, Variant
from tracetool.ingest import LostPlace, open_trace
from tracetool.ingest.ctf import open_ctf
from tracetool.ingest.reader import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT_CLOCK = ("time_ns", "process", "thread")
IO_WRITE = {"name": "str", "offset": "u64", "size": "u32", "value": "u32", "wcycle": "u8"}
WRITES = [EventType("qemu:pflash_io_write", IO_WRITE)]


@pytest.fixture(autouse=True)
def _library() -> None:
    needed_babeltrace()


@pytest.fixture(name="form", params=["compiled", "plain"])
def _form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have the process run the kernels in each form."""
    form: str = request.param
    if form == "compiled":
        needed_kernels()
    monkeypatch.setenv(VARIABLE, "plain" if form == "plain" else "")
    return form


def read(path: Path | str, *, chunk_bytes: int = 4 << 20, strict: bool = False) -> Reading:
    return collect(open_ctf(str(path), ReadOptions(strict, chunk_bytes)))


def a_write(time: int, value: int, **other: int | str) -> tuple[int, int, tuple[int | str, ...]]:
    """An event of WRITES."""
    values: dict[str, int | str] = {"name": "virt.flash1", "offset": 0, "size": 4, "value": value, "wcycle": 0, **other}
    return 0, time, tuple(values.values())


def assert_equal(found: Reading, expected: Reading) -> None:
    assert_frame_equal(found.frame, expected.frame, categorical_as_str=True)
    assert found.health == expected.health


# --- recorded ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["aavmf-first-boot", "aavmf-shell-padding", pytest.param("aavmf-reclaim", marks=pytest.mark.slow)],
)
def test_a_run_reads_the_same_as_from_its_log(name: str, tmp_path: Path) -> None:
    ctf = read(capture(name, tmp_path))
    log = collect(open_trace(str(capture_path(f"{name}/trace.log.zst"))))
    assert_frame_equal(ctf.frame.drop(WITHOUT_CLOCK), log.frame.drop(WITHOUT_CLOCK), categorical_as_str=True)
    assert (ctf.health.lines, ctf.health.truncated) == (log.health.events, None)
    assert ctf.meta.clock == "wall"
    assert ctf.frame["time_ns"].is_sorted()


def test_the_thread_is_taken_from_the_context(tmp_path: Path) -> None:
    frame = read(capture("aavmf-first-boot", tmp_path)).frame
    assert set(frame["thread"].unique()) == {24753, 24760}
    assert frame["time_ns"][0] == 1795337167629525926


def test_a_run_recorded_with_losses_says_how_many_and_where(tmp_path: Path) -> None:
    health = read(capture("lossy", tmp_path)).health
    assert (health.events, health.other, health.lost) == (40319, 3, 783)
    assert health.lost_places == [
        LostPlace(8645, 8644, 212),
        LostPlace(9626, 9624, 252),
        LostPlace(9734, 9731, 319),
    ]


@pytest.mark.parametrize("name", ["aavmf-first-boot", "lossy"])
@pytest.mark.first_quick
def test_plain_and_compiled_read_a_capture_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed_kernels()
    folder = capture(name, tmp_path)
    monkeypatch.setenv(VARIABLE, "")
    compiled = read(folder)
    monkeypatch.setenv(VARIABLE, "plain")
    assert_equal(read(folder), compiled)


@pytest.mark.parametrize("chunk_bytes", [6400, 64 * 4097])
@pytest.mark.slow
def test_the_size_of_the_chunks_does_not_matter(chunk_bytes: int, tmp_path: Path) -> None:
    folder = capture("lossy", tmp_path)
    assert_equal(read(folder, chunk_bytes=chunk_bytes), read(folder))


def test_a_trace_is_found_below_the_directory_and_can_be_read_again(tmp_path: Path) -> None:
    capture("aavmf-shell-padding", tmp_path)
    trace = open_trace(str(tmp_path))
    first, second = collect(trace), collect(trace)
    assert_equal(second, first)
    assert trace.meta.reason == "a directory with a CTF trace in ctf/ust/uid/0/64-bit"
    assert (trace.meta.format, trace.meta.unit, trace.rereadable) == ("ctf", "message", True)


# --- made --------------------------------------------------------------------------------------------------------


def recorded(variant: Variant) -> tuple[EventType, list[int | str]]:
    """An event as the backend has it: its type, and the values of `row_of`."""
    row = row_of(variant)
    values: dict[str, int | str] = {"*": 8, "digits": 8, "end": 0x12A40 + 0x40000 - 1, "ro": 0}
    texts = {argument.name: argument for argument in variant.arguments if argument.column == "text"}
    fields = {"name": "str"} if variant.named else {}
    arguments: list[int | str] = ["virt.flash1"] if variant.named else []
    for name, column in variant.recorded:
        if name in texts:
            arguments.append(int(row["text"], 0) if texts[name].radix else row["text"])
        else:
            arguments.append(values.get(column, row.get(column, 0)))
        fields[name] = "u64" if isinstance(arguments[-1], int) else "str"
    return EventType(f"qemu:pflash_{variant.source}", fields), arguments


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.first_quick
def test_every_event_is_read_as_its_log_line_is(order: str, tmp_path: Path) -> None:
    types, values = zip(*map(recorded, CATALOGUE), strict=True)
    packet = Packet([(number, number, arguments) for number, arguments in enumerate(values)])
    found = read(write_trace(tmp_path / "trace", types, [[packet]], order=order))
    drop = ("trace", "boot", "seq", *WITHOUT_CLOCK)
    for variant, row in zip(CATALOGUE, found.rows, strict=True):
        expected = {key: value for key, value in one(log_of(variant)).items() if key not in drop}
        assert {key: value for key, value in row.items() if key not in drop} == expected, variant
    assert found.meta.nameless
    assert found.frame["time_ns"].to_list() == [EPOCH_S * 1_000_000_000 + number for number in range(len(CATALOGUE))]


def test_lttng_leaves_the_end_out_of_a_sector_erase(tmp_path: Path) -> None:
    types = [EventType("qemu:pflash_sector_erase_start", {"name": "str", "width1": "i32", "start": "u64"})]
    found = read(write_trace(tmp_path / "trace", types, [[Packet([(0, 1, ("f", 8, 0x40000))])]]))
    assert [(row["offset"], row["length"]) for row in found.rows] == [(0x40000, None)]


@pytest.mark.usefixtures("form")
def test_other_events_are_passed_over(tmp_path: Path) -> None:
    types = [*WRITES, EventType("qemu:cpu_in", {"addr": "u32"}), EventType("sched_switch", {})]
    packet = Packet([a_write(1, 0xFF), (1, 2, (7,)), (2, 3, ()), a_write(4, 0x70), (1, 5, (7,))])
    found = read(write_trace(tmp_path / "trace", types, [[packet]]))
    assert (found.health.lines, found.health.other, found.health.events) == (5, 3, 2)
    assert found.frame["value"].to_list() == [0xFF, 0x70]


@pytest.mark.usefixtures("form")
def test_more_classes_of_other_events_than_the_table_has_room_for(tmp_path: Path) -> None:
    types = [*WRITES, *(EventType(f"qemu:other_{number}", {}) for number in range(2500))]
    others: list[tuple[int, int, tuple[int | str, ...]]] = [(number, number, ()) for number in range(1, 2501)]
    found = read(write_trace(tmp_path / "trace", types, [[Packet([a_write(0, 1), *others, a_write(3000, 2)])]]))
    assert (found.health.other, found.frame["value"].to_list()) == (2500, [1, 2])


@pytest.mark.usefixtures("form")
def test_streams_are_merged_in_time_order(tmp_path: Path) -> None:
    even = [Packet([a_write(time, time) for time in range(0, 100, 2)])]
    odd = [Packet([a_write(time, time) for time in range(1, 100, 2)])]
    found = read(write_trace(tmp_path / "trace", WRITES, [even, odd, []]))
    assert found.frame["value"].to_list() == list(range(100))


def test_several_traces_of_a_session_are_merged(tmp_path: Path) -> None:
    write_trace(tmp_path / "s" / "b", WRITES, [[Packet([a_write(2, 2), a_write(4, 4)])]])
    write_trace(tmp_path / "s" / "a", WRITES, [[Packet([a_write(1, 1), a_write(3, 3)])]])
    found = read(tmp_path)
    assert found.frame["value"].to_list() == [1, 2, 3, 4]
    assert found.meta.reason == "a directory with a CTF trace in s/a and 1 more"


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(
    ("common", "specific", "values", "process"),
    [
        ({"vpid": "i32", "procname": "str", "vtid": "i32"}, {}, (41, "qemu", 42), 41),
        ({"vtid": "i32"}, {"pid": "u32"}, (42, 41), 41),
        ({"cpu": "u8"}, {"tid": "u32"}, (3, 42), None),
        ({"vpid": "u64"}, {}, (42,), 42),
        ({}, {"ip": "u64", "pid": "i64"}, (1 << 60, 42), 42),
    ],
)
def test_a_process_and_a_thread_in_any_context(
    common: dict[str, str],
    specific: dict[str, str],
    values: tuple[int | str, ...],
    process: int | None,
    tmp_path: Path,
) -> None:
    types = [EventType("qemu:pflash_reset", {"name": "str"}, specific)]
    path = write_trace(tmp_path / "trace", types, [[Packet([(0, 1, (*values, "flash"))])]], common=common)
    frame = read(path).frame
    assert (frame["thread"].to_list(), frame["process"].to_list()) == ([42], [process])


@pytest.mark.usefixtures("form")
def test_a_process_by_the_folder_that_lttng_makes_for_each(tmp_path: Path) -> None:
    for process, time in ((4711, 1), (4812, 2)):
        folder = tmp_path / "ust" / "pid" / f"qemu-system-aar-{process}-20261122-084607" / "64-bit"
        write_trace(folder, WRITES, [[Packet([a_write(time, process), a_write(time + 2, process)])]])
    frame = read(tmp_path).frame
    assert frame["process"].to_list() == frame["value"].to_list() == [4711, 4812, 4711, 4812]


def test_a_process_by_the_environment_of_its_trace(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "trace", WRITES, [[Packet([a_write(1, 1)])]])
    metadata = tmp_path / "trace" / "metadata"
    metadata.write_text(metadata.read_text().replace("stream {", 'env { domain = "ust"; vpid = 4812; };\nstream {', 1))
    assert read(path).frame["process"].to_list() == [4812]


def test_a_clock_that_does_not_count_from_the_epoch(tmp_path: Path) -> None:
    found = read(write_trace(tmp_path / "trace", WRITES, [[Packet([a_write(1, 1)])]], absolute=False))
    assert found.meta.clock == "monotonic"
    assert found.frame["thread"].to_list() == [None]


@pytest.mark.usefixtures("form")
def test_more_names_than_there_is_room_for(tmp_path: Path) -> None:
    names = [f"flash{number % 600}" for number in range(1200)]
    packet = Packet([a_write(at, at, name=name) for at, name in enumerate(names)])
    found = read(write_trace(tmp_path / "trace", WRITES, [[packet]]))
    assert found.frame["device"].to_list() == names


@pytest.mark.usefixtures("form")
def test_discarded_events_and_packets_are_counted(tmp_path: Path) -> None:
    packets = [
        Packet([a_write(1, 1), a_write(2, 2)], number=0),
        Packet([a_write(10, 3)], number=1, discarded=7),
        Packet([a_write(20, 4)], number=5, discarded=7),
    ]
    health = read(write_trace(tmp_path / "trace", WRITES, [packets])).health
    assert (health.lines, health.other, health.events, health.lost) == (6, 2, 4, 7)
    assert health.lost_places == [LostPlace(3, 2, 7), LostPlace(5, 3, 0)]


@pytest.mark.parametrize(
    ("change", "reason", "excerpt"),
    [
        ({"offset": 1 << 63}, "value out of range", "offset:0x8000000000000000"),
        ({"size": 256}, "value out of range", "size:0x100"),
        ({"size": 8}, "value out of range", "size:0x8"),
        ({"size": 3}, "value out of range", "size:0x3"),
        ({"name": "virt\x1b[2J"}, "text that no event has", ""),
        ({"name": "f" * 256}, "text that no event has", ""),
    ],
)
def test_an_event_that_cannot_be_is_damage(
    change: dict[str, int | str], reason: str, excerpt: str, tmp_path: Path
) -> None:
    packet = Packet([a_write(1, 1), a_write(2, 0, **change), a_write(3, 3)], discarded=0)
    later = Packet([a_write(4, 4)], number=1, discarded=2)
    path = write_trace(tmp_path / "trace", WRITES, [[packet, later]])
    found = read(path)
    assert (found.frame["value"].to_list(), found.health.damaged) == ([1, 3, 4], 1)
    damage = found.health.first_damaged[0]
    assert (damage.number, damage.reason) == (2, reason)
    assert damage.excerpt.startswith("qemu:pflash_io_write ")
    assert excerpt in damage.excerpt
    assert found.health.lost_places == [LostPlace(4, 2, 2)]
    with pytest.raises(InputError, match=rf"message 2: {reason}: .*; without --strict"):
        read(path, strict=True)


def test_events_that_are_in_no_catalogue_are_damage(tmp_path: Path) -> None:
    types = [*WRITES, EventType("qemu:pflash_fly", {"name": "str"}), EventType("qemu:pflash_io_read", {"name": "str"})]
    found = read(write_trace(tmp_path / "trace", types, [[Packet([a_write(1, 1), (1, 2, ("f",)), (2, 3, ("f",))])]]))
    assert found.health.damaged == 2
    assert [(damage.number, damage.reason, damage.excerpt) for damage in found.health.first_damaged] == [
        (2, "unknown pflash event", "qemu:pflash_fly"),
        (3, "arguments do not match the event", "qemu:pflash_io_read"),
    ]


def test_a_directory_whose_name_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"tra\xffce \xe2\x98\x83")
    assert read(write_trace(tmp_path / name, WRITES, [[Packet([a_write(1, 7)])]])).frame["value"].to_list() == [7]


def test_a_session_without_a_pflash_event(tmp_path: Path) -> None:
    found = read(write_trace(tmp_path / "trace", WRITES, [[]]))
    assert (found.health.lines, found.health.truncated, found.meta.clock) == (0, None, "none")


def test_progress_goes_by_the_time_of_the_events(tmp_path: Path) -> None:
    packets = [Packet([a_write(time, 0) for time in range(1000)])]
    path = write_trace(tmp_path / "trace", WRITES, [packets])
    size = (tmp_path / "trace" / "ch_0").stat().st_size
    seen: list[tuple[int, int | None]] = []
    how = ReadOptions(chunk_bytes=6400, progress=lambda done, total: seen.append((done, total)))
    trace = open_ctf(path, how)
    assert sum(frame.height for frame in trace.chunks()) == 1000
    assert {total for _, total in seen} == {size}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert size * 0.4 < seen[4][0] < size * 0.6
    assert seen[-1] == (size, size)

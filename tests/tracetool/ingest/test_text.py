"""Every event in every shape of line, and what else may stand in a log."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from replay.columns import TEXT_CODES
from tests.tracetool.ingest.support import log_of, no_scanner, one, read_text, row_of
from tracetool.errors import InputError
from tracetool.events import CATALOGUE, Variant
from tracetool.ingest.scanner import TextScanner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.tracetool.cli.program import Quick

WALL = 1795335978754485000
SHAPES = {
    "bare": ("", None, None),
    "pid@time": ("2976@1795335978.754485:", 2976, WALL),
    "iso8601": ("2026-11-22T08:26:18.754485Z ", None, WALL),
    "systemtap": ("2976@1795335978754485001 ", 2976, WALL + 1),
    "syslog": ("Nov 22 08:26:18 host qemu-system-aarch64[2976]: ", 2976, None),
    "ftrace": ("           <...>-2976    [000] ...1.  1567.097509: tracing_mark_write: ", 2976, 1567097509000),
}
VARIANTS = [
    pytest.param(variant, id=f"{variant.source}-{variant.since}-{variant.named}")
    for variant in CATALOGUE
    if variant.event != "idle"
]
WRITE = "pflash_io_write virt.flash1: offset:0x0008 size:4 value:0x900090 wcycle:0"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_reads_back_from_each_shape(variant: Variant, shape: str) -> None:
    prefix, thread, time_ns = SHAPES[shape]
    reading = read_text(f"{prefix}{log_of(variant)}\n".encode())
    expected = dict.fromkeys(reading.frame.columns) | row_of(variant)
    process = thread if shape in {"systemtap", "syslog"} else None
    expected |= {"trace": 0, "boot": 0, "seq": 0, "process": process, "thread": thread, "time_ns": time_ns}
    assert reading.rows == [expected]
    assert reading.health.understood == 1
    assert reading.meta.shapes == {shape: 1}
    assert reading.meta.nameless is not variant.named


@pytest.mark.parametrize(
    ("prefix", "shape", "thread", "time_ns"),
    [
        ("2026-11-22T08:26:18Z ", "iso8601", None, 1795335978000000000),
        ("1@0.000001:", "pid@time", 1, 1000),
        ("2026-11-22T08:26:18.5+01:00 host qemu[7]: ", "syslog", 7, 1795332378500000000),
        ("2026-11-22T08:26:18+0100 host qemu-kvm[7]: ", "syslog", 7, 1795332378000000000),
        ("<30>1 2026-11-22T08:26:18Z host qemu[7]: ", "syslog", 7, 1795335978000000000),
        ("Nov 22 08:26:18 host qemu[7]: 2976@1795335978.754485:", "pid@time", 2976, WALL),
        (" qemu-system-aar-25824 (  123) [001] d..2 1567.097509: tracing_mark_write: ", "ftrace", 25824, 1567097509000),
        ("CPU 0/KVM-99 (-----) [001] .... 1.000001: tracing_mark_write: ", "ftrace", 99, 1000001000),
        ("kworker/0:1-7 [000] 1567.097509: tracing_mark_write: ", "ftrace", 7, 1567097509000),
        ("qemu-7  [000]  1567.097509123: print:   tracing_mark_write: ", "ftrace", 7, 1567097509123),
        ("BdsDxe: loading 2976@1795335978.754485:", "pid@time", 2976, WALL),
        ("2026-11-22T08:26:18.754485000Z stderr F ", "iso8601", None, WALL),
        ("2026-11-22T08:26:18.754485+00:00 stdout F ", "iso8601", None, WALL),
        ("\x1b[2J\x1b[01;01H", "bare", None, None),
        ("9999-99-99T99:99:99Z ", "bare", None, None),
        ("0001-01-01T00:00:00Z ", "bare", None, None),
        ("2976@99999999999.000000:", "pid@time", 2976, None),
    ],
)
def test_what_stands_before_an_event(prefix: str, shape: str, thread: int | None, time_ns: int | None) -> None:
    if shape == "pid@time" and time_ns is None:
        shape, thread = "bare", None
    reading = read_text(f"{prefix}{WRITE}\n".encode())
    row = reading.rows[0]
    assert (row["thread"], row["time_ns"]) == (thread, time_ns)
    assert reading.meta.shapes == {shape: 1}


@pytest.mark.parametrize(
    ("prefix", "process"),
    [
        ("Nov 22 08:26:18 host qemu-system-aarch64[4711]: ", 4711),
        ("2026-11-22T08:26:18.5+01:00 host qemu[7]:", 7),
        ("4711@1795335978754485001 ", 4711),
        # Standard error, with times of QEMU's own, goes through a logger.
        ("Nov 22 08:26:18 host qemu[4711]: 4760@1795335978.754485:", 4711),
        ("Nov 22 08:26:18 host qemu[4711]: 2026-11-22T08:26:18.754485Z ", 4711),
        (" qemu-system-aar-4760 ( 4711) [001] d..2 1567.097509: tracing_mark_write: ", 4711),
        # A thread, or nothing.
        ("CPU 0/KVM-99 (-----) [001] .... 1.000001: tracing_mark_write: ", None),
        ("<...>-2976    [000] ...1.  1567.097509: tracing_mark_write: ", None),
        ("2976@1795335978.754485:", None),
        ("2026-11-22T08:26:18.754485Z ", None),
        ("", None),
    ],
)
def test_a_process_is_known_where_the_number_is_certainly_one(prefix: str, process: int | None) -> None:
    assert one(prefix + WRITE)["process"] == process


@pytest.mark.parametrize(
    "mark",
    [
        "{} | ",
        "{}-1    | 7@1795335978.754485:",
        "vm.1.{}@node    | ",
        "[pod/{}/compute] 2026-11-22T08:26:18.754485Z ",
        "Nov 22 08:26:18 {} qemu[7]: ",
        "<30>2026-11-22T08:26:18+01:00 {} qemu[7]: 8@1795335978.754485:",
    ],
)
@pytest.mark.parametrize("scanner", [no_scanner, TextScanner])
def test_marks_of_two_containers_or_hosts_are_two_machines(
    mark: str, scanner: Callable[[], TextScanner | None]
) -> None:
    def text(*names: str) -> bytes:
        return "".join(f"{mark.format(name) if name else ''}{WRITE}\n" for name in names).encode()

    with pytest.raises(InputError, match="two QEMUs; give a log of each"):
        read_text(text("vm-a", "vm-b", "vm-a"), scanner=scanner)
    assert len(read_text(text("vm-a", "vm-a"), scanner=scanner).rows) == 2
    # What a guest prints before an event is no mark.
    assert len(read_text(text("vm-a", "", "vm-a"), scanner=scanner).rows) == 3


@pytest.mark.parametrize("name", ["a", "virt.flash1", "a:b", "a: b", "zynq.pflash", "pflash_0", "my pflash", "Ünï"])
def test_a_device_may_be_called_anything(name: str) -> None:
    assert one(WRITE.replace("virt.flash1", name))["device"] == name


def test_a_device_with_the_name_of_an_event_is_told_from_a_broken_line() -> None:
    row = one("pflash_reset pflash_reset: reset")
    assert (row["event"], row["device"]) == ("reset", "pflash_reset")


@pytest.mark.parametrize("end", ["", "\r", " ", "\t \r"])
def test_blanks_at_the_end_of_a_line_mean_nothing(end: str) -> None:
    assert one(WRITE + end)["wcycle"] == 0
    assert one("pflash_write f: write to buffer" + end)["text"] == "write to buffer"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (WRITE + " x", "arguments do not match the event"),
        (WRITE + "\x00", "arguments do not match the event"),
        (WRITE[:-1], "arguments do not match the event"),
        (WRITE[:20], "arguments do not match the event"),
        (WRITE[:15], "event without its arguments"),
        (WRITE[:13], "cut inside the event's name"),
        ("pflash_", "cut inside the event's name"),
        (WRITE.replace("0x0008", f"0x{1 << 63:x}"), "value out of range"),
        (WRITE.replace("0x900090", "0x100000000"), "value out of range"),
        (WRITE.replace("size:4", "size:256"), "value out of range"),
        (WRITE.replace("size:4", "size:-4"), "value out of range"),
        (WRITE.replace("size:4", "size:8"), "value out of range"),
        (WRITE.replace("size:4", "size:3"), "value out of range"),
        (WRITE.replace("size:4", "size:0"), "value out of range"),
        ("pflash_data_read data offset:0x0000 value:0x123", "value out of range"),
        ("pflash_write virt.flash1: read array mode now", "arguments do not match the event"),
        ("pflash_write virt.flash1: block erase", "arguments do not match the event"),
        (WRITE.replace("wcycle:0", "wcycle:1000"), "value out of range"),
        (WRITE.replace("0x0008", "0x" + "9" * 5000), "value out of range"),
        ("pflash_frobnicate virt.flash1: bits:0x1", "unknown pflash event"),
        ("1@2.000000:pflash_frobnicate bits:0x1", "unknown pflash event"),
        ("pflash_write virt.flash1: write to bupflash_io_write virt", "arguments do not match the event"),
        ("pflash_io_write virt.flash1: off pflash_cfi01_register: no", "arguments do not match the event"),
        ("pflash_write virt.flash1: a\x00b", "arguments do not match the event"),
        (WRITE[3:], "event without its beginning"),
        (WRITE[40:] + "\r", "event without its beginning"),
        ("abc" + "\x00" * 512, "zero bytes, as in a hole of the file"),
        ("\x00" * (1 << 21), "zero bytes, as in a hole of the file"),
    ],
)
def test_damaged_lines_are_counted_with_a_reason(line: str, reason: str) -> None:
    reading = read_text(f"hello\n{line}\n".encode())
    assert reading.rows == []
    assert (reading.health.other, reading.health.damaged) == (1, 1)
    damage = reading.health.first_damaged[0]
    assert (damage.number, damage.reason) == (2, reason)
    assert damage.excerpt.isprintable()
    assert len(damage.excerpt) <= 120


@pytest.mark.parametrize(
    "line",
    [
        "",
        "qemu-system-aarch64: warning: cfi.pflash01: device is read-only",
        "pflash_cfi01_register: no such drive",
        "pflash_cfi01_register 0x1: nothing",
        "pflash_write: Unimplemented flash cmd sequence (offset 0000000000000000, wcycle 0x0 cmd 0x0 value 0xf00f)",
        "pflash_read: unknown state",
        "see pflash_blk_write_flush in the sources",
        "memory_region_ops_write cpu 0 mr 0x1 addr 0x2 value 0x3 size 4",
        "# tracer: nop",
        "\x00\xff\x1b[0m",
        "last message repeated 3 times",
        "message repeated 2 times: [ something else]",
    ],
)
def test_other_lines_are_no_damage(line: str) -> None:
    health = read_text(line.encode("latin-1") + b"\n").health
    assert (health.lines, health.other) == (1, 1)


def test_an_event_after_a_hole_is_kept_and_the_line_damaged() -> None:
    """As in a log that was cut to nothing while QEMU wrote to it."""
    reading = read_text(b"\x00" * 512 + f"1@2.000003:{WRITE}\n".encode() * 3)
    assert [row["time_ns"] for row in reading.rows] == [2_000_003_000] * 3
    assert [(damage.number, damage.reason) for damage in reading.health.first_damaged] == [
        (1, "zero bytes, as in a hole of the file")
    ]


def test_the_event_at_the_end_of_a_line_of_pieces_is_kept_and_the_line_damaged() -> None:
    reading = read_text(f"1@2.000003:pflash_io_wri{WRITE}\n".encode())
    assert [row["event"] for row in reading.rows] == ["io_write"]
    assert (reading.health.understood, reading.health.damaged) == (0, 1)


def test_numbers_up_to_the_end_of_their_range() -> None:
    row = one(f"pflash_io_read d: offset:0x{(1 << 63) - 1:x} size:4 value:0xffffffff cmd:0xff wcycle:255")
    assert (row["offset"], row["size"], row["value"]) == ((1 << 63) - 1, 4, 0xFFFFFFFF)
    assert one("pflash_outer_write d: addr:0xc0000 len:255")["size"] == 255
    row = one("pflash_data_write_block d: data offset:0x0000 size:1 value:0x0000 counter:0xffffffffffffffff")
    assert row["counter"] == 0xFFFFFFFFFFFFFFFF
    assert one("pflash_device_info d: read device information offset:0x000000000000000010")["offset"] == 16


def test_a_sector_that_ends_before_it_starts_has_no_length() -> None:
    for start, end in [(2, 0), (0, (1 << 63) - 1)]:
        row = one(f"pflash_sector_erase_start d: start sector erase at: 0x{start:x}-0x{end:x}")
        assert (row["offset"], row["length"]) == (start, None)


def test_boot_counts_the_resets_of_the_same_device() -> None:
    lines = ["a: reset", "b: reset", "b: reset", "a: reset", "b: reset"]
    text = "".join(f"pflash_reset {line}\npflash_mode_read_array {line[:3]}read array mode\n" for line in lines)
    for size in (1, 60, 1000):
        boots = [(row["device"], row["boot"]) for row in read_text(text.encode(), chunk_bytes=size).rows[::2]]
        assert boots == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("b", 2)]


def boots_of(*lines: str) -> list[int]:
    text = "".join(f"{line}\n" for line in lines)
    found = [read_text(text.encode(), chunk_bytes=size).frame["boot"].to_list() for size in (1, 90, 1 << 20)]
    assert found[0] == found[1] == found[2]
    return found[2]


def test_a_boot_begins_with_the_reset_of_all_devices() -> None:
    resets = ["pflash_reset virt.flash1: reset", "pflash_reset virt.flash0: reset"]
    assert boots_of(*resets, WRITE, *resets, WRITE, *resets) == [0, 0, 0, 1, 1, 1, 2, 2]


def test_a_reset_after_other_events_begins_boot_1() -> None:
    assert boots_of(WRITE, "pflash_reset virt.flash1: reset", WRITE) == [0, 1, 1]
    assert boots_of(WRITE, "pflash_reset virt.flash0: reset", "pflash_reset virt.flash1: reset") == [0, 1, 1]


def test_a_boot_begins_with_realize_where_there_is_one() -> None:
    start = [f"pflash_realize virt.flash{n}: ro:0 blk_len:0x40000 total_len:0x40000" for n in (0, 1)]
    start += [f"pflash_reset virt.flash{n}: reset" for n in (0, 1)]
    assert boots_of(*start, WRITE, *start, WRITE, *start[2:]) == [0] * 5 + [1] * 5 + [2] * 2


def test_each_process_has_boots_of_its_own() -> None:
    lines = [(4711, "reset"), (4812, "reset"), (4711, "reset"), (4812, "write"), (4711, "write"), (4812, "reset")]
    text = [
        f"qemu[{process}]: " + (WRITE if what == "write" else "pflash_reset virt.flash1: reset")
        for process, what in lines
    ]
    assert boots_of(*text) == [0, 0, 1, 0, 1, 1]


def test_every_text_of_qemu_is_read() -> None:
    texts = [text for variant in CATALOGUE for text in variant.texts]
    assert set(TEXT_CODES) < set(texts)
    reading = read_text("".join(f"pflash_write d: {text}\n" for text in texts).encode())
    assert (reading.frame["text"].to_list(), reading.health.damaged) == (texts, 0)


def test_info_counts_every_reset(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "t"
    path.write_text("pflash_reset virt.flash1: reset\n" * 65_537)
    assert "65,537 resets," in quick("info", path).text


@pytest.mark.parametrize("chunk_bytes", [1 << 18, 1 << 22])
def test_more_resets_than_sixteen_bits_hold_are_counted(chunk_bytes: int) -> None:
    frame = read_text(b"pflash_reset a: reset\n" * 65600, chunk_bytes=chunk_bytes).frame
    assert frame["boot"].to_list() == list(range(65600))


def test_the_last_line_may_lack_its_newline() -> None:
    whole = read_text(WRITE.encode())
    assert (len(whole.rows), whole.health.unterminated) == (1, True)
    assert not read_text(WRITE.encode() + b"\n").health.unterminated
    for cut in range(1, len(WRITE) - 1):
        health = read_text(f"{WRITE}\n1@2.000003:{WRITE[:cut]}".encode()).health
        assert (health.lines, health.understood, health.damaged) == (2, 1, 1), WRITE[:cut]


TIMES = ["2976@1795335978.754485:", "2025-07-21T18:43:28.089797Z ", "2976@1795335978754485000 "]


@pytest.mark.parametrize("time", TIMES)
def test_a_last_line_that_ends_within_its_time_is_cut(time: str) -> None:
    for cut in range(1, len(time) + 1):
        health = read_text(f"{time}{WRITE}\n{time[:cut]}".encode()).health
        assert (health.understood, health.damaged) == (1, 1), time[:cut]


@pytest.mark.parametrize("line", ["2976@17", "2025-07-21T18:43", "29", "Shell> 2976@17"])
def test_a_time_is_none_where_the_log_has_none(line: str) -> None:
    health = read_text(f"{WRITE}\n{line}".encode()).health
    assert (health.understood, health.other) == (1, 1)


@pytest.mark.parametrize("line", ["Shell> p", "a p", "pfl ", "zpfl", "2976@1795335978.754485:x"])
def test_other_text_without_newline_is_no_damage(line: str) -> None:
    health = read_text(line.encode()).health
    assert (health.other, health.unterminated) == (1, True)


def test_ftrace_says_how_many_events_its_buffer_lost() -> None:
    text = f"""# entries-in-buffer/entries-written: 84/2078168   #P:2
{WRITE}
CPU:1 [LOST 12 EVENTS]
{WRITE}
CPU:0 [3 EVENTS DROPPED]
CPU:0 [EVENTS DROPPED]
# entries-in-buffer/entries-written: 5/5   #P:2
"""
    for size in (1, 1 << 20):
        health = read_text(text.encode(), chunk_bytes=size).health
        assert health.lost == 2078168 - 84 + 12 + 3
        places = [(place.number, place.seq, place.count) for place in health.lost_places]
        assert places == [(1, 0, 2078084), (3, 1, 12), (5, 2, 3), (6, 2, 0)]
        assert health.other == 5


def test_writes_the_host_refused_are_placed_between_events() -> None:
    text = f"{WRITE}\nqemu-system-aarch64: Could not update PFLASH: No space left on device\r\n{WRITE}\n"
    for size in (1, 1 << 20):
        (failure,) = read_text(text.encode(), chunk_bytes=size).health.host_write_failures
        assert (failure.number, failure.seq) == (2, 1)
        assert failure.text.startswith("Could not update PFLASH: No space left on device")


SYSLOG = "Nov 22 08:26:18 host qemu[7]: "


@pytest.mark.parametrize(
    ("lines", "events", "other"),
    [
        ([SYSLOG + WRITE, "Nov 22 08:26:19 host last message repeated 3 times"], 4, 0),
        ([SYSLOG + WRITE, SYSLOG + "last message repeated 3 times"], 4, 0),
        (
            [SYSLOG + WRITE, SYSLOG + "last message repeated 3 times", "x", SYSLOG + "last message repeated 3 times"],
            4,
            2,
        ),
        ([SYSLOG + WRITE, SYSLOG.replace("[7]", "[8]") + "last message repeated 3 times"], 1, 1),
        ([SYSLOG + WRITE, SYSLOG + f"message repeated 2 times: [ {WRITE}]"], 3, 0),
        ([SYSLOG + "message repeated 2 times: [pflash_write f: clear status bits]"], 2, 0),
        ([WRITE, "last message repeated 3 times"], 1, 1),
    ],
)
def test_syslog_folds_lines_that_repeat(lines: list[str], events: int, other: int) -> None:
    text = "\n".join([*lines, ""]).encode()
    for size in (1, 1 << 20):
        reading = read_text(text, chunk_bytes=size)
        assert (len(reading.rows), reading.health.other, reading.health.damaged) == (events, other, 0)
        assert all(row["thread"] in {7, None} for row in reading.rows)
        assert all("]" not in (row["text"] or "") for row in reading.rows)


def test_a_folded_line_stands_for_so_many_events_at_most() -> None:
    text = f"{SYSLOG}{WRITE}\n{SYSLOG}last message repeated 123456 times\n"
    health = read_text(text.encode()).health
    assert (health.events, health.lost) == (10_001, 113_456)


def test_a_line_beyond_the_limit_is_counted_once_and_not_kept() -> None:
    limit = 1 << 20
    for filler, last, size in itertools.product((0, 1, 700_000), (b"\n", b""), (1 << 12, 1 << 22)):
        text = b"a" * (limit - len(WRITE) + filler) + WRITE.encode() + last
        health = read_text(WRITE.encode() + b"\n" + text, chunk_bytes=size).health
        assert (health.lines, health.understood, health.damaged) == (2, 1 + (not filler), int(bool(filler)))
        other = read_text(b"a" * (limit + 1 + filler) + last, chunk_bytes=size).health
        assert (other.lines, other.other) == (1, 1)


def test_many_candidates_in_one_line_cost_little() -> None:
    for piece in (b"pflash_", b"pflash_write a: ", b"pflash_io_write : ", b": ", b"2@", b"-1 [1] "):
        assert read_text(b"pflash_write " + piece * (200_000 // len(piece)) + b"\n").health.lines == 1


def test_a_line_of_nothing_but_prefixes_takes_no_time() -> None:
    """It took minutes where each of them was tried with all that follows."""
    assert read_text(b"pflash_" * 100_000 + b"\n").health.lines == 1

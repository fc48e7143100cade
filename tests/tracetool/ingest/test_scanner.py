"""The scanner of logs: whatever it takes, frames and books are those of the parser alone."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.captures import capture_path
from tests.forms import is_extension, plain
from tests.tracetool.ingest.support import (
    PLAIN_SCANNER,
    SCANNERS,
    Reading,
    collect,
    log_of,
    no_scanner,
    read_text,
)
from tests.tracetool.ingest.test_properties import logs, mutated
from tests.tracetool.ingest.test_text import SHAPES, WRITE
from tracetool.compression import zstd
from tracetool.events import CATALOGUE
from tracetool.ingest import TraceMeta, text_log
from tracetool.ingest import scanner as scanner_module
from tracetool.ingest.scanner import Scanned, TextScanner, usual_scanner
from tracetool.ingest.text import TextTrace
from tracetool.ingest.text_codes import REACH, Span

OCTETS = b"0189afgF:@.-[] \r\n\x00\x7f\xff"
PREFIXES = {shape: SHAPES[shape][0] for shape in ("bare", "pid@time", "iso8601", "ftrace")}
LINES = [f"{prefix}{log_of(variant)}" for prefix in PREFIXES.values() for variant in CATALOGUE]
HEADS = [
    "1@1.1:", "999999999@8999999999.999999999:", "1@9000000000.0:", "1@0000000001.0:", "1@.0:", "1@1.0000000001:",
    "0000000000001@1.5:", "1@1.5 ", " 1@1.5:", "1970-01-01T00:00:00Z ", "2024-02-29T23:59:59.5Z ",
    "2023-02-29T00:00:00Z ", "2199-12-31T23:59:59.999999999Z ", "2200-01-01T00:00:00Z ", "2000-00-10T00:00:00Z ",
    "2026-11-22T08:26:60Z ", "2026-11-22T24:00:00Z ", "2026-11-22 08:26:18,5Z ", "2026-11-22T08:26:18.5+01:00 ",
    "2026-11-22T08:26:18.5Z", "1969-12-31T23:59:59Z ", "2026-1-22T08:26:18Z ", " q-7 [0] 1.5: tracing_mark_write: ",
    "q-r-7 [000] d..2. 1.000005:  tracing_mark_write: ", "q-7-8 [000] .... 1.5: tracing_mark_write: ",
    "q-7   [000] (12) 1.5: tracing_mark_write: ", "q-0123456789 [000] .... 1.5: tracing_mark_write: ",
    "[1]: q-7 [000] .... 1.5: tracing_mark_write: ", "pflash_q-7 [000] .... 1.5: tracing_mark_write: ",
    "q" * 140 + "-7 [000] .... 1.5: tracing_mark_write: ", "q-7 [000] .... 1.5:tracing_mark_write: ",
    "q-7 [000] .... 1.5: tracing_mark_write:", "q-7 [] .... 1.5: tracing_mark_write: ", "x",
    "Nov 22 08:26:18 host qemu[7]: ",
]  # fmt: skip
EVENTS = [
    WRITE.replace("0x0008", f"0x{digits}")
    for digits in ("0", "f", "abcdef01", "abcdef012", "7" * 15, "f" * 15, "7" * 16, "8" + "0" * 15, "F", "g", "", "1g")
] + [
    WRITE.replace("size:4", "size:" + size)
    for size in ("0", "1", "2", "3", "5", "8", "9", "14", "04", "99", "255", "256", "004", "-1", "")
] + [
    WRITE.replace("virt.flash1", device)
    for device in ("a", "a:b", "a: b", "a:", "", " ", " a", "a ", "Ünï", "\x80", "\x7f", "\x1b", "pflash_0", "x" * 255,
                   "x" * 256, "virt.flash", "virt.flash10", "pfl", "ppflash_", "\t")
] + [
    f"pflash_write f: {words}{end}"
    for words in ("CFI query", "CFI quer", "CFI queryy", " CFI query", "", " ", "pflash_",
                  "write to bufferpflash_io_write", "x" * 300, "invalid write state", "invalid write state (wc 7)",
                  "invalid write state (wc 8)", "Ü",
                  "CFI\tquery")
    for end in ("", "\r", " ", "\r\r", "\t")
] + [
    f"pflash_data_write_block d: data offset:0x0000 size:1 value:0x0000 counter:0x{counter}"
    for counter in ("f" * 16, "8" + "0" * 15, "7fffffffffffffff", "0", "123456789", "0" * 17, "f" * 17)
] + ["pflash_", "pflash_x", "pflash_ io_write", "pflash_unsupported_device_configuration_and_more x: y", "pflash_reset",
     "pflash_reset ", "pflash_reset reset", "pflash_write offset:0x0 value:0x000 width:4 wcycle:0"]  # fmt: skip


def assert_equal(found: Reading, expected: Reading) -> None:
    assert_frame_equal(found.frame, expected.frame, categorical_as_str=True)
    assert found.health == expected.health
    assert found.meta.shapes == expected.meta.shapes
    assert found.meta.clocks == expected.meta.clocks
    assert found.meta.nameless == expected.meta.nameless


def assert_reads_as_the_parser_does(data: bytes) -> None:
    expected = read_text(data)
    for chunk_bytes in (90, 1 << 20):
        assert_equal(read_text(data, chunk_bytes=chunk_bytes, scanner=TextScanner), expected)
    assert_equal(read_text(data, scanner=PLAIN_SCANNER), expected)


def scan(data: bytes, scanner: type[TextScanner] = TextScanner) -> tuple[int, list[Span]]:
    read = scanner().scan(bytearray(data + bytes(REACH)), 0, len(data), 1)
    return read.lines, read.left


# --- the law -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [*PREFIXES.values(), *HEADS])
@pytest.mark.first_quick
def test_any_event_after_a_head_is_read_as_the_parser_does(head: str) -> None:
    assert_reads_as_the_parser_does("".join(f"{head}{event}\n" for event in [WRITE, *EVENTS]).encode())


@given(logs | mutated())
@pytest.mark.slow
def test_frames_are_equal_with_and_without_a_scanner(data: bytes) -> None:
    assert_reads_as_the_parser_does(WRITE.encode() + b"\n" + data + b"\n" + WRITE.encode() + b"\n")


ALPHABET = st.sampled_from([*"0189afgFz:@.-[] \r\t\x00\x7f", "pflash_", "\n", "0x", ": ", "Ü"])


@settings(max_examples=200)
@given(st.lists(st.sampled_from(LINES + EVENTS), min_size=1, max_size=4), st.data())
@pytest.mark.slow
def test_lines_with_pieces_put_in_or_cut_out_are_read_as_the_parser_does(each: list[str], data: st.DataObject) -> None:
    whole = "\n".join([*each, ""])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(whole)))
        end = data.draw(st.integers(start, min(len(whole), start + 9)))
        whole = whole[:start] + data.draw(st.lists(ALPHABET, max_size=3).map("".join)) + whole[end:]
    assert_reads_as_the_parser_does(whole.encode())


@given(st.binary(max_size=400))
@example(b"  <...>-2976  [000] pflash_...1.  1567.097509: tracing_mark_write: pflash_reset virt.flash1: reset\n")
@example(b"  pflash_io-2976  [000] ...1.  1567.097509: tracing_mark_write: pflash_reset virt.flash1: reset\n")
@example(b"pflash_ x\n")
@example(b"\n")
@pytest.mark.slow
def test_any_bytes_are_read_as_the_parser_does(data: bytes) -> None:
    assert_reads_as_the_parser_does(data)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.first_quick
def test_a_mangled_capture_is_read_as_the_parser_does(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    with zstd.open(capture_path("aavmf-shell-padding/trace.log.zst")) as stream:
        data = bytearray(stream.read(60_000))
    for _ in range(random.randint(1, 200)):
        at = random.randrange(len(data))
        match random.randrange(3):
            case 0:
                data[at] ^= 1 << random.randrange(8)
            case 1:
                del data[at : at + random.randrange(40)]
            case _:
                other = random.randrange(len(data))
                data[at:at] = data[other : other + random.randrange(90)]
    expected = read_text(bytes(data))
    assert_equal(read_text(bytes(data), scanner=TextScanner), expected)
    assert_equal(read_text(bytes(data), chunk_bytes=3000, scanner=TextScanner), expected)


# --- what it takes -----------------------------------------------------------------------------------------------


@SCANNERS
@pytest.mark.parametrize("shape", PREFIXES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_usual_lines_are_not_left_to_the_parser(shape: str, end: str, scanner: type[TextScanner]) -> None:
    """All but a few variants of the catalogue: those that print a number as a text, or a size by its digits."""
    usual = [
        v for v in CATALOGUE if not any(a.sizes or (a.radix and a.column in {"text", "ro", "end"}) for a in v.arguments)
    ]
    data = "".join(f"{PREFIXES[shape]}{log_of(variant)}{end}" for variant in usual).encode()
    assert scan(data, scanner) == (len(usual), [])
    assert len(usual) > len(CATALOGUE) - 8


def test_lines_that_are_left_come_as_spans() -> None:
    data = f"x\ny\n{WRITE}\nz\n".encode()
    assert scan(data) == (4, [(1, 2, 0, 4), (4, 1, len(data) - 2, len(data))])


def _leave_little_room(monkeypatch: pytest.MonkeyPatch, scanner: type[TextScanner]) -> None:
    names = scanner.__init__.__globals__
    for name, room in (("ROWS", 2), ("SPANS", 2), ("STRINGS", 8), ("POOL", 64)):
        monkeypatch.setitem(names, name, room)


@SCANNERS
def test_more_rows_spans_and_strings_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, scanner: type[TextScanner]
) -> None:
    _leave_little_room(monkeypatch, scanner)
    data = "".join(
        f"pflash_reset f{n}: reset\n{n}\n{WRITE}\npflash_write f{n}: CFI query\n" for n in range(300)
    ).encode()
    assert_equal(read_text(data, scanner=scanner), read_text(data))


def test_thousands_of_devices_fall_to_the_parser() -> None:
    data = "".join(f"pflash_reset f{n}: reset\npflash_write g{n}: CFI query\n" for n in range(5000)).encode()
    assert_equal(read_text(data, scanner=TextScanner), read_text(data))


@pytest.mark.slow
def test_very_long_lines_are_read_as_the_parser_does() -> None:
    for size in (1 << 20, (1 << 20) + 1, 3 << 20):
        for filler in (b"x", b"\0", b"1", b" ", b"pflash_"):
            line = filler * (size // len(filler))
            data = b"%b\n%b\n%b%b\n%b" % (WRITE.encode(), line, WRITE.encode(), line, line)
            assert_equal(read_text(data, scanner=TextScanner), read_text(data))


def test_what_is_no_block_of_lines_is_refused() -> None:
    scanner = TextScanner()
    for data, end in ((b"x\n" + bytes(REACH - 1), 2), (b"xy" + bytes(REACH), 2)):
        with pytest.raises(ValueError, match="no whole lines"):
            scanner.scan(bytearray(data), 0, end, 1)


# --- when it is used ---------------------------------------------------------------------------------------------


def test_logs_of_any_length_are_scanned_where_the_scanner_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    class Counted(TextScanner):
        def take(self) -> Scanned | None:
            found = super().take()
            taken.append(found.rows.height if found else 0)
            return found

    monkeypatch.setattr("tracetool.ingest.scanner.TextScanner", Counted)
    data = f"{WRITE}\nx\n{WRITE}\n".encode()
    assert_equal(read_text(data, scanner=usual_scanner), read_text(data))
    assert taken == ([2] if is_extension(text_log) else [])


@pytest.mark.parametrize(
    "name",
    [
        "aavmf-first-boot/trace.log.zst",
        "aavmf-rfc-v2/trace.log.zst",
        "aavmf-shell-padding/trace.log.zst",
        "ovmf-first-boot/trace.log.zst",
        "aavmf-reclaim/part-of-another-run.ftrace.zst",
        pytest.param("aavmf-reclaim/trace.log.zst", marks=pytest.mark.slow),
    ],
)
@pytest.mark.first_quick
def test_a_capture_reads_the_same(name: str) -> None:
    path = str(capture_path(name))
    readers = [TextTrace(TraceMeta(path, path), new_scanner=scanner) for scanner in (TextScanner, no_scanner)]
    assert_equal(*map(collect, readers))
    lines = [reader.lines_of(range(0, 2_000_000, 997)) for reader in readers]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("name", ["aavmf-rfc-v2/trace.log.zst", "aavmf-reclaim/part-of-another-run.ftrace.zst"])
def test_a_capture_is_scanned_alike_by_both_forms(name: str) -> None:
    with zstd.open(capture_path(name)) as stream:
        data = stream.read(60_000)
    data = data[: data.rindex(b"\n") + 1]
    assert scan(data) == scan(data, PLAIN_SCANNER)
    assert_equal(read_text(data, scanner=PLAIN_SCANNER), read_text(data, scanner=TextScanner))


# --- digits and bounds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("places", range(1, 17))
def test_numbers_of_any_length_are_read(places: int) -> None:
    """In the counter, which has room for all hexadecimal ones, and in a process and its time."""
    for digit in "19af"[: 4 if places < 16 else 3]:
        data = (
            f"pflash_data_write_block d: data offset:0x0000 size:1 value:0x0000 counter:0x{digit * places}\n".encode()
        )
        for scanner in (TextScanner, PLAIN_SCANNER):
            reading = read_text(data, scanner=scanner)
            assert reading.frame["counter"].to_list() == [int(digit * places, 16)]
    assert_reads_as_the_parser_does(f"{'7' * places}@{'8' * places}.{'9' * places}:{WRITE}\n".encode())


def test_a_place_outside_of_a_buffer_is_an_index_error() -> None:
    """Where the kernel is told wrongly what there is, in either form."""
    for form in (scanner_module, plain("tracetool.ingest.scanner")):
        log = form.Log(form.new_tables(), form.StringTable(8, 64), 1)
        log.data = bytearray(f"{WRITE}\n{WRITE[:30]}".encode())
        with pytest.raises(IndexError):
            form.scan(log, form.Rows(8), len(log.data) + 10)


@SCANNERS
def test_mangled_lines_with_little_room_for_anything(
    monkeypatch: pytest.MonkeyPatch, scanner: type[TextScanner]
) -> None:
    _leave_little_room(monkeypatch, scanner)
    random, reader = Random(1), scanner()  # noqa: S311
    lines = [f"{SHAPES[shape][0]}{log_of(variant)}".encode() for shape in SHAPES for variant in CATALOGUE]
    for _ in range(3000 if scanner is TextScanner else 300):
        data = _mangled(random, lines)
        assert reader.scan(bytearray(data + bytes(REACH)), 0, len(data), 1).lines == data.count(b"\n")
        if random.random() < 0.1:
            reader.take()


def _mangled(random: Random, lines: list[bytes]) -> bytes:
    data = bytearray(b"\n".join(random.choices(lines, k=random.randint(1, 6))))
    for _ in range(random.randint(0, 4)):
        at = random.randrange(len(data) + 1)
        match random.randrange(3):
            case 0:
                data[at : at + random.randrange(20)] = bytes(random.choices(OCTETS, k=random.randrange(4)))
            case 1:
                del data[at:]
            case _:
                del data[:at]
    return bytes(data) + b"\n"

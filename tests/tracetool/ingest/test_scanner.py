"""The scanner of long logs: whatever it takes, frames and books are those of the parser alone."""

from __future__ import annotations

import os
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.captures import ROOT, capture_path
from tests.tracetool.ingest.bounds import on_arrays
from tests.tracetool.ingest.support import Reading, collect, log_of, read_file, read_text
from tests.tracetool.ingest.test_properties import logs, mutated
from tests.tracetool.ingest.test_text import SHAPES, WRITE
from tracetool.compression import zstd
from tracetool.events import CATALOGUE
from tracetool.ingest import open_trace, text, text_room, word_kernel
from tracetool.ingest.text_room import TextScanner
from tracetool.ingest.word_kernel import REACH, REPLACEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tracetool.ingest.scanner import Left

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


def scanned(data: bytes, *, chunk_bytes: int = 1 << 22, compiled: bool = True) -> Reading:
    return read_text(data, chunk_bytes=chunk_bytes, scanner=TextScanner(compiled=compiled))


def assert_equal(found: Reading, expected: Reading) -> None:
    assert_frame_equal(found.frame, expected.frame, categorical_as_str=True)
    assert found.health == expected.health
    assert found.meta.shapes == expected.meta.shapes
    assert found.meta.clocks == expected.meta.clocks
    assert found.meta.nameless == expected.meta.nameless


def assert_reads_as_the_parser_does(data: bytes) -> None:
    expected = read_text(data)
    for chunk_bytes in (90, 1 << 20):
        assert_equal(scanned(data, chunk_bytes=chunk_bytes), expected)
    assert_equal(scanned(data, compiled=False), expected)


def scan(data: bytes, *, compiled: bool = True) -> tuple[int, list[Left]]:
    read = TextScanner(compiled=compiled).scan(bytearray(data + bytes(REACH)), 0, len(data), 1)
    return read.lines, read.left


# --- the law -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [*PREFIXES.values(), *HEADS])
def test_any_event_after_a_head_is_read_as_the_parser_does(head: str) -> None:
    assert_reads_as_the_parser_does("".join(f"{head}{event}\n" for event in [WRITE, *EVENTS]).encode())


@given(logs | mutated())
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
def test_any_bytes_are_read_as_the_parser_does(data: bytes) -> None:
    assert_reads_as_the_parser_does(data)


@pytest.mark.parametrize("seed", range(20))
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
    assert_equal(scanned(bytes(data)), expected)
    assert_equal(scanned(bytes(data), chunk_bytes=3000), expected)


# --- what it takes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("shape", PREFIXES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_usual_lines_are_not_left_to_the_parser(shape: str, end: str, *, compiled: bool) -> None:
    """All but a few variants of the catalogue: those that print a number as a text, or a size by its digits."""
    usual = [
        v for v in CATALOGUE if not any(a.sizes or (a.radix and a.column in {"text", "ro", "end"}) for a in v.arguments)
    ]
    data = "".join(f"{PREFIXES[shape]}{log_of(variant)}{end}" for variant in usual).encode()
    assert scan(data, compiled=compiled) == (len(usual), [])
    assert len(usual) > len(CATALOGUE) - 8


def test_lines_that_are_left_come_as_spans() -> None:
    data = f"x\ny\n{WRITE}\nz\n".encode()
    assert scan(data) == (4, [(1, 2, 0, 4), (4, 1, len(data) - 2, len(data))])


@pytest.mark.parametrize("compiled", [True, False])
def test_more_rows_spans_and_strings_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch, *, compiled: bool) -> None:
    for name in ("ROWS", "SPANS"):
        monkeypatch.setattr(text_room, name, 2)
    monkeypatch.setattr(text_room, "STRINGS", 8)
    monkeypatch.setattr(text_room, "POOL", 64)
    data = "".join(
        f"pflash_reset f{n}: reset\n{n}\n{WRITE}\npflash_write f{n}: CFI query\n" for n in range(300)
    ).encode()
    assert_equal(scanned(data, compiled=compiled), read_text(data))


def test_thousands_of_devices_fall_to_the_parser() -> None:
    data = "".join(f"pflash_reset f{n}: reset\npflash_write g{n}: CFI query\n" for n in range(5000)).encode()
    assert_equal(scanned(data), read_text(data))


def test_very_long_lines_are_read_as_the_parser_does() -> None:
    for size in (1 << 20, (1 << 20) + 1, 3 << 20):
        for filler in (b"x", b"\0", b"1", b" ", b"pflash_"):
            line = filler * (size // len(filler))
            data = b"%b\n%b\n%b%b\n%b" % (WRITE.encode(), line, WRITE.encode(), line, line)
            assert_equal(scanned(data), read_text(data))


def test_what_is_no_block_of_lines_is_refused() -> None:
    scanner = TextScanner()
    for data, end in ((b"x\n" + bytes(REACH - 1), 2), (b"xy" + bytes(REACH), 2)):
        with pytest.raises(ValueError, match="no whole lines"):
            scanner.scan(bytearray(data), 0, end, 1)


# --- when it is used ---------------------------------------------------------------------------------------------


def _long(path: Path, packed: Callable[[bytes], bytes] = bytes) -> Reading:
    lines = [f"{prefix}{event}" for prefix in PREFIXES.values() for event in (WRITE, "pflash_reset f: reset", "x")]
    return read_file(path, packed("\n".join(lines * 20_000).encode()))


@pytest.mark.parametrize("packed", [bytes, zstd.compress])
def test_a_long_log_reads_the_same_with_and_without_numba(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: Callable[[bytes], bytes]
) -> None:
    made: list[TextScanner] = []

    def make() -> TextScanner:
        made.append(TextScanner())
        return made[-1]

    monkeypatch.setattr(text_room, "TextScanner", make)
    found = _long(tmp_path / "t", packed)
    assert len(made) == 1
    monkeypatch.setattr(text, "have_numba", lambda: False)
    assert_equal(found, _long(tmp_path / "t", packed))
    assert len(made) == 1


def test_a_short_log_loads_no_numba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError

    monkeypatch.setattr(text_room, "TextScanner", refuse)
    assert read_file(tmp_path / "t", f"{WRITE}\n".encode() * 1000).health.events == 1000


@pytest.mark.parametrize(
    "name",
    [
        "aavmf-first-boot/trace.log.zst",
        "aavmf-rfc-v2/trace.log.zst",
        "ovmf-first-boot/trace.log.zst",
        "aavmf-reclaim/part-of-another-run.ftrace.zst",
        pytest.param("aavmf-reclaim/trace.log.zst", marks=pytest.mark.slow),
    ],
)
def test_a_capture_reads_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    readings, lines = [], []
    for long in (0, 1 << 60):
        monkeypatch.setattr(text, "LONG", long)
        reader = open_trace(str(capture_path(name)))
        readings.append(collect(reader))
        lines.append(reader.lines_of(range(0, 2_000_000, 997)))  # type: ignore[attr-defined]
    assert_equal(*readings)
    assert lines[0] == lines[1]


# --- words -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled_words() -> dict[str, Callable[..., int]]:
    """The functions of words as compiled code has them, on arrays."""
    return {plain.__name__: on_arrays(other) for plain, other in REPLACEMENTS.items()}


@given(st.lists(st.sampled_from(b"0189afgAF:@ \n\r\x1f\x7f\x80\xff/`") | st.integers(0, 255), min_size=16, max_size=16))
def test_words_are_looked_at_alike(compiled_words: dict[str, Callable[..., int]], octets: list[int]) -> None:
    data = bytes(octets) + b"\n" + bytes(REACH)
    array = np.frombuffer(bytearray(data), np.uint8)
    word = word_kernel.load64(data, 3)
    assert compiled_words["load64"](array, 3) == word
    assert compiled_words["next_newline"](array, 0) == word_kernel.next_newline(data, 0) == data.index(b"\n")
    for name in ("hex_run", "decimal_run", "until_space", "spread"):
        assert compiled_words[name](word) == getattr(word_kernel, name)(word), (name, data)
    for name, run in (("hex_value", word_kernel.hex_run(word)), ("decimal_value", word_kernel.decimal_run(word))):
        if run:
            assert compiled_words[name](word, run) == getattr(word_kernel, name)(word, run)


# --- bounds ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nothing_outside_its_arrays_is_touched() -> None:
    """Pointers have no bounds: the kernel is compiled for arrays that have, and run on all sorts of lines."""
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1"}
    command = [sys.executable, "-m", "tests.tracetool.ingest.bounds"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "checked\n"), done.stderr

"""Escape sequences of terminals around events mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from polars.testing import assert_frame_equal

from tests.captures import case_path
from tests.tracetool.cli.program import PADDING
from tests.tracetool.ingest.support import SCANNERS, collect, read_text
from tests.tracetool.ingest.test_text import WRITE
from tracetool.compression import zstd
from tracetool.ingest import open_trace
from tracetool.ingest.escapes import without_escapes

if TYPE_CHECKING:
    from tracetool.ingest.scanner import TextScanner

TIME = "2976@1795335978.754485:"
AROUND = [
    ("\x1b[32m", "\x1b[0m"),
    ("", "\x1b[K"),
    ("\x1b[38;5;196m", "\x1b(B\x1b[m"),
    ("\x1b]0;a title\x07", "\x1b[0m\r"),
    ("\x1b[?25l", "  \x1b[?25h \t"),
    ("\x1b[01;31m\x1b[K", "\x1b[m\x1b[K"),
]


@pytest.mark.parametrize(("before", "after"), AROUND)
@pytest.mark.parametrize("time", [TIME, ""])
def test_sequences_around_an_event_and_its_time_mean_nothing(before: str, after: str, time: str) -> None:
    plain = read_text(f"{time}{WRITE}\n".encode())
    for line in (f"{before}{time}{WRITE}{after}", f"{time}{before}{WRITE}{after}"):
        reading = read_text(f"{line}\n".encode())
        assert_frame_equal(reading.frame, plain.frame, categorical_as_str=True)
        assert (reading.health, reading.meta.shapes) == (plain.health, plain.meta.shapes)


def test_what_grep_colours_within_an_event_is_read() -> None:
    line = WRITE.replace("pflash_", "\x1b[01;31m\x1b[Kpflash\x1b[m\x1b[K_")
    assert read_text(f"{line}\n".encode()).health.understood == 1


@pytest.mark.parametrize("cut", ["\x1b[", "\x1b[2", "\x1b[1;3", "\x1b", "\x1b]0;ti", "\x1b(", "\x1b[?"])
@pytest.mark.parametrize("time", ["", TIME])
def test_a_sequence_that_an_event_cuts_short_takes_nothing_of_it(cut: str, time: str) -> None:
    reading = read_text(f"guest{cut}{time}{WRITE}\n".encode())
    assert reading.health.understood == 1
    (thread,) = reading.frame["thread"]
    assert str(thread).endswith("2976" if time else "None")  # a digit before a number cannot be told from it


def test_lines_are_never_joined() -> None:
    text = "\x1b]0;x\n\x1b[\n\x1b[1\n\x07\x1b\\\nm\n"
    assert without_escapes(text).count("\n") == text.count("\n")


@SCANNERS
def test_the_scanner_leaves_lines_with_sequences_to_the_parser(scanner: type[TextScanner]) -> None:
    data = "".join(f"{a}{TIME}{WRITE}{b}\n{TIME}{WRITE}\n{a}x{b}\n" for a, b in AROUND).encode()
    expected, found = read_text(data), read_text(data, scanner=scanner)
    assert_frame_equal(found.frame, expected.frame, categorical_as_str=True)
    assert found.health == expected.health
    assert (found.health.damaged, found.health.understood) == (0, 2 * len(AROUND))


def test_a_coloured_log_reads_as_the_plain_one() -> None:
    reading, plain = (collect(open_trace(str(path))) for path in (case_path("ansi-after-event.log.zst"), PADDING))
    assert (reading.health.damaged, reading.health.events) == (0, plain.health.events)
    assert_frame_equal(
        reading.frame.drop("time_ns", "thread"), plain.frame.drop("time_ns", "thread"), categorical_as_str=True
    )
    assert zstd.decompress(case_path("ansi-after-event.log.zst").read_bytes()).count(b"\x1b[0m\n") > 0

"""Laws: nothing raises, every line is counted once, and chunks do not show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import assume, example, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.tracetool.ingest.support import log_of, read_text
from tests.tracetool.ingest.test_text import SHAPES
from tracetool.compression import compression_of
from tracetool.errors import InputError
from tracetool.events import CATALOGUE, EVENTS_SCHEMA, READABLE
from tracetool.ingest import Health, TraceMeta, open_trace
from tracetool.ingest.parser import TextParser
from tracetool.ingest.patterns import BY_SOURCE, usual_arguments

if TYPE_CHECKING:
    import pytest

    from tracetool.events import Variant

PREFIXES = [prefix for prefix, _, _ in SHAPES.values()]
EVENTS = [log_of(variant) for variant in CATALOGUE]
OTHER = [
    "BdsDxe: loading Boot0001",
    "# entries-in-buffer/entries-written: 84/99   #P:2",
    "CPU:1 [LOST 12 EVENTS]",
    "qemu-system-aarch64: Could not update PFLASH: Input/output error",
    "Nov 22 08:26:18 host last message repeated 2 times",
    "pflash_frob a: 0x1",
    '{"log":"pflash_reset a: reset\\n","stream":"stderr","time":"2026-11-22T08:26:18.7Z"}',
    '{"MESSAGE":"Suppressed 3 messages from a.service","_PID":"1"}',
    "",
]
lines = st.builds(str.__add__, st.sampled_from(PREFIXES), st.sampled_from(EVENTS)) | st.sampled_from(OTHER)
logs = st.builds(
    lambda each, end: ("\n".join(each) + end).encode(), st.lists(lines, max_size=12), st.sampled_from(["", "\n"])
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A log, cut, spliced or with bytes changed."""
    data = bytearray(draw(logs))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        data[start:end] = draw(st.binary(max_size=4) | st.sampled_from([b"pflash_", b"\n", b"\0", b": ", b"\xff\r"]))
    return bytes(data)


@given(mutated() | st.binary(max_size=300))
@example(b"pflash_io_write")
@example(b"pflash_write : x\n")
def test_any_bytes_give_frames_and_each_line_is_counted_once(data: bytes) -> None:
    assume(compression_of(data) is None)
    reading = read_text(data)
    assert reading.health.lines == len(re.findall(rb"[^\n]*\n|[^\n]+\Z", data))
    assert reading.health.unterminated is (bool(data) and not data.endswith(b"\n"))
    assert reading.frame.schema == EVENTS_SCHEMA
    assert reading.frame["event"].null_count() == reading.frame["device"].null_count() == 0


@given(st.binary(max_size=300) | mutated())
def test_opening_any_file_gives_a_trace_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    try:
        list(open_trace(str(path)).chunks())
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017


@given(mutated() | logs, st.integers(1, 400))
@example(b"pflash_reset a: reset\npflash_reset a: reset", 1)
def test_chunks_do_not_show(data: bytes, chunk_bytes: int) -> None:
    whole, cut = read_text(data), read_text(data, chunk_bytes=chunk_bytes)
    assert_frame_equal(whole.frame, cut.frame, categorical_as_str=True)
    assert whole.health == cut.health
    assert (whole.meta.shapes, whole.meta.clock) == (cut.meta.shapes, cut.meta.clock)


@given(st.lists(st.sampled_from(EVENTS) | lines, max_size=10))
def test_whole_logs_are_understood(each: list[str]) -> None:
    health = read_text("".join(line + "\n" for line in each if line not in OTHER).encode()).health
    assert health.damaged == health.other == 0


def is_usual(variant: Variant, before: str, key: str) -> bool:
    """True where the scanner tries the usual form: what precedes the colon is a device's name, or as it must be."""
    return key > f"{variant.source} " if variant.named else key == f"{variant.source} {before}"


@given(st.sampled_from(EVENTS), st.data())
def test_the_usual_arguments_are_what_the_full_patterns_take_alike(event: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(event)))
    line = event[:at] + data.draw(st.sampled_from(["", "0", "00000000", ":", ": ", "f"])) + event[at:]
    tail = line.removeprefix("pflash_")
    name, _, rest = tail.partition(" ")
    key, _, arguments = tail.partition(":")
    found = {(kind, match.groups()) for fullmatch, kind in BY_SOURCE[name] if (match := fullmatch(rest))}
    assert len(found) <= 1
    for kind in READABLE.get(name, []):
        variant = CATALOGUE[kind]
        before, fullmatch = usual_arguments(kind)
        if is_usual(variant, before, key) and (match := fullmatch(arguments)):
            device = [key.removeprefix(f"{name} ")] if variant.named else []
            assert found == {(kind, (*device, *match.groups()))}


@given(st.lists(lines | st.sampled_from(EVENTS), min_size=1, max_size=12), mutated())
def test_blocks_are_parsed_as_their_lines_are(each: list[str], odd: bytes) -> None:
    for block in (each, odd.decode("latin-1").split("\n")):
        frames, books = [], []
        for whole in (True, False):
            health, meta = Health(), TraceMeta("x", "x")
            parser = TextParser(health, meta)
            if whole:
                parser.parse("".join(line + "\n" for line in block), 7)
            else:
                for number, line in enumerate(block, 7):
                    parser.parse(f"{line}\n", number)
            frames.append(parser.take())
            books.append((health, meta))
        assert_frame_equal(*frames, categorical_as_str=True)
        assert books[0] == books[1]


@given(st.lists(st.text("pflash_ io_write0x:.@[]\n", max_size=60), max_size=5))
def test_the_parser_alone_counts_what_it_is_given(each: list[str]) -> None:
    health = Health()
    parser = TextParser(health, TraceMeta("x", "x"))
    text = "".join(f"{line}\n" for line in each)
    parser.parse(text, 1)
    assert parser.take().height == text.count("\n") - health.other - health.damaged

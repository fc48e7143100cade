"""Packed files, cut and damaged ones among them."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import threading
import tracemalloc
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from polars.testing import assert_frame_equal

from tests.tracetool.ingest.support import FakeStdin, collect, read_file
from tracetool.compression import zstd
from tracetool.errors import InputError
from tracetool.ingest import open_trace
from tracetool.ingest import source as source_module
from tracetool.ingest.prefetch import Prefetch
from tracetool.ingest.source import Source, open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LINES = [
    f"{n % 7}@1795335978.{n:06}:pflash_io_write f: offset:0x{n * n % 9999:04x} size:4 value:0x{n:04x} wcycle:0\n"
    for n in range(20_000)
]
TEXT = "".join(LINES).encode()
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": zstd.compress,
}


@pytest.fixture(params=PACK)
def packing(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_packed_trace_is_told_by_its_content(tmp_path: Path, packing: str) -> None:
    reading = read_file(tmp_path / "trace.log", PACK[packing](TEXT))
    assert reading.health.events == len(LINES)
    assert reading.health.truncated is None
    assert reading.meta.compression == packing


def test_several_members_are_one_trace(tmp_path: Path, packing: str) -> None:
    pack, half = PACK[packing], len(TEXT) // 2 + 7
    reading = read_file(tmp_path / "t", pack(TEXT[:half]) + pack(b"") + pack(TEXT[half:]))
    assert (reading.health.events, reading.health.truncated) == (len(LINES), None)


def test_what_a_cut_stream_holds_is_delivered(tmp_path: Path, packing: str) -> None:
    packed = PACK[packing](TEXT)
    reading = read_file(tmp_path / "t", packed[: len(packed) * 9 // 10])
    assert reading.health.truncated is not None
    assert reading.health.truncated.startswith(f"the {packing} stream ends in the middle of the data after ")
    assert len(LINES) // 2 < reading.health.events < len(LINES)


@pytest.mark.slow
def test_a_line_that_a_cut_stream_ends_in_is_no_event(tmp_path: Path, packing: str) -> None:
    """Cut within its last number, it would look like an event with another value."""
    lines = [
        f"pflash_data_write f: data offset:0x{n:06x} size:4 value:0x{n * n + (1 << 28):08x}\n" for n in range(6000)
    ]
    text = "".join(lines).encode()
    packed, whole = PACK[packing](text), read_file(tmp_path / "whole", text).frame
    for cut in range(len(packed) // 2, len(packed) - 100, len(packed) // 60):
        reading = read_file(tmp_path / "cut", packed[:cut])
        assert_frame_equal(reading.frame, whole.head(reading.frame.height))


def test_what_precedes_the_damage_is_delivered(tmp_path: Path, packing: str) -> None:
    members = PACK[packing](TEXT), bytearray(PACK[packing](TEXT))
    members[1][len(members[1]) // 2] ^= 0xFF
    reading = read_file(tmp_path / "t", members[0] + members[1])
    assert reading.health.truncated is not None
    assert "is corrupt" in reading.health.truncated
    assert reading.health.events >= len(LINES)


def test_other_data_after_the_last_member_is_reported(tmp_path: Path, packing: str) -> None:
    reading = read_file(tmp_path / "t", PACK[packing](TEXT) + b"more")
    assert reading.health.events == len(LINES)
    assert "is followed by something else" in str(reading.health.truncated)
    padded = read_file(tmp_path / "t", PACK[packing](TEXT) + bytes(4096))
    assert padded.health.truncated is None


def test_a_stream_of_which_nothing_can_be_unpacked_is_an_error(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "t"
    path.write_bytes(PACK[packing](TEXT)[:8])
    with pytest.raises(InputError, match=f"the {packing} stream"):
        open_trace(str(path))


@pytest.mark.slow
def test_a_file_that_unpacks_to_very_much_takes_little_memory(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "t"
    path.write_bytes(PACK[packing](b"a" * (64 << 20)))
    tracemalloc.start()
    health = collect(open_trace(str(path))).health
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (health.lines, health.other, health.unterminated) == (1, 1, True)
    assert peak < 16 << 20


def test_standard_input_can_be_read_once(monkeypatch: pytest.MonkeyPatch, packing: str) -> None:
    for data in (TEXT, PACK[packing](TEXT)):
        monkeypatch.setattr("sys.stdin", FakeStdin(data))
        reader = open_trace("-")
        assert not reader.rereadable
        assert collect(reader).health.events == len(LINES)
        with pytest.raises(InputError, match="standard input: can be read only once"):
            next(reader.chunks())


def test_a_file_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(TEXT)
    reader = open_trace(str(path), chunk_bytes=1 << 18)
    assert reader.rereadable
    assert next(reader.chunks(3))["trace"][0] == 3
    first, second = collect(reader), collect(reader)
    assert first.frame.equals(second.frame)
    assert first.health == second.health
    assert first.meta.shapes == {"pid@time": len(LINES)}


def test_progress_reaches_the_size_of_the_file(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "t"
    path.write_bytes(PACK[packing](TEXT))
    seen: list[tuple[int, int | None]] = []
    collect(open_trace(str(path), chunk_bytes=1 << 18, progress=lambda *now: seen.append(now)))
    assert seen == sorted(seen, key=lambda now: now[0])
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)


# --- the thread that unpacks -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_thread_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test here unpacks most of what it reads in the thread."""
    monkeypatch.setattr(source_module, "LONG", 1 << 16)
    monkeypatch.setattr(source_module, "BLOCK", 1 << 14)
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "reading ahead"] == []


def test_a_reader_that_is_closed_early_leaves_no_thread(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "t"
    path.write_bytes(PACK[packing](TEXT))
    frames = open_trace(str(path), chunk_bytes=1 << 17).chunks()
    next(frames)
    assert "reading ahead" in {thread.name for thread in threading.enumerate()}
    frames.close()  # type: ignore[attr-defined]


def test_a_pipe_that_nobody_writes_to_any_more_can_be_closed(packing: str) -> None:
    """The thread waits for the pipe then, and no read of it would come back."""
    packed = PACK[packing](os.urandom(1 << 18))
    ours, theirs = os.pipe()
    writer = threading.Thread(target=os.write, args=(theirs, packed[:-40]))
    writer.start()
    with closing(Source(os.fdopen(ours, "rb", buffering=0), "pipe", None, rereadable=False)) as source:
        seen = 0
        while seen < (1 << 18) - (1 << 17):
            seen += len(source.read(1 << 12))
    writer.join()
    os.close(theirs)
    assert seen >= 1 << 17


def test_what_goes_wrong_in_the_thread_is_raised_by_the_reader(packing: str) -> None:
    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            if self.tell() > 1 << 17:
                raise OSError(5, "Input/output error")
            return super().read1(size)

    with closing(Source(Failing(PACK[packing](os.urandom(1 << 19))), "disk", None, rereadable=False)) as source:
        with pytest.raises(InputError, match=r"disk: reading failed at byte .*: Input/output error"):
            list(iter(lambda: source.read(1 << 12), b""))
        with pytest.raises(InputError, match="Input/output error"):
            source.read(1)


@pytest.mark.parametrize("size", [1, 100, 1 << 14, 1 << 20])
@pytest.mark.slow
def test_reads_of_any_size_give_the_same(tmp_path: Path, packing: str, size: int) -> None:
    path, text = tmp_path / "t", TEXT[: 1 << 18]
    path.write_bytes(PACK[packing](text))
    with closing(open_source(str(path))) as source:
        assert b"".join(iter(lambda: source.read(size), b"")) == text
    room, found = memoryview(bytearray(size)), bytearray()
    with closing(open_source(str(path))) as source:
        while count := source.readinto(room):
            found += room[:count]
    assert found == text


def test_no_more_is_done_ahead_than_is_said() -> None:
    done: list[int] = []
    ahead = Prefetch(lambda: done.append(0) or b"x")  # type: ignore[func-returns-value]
    ahead.take()
    while len(done) < 6:
        threading.Event().wait(0.001)
    threading.Event().wait(0.05)
    assert len(done) == 6
    ahead.close()


def test_a_stream_that_unpacks_to_far_more_than_a_trace_does_is_not_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracetool.ingest.source.MOST_UNPACKED", 1 << 20)
    file = tmp_path / "bomb.log.zst"
    file.write_bytes(zstd.compress(bytes(64 << 20)))
    source = open_source(str(file))
    length = 0
    while data := source.read(1 << 16):
        length += len(data)
    source.close()
    assert 1 << 20 <= length < 32 << 20
    assert source.truncated is not None
    assert "unpacks to more than 256 times its size: unpack it first" in source.truncated

"""What is recognised, and what is refused: each error is one line with file, place and remedy."""

from __future__ import annotations

import errno
import os
import socket
import threading
from pathlib import Path

import pytest

from tests.tracetool.ingest.support import FakeStdin, collect, read_file
from tracetool.errors import InputError
from tracetool.ingest import open_trace

LINE = b"pflash_reset virt.flash1: reset\n"


def refusal(path: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        open_trace(str(path))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty; record a log"),
        (b"\xc1\x1f\xfc\xc1" + bytes(60), "one stream of a CTF trace; give the directory"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 9, "is a picture"),
        (b"\x00\x01\x10JFIF\x00" + bytes(range(256)) * 9, "is not a trace: binary data"),
        (bytes(range(1, 9)) * 99, "is not a trace: binary data"),
        (LINE.decode().encode("utf-16"), "is UTF-16 text; convert it"),
    ],
)
def test_what_is_no_text_trace_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "trace.log"
    path.write_bytes(data)
    assert refusal(path).startswith(f"{path}: ")
    assert words in refusal(path)


def test_paths_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No such file" in refusal(tmp_path / "missing")
    assert "a directory without a CTF trace" in refusal(tmp_path)
    assert "cannot be read" in refusal("a\0b")
    monkeypatch.chdir(tmp_path)  # a socket's path may have 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("monitor")
    assert refusal("monitor") == "monitor: is a socket; give the path of a trace, or - for stdin"
    path = tmp_path / "t"
    path.write_bytes(LINE)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal(path) == f"{path}: cannot be read: Permission denied; check its permissions"


def test_empty_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", FakeStdin(b""))
    assert refusal("-").startswith("standard input: is empty")


def test_text_without_events_is_no_error(tmp_path: Path) -> None:
    reading = read_file(tmp_path / "t", b"BdsDxe: loading Boot0001\r\n" * 9)
    assert (reading.health.lines, reading.health.other, reading.frame.height) == (9, 9, 0)


def test_noise_with_an_event_in_it_is_a_trace(tmp_path: Path) -> None:
    reading = read_file(tmp_path / "t", bytes(5000) + b"\n" + LINE)
    assert reading.frame.height == 1


@pytest.mark.parametrize("size", [5000, 1 << 16, 1 << 21])
@pytest.mark.parametrize("after", [b"", b"BdsDxe: loading Boot0001\n"])
def test_a_log_that_begins_with_a_hole_is_a_trace(tmp_path: Path, size: int, after: bytes) -> None:
    """The line that the hole runs into is counted as damaged, whatever is in it."""
    reading = read_file(tmp_path / "t", bytes(size) + after + LINE * 3)
    assert reading.frame.height >= 2
    assert reading.health.damaged == 1


def test_the_first_64_kib_tell_what_a_trace_is(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(b"7@1.000000:" + LINE + b"pflash_reset reset\n")
    meta = open_trace(str(path)).meta
    assert (meta.format, meta.clock, meta.nameless, meta.compression) == ("text", "wall", True, None)
    assert meta.shapes == {"pid@time": 1, "bare": 1}
    assert meta.reason == "text with pflash events in its first 64 KiB: 1 pid@time, 1 bare"


def test_the_clock_is_mixed_where_two_are(tmp_path: Path) -> None:
    trace = b"qemu-7 [000] 1567.097509: tracing_mark_write: " + LINE
    assert read_file(tmp_path / "t", trace).meta.clock == "boot-relative"
    assert read_file(tmp_path / "t", trace + b"7@1.000000:" + LINE).meta.clock == "mixed"
    assert read_file(tmp_path / "t", LINE).meta.clock == "none"


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(LINE * 9999))
    writer.start()
    reader = open_trace(str(path))
    assert not reader.rereadable
    assert collect(reader).frame.height == 9999
    writer.join()


def test_strict_stops_at_the_first_damaged_line(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(LINE * 3 + LINE[:20] + b"\n")
    with pytest.raises(InputError) as caught:
        list(open_trace(str(path), strict=True).chunks())
    assert str(caught.value).startswith(f"{path}: line 4: arguments do not match the event: pflash_reset virt.fl; ")
    assert len(list(open_trace(str(path)).chunks())) == 1

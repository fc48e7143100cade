"""CTF traces in tar archives, packed in any way, and archives that mean harm."""

from __future__ import annotations

import bz2
import gc
import gzip
import io
import lzma
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from polars.testing import assert_frame_equal

from tests.captures import capture_path, case_path
from tests.tracetool.ctf_traces import EventType, Packet, needed_babeltrace, write_trace
from tests.tracetool.ingest.support import FakeStdin, collect
from tracetool.compression import zstd
from tracetool.errors import InputError
from tracetool.ingest import open_trace
from tracetool.ingest.ctf import open_ctf
from tracetool.ingest.ctf_archive import Unpacked, unpack
from tracetool.ingest.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = [EventType("qemu:pflash_reset", {"name": "str"})]
PACKET = Packet([(0, time, ("flash",)) for time in range(500)])


@pytest.fixture(name="scratch")
def _scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what is temporary goes."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    return scratch


def an_archive(tmp_path: Path, packet: Packet = PACKET) -> bytes:
    write_trace(tmp_path / "session" / "ust" / "64-bit", TYPES, [[packet]])
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name in ("metadata", "ch_0"):
            archive.add(tmp_path / "session" / "ust" / "64-bit" / name, f"session/ust/64-bit/{name}")
    return data.getvalue()


def unpack_data(data: io.BytesIO, name: str, *, allowance: int = 1 << 30) -> Unpacked:
    return unpack(Source(data, name, None, rereadable=False), lambda: allowance)


def members(*infos: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for info, content in infos:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return io.BytesIO(data.getvalue())


def a_file(name: str, content: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, zstd.compress])
@pytest.mark.first_quick
def test_an_archive_is_read_as_its_directory(pack: Callable[[bytes], bytes], tmp_path: Path, scratch: Path) -> None:
    needed_babeltrace()
    file = tmp_path / "anything"
    file.write_bytes(pack(an_archive(tmp_path)))
    trace = open_trace(str(file))
    assert_frame_equal(
        collect(trace).frame, collect(open_ctf(str(tmp_path / "session"))).frame, categorical_as_str=True
    )
    assert collect(trace).health.events == 500
    assert trace.meta.reason == "a tar archive of a directory with a CTF trace in session/ust/64-bit"
    assert (trace.meta.format, trace.meta.name) == ("ctf", str(file))
    assert len(list(scratch.iterdir())) == 1
    del trace
    gc.collect()
    assert not list(scratch.iterdir())


def test_an_archive_from_standard_input_can_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed_babeltrace()
    monkeypatch.setattr(sys, "stdin", FakeStdin(gzip.compress(an_archive(tmp_path))))
    trace = open_trace("-")
    assert [collect(trace).health.events for _ in range(2)] == [500, 500]
    assert (trace.meta.name, trace.meta.compression) == ("standard input", "gzip")


def test_a_recorded_archive() -> None:
    needed_babeltrace()
    assert collect(open_trace(str(capture_path("lossy/ctf.tar.zst")))).health.lost == 783


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.slow
def test_a_cut_archive_is_read_as_far_as_it_goes(packed: bool, tmp_path: Path) -> None:
    needed_babeltrace()
    data = an_archive(tmp_path, Packet([(0, time, ("flash",)) for time in range(10_000)]))
    end = data.index(b"\xc1\x1f\xfc\xc1") + 100_000
    file = tmp_path / "cut.tar"
    file.write_bytes(gzip.compress(data, compresslevel=0)[:end] if packed else data[:end])
    found = collect(open_trace(str(file)))
    assert 3_000 < found.health.events < 100_000 // 16
    assert found.health.truncated is not None
    assert ("gzip stream" if packed else "the archive is damaged: unexpected end of data") in found.health.truncated
    assert "stream ch_0 is cut at byte" in found.health.truncated


def test_an_archive_cut_before_any_trace(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "cut.tar"
    file.write_bytes(an_archive(tmp_path)[:1200])
    with pytest.raises(InputError, match=r"cut.tar: .*no CTF trace"):
        open_trace(str(file))
    assert not list(scratch.iterdir())


def test_an_archive_of_something_else(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "logs.tar"
    file.write_bytes(members(a_file("trace.log", b"pflash_reset virt.flash1: reset\n")).getvalue())
    with pytest.raises(InputError, match=r"logs.tar: is an archive without a CTF trace"):
        open_trace(str(file))
    assert not list(scratch.iterdir())


def test_what_tar_compresses_otherwise_is_no_trace(tmp_path: Path) -> None:
    file = tmp_path / "ctf.tar.bz2"
    file.write_bytes(bz2.compress(an_archive(tmp_path)))
    with pytest.raises(InputError, match="is packed with bzip2; unpack it first"):
        open_trace(str(file))


# --- harm --------------------------------------------------------------------------------------------------------


def a_link(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


@pytest.mark.parametrize(
    "infos",
    [
        [a_file("../outside", b"x")],
        [a_file("a/../../outside", b"x")],
        [a_link("link", "/etc", tarfile.SYMTYPE)],
        [a_link("link", "../..", tarfile.SYMTYPE), a_file("link/outside", b"x")],
        [a_link("hard", "/etc/passwd", tarfile.LNKTYPE)],
        [a_link("null", "", tarfile.CHRTYPE)],
    ],
    ids=["up", "down and up", "link", "through a link", "hard link", "device"],
)
def test_an_archive_that_reaches_outside_is_refused(
    infos: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path, scratch: Path
) -> None:
    with pytest.raises(InputError, match=r"bad.tar: is not unpacked: "):
        unpack_data(members(*infos, a_file("metadata")), "bad.tar")
    assert not list(scratch.iterdir())
    assert not list(tmp_path.rglob("outside"))


def test_an_absolute_name_stays_inside(tmp_path: Path, scratch: Path) -> None:
    unpacked = unpack_data(members(a_file(f"{tmp_path}/planted", b"x"), a_file("metadata")), "odd.tar")
    assert not (tmp_path / "planted").exists()
    assert Path(unpacked.path).parent == scratch
    unpacked.remove()
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    "order",
    [[a_file("metadata"), a_file("ch_0", bytes(1001))], [a_file("ch_0", bytes(1001)), a_file("metadata")]],
    ids=["metadata first", "metadata last"],
)
def test_a_trace_larger_than_allowed_is_refused(order: list[tuple[tarfile.TarInfo, bytes]], scratch: Path) -> None:
    with pytest.raises(InputError, match=r"big.tar: its trace is larger than 1000 B"):
        unpack_data(members(*order), "big.tar", allowance=1000)
    assert not list(scratch.iterdir())


def test_an_archive_of_more_files_than_allowed_is_refused(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracetool.ingest.ctf_archive.MOST_MEMBERS", 3)
    with pytest.raises(InputError, match=r"many.tar: holds more than 3 files"):
        unpack_data(members(*(a_file(str(number)) for number in range(5))), "many.tar")
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("large_first", [True, False])
def test_what_is_no_part_of_the_trace_is_not_unpacked(large_first: bool, scratch: Path) -> None:
    large, trace = a_file("elsewhere/zeros", bytes(1 << 20)), [a_file("ust/metadata"), a_file("ust/ch_0", b"x")]
    infos = [large, *trace] if large_first else [*trace, large]
    unpacked = unpack_data(members(*infos, a_file("notes.txt", b"x")), "odd.tar", allowance=1000)
    files = [file for file in scratch.rglob("*") if file.is_file()]
    assert sorted(file.name for file in files) == ["ch_0", "metadata"]
    unpacked.remove()


@pytest.mark.slow
def test_a_bomb_beside_a_trace_is_passed_over() -> None:
    needed_babeltrace()
    found = collect(open_trace(str(case_path("tar-bomb.tar.zst"))))
    assert found.health.events > 4000
    assert found.health.truncated is None


@pytest.mark.parametrize("damage", ["header", "end"])
def test_an_archive_that_breaks_off_between_two_files_is_damaged(damage: str, scratch: Path) -> None:
    data = bytearray(members(a_file("metadata"), a_file("ch_0", b"x"), a_file("ch_1", b"x")).getvalue())
    third = data.index(b"ch_1")
    cut = data[:third] if damage == "end" else data[:third] + b"Ch" + data[third + 2 :]
    unpacked = unpack_data(io.BytesIO(cut), "cut.tar")
    assert unpacked.damage is not None
    assert "where a file should begin" in unpacked.damage
    unpacked.remove()
    assert not list(scratch.iterdir())


def test_an_extended_header_is_not_taken_into_memory_whatever_its_size(scratch: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    with pytest.raises(InputError, match="an extended header of 1,099,511,627,776 bytes"):
        unpack_data(io.BytesIO(header.tobuf(tarfile.GNU_FORMAT)), "bad.tar")
    assert not list(scratch.iterdir())

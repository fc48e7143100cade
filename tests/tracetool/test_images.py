from __future__ import annotations

import gzip
import lzma
import os
import resource
import stat
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.captures import ROOT, capture_path, image_facts, sha256
from tracetool import images
from tracetool.compression import zstd
from tracetool.errors import InputError
from tracetool.images import load_image, write_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

KIB = 1024
MIB = 1024 * KIB
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": partial(gzip.compress, compresslevel=1),
    "xz": partial(lzma.compress, preset=0),
    "zstd": zstd.compress,
}
packed_any_way = pytest.mark.parametrize("packer", PACKERS)
packed = pytest.mark.parametrize("packer", ["gzip", "xz", "zstd"])


def pattern(length: int) -> bytes:
    """Give bytes that compress badly, with zeros in between."""
    data = np.random.default_rng(length).integers(0, 256, length, dtype=np.uint8)
    data[length // 3 : length // 2] = 0
    return data.tobytes()


def image_of(*pieces: tuple[int, bytes], length: int) -> NDArray[np.uint8]:
    """Give an image of zeros that holds `pieces`, each (offset, bytes)."""
    image = np.zeros(length, dtype=np.uint8)
    for offset, piece in pieces:
        image[offset : offset + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
    return image


@packed_any_way
@pytest.mark.parametrize("length", [1, 5, 768 * KIB, MIB, 3 * MIB + 1])
def test_an_image_is_read_however_it_is_packed(packer: str, length: int, tmp_path: Path) -> None:
    (tmp_path / "flash").write_bytes(PACKERS[packer](pattern(length)))
    image = load_image(tmp_path / "flash", limit=length)
    assert image.dtype == np.uint8
    assert image.flags.writeable
    assert image.tobytes() == pattern(length)


@packed
def test_parts_packed_one_after_the_other_are_one_image(packer: str, tmp_path: Path) -> None:
    (tmp_path / "flash").write_bytes(PACKERS[packer](b"one") + PACKERS[packer](b"two"))
    assert load_image(tmp_path / "flash", limit=6).tobytes() == b"onetwo"


@pytest.mark.parametrize("name", ["aavmf-first-boot/flash1-after.fd.zst", "random-accesses/f1a.before.fd.zst"])
def test_recorded_images_unpack_to_what_the_manifest_says(name: str) -> None:
    image = load_image(capture_path(name), limit=64 * MIB)
    assert (image.size, sha256(image.data)) == image_facts(name)


@packed_any_way
def test_one_byte_beyond_the_limit_is_refused(packer: str, tmp_path: Path) -> None:
    (tmp_path / "flash").write_bytes(PACKERS[packer](pattern(768 * KIB + 1)))
    with pytest.raises(InputError, match="limit of 768 KiB") as caught:
        load_image(tmp_path / "flash", limit=768 * KIB)
    assert str(caught.value).startswith(f"{tmp_path / 'flash'}: ")
    assert packer == "raw" or f"of {packer} unpack to more than 768 KiB" in str(caught.value)


def test_a_raw_image_too_long_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    with (tmp_path / "flash").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(InputError, match="1 TiB long, beyond the limit of 64 MiB"):
        load_image(tmp_path / "flash", limit=64 * MIB)


@packed
@pytest.mark.slow
def test_a_bomb_does_not_take_memory(packer: str, tmp_path: Path) -> None:
    """A gibibyte of 0xff behind a few bytes is given up after the limit, in a process that may hold 1 GiB in all."""
    whole = PACKERS[packer](b"\xff" * (32 * MIB))
    (tmp_path / "bomb").write_bytes(whole * 32)
    limited = (
        "import resource, sys; from pathlib import Path; from tracetool.images import load_image\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({512 * MIB}, {512 * MIB}))\n"
        "load_image(Path(sys.argv[1]), limit=64 << 20)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, tmp_path / "bomb"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "unpack to more than 64 MiB" in done.stderr.splitlines()[-1]


@packed
def test_a_cut_image_is_told_from_a_damaged_one(packer: str, tmp_path: Path) -> None:
    whole = PACKERS[packer](pattern(300 * KIB))
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut: the compressed image is cut short"):
        load_image(tmp_path / "cut", limit=MIB)
    damaged = bytearray(whole)
    damaged[10:40] = bytes(30)
    (tmp_path / "flash").write_bytes(damaged)
    with pytest.raises(InputError, match=r"flash: the compressed image is (damaged|cut)"):
        load_image(tmp_path / "flash", limit=MIB)


@packed
@given(data=st.data())
def test_damage_never_escapes_as_another_error(
    packer: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(PACKERS[packer](pattern(200)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.getbasetemp() / "altered"
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        image = load_image(path, limit=4 * KIB)
    except InputError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017  # either outcome is right
    else:
        assert 0 < image.size <= 4 * KIB


@packed_any_way
def test_an_empty_image_is_refused(packer: str, tmp_path: Path) -> None:
    (tmp_path / "flash").write_bytes(PACKERS[packer](b""))
    with pytest.raises(InputError, match="the image is empty"):
        load_image(tmp_path / "flash", limit=MIB)


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone: cannot be read as a flash image: No such file"):
        load_image(tmp_path / "gone", limit=MIB)
    with pytest.raises(InputError, match=r"cannot be read as a flash image: Is a directory"):
        load_image(tmp_path, limit=MIB)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="loop: the image cannot be written: Too many levels"):
        write_image(tmp_path / "loop", image_of(length=1))
    with pytest.raises(InputError, match=r"loop: cannot be read as a flash image: Too many levels"):
        load_image(tmp_path / "loop", limit=MIB)


def test_memory_that_runs_out_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(images, "decompressed", exhausted)
    (tmp_path / "flash").write_bytes(lzma.compress(b"flash"))
    with pytest.raises(InputError, match="not enough memory"):
        load_image(tmp_path / "flash", limit=MIB)


def test_an_image_may_come_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(gzip.compress(pattern(5000)),))
    writer.start()
    assert load_image(tmp_path / "pipe", limit=5000).tobytes() == pattern(5000)
    writer.join()


def test_a_written_image_is_sparse(tmp_path: Path) -> None:
    image = image_of((0, pattern(768 * KIB)), (0x100000, b"\x40\x00\x40\x00"), length=64 * MIB)
    write_image(tmp_path / "flash", image)
    found = (tmp_path / "flash").stat()
    assert found.st_size == 64 * MIB
    assert found.st_blocks * 512 < 2 * MIB
    assert np.array_equal(load_image(tmp_path / "flash", limit=64 * MIB), image)


@given(
    length=st.integers(1, 3 * MIB),
    pieces=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9000)), max_size=5),
)
def test_a_written_image_reads_as_itself(
    length: int, pieces: list[tuple[float, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    placed = [(int(where * length), piece[: length - int(where * length)]) for where, piece in pieces]
    image = image_of(*placed, length=length)
    path = tmp_path_factory.getbasetemp() / "written"
    write_image(path, image)
    assert np.array_equal(np.fromfile(path, dtype=np.uint8), image)


def test_an_older_file_is_replaced_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "flash"
    path.write_bytes(b"\xff" * (2 * MIB))
    path.chmod(0o640)
    write_image(path, image_of((0, b"new"), length=MIB))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.read_bytes() == b"new" + bytes(MIB - 3)
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write_image(tmp_path / "flash", image_of(length=4096))
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "flash").stat().st_mode) == 0o640


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_what_it_names_is_written(tmp_path: Path, *, exists: bool) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "flash"
    if exists:
        target.write_bytes(b"old")
    (tmp_path / "link").symlink_to("real/flash")
    write_image(tmp_path / "link", image_of((0, b"new"), length=3))
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_leaves_the_old_file(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite

    def failing(descriptor: int, data: memoryview, offset: int) -> int:
        if offset >= MIB:
            raise failure
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", failing)
    (tmp_path / "flash").write_bytes(b"old")
    expected = InputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_image(tmp_path / "flash", image_of((0, b"one"), (MIB, b"two"), length=2 * MIB))
    assert (tmp_path / "flash").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "flash"]


def test_short_writes_are_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:1000], offset))
    image = np.frombuffer(pattern(50_000), dtype=np.uint8)
    write_image(tmp_path / "flash", image)
    assert np.array_equal(load_image(tmp_path / "flash", limit=50_000), image)


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """The kernel's own limit on a file's length stands in for a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(InputError, match=r"flash: the image cannot be written: File too large") as caught:
            write_image(tmp_path / "flash", image_of((0, pattern(9000)), length=9000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_or_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: Is a directory"):
        write_image(tmp_path, image_of(length=1))
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_image(tmp_path / "gone" / "flash", image_of(length=1))


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renaming over a write-protected file would succeed; root may write anything, so the refusal is played."""
    (tmp_path / "flash").write_bytes(b"old")

    def refusing(path: Path, *_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(InputError, match="flash: the image cannot be written: Permission denied"):
        write_image(tmp_path / "flash", image_of(length=4096))
    assert (tmp_path / "flash").read_bytes() == b"old"


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    image = image_of((5000, b"flash"), length=300_000)
    write_image(tmp_path / "pipe", image)
    reader.join()
    assert got == [image.tobytes()]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


WRITE = (
    "import sys, numpy; from pathlib import Path; from tracetool.images import write_image\n"
    "write_image(Path(sys.argv[1]), numpy.arange(8, dtype=numpy.uint8))\n"
)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.slow
def test_standard_output_is_written_through(name: str, tmp_path: Path) -> None:
    """Through a pipe, and appended to a file as the shell's `>>` asks."""
    command = [sys.executable, "-c", WRITE, name]
    assert subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout == bytes(range(8))
    (tmp_path / "out").write_bytes(b"first")
    with (tmp_path / "out").open("ab") as out:
        subprocess.run(command, cwd=ROOT, stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"first" + bytes(range(8))


def test_devices_are_written_through_and_stay() -> None:
    write_image(Path("/dev/null"), image_of((0, b"flash"), length=MIB))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116  # what is at stake is the machine's /dev/null
    with pytest.raises(InputError, match="/dev/full: the image cannot be written: No space left"):
        write_image(Path("/dev/full"), image_of((0, b"flash"), length=MIB))


def test_a_reader_that_leaves_is_no_input_error() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        with pytest.raises(BrokenPipeError):
            write_image(Path(f"/dev/fd/{write}"), image_of((0, b"flash"), length=MIB))
    finally:
        os.close(write)

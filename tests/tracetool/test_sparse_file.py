from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracetool.sparse_file import data_pieces, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 300_000
runs = st.lists(st.tuples(st.integers(0, SIZE - 1), st.binary(min_size=1, max_size=70_000)), max_size=4)


def write(path: Path, data: list[tuple[int, bytes]], size: int) -> bytes:
    """Write a sparse file; return its contents."""
    with path.open("wb") as file:
        for at, piece in data:
            os.pwrite(file.fileno(), piece, at)
        file.truncate(size)
    return path.read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(runs, st.integers(0, SIZE), st.integers(0, SIZE), st.integers(0, SIZE))
def test_pieces_and_hash_are_those_of_the_contents(
    tmp_path: Path, data: list[tuple[int, bytes]], size: int, start: int, end: int
) -> None:
    path = tmp_path / "image"
    contents = write(path, data, size)
    assert sha256_of(path) == sha256_of(path) == hashlib.sha256(contents).hexdigest()
    read = bytearray(max(min(end, size) - start, 0))
    with path.open("rb") as file:
        for at, piece in data_pieces(file.fileno(), start, min(end, size)):
            assert any(piece)
            read[at - start : at - start + len(piece)] = piece
    assert bytes(read) == contents[start : max(end, start)]


def test_holes_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image"
    write(path, [(1 << 20, b"firmware")], 64 << 20)
    if path.stat().st_blocks * 512 > 1 << 20:
        pytest.skip("this file system keeps no holes")
    asked = 0

    def pread(descriptor: int, count: int, at: int, read=os.pread) -> bytes:  # type: ignore[no-untyped-def]  # noqa: ANN001
        nonlocal asked
        asked += count
        data: bytes = read(descriptor, count, at)
        return data

    monkeypatch.setattr(os, "pread", pread)
    sha256_of(path)
    assert asked <= 2 << 16


def test_files_that_differ_only_in_their_length_or_place_of_data_have_hashes_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "image"
    found = set()
    for at, size in ((0, SIZE), (0, SIZE + 1), (1, SIZE), (70_000, SIZE)):
        contents = write(path, [(at, b"x")], size)
        found.add(sha256_of(path))
        assert sha256_of(path) == hashlib.sha256(contents).hexdigest()
        path.unlink()
    assert len(found) == 4


def test_a_file_system_without_holes_is_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image"
    contents = write(path, [(5, b"x")], SIZE)

    def lseek(_descriptor: int, _at: int, _how: int) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "lseek", lseek)
    assert sha256_of(path) == hashlib.sha256(contents).hexdigest()

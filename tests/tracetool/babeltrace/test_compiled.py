"""The object file of the read loop: made once, and never run if it is not what was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from replay.objectcode import give_addresses
from tests.tracetool.ctf_traces import needed_babeltrace
from tracetool.babeltrace import compiled
from tracetool.babeltrace.compiled import Compiled, is_cached
from tracetool.babeltrace.library import KERNEL, KERNEL_LIBC, Library

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="library", scope="module")
def _library() -> Library:
    needed_babeltrace()
    return Library()


@pytest.fixture(name="code", scope="module")
def _code(library: Library) -> bytes:
    """What the compiler gives, made once."""
    give_addresses({name: library.address(name) for name in (*KERNEL, *KERNEL_LIBC)})
    return compiled._build()  # noqa: SLF001


@pytest.fixture(name="builds")
def _builds(code: bytes, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Grows by one each time the loop is compiled."""
    builds: list[bytes] = []

    def build() -> bytes:
        builds.append(code)
        return code

    monkeypatch.setattr(compiled, "_build", build)
    return builds


def test_the_loop_is_compiled_once_and_loaded_from_then_on(
    library: Library, builds: list[bytes], tmp_path: Path
) -> None:
    assert not is_cached(tmp_path)
    assert Compiled(library, tmp_path).address
    assert is_cached(tmp_path)
    assert Compiled(library, tmp_path).address
    assert len(builds) == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".o"]


def test_a_damaged_object_file_is_made_anew(library: Library, builds: list[bytes], tmp_path: Path) -> None:
    Compiled(library, tmp_path)
    (file,) = tmp_path.iterdir()
    data = file.read_bytes()
    for damaged in (b"", data[:-1], data[:100] + bytes([data[100] ^ 1]) + data[101:]):
        file.write_bytes(damaged)
        assert not is_cached(tmp_path)
    Compiled(library, tmp_path)
    assert is_cached(tmp_path)
    assert len(builds) == 2


def test_a_folder_that_cannot_be_written_to_does_not_matter(
    library: Library, builds: list[bytes], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert Compiled(library, tmp_path / "file" / "cache").address
    assert len(builds) == 1

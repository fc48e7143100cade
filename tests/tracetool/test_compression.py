from __future__ import annotations

import gzip
import lzma
from typing import TYPE_CHECKING

import pytest

from tracetool.compression import MAGIC_BYTES, compression_of, decompressed, zstd

if TYPE_CHECKING:
    from pathlib import Path

SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"


@pytest.mark.parametrize(
    ("packed", "compression"),
    [
        (gzip.compress(b"flash"), "gzip"),
        (lzma.compress(b"flash"), "xz"),
        (zstd.compress(b"flash"), "zstd"),
        (SKIPPABLE + zstd.compress(b"flash"), "zstd"),
        (b"flash", None),
    ],
    ids=["gzip", "xz", "zstd", "pzstd", "raw"],  # workers must agree on names, and gzip packs the time
)
def test_a_file_is_unpacked_by_its_first_bytes(packed: bytes, compression: str | None, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(packed)
    with (tmp_path / "file").open("rb") as stream:
        assert compression_of(stream.peek(MAGIC_BYTES)) == compression
        assert decompressed(stream, compression).read() == b"flash"


@pytest.mark.parametrize("head", [b"", b"\x1f", b"\xfd7zXZ", b"\x28\xb5\x2f", b"\x60\x2a\x4d\x18"])
def test_half_a_magic_number_is_no_compression(head: bytes) -> None:
    assert compression_of(head) is None

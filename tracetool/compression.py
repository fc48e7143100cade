"""Files that may be compressed: gzip, xz and zstd, told apart by their first bytes."""

from __future__ import annotations

import gzip
import lzma
import sys
import zlib
from typing import TYPE_CHECKING

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedIOBase, BufferedReader

__all__ = ["DAMAGED", "MAGIC_BYTES", "compression_of", "decompressed", "zstd"]

# Ref: RFC 1952, 2.3.1; The .xz File Format 1.2.1, 2.1.1.1; RFC 8878, 3.1.1 and 3.1.2 (pzstd begins with a
# skippable frame, which has sixteen magic numbers)
_SKIPPABLE = tuple(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60))
_MAGICS = {"gzip": (b"\x1f\x8b",), "xz": (b"\xfd7zXZ\x00",), "zstd": (b"\x28\xb5\x2f\xfd", *_SKIPPABLE)}

MAGIC_BYTES = 6
"""First bytes of a file by which its compression is recognised."""

DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstd.ZstdError)
"""Exceptions of a compressed stream that is cut (EOFError) or damaged (the others)."""


_OPENERS: dict[str, Callable[[BufferedReader], BufferedIOBase]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream, mode="rb"),
    "xz": lzma.LZMAFile,
    "zstd": zstd.ZstdFile,
}


def compression_of(head: bytes) -> str | None:
    """Compression of a file by its first `MAGIC_BYTES`: `gzip`, `xz`, `zstd`, or None."""
    return next((name for name, magics in _MAGICS.items() if head.startswith(magics)), None)


def decompressed(stream: BufferedReader, compression: str | None) -> BufferedIOBase:
    """Read `stream` unpacked, whole or not at all; as it is for None. `ingest.source` salvages what a cut trace holds.

    Memory stays bounded by the size of each read, whatever the stream claims. Reading may raise `DAMAGED`.
    """
    return stream if compression is None else _OPENERS[compression](stream)
